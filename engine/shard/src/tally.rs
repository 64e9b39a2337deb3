//! Numbers that modules of all shards share: each belongs to one shard, by its name, and the others post.
//!
//! Law: what strangers can make grow is bounded; beyond that a new number is not kept and a counter says so.

use crate::post::Post;
use crate::{Shard, hand_over};
use mail::Time;
use policy_api::Tally;
use std::collections::HashMap;
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Bound;
use std::rc::Rc;
use world::World;

/// Numbers that one shard keeps.
const NUMBERS: usize = 200_000;
/// Slots of one number, whatever was asked for.
const SLOTS: u32 = 10_000;

/// A number's name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    tally: Box<str>,
    key: Box<str>,
}

/// What a post carries to the shard that keeps a number.
#[derive(Debug)]
pub(crate) struct Asked {
    key: Key,
    /// Microseconds of a slot; 0 is one slot for good.
    slot: u64,
    /// To be kept, or to be summed.
    slots: u32,
    what: What,
}

#[derive(Debug)]
enum What {
    Add(i64),
    /// The answer goes to this ticket of this shard.
    Count {
        ticket: u64,
        from: usize,
    },
}

/// The numbers of one shard.
#[derive(Debug, Default)]
pub(crate) struct Tallies(HashMap<Key, Series>);

/// The newest slots of a number.
#[derive(Debug)]
struct Series {
    width: u64,
    kept: u32,
    /// Number of the last slot.
    newest: u64,
    /// Oldest first.
    slots: VecDeque<i64>,
}

impl Series {
    /// Makes `now`'s slot the newest, and forgets those whose time is over.
    fn turn(&mut self, now: Time) {
        let number = now.micros().checked_div(self.width).unwrap_or(0);
        let passed = number.saturating_sub(self.newest).min(u64::from(self.kept));
        self.newest = self.newest.max(number);
        (0..passed).for_each(|_| self.slots.push_back(0));
        while self.slots.len() > self.kept as usize {
            self.slots.pop_front();
        }
    }
}

impl Tallies {
    /// False: there are too many numbers, this one is not kept.
    fn add(&mut self, key: Key, width: u64, kept: u32, amount: i64, now: Time) -> bool {
        if !self.0.contains_key(&key) && self.0.len() >= NUMBERS {
            self.purge(now);
            if self.0.len() >= NUMBERS {
                return false;
            }
        }
        let newest = now.micros().checked_div(width).unwrap_or(0);
        let fresh = || Series { width, kept: kept.clamp(1, SLOTS), newest, slots: VecDeque::from([0]) };
        let series = self.0.entry(key).or_insert_with(fresh);
        series.turn(now);
        if let Some(last) = series.slots.back_mut() {
            *last = last.saturating_add(amount);
        }
        true
    }

    fn count(&mut self, key: &Key, slots: u32, now: Time) -> i64 {
        let Some(series) = self.0.get_mut(key) else { return 0 };
        series.turn(now);
        series.slots.iter().rev().take(slots as usize).sum()
    }

    /// Forgets numbers whose slots are all over.
    pub fn purge(&mut self, now: Time) {
        self.0.retain(|_, series| {
            series.turn(now);
            series.slots.iter().any(|amount| *amount != 0)
        });
    }
}

/// The shard that keeps a number.
fn owner(key: &Key, shards: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    (hasher.finish() % shards as u64) as usize
}

fn asked(tally: &Tally, key: &str, slots: u32, what: What) -> Asked {
    let key = Key { tally: tally.name.as_ref().into(), key: key.into() };
    Asked { key, slot: u64::try_from(tally.slot.as_micros()).unwrap_or(u64::MAX), slots, what }
}

impl<W: World> Shard<W> {
    pub(crate) fn add_to_tally(self: &Rc<Self>, tally: &Tally, key: &str, amount: i64) {
        let asked = asked(tally, key, tally.slots, What::Add(amount));
        let owner = owner(&asked.key, self.count);
        if owner == self.index {
            return self.take_tally(asked);
        }
        if self.post_office.has_credit(owner) {
            return self.post_office.send(owner, Post::Tally(asked), self.world.now());
        }
        let shard = self.clone();
        let late = async move { hand_over::request(&shard, owner, Post::Tally(asked)).await };
        self.world.spawn("tally", late);
    }

    pub(crate) async fn count_tally(self: &Rc<Self>, tally: &Tally, key: &str, slots: u32) -> i64 {
        let ticket = self.counts.open();
        let asked = asked(tally, key, slots, What::Count { ticket, from: self.index });
        let owner = owner(&asked.key, self.count);
        if owner == self.index {
            self.take_tally(asked);
        } else {
            hand_over::request(self, owner, Post::Tally(asked)).await;
        }
        self.counts.wait(ticket).await.unwrap_or(0)
    }

    /// The keeper's side.
    pub(crate) fn take_tally(&self, asked: Asked) {
        let Asked { key, slot, slots, what } = asked;
        let now = self.world.now();
        let mut tallies = self.tallies.borrow_mut();
        match what {
            What::Add(amount) => {
                if !tallies.add(key, slot, slots, amount, now) {
                    self.counters.tallies_lost.add(1);
                }
            }
            What::Count { ticket, from } => {
                let amount = tallies.count(&key, slots, now);
                drop(tallies);
                if from == self.index {
                    return self.counts.arrived(ticket, amount);
                }
                self.post_office.send(from, Post::Counted { ticket, amount }, now);
            }
        }
    }

    /// This shard's counters whose names begin so, since their resets.
    pub(crate) fn counters_named(&self, prefix: &str) -> Vec<(String, u64)> {
        let resets = self.counter_resets.borrow();
        let before = |name: &str| resets.get(name).map_or(0, |(before, _)| *before);
        let counters = self.policy_counters.borrow();
        let from = counters.range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
        let found = from.take_while(|(name, _)| name.starts_with(prefix));
        found.map(|(name, counter)| (name.clone(), counter.get() - before(name))).collect()
    }

    /// Those of all shards, summed.
    pub(crate) async fn all_counters(self: &Rc<Self>, prefix: &str) -> Vec<(String, u64)> {
        let mut sums: std::collections::BTreeMap<String, u64> =
            self.counters_named(prefix).into_iter().collect();
        let shared: std::sync::Arc<str> = prefix.into();
        let mut tickets = Vec::with_capacity(self.count);
        for shard in (0..self.count).filter(|shard| *shard != self.index) {
            let ticket = self.counter_lists.open();
            let post = Post::AskCounters { prefix: shared.clone(), ticket, from: self.index };
            hand_over::request(self, shard, post).await;
            tickets.push(ticket);
        }
        for ticket in tickets {
            for (name, count) in self.counter_lists.wait(ticket).await.unwrap_or_default() {
                *sums.entry(name).or_default() += count;
            }
        }
        sums.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key { tally: "t".into(), key: name.into() }
    }

    #[test]
    fn a_number_counts_in_slots_and_old_slots_are_forgotten() {
        let mut tallies = Tallies::default();
        let second = |second: u64| Time::from_secs(second);
        for (at, amount) in [(100, 1), (101, 2), (111, 4), (121, 8)] {
            assert!(tallies.add(key("a"), 10_000_000, 3, amount, second(at)));
        }
        for (at, slots, sum) in
            [(121, 1, 8), (121, 2, 12), (121, 3, 15), (121, 9, 15), (131, 3, 12), (141, 3, 8), (200, 3, 0)]
        {
            assert_eq!(tallies.count(&key("a"), slots, second(at)), sum, "{slots} slots at {at}");
        }
        assert_eq!(tallies.count(&key("b"), 3, second(121)), 0);
        tallies.purge(second(300));
        assert!(tallies.0.is_empty());
    }

    #[test]
    fn a_number_without_slots_stays() {
        let mut tallies = Tallies::default();
        tallies.add(key("gauge"), 0, 1, 5, Time::from_secs(1));
        tallies.add(key("gauge"), 0, 1, -2, Time::from_secs(1_000_000));
        assert_eq!(tallies.count(&key("gauge"), 1, Time::from_secs(2_000_000)), 3);
        tallies.purge(Time::from_secs(3_000_000));
        assert_eq!(tallies.count(&key("gauge"), 1, Time::from_secs(3_000_000)), 3);
    }

    #[test]
    fn strangers_cannot_make_them_grow_for_ever() {
        let mut tallies = Tallies::default();
        let now = Time::from_secs(1);
        for number in 0..NUMBERS {
            assert!(tallies.add(key(&number.to_string()), 1_000_000, 1, 1, now));
        }
        assert!(!tallies.add(key("more"), 1_000_000, 1, 1, now));
        assert!(tallies.add(key("more"), 1_000_000, 1, 1, Time::from_secs(60)), "the old ones are over");
    }
}
