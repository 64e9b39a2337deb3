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
        Record::Mx { exchange: name, .. } | Record::Ptr(name) => name.as_str().len(),
        Record::Txt(text) => text.len(),
    });
    ENTRY_BYTES + question.name.as_str().len() + size_of_val(answer.records()) + texts.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Kind, Name, Trouble};
    use proptest::prelude::*;

    fn question(number: usize) -> Question {
        Question::new(Name::new(&format!("host-{number}.example")).unwrap(), Kind::A)
    }

    fn records(ttl: u32) -> Answer {
        Answer::Records { records: [Record::A([192, 0, 2, 1].into())].into(), ttl }
    }

    fn at(seconds: u64) -> Time {
        Time::from_secs(seconds)
    }

    #[test]
    fn an_answer_lives_for_its_ttl_within_the_bounds() {
        let limits =
            Limits { min_ttl: 10, max_ttl: 1000, max_negative_ttl: 60, failure_ttl: 5, ..Limits::default() };
        for (answer, lives) in [
            (records(300), 300),
            (records(0), 10),
            (records(u32::MAX), 1000),
            (Answer::NoData { ttl: 30 }, 30),
            (Answer::NoData { ttl: 86_400 }, 60),
            (Answer::NoName { ttl: 86_400 }, 60),
            (Answer::NoName { ttl: 0 }, 0),
            (Answer::Failed(Trouble::ServerFailure), 5),
        ] {
            let mut cache = Cache::new(limits.clone());
            cache.put(question(1), answer.clone(), at(100));
            let kept = cache.get(&question(1), at(100));
            assert_eq!(kept, (lives > 0).then(|| with_ttl(&answer, lives)), "{answer:?}");
            if lives > 0 {
                let last = at(100 + u64::from(lives) - 1);
                let later = last + Duration::from_millis(999);
                for now in [last, later] {
                    assert_eq!(cache.get(&question(1), now), Some(with_ttl(&answer, 1)), "{answer:?}");
                }
            }
            assert_eq!(cache.get(&question(1), at(100 + u64::from(lives))), None, "{answer:?}");
            assert_eq!((cache.len(), cache.bytes()), (0, 0));
        }
    }

    #[test]
    fn the_least_recently_used_answer_leaves_first() {
        let mut cache = Cache::new(Limits { entries: 3, ..Limits::default() });
        (1..=3).for_each(|number| cache.put(question(number), records(60), at(0)));
        assert!(cache.get(&question(1), at(1)).is_some());
        cache.put(question(4), records(60), at(1));
        let kept: Vec<bool> = (1..=4).map(|number| cache.get(&question(number), at(1)).is_some()).collect();
        assert_eq!(kept, [true, false, true, true]);
    }

    #[test]
    fn kinds_of_one_name_are_kept_apart_and_a_new_answer_replaces_the_old() {
        let mut cache = Cache::new(Limits::default());
        let mx = Question { kind: Kind::Mx, ..question(1) };
        cache.put(question(1), records(60), at(0));
        cache.put(mx.clone(), Answer::NoData { ttl: 60 }, at(0));
        cache.put(question(1), Answer::NoName { ttl: 60 }, at(0));
        assert_eq!(cache.get(&question(1), at(0)), Some(Answer::NoName { ttl: 60 }));
        assert_eq!(cache.get(&mx, at(0)), Some(Answer::NoData { ttl: 60 }));
        cache.forget(&mx);
        assert_eq!((cache.get(&mx, at(0)), cache.len()), (None, 1));
        cache.clear();
        assert!(cache.is_empty() && cache.bytes() == 0);
    }

    #[test]
    fn an_answer_larger_than_the_cache_is_not_kept() {
        let mut cache = Cache::new(Limits { bytes: 4096, ..Limits::default() });
        cache.put(question(1), records(60), at(0));
        let huge = Answer::Records { records: [Record::Txt(vec![0; 5000].into())].into(), ttl: 60 };
        cache.put(question(2), huge, at(0));
        assert!(cache.get(&question(1), at(0)).is_some() && cache.get(&question(2), at(0)).is_none());
    }

    #[test]
    fn a_purge_drops_what_expired_and_nothing_else() {
        let mut cache = Cache::new(Limits::default());
        (1..=10).for_each(|number| cache.put(question(number), records(10 * number as u32), at(0)));
        assert_eq!((cache.purge(at(50)), cache.len()), (5, 5));
        assert!((6..=10).all(|number| cache.get(&question(number), at(50)).is_some()));
    }

    proptest! {
        #![proptest_config(crate::fixed_cases())]

        #[test]
        fn no_sequence_of_uses_breaks_the_bounds_or_the_ring(
            steps in proptest::collection::vec((0usize..5, 0usize..12, 0u32..20), 1..300)
        ) {
            let limits = Limits { entries: 5, bytes: 900, ..Limits::default() };
            let mut cache = Cache::new(limits.clone());
            for (now, (step, number, ttl)) in (0..).zip(steps) {
                match step {
                    0 | 1 => cache.put(question(number), records(ttl), at(now)),
                    2 => cache.forget(&question(number)),
                    3 => { cache.purge(at(now)); }
                    _ => { cache.get(&question(number), at(now)); }
                }
                prop_assert!(cache.len() <= limits.entries && cache.bytes() <= limits.bytes);
                let kept: usize = cache.entries.iter().flatten().map(|entry| entry.bytes).sum();
                prop_assert_eq!(kept, cache.bytes());
                let mut around = 0;
                let mut slot = cache.links[ANCHOR].newer;
                while slot != ANCHOR {
                    prop_assert_eq!(cache.links[cache.links[slot].newer].older, slot);
                    (slot, around) = (cache.links[slot].newer, around + 1);
                }
                prop_assert_eq!(around, cache.len());
            }
        }
    }
}
