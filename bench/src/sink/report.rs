//! What the sink has received, for people and for programs.

use crate::ledger::Ledger;
use crate::sink::tally::Tally;
use serde_json::{Value, json};
use std::fmt;

pub struct Report {
    /// All threads together.
    pub tally: Tally,
}

impl Report {
    pub fn ledger(&self) -> &Ledger {
        &self.tally.ledger
    }

    /// What this program itself spent for each message.
    pub fn cpu_us_per_message(&self) -> Option<f64> {
        let cpu = self.tally.cpu.filter(|_| self.tally.messages > 0)?;
        Some(cpu.as_secs_f64() * 1e6 / self.tally.messages as f64)
    }

    pub fn to_json(&self) -> Value {
        let tally = &self.tally;
        json!({
            "connections": tally.connections,
            "messages": tally.messages,
            "bytes": tally.bytes,
            "deliveries": tally.deliveries,
            "different": tally.ledger.len(),
            "duplicate": tally.ledger.duplicates(),
            "untagged": tally.untagged,
            "unrecorded": tally.ledger.unrecorded(),
            "faults": tally.faults,
            "ledger_unwritten": tally.unwritten,
            "cpu_seconds": tally.cpu.map(|cpu| cpu.as_secs_f64()),
            "cpu_us_per_message": self.cpu_us_per_message(),
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tally = &self.tally;
        for (name, count) in [
            ("connections", tally.connections),
            ("messages", tally.messages),
            ("bytes", tally.bytes),
            ("deliveries", tally.deliveries),
            ("different", tally.ledger.len()),
            ("duplicate", tally.ledger.duplicates()),
            ("untagged", tally.untagged),
            ("unrecorded", tally.ledger.unrecorded()),
            ("faults", tally.faults),
            ("unwritten", tally.unwritten),
        ] {
            writeln!(f, "{name:<11} {count:>12}")?;
        }
        match self.cpu_us_per_message() {
            Some(cpu) => writeln!(f, "own CPU     {cpu:>12.2} us a message"),
            None => Ok(()),
        }
    }
}
