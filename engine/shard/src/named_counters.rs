//! The counters that policy and operators name as they like, as the console shows and resets them. Per shard,
//! added up when asked.
//!
//! Law: a counter itself only grows, for modules hold on to it; what a reset changes is where counting begins.

use crate::Shard;
use mail::Time;
use world::World;

/// Counters that operators may make on a shard, those of modules included, and octets of a name.
const MOST: usize = 10_000;
const LONGEST: usize = 256;

/// Since its reset, or since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counted {
    pub value: u64,
    pub reset: Time,
}

impl Counted {
    /// What another shard has counted under the same name.
    pub fn add(&mut self, other: Counted) {
        self.value = self.value.saturating_add(other.value);
        self.reset = self.reset.max(other.reset);
    }
}

impl<W: World> Shard<W> {
    /// A name is a path: `/name`, `/sieve/name`, `/vendor/…/name`, `/site/…/name`.
    pub(crate) fn add_to_counter(&self, name: &str, delta: u64) -> Result<(), &'static str> {
        if !name.starts_with('/') || name.len() > LONGEST {
            return Err("the name of a counter begins with a slash and has at most 256 octets");
        }
        let mut counters = self.policy_counters.borrow_mut();
        if counters.len() >= MOST && !counters.contains_key(name) {
            return Err("there are too many counters");
        }
        counters.entry(name.to_owned()).or_default().add(delta);
        Ok(())
    }

    pub(crate) fn named_counters(&self) -> Vec<(String, Counted)> {
        let resets = self.counter_resets.borrow();
        let counters = self.policy_counters.borrow();
        let counted = counters.iter().map(|(name, counter)| {
            let (before, reset) = resets.get(name).copied().unwrap_or((0, self.started));
            (name.clone(), Counted { value: counter.get() - before, reset })
        });
        counted.collect()
    }

    /// False: this shard has no such counter.
    pub(crate) fn reset_counter(&self, name: &str) -> bool {
        let counters = self.policy_counters.borrow();
        let Some(counter) = counters.get(name) else { return false };
        self.counter_resets.borrow_mut().insert(name.to_owned(), (counter.get(), self.world.now()));
        true
    }

    /// Those whose names begin so.
    pub(crate) fn reset_counters(&self, prefix: &str) {
        let names: Vec<String> = self.counters_named(prefix).into_iter().map(|(name, _)| name).collect();
        for name in names {
            self.reset_counter(&name);
        }
    }

    /// The latest reset of those whose names begin so, or the start.
    pub(crate) fn counted_since(&self, prefix: &str) -> Time {
        let resets = self.counter_resets.borrow();
        let of_prefix = resets.iter().filter(|(name, _)| name.starts_with(prefix));
        of_prefix.map(|(_, (_, time))| *time).max().unwrap_or(self.started)
    }

    /// Totals and averages of the summary begin anew; gauges stay.
    pub(crate) fn reset_summary(&self) {
        self.baseline.replace(self.counters.values());
        self.reset_at.set(self.world.now());
    }

    /// Forgets the counter; a module that counts on makes it anew when it is next loaded.
    pub(crate) fn unlink_counter(&self, name: &str) -> bool {
        self.counter_resets.borrow_mut().remove(name);
        self.policy_counters.borrow_mut().remove(name).is_some()
    }
}
