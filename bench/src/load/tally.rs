//! What one thread of `load` has seen.
//!
//! Law: every message that was taken ends in exactly one of accepted, refused, in doubt, not sent.

use crate::ledger::Ledger;
use hdrhistogram::Histogram;
use mail::Time;
use std::collections::BTreeMap;
use std::time::Duration;

/// Latencies from a microsecond to an hour, to three digits.
const LATENCY_MICROS: u64 = 3_600_000_000;
const LATENCY_DIGITS: u8 = 3;

#[derive(Clone)]
pub struct Tally {
    /// Of accepted messages, in microseconds, from when they were due to the 250 of the final dot.
    pub latency: Histogram<u64>,
    pub started: Time,
    pub ended: Time,
    /// That reached EHLO's reply.
    pub connections: u64,
    pub accepted: u64,
    /// Recipients of accepted messages that were promised delivery.
    pub deliveries: u64,
    /// Of accepted messages.
    pub bytes: u64,
    /// Messages by the code of the first reply that refused them; 0 is a reply that was none.
    pub refused: BTreeMap<u16, u64>,
    /// Recipients refused in messages that were accepted for others.
    pub recipients_refused: u64,
    /// The connection broke between the content and the reply to it.
    pub in_doubt: u64,
    /// The connection broke before the content, each time it was tried.
    pub not_sent: u64,
    /// Connections that failed, by what happened.
    pub broken: BTreeMap<&'static str, u64>,
    /// Connections that the server refused or ended by this reply.
    pub turned_away: BTreeMap<u16, u64>,
    pub ledger: Ledger,
    /// Ledger lines that could not be handed to the writer of the file.
    pub unwritten: u64,
    /// Of the thread, where the kernel tells.
    pub cpu: Option<Duration>,
}

impl Tally {
    pub fn new(started: Time) -> Tally {
        Tally {
            latency: Histogram::new_with_bounds(1, LATENCY_MICROS, LATENCY_DIGITS).expect("fine bounds"),
            started,
            ended: started,
            connections: 0,
            accepted: 0,
            deliveries: 0,
            bytes: 0,
            refused: BTreeMap::new(),
            recipients_refused: 0,
            in_doubt: 0,
            not_sent: 0,
            broken: BTreeMap::new(),
            turned_away: BTreeMap::new(),
            ledger: Ledger::default(),
            unwritten: 0,
            cpu: None,
        }
    }

    pub fn accepted(&mut self, due: Time, now: Time, bytes: usize) {
        self.accepted += 1;
        self.bytes += bytes as u64;
        self.ended = now;
        self.latency.saturating_record(now.since(due).as_micros() as u64);
    }

    pub fn refused(&mut self, code: u16, now: Time) {
        *self.refused.entry(code).or_default() += 1;
        self.ended = now;
    }

    pub fn refusals(&self) -> u64 {
        self.refused.values().sum()
    }

    pub fn merge(&mut self, other: &Tally) {
        self.latency.add(&other.latency).expect("the same bounds");
        self.started = self.started.min(other.started);
        self.ended = self.ended.max(other.ended);
        for (ours, theirs) in [
            (&mut self.connections, other.connections),
            (&mut self.accepted, other.accepted),
            (&mut self.deliveries, other.deliveries),
            (&mut self.bytes, other.bytes),
            (&mut self.recipients_refused, other.recipients_refused),
            (&mut self.in_doubt, other.in_doubt),
            (&mut self.not_sent, other.not_sent),
            (&mut self.unwritten, other.unwritten),
        ] {
            *ours += theirs;
        }
        add(&mut self.refused, &other.refused);
        add(&mut self.broken, &other.broken);
        add(&mut self.turned_away, &other.turned_away);
        self.ledger.merge(&other.ledger);
        self.cpu = self.cpu.zip(other.cpu).map(|(ours, theirs)| ours + theirs);
    }
}

fn add<K: Ord + Copy>(ours: &mut BTreeMap<K, u64>, theirs: &BTreeMap<K, u64>) {
    for (key, count) in theirs {
        *ours.entry(*key).or_default() += count;
    }
}
