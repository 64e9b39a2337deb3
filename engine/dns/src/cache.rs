//! Answers kept until they expire, bounded by count and bytes; the least recently used leave first.

use crate::{Answer, Question, Record};
use mail::Time;
use std::collections::HashMap;
use std::time::Duration;

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

impl Default for Limits {
    /// What one shard may keep.
    fn default() -> Self {
        Limits {
            entries: 65_536,
            bytes: 16 << 20,
            min_ttl: 0,
            max_ttl: 604_800,
            max_negative_ttl: 3600,
            failure_ttl: 5,
        }
    }
}

/// What an entry takes besides its names and records, roughly: its slot, its link, its place in the index.
const ENTRY_BYTES: usize = 192;
/// The link that closes the ring; no entry is kept under it.
const ANCHOR: usize = 0;

#[derive(Debug)]
pub struct Cache {
    limits: Limits,
    index: HashMap<Question, usize>,
    entries: Vec<Option<Entry>>,
    /// A ring through all entries in order of use, begun and ended by the anchor.
    links: Vec<Link>,
    free: Vec<usize>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    question: Question,
    answer: Answer,
    expires: Time,
    bytes: usize,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    older: usize,
    newer: usize,
}

impl Cache {
    pub fn new(limits: Limits) -> Self {
        Cache {
            limits,
            index: HashMap::new(),
            entries: vec![None],
            links: vec![Link { older: ANCHOR, newer: ANCHOR }],
            free: Vec::new(),
            bytes: 0,
        }
    }

    /// The answer with the time it has left to live.
    pub fn get(&mut self, question: &Question, now: Time) -> Option<Answer> {
        let slot = *self.index.get(question)?;
        let entry = self.entries[slot].as_ref()?;
        if entry.expires <= now {
            self.remove(slot);
            return None;
        }
        let left = entry.expires.since(now).as_micros().div_ceil(1_000_000);
        let answer = with_ttl(&entry.answer, u32::try_from(left).unwrap_or(u32::MAX));
        self.unlink(slot);
        self.link_newest(slot);
        Some(answer)
    }

    /// What must not be kept (a TTL of zero) or does not fit is not kept.
    pub fn put(&mut self, question: Question, answer: Answer, now: Time) {
        self.forget(&question);
        let ttl = self.lifetime(&answer);
        let bytes = bytes_of(&question, &answer);
        if ttl == 0 || bytes > self.limits.bytes || self.limits.entries == 0 {
            return;
        }
        while self.index.len() >= self.limits.entries || self.bytes + bytes > self.limits.bytes {
            self.remove(self.links[ANCHOR].newer);
        }
        let slot = self.free.pop().unwrap_or(self.entries.len());
        if slot == self.entries.len() {
            self.entries.push(None);
            self.links.push(Link { older: ANCHOR, newer: ANCHOR });
        }
        self.bytes += bytes;
        self.index.insert(question.clone(), slot);
        let expires = now + Duration::from_secs(ttl.into());
        self.entries[slot] = Some(Entry { question, answer, expires, bytes });
        self.link_newest(slot);
    }

    pub fn forget(&mut self, question: &Question) {
        if let Some(slot) = self.index.get(question) {
            self.remove(*slot);
        }
    }

    pub fn clear(&mut self) {
        *self = Cache::new(self.limits.clone());
    }

    /// Drops what has expired (every dns_cache_purge_interval); how many that were.
    pub fn purge(&mut self, now: Time) -> usize {
        let before = self.len();
        for slot in 0..self.entries.len() {
            if self.entries[slot].as_ref().is_some_and(|entry| entry.expires <= now) {
                self.remove(slot);
            }
        }
        before - self.len()
    }

    pub fn len(&self) -> usize {
        self.index.len()
    }

    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Estimated; never above the limit.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn lifetime(&self, answer: &Answer) -> u32 {
        let limits = &self.limits;
        match answer {
            Answer::Records { ttl, .. } => (*ttl).max(limits.min_ttl).min(limits.max_ttl),
            Answer::NoData { ttl } | Answer::NoName { ttl } => (*ttl).min(limits.max_negative_ttl),
            Answer::Failed(_) => limits.failure_ttl,
        }
    }

    fn remove(&mut self, slot: usize) {
        let Some(entry) = self.entries[slot].take() else {
            panic!("only what is kept can be removed");
        };
        self.index.remove(&entry.question);
        self.bytes -= entry.bytes;
        self.unlink(slot);
        self.free.push(slot);
    }

    fn unlink(&mut self, slot: usize) {
        let Link { older, newer } = self.links[slot];
        self.links[older].newer = newer;
        self.links[newer].older = older;
    }

    fn link_newest(&mut self, slot: usize) {
        let newest = self.links[ANCHOR].older;
        self.links[slot] = Link { older: newest, newer: ANCHOR };
        self.links[newest].newer = slot;
        self.links[ANCHOR].older = slot;
    }
}

fn with_ttl(answer: &Answer, ttl: u32) -> Answer {
    match answer {
        Answer::Records { records, .. } => Answer::Records { records: records.clone(), ttl },
        Answer::NoData { .. } => Answer::NoData { ttl },
        Answer::NoName { .. } => Answer::NoName { ttl },
        Answer::Failed(trouble) => Answer::Failed(*trouble),
    }
}

fn bytes_of(question: &Question, answer: &Answer) -> usize {
    let texts = answer.records().iter().map(|record| match record {
        Record::A(_) | Record::Aaaa(_) => 0,
        Record::Mx { exchange: name, .. } | Record::Ptr(name) | Record::Ns(name) | Record::Cname(name) => {
            name.as_str().len()
        }
        Record::Txt(text) => text.len(),
    });
    ENTRY_BYTES + question.name.as_str().len() + size_of_val(answer.records()) + texts.sum::<usize>()
}

#[cfg(test)]
mod tests;
