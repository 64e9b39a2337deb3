//! The result of a run, for people and for programs.

use crate::ledger::Ledger;
use crate::load::tally::Tally;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// The percentiles that are shown, and their names in JSON.
const PERCENTILES: [(&str, f64); 5] =
    [("p50", 50.0), ("p90", 90.0), ("p99", 99.0), ("p999", 99.9), ("max", 100.0)];

pub struct Report {
    pub run: u32,
    /// All threads together.
    pub tally: Tally,
}

impl Report {
    /// From the start to the last reply.
    pub fn elapsed(&self) -> Duration {
        self.tally.ended.since(self.tally.started)
    }

    pub fn accepted_per_second(&self) -> f64 {
        per_second(self.tally.accepted, self.elapsed())
    }

    /// Millions of bytes of accepted messages.
    pub fn megabytes_per_second(&self) -> f64 {
        per_second(self.tally.bytes, self.elapsed()) / 1e6
    }

    /// What this program itself spent for each accepted message.
    pub fn cpu_us_per_message(&self) -> Option<f64> {
        let cpu = self.tally.cpu.filter(|_| self.tally.accepted > 0)?;
        Some(cpu.as_secs_f64() * 1e6 / self.tally.accepted as f64)
    }

    pub fn ledger(&self) -> &Ledger {
        &self.tally.ledger
    }

    pub fn to_json(&self) -> Value {
        let tally = &self.tally;
        let mut latency: Map<String, Value> =
            self.percentiles().map(|(name, ms)| (name.to_owned(), json!(ms))).collect();
        latency.insert("mean".into(), json!(tally.latency.mean() / 1000.0));
        json!({
            "run": self.run,
            "seconds": self.elapsed().as_secs_f64(),
            "connections": tally.connections,
            "accepted": tally.accepted,
            "accepted_per_second": self.accepted_per_second(),
            "deliveries": tally.deliveries,
            "bytes": tally.bytes,
            "megabytes_per_second": self.megabytes_per_second(),
            "latency_ms": latency,
            "refused": by_code(&tally.refused),
            "recipients_refused": tally.recipients_refused,
            "in_doubt": tally.in_doubt,
            "not_sent": tally.not_sent,
            "turned_away": by_code(&tally.turned_away),
            "broken": tally.broken,
            "ledger_unwritten": tally.unwritten,
            "cpu_seconds": tally.cpu.map(|cpu| cpu.as_secs_f64()),
            "cpu_us_per_message": self.cpu_us_per_message(),
        })
    }

    /// In milliseconds.
    fn percentiles(&self) -> impl Iterator<Item = (&'static str, f64)> {
        let latency = &self.tally.latency;
        PERCENTILES.map(|(name, at)| (name, latency.value_at_percentile(at) as f64 / 1000.0)).into_iter()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tally = &self.tally;
        writeln!(
            f,
            "run {:08x}, {:.2} s, {} connections",
            self.run,
            self.elapsed().as_secs_f64(),
            tally.connections
        )?;
        writeln!(
            f,
            "accepted    {:>10}   {:.0}/s   {:.2} MB/s",
            tally.accepted,
            self.accepted_per_second(),
            self.megabytes_per_second()
        )?;
        write!(f, "latency ms ")?;
        for (name, ms) in self.percentiles() {
            write!(f, "   {name} {ms:.2}")?;
        }
        writeln!(f)?;
        for (code, count) in &tally.refused {
            writeln!(f, "refused     {count:>10}   {code}")?;
        }
        for (code, count) in &tally.turned_away {
            writeln!(f, "turned away {count:>10}   {code}")?;
        }
        for (what, count) in &tally.broken {
            writeln!(f, "broken      {count:>10}   {what}")?;
        }
        for (name, count) in [
            ("in doubt", tally.in_doubt),
            ("not sent", tally.not_sent),
            ("rcpt refused", tally.recipients_refused),
            ("unwritten", tally.unwritten),
        ] {
            if count > 0 {
                writeln!(f, "{name:<11} {count:>10}")?;
            }
        }
        if let Some(cpu) = self.cpu_us_per_message() {
            writeln!(f, "own CPU     {cpu:>10.2} us a message")?;
        }
        Ok(())
    }
}

fn by_code(codes: &BTreeMap<u16, u64>) -> Map<String, Value> {
    codes.iter().map(|(code, count)| (code.to_string(), json!(count))).collect()
}

fn per_second(count: u64, elapsed: Duration) -> f64 {
    if elapsed.is_zero() { 0.0 } else { count as f64 / elapsed.as_secs_f64() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mail::Time;

    /// A thousand messages that took 1 to 1000 ms, from a start at `start` ms on.
    fn tally(start: u64) -> Tally {
        let at = |ms: u64| Time::from_micros(ms * 1000);
        let mut tally = Tally::new(at(start));
        (1..=1000).for_each(|ms| tally.accepted(at(start), at(start + ms), 2000));
        tally.refused(452, at(start + 1000));
        tally.cpu = Some(Duration::from_millis(5));
        tally
    }

    #[test]
    fn the_json_reads_back_with_the_percentiles_of_what_was_recorded() {
        let mut all = tally(0);
        all.merge(&tally(1000));
        let report = Report { run: 7, tally: all };
        let json: Value = serde_json::from_str(&report.to_json().to_string()).unwrap();
        assert_eq!(json["accepted"], 2000);
        assert_eq!(json["seconds"], 2.0);
        assert_eq!(json["accepted_per_second"], 1000.0);
        assert_eq!(json["megabytes_per_second"], 2.0);
        assert_eq!(json["refused"]["452"], 2);
        assert_eq!(json["cpu_us_per_message"], 5.0);
        for (name, ms) in [("p50", 500.0), ("p90", 900.0), ("p99", 990.0), ("p999", 999.0), ("max", 1000.0)] {
            let got = json["latency_ms"][name].as_f64().unwrap();
            assert!((got - ms).abs() <= ms / 500.0, "{name}: {got}");
        }
    }

    #[test]
    fn a_run_without_messages_has_a_report_too() {
        let report = Report { run: 7, tally: Tally::new(Time::EPOCH) };
        assert_eq!(report.to_json()["accepted_per_second"], 0.0);
        assert!(report.to_string().contains("accepted"));
    }
}
