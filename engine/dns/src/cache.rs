//! Answers kept until they expire, bounded by count and bytes; the least recently used leave first.

use crate::{Answer, Question};
use mail::Time;

/// Times in seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    pub entries: usize,
    pub bytes: usize,
    pub min_ttl: u32,
    pub max_ttl: u32,
    /// Cap for "no such name" and "no such record" (RFC 2308 §5).
    pub max_negative_ttl: u32,
    /// How long a failure is remembered (RFC 2308 §7); 0 is not at all.
    pub failure_ttl: u32,
}

pub struct Cache {}

impl Cache {
    pub fn new(_limits: Limits) -> Self {
        todo!()
    }

    /// The answer with the time it has left to live.
    pub fn get(&mut self, _question: &Question, _now: Time) -> Option<Answer> {
        todo!()
    }

    pub fn put(&mut self, _question: Question, _answer: Answer, _now: Time) {
        todo!()
    }

    pub fn forget(&mut self, _question: &Question) {
        todo!()
    }

    pub fn clear(&mut self) {
        todo!()
    }

    /// Drops what has expired (every dns_cache_purge_interval); how many that were.
    pub fn purge(&mut self, _now: Time) -> usize {
        todo!()
    }

    pub fn len(&self) -> usize {
        todo!()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
