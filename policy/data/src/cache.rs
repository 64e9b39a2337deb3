//! The answers of one source that are at hand: bounded in number, octets and age. Decides, asks nobody.

use crate::Rows;
use mail::Time;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

/// Of all answers of one source; one that is larger than an eighth of it is not remembered.
const MOST_OCTETS: usize = 32 << 20;

pub(crate) type Key = Rc<[u8]>;

/// What `ds_core stats` shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    pub elements: u64,
    pub hits: u64,
    pub misses: u64,
    /// Found that somebody was asking already.
    pub pending: u64,
    pub inserts: u64,
    /// Removed by hand, by age, to make room.
    pub flushed: u64,
    pub expired: u64,
    pub displaced: u64,
}

pub(crate) struct Cache {
    entries: HashMap<Key, Rc<Rows>>,
    /// The oldest first: it expires first, and makes room first.
    ages: VecDeque<(Time, Key)>,
    octets: usize,
    most: usize,
    life: Duration,
    pub counts: Statistics,
}

impl Cache {
    pub fn new(most: usize, life: Duration) -> Self {
        Cache {
            entries: HashMap::new(),
            ages: VecDeque::new(),
            octets: 0,
            most,
            life,
            counts: Statistics::default(),
        }
    }

    pub fn find(&mut self, key: &[u8], now: Time) -> Option<Rc<Rows>> {
        while self.ages.front().is_some_and(|(expires, _)| *expires <= now) {
            self.remove_oldest();
            self.counts.expired += 1;
        }
        let found = self.entries.get(key).cloned();
        if found.is_some() {
            self.counts.hits += 1
        } else {
            self.counts.misses += 1
        }
        found
    }

    pub fn insert(&mut self, key: &Key, rows: Rc<Rows>, now: Time) {
        let weight = weight(key, &rows);
        if self.most == 0 || weight > MOST_OCTETS / 8 || self.entries.contains_key(key) {
            return;
        }
        while self.ages.len() >= self.most || self.octets + weight > MOST_OCTETS {
            self.remove_oldest();
            self.counts.displaced += 1;
        }
        self.octets += weight;
        self.ages.push_back((now + self.life, key.clone()));
        self.entries.insert(key.clone(), rows);
        self.counts.inserts += 1;
    }

    /// How many there were.
    pub fn flush(&mut self) -> usize {
        let removed = self.entries.len();
        self.entries.clear();
        self.ages.clear();
        self.octets = 0;
        self.counts.flushed += removed as u64;
        removed
    }

    pub fn statistics(&self) -> Statistics {
        Statistics { elements: self.entries.len() as u64, ..self.counts }
    }

    fn remove_oldest(&mut self) {
        let Some((_, key)) = self.ages.pop_front() else { return };
        if let Some(rows) = self.entries.remove(&key) {
            self.octets -= weight(&key, &rows);
        }
    }
}

fn weight(key: &[u8], rows: &Rows) -> usize {
    128 + key.len() + rows.weight()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cell;

    fn key(name: &str) -> Key {
        name.as_bytes().into()
    }

    fn rows(octets: usize) -> Rc<Rows> {
        Rc::new(Rows { columns: Vec::new(), rows: vec![vec![Cell::Octets(vec![0; octets])]] })
    }

    #[test]
    fn answers_go_by_age_number_and_octets() {
        let second = |seconds| Time::default() + Duration::from_secs(seconds);
        let mut cache = Cache::new(2, Duration::from_secs(10));
        for (at, name) in [(0, "a"), (1, "b"), (2, "c")] {
            cache.insert(&key(name), Rc::default(), second(at));
        }
        let mut found = |name: &str, at| cache.find(name.as_bytes(), second(at)).is_some();
        assert_eq!((found("a", 3), found("b", 3), found("c", 3)), (false, true, true));
        assert_eq!((found("b", 11), found("c", 11), found("c", 12)), (false, true, false));
        let expected = Statistics {
            elements: 0,
            hits: 3,
            misses: 3,
            inserts: 3,
            expired: 2,
            displaced: 1,
            ..Statistics::default()
        };
        assert_eq!(cache.statistics(), expected);

        let mut cache = Cache::new(1000, Duration::from_secs(10));
        for number in 0..20 {
            cache.insert(&key(&number.to_string()), rows(3 << 20), second(0));
            assert!(cache.octets <= MOST_OCTETS);
        }
        assert_eq!(cache.statistics().elements, 10);
        cache.insert(&key("huge"), rows(5 << 20), second(0));
        assert!(cache.find(b"huge", second(0)).is_none());
        assert_eq!((cache.flush(), cache.octets, cache.statistics().flushed), (10, 0, 10));
        let mut off = Cache::new(0, Duration::from_secs(10));
        off.insert(&key("a"), rows(1), second(0));
        assert!(off.find(b"a", second(0)).is_none());
    }
}
