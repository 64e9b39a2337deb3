//! What a binding has done since its first message on this shard; each of its queues adds to it.

use mail::Time;
use std::cell::Cell;

/// Messages of one binding. Owned by one shard; the console adds the shards up.
#[derive(Debug)]
pub struct Totals {
    pub since: Time,
    received: Cell<u64>,
    delivered: Cell<u64>,
    failed: Cell<u64>,
    deferred: Cell<u64>,
}

/// What can happen to a message, as `Totals` counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happened {
    Received,
    Delivered,
    Failed,
    Deferred,
}

impl Totals {
    pub(crate) fn new(since: Time) -> Self {
        let zero = || Cell::new(0);
        Totals { since, received: zero(), delivered: zero(), failed: zero(), deferred: zero() }
    }

    pub(crate) fn count(&self, happened: Happened, messages: u64) {
        let counter = match happened {
            Happened::Received => &self.received,
            Happened::Delivered => &self.delivered,
            Happened::Failed => &self.failed,
            Happened::Deferred => &self.deferred,
        };
        counter.set(counter.get() + messages);
    }

    /// Messages that came into its queues; one that an order brings from another binding counts again.
    pub fn received(&self) -> u64 {
        self.received.get()
    }

    pub fn delivered(&self) -> u64 {
        self.delivered.get()
    }

    /// Refused, expired, or failed by order.
    pub fn failed(&self) -> u64 {
        self.failed.get()
    }

    /// Transient failures; a message may have several.
    pub fn deferred(&self) -> u64 {
        self.deferred.get()
    }
}
