//! Counters of open connections, shared by all shards through one atomic each, and never above their limit.
//!
//! A unit is taken when a connect starts and goes back when its `Held` is dropped, whatever ended the
//! connection.

use crate::schedule::QueueId;
use config::{CounterRef, InstanceId};
use hashbrown::HashMap;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

/// Connections open now in one scope. Lock-free; any shard may take and give.
#[derive(Debug, Default)]
pub struct Counter(AtomicU32);

impl Counter {
    pub fn count(&self) -> u32 {
        self.0.load(Relaxed)
    }

    /// One unit, unless `limit` are held already. Exact: the comparison and the step are one.
    pub fn take(self: &Arc<Self>, limit: u32) -> Option<Held> {
        let step = |held: u32| (held < limit).then(|| held + 1);
        // Nothing else is published through the count, so no ordering beyond its own is needed.
        self.0.fetch_update(Relaxed, Relaxed, step).ok()?;
        Some(Held(Arc::clone(self)))
    }
}

/// One unit of a counter; dropping it gives the unit back.
#[derive(Debug)]
pub struct Held(Arc<Counter>);

impl Held {
    pub(crate) fn counter(&self) -> &Arc<Counter> {
        &self.0
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Relaxed);
    }
}

/// A counter and the limit that some scope puts on it.
#[derive(Clone, Debug)]
pub struct SharedLimit {
    pub counter: Arc<Counter>,
    pub most: u32,
    /// The option that sets it, for whoever asks why.
    pub option: &'static str,
}

impl SharedLimit {
    pub fn new(counter: Arc<Counter>, most: u32, option: &'static str) -> Self {
        SharedLimit { counter, most, option }
    }

    /// A limit that is shared with nobody yet.
    pub fn alone(most: u32) -> Self {
        SharedLimit::new(Arc::default(), most, "")
    }

    pub fn take(&self) -> Option<Held> {
        self.counter.take(self.most)
    }

    pub fn free(&self) -> u32 {
        self.most.saturating_sub(self.counter.count())
    }
}

/// The right to one connection of a queue, with everything that it counts against. It goes back to the
/// schedule through `closed`, `connect_failed` or `connect_postponed`.
#[derive(Debug)]
pub struct ConnectionPermit {
    pub(crate) queue: QueueId,
    pub(crate) held: Vec<Held>,
}

impl ConnectionPermit {
    pub fn queue(&self) -> QueueId {
        self.queue
    }

    /// Adds what the chosen host counts (`hosts::Choice::held`).
    pub fn hold(&mut self, host: impl IntoIterator<Item = Held>) {
        self.held.extend(host);
    }
}

type ScopeCounters = HashMap<(InstanceId, &'static str), Arc<Counter>>;
type HostCounters = HashMap<(Box<str>, Box<str>), Arc<Counter>>;

/// The counters of the process by what declares them. Locked when settings are resolved, never when mail
/// moves; counts outlive a reload, since the connections do.
#[derive(Debug, Default)]
pub struct CounterCells {
    scopes: Mutex<ScopeCounters>,
    hosts: Mutex<HostCounters>,
}

impl CounterCells {
    /// Beyond this many host counters those that nobody holds are dropped before another is made.
    const HOSTS_KEPT: usize = 65_536;

    /// The limit of a declaration, with the counter of everything that falls back to it.
    pub fn scope(&self, counter: &CounterRef) -> SharedLimit {
        let most = u32::try_from(counter.limit).unwrap_or(u32::MAX);
        SharedLimit::new(self.counter(&counter.declared, counter.option), most, counter.option)
    }

    /// `server_max_outbound_connections` of the global scope.
    pub fn server(&self, most: u32) -> SharedLimit {
        const OPTION: &str = "server_max_outbound_connections";
        SharedLimit::new(self.counter(&InstanceId::default(), OPTION), most, OPTION)
    }

    fn counter(&self, instance: &InstanceId, option: &'static str) -> Arc<Counter> {
        let mut scopes = self.scopes.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(scopes.entry((instance.clone(), option)).or_default())
    }

    /// The counter of one binding's connections to one MX host, whatever the domain.
    pub fn host(&self, binding: &str, host: &str) -> Arc<Counter> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if hosts.len() >= Self::HOSTS_KEPT {
            hosts.retain(|_, counter| Arc::strong_count(counter) > 1);
        }
        Arc::clone(hosts.entry((binding.into(), host.into())).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_comes_back_when_it_is_dropped() {
        let limit = SharedLimit::alone(2);
        let (first, second) = (limit.take(), limit.take());
        assert!(first.is_some() && second.is_some() && limit.take().is_none());
        drop(first);
        assert_eq!(limit.free(), 1);
        assert!(limit.take().is_some());
        assert!(SharedLimit::alone(0).take().is_none());
    }

    #[test]
    fn threads_never_hold_more_than_the_limit() {
        let limit = SharedLimit::alone(7);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..20_000 {
                        let held = limit.take();
                        assert!(limit.counter.count() <= 7);
                        drop(held);
                    }
                });
            }
        });
        assert_eq!(limit.counter.count(), 0);
    }

    #[test]
    fn one_declaration_is_one_counter() {
        let cells = CounterCells::default();
        let declared = |option, limit| CounterRef { limit, declared: InstanceId::default(), option };
        let scope = cells.scope(&declared("scope_max_outbound_connections", 5));
        let wider = cells.scope(&declared("scope_max_outbound_connections", u64::MAX));
        assert!(Arc::ptr_eq(&scope.counter, &wider.counter), "a reload changes the limit, not the count");
        assert_eq!((scope.most, wider.most), (5, u32::MAX));
        assert!(!Arc::ptr_eq(&scope.counter, &cells.server(5).counter));
        assert!(Arc::ptr_eq(&cells.server(5).counter, &cells.server(6).counter));
        let host = cells.host("a", "mx.example");
        assert!(Arc::ptr_eq(&host, &cells.host("a", "mx.example")));
        assert!(!Arc::ptr_eq(&host, &cells.host("b", "mx.example")));
    }

    #[test]
    fn host_counters_in_use_survive_the_purge() {
        let cells = CounterCells::default();
        let held = cells.host("a", "kept.example").take(1);
        for number in 0..CounterCells::HOSTS_KEPT + 10 {
            cells.host("a", &number.to_string());
        }
        assert!(cells.hosts.lock().unwrap().len() <= CounterCells::HOSTS_KEPT);
        assert!(cells.host("a", "kept.example").take(1).is_none());
        drop(held);
    }
}
