//! One (binding, domain): its active and its delayed messages, and what may happen to it next.
//!
//! A message is in exactly one place: active, delayed, or in flight with the driver of a connection. What
//! the queue wants (`standing`, `next_look`) follows from its numbers alone.

use crate::entry::{EntryInfo, Waiting};
use crate::settings::{Blackhole, QueueSettings};
use crate::totals::{Happened, Totals};
use mail::Time;
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::rc::Rc;
use std::time::Duration;

/// A queue that has become empty is kept for a while, so that the next message finds its settings.
pub(crate) const LINGER: Duration = Duration::from_secs(60);

/// Due messages that one look moves; a queue with more is looked at again at once, after others.
pub(crate) const MOVED_AT_ONCE: usize = 1000;

/// Active messages: priority first, then the longest due.
#[derive(Debug)]
struct ByTurn<T>(Waiting<T>);

/// Delayed messages: the next due first.
#[derive(Debug)]
struct ByTime<T>(Waiting<T>);

impl<T> ByTurn<T> {
    fn key(&self) -> (bool, Reverse<Time>, Reverse<u32>) {
        (self.0.info.priority, Reverse(self.0.info.next_attempt), Reverse(self.0.info.order))
    }
}

impl<T> ByTime<T> {
    fn key(&self) -> (Reverse<Time>, Reverse<u32>) {
        (Reverse(self.0.info.next_attempt), Reverse(self.0.info.order))
    }
}

macro_rules! ordered_by_key {
    ($name:ident) => {
        impl<T> PartialEq for $name<T> {
            fn eq(&self, other: &Self) -> bool {
                self.key() == other.key()
            }
        }
        impl<T> Eq for $name<T> {}
        impl<T> PartialOrd for $name<T> {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }
        impl<T> Ord for $name<T> {
            fn cmp(&self, other: &Self) -> Ordering {
                self.key().cmp(&other.key())
            }
        }
    };
}
ordered_by_key!(ByTurn);
ordered_by_key!(ByTime);

/// Where a message waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Active,
    Delayed,
}

/// What a queue is ready for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Nothing,
    Doomed,
    Awakening,
    Hungry,
    Growing,
}

/// What the other side, or we in its place, said last about mail of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastReply {
    pub at: Time,
    /// Cut at `REPLY_OCTETS`.
    pub text: Box<str>,
}

/// Octets of a reply that a queue remembers: there may be a hundred thousand queues.
pub const REPLY_OCTETS: usize = 200;

#[derive(Debug)]
pub(crate) struct Queue<T> {
    pub binding: Rc<str>,
    pub domain: Rc<str>,
    pub settings: Rc<QueueSettings>,
    /// By configuration or by order.
    pub suspended: bool,
    active: BinaryHeap<ByTurn<T>>,
    delayed: BinaryHeap<ByTime<T>>,
    /// Delayed messages that an order has made due: they become active piece by piece, in no order.
    flushed: Vec<ByTime<T>>,
    next_order: u32,
    /// Messages that drivers hold.
    pub in_flight: u32,
    /// Connections open or being opened.
    pub connections: u32,
    /// Of these, the ones that wait for mail.
    pub idle: u32,
    /// Connections that were woken and have not taken anything yet.
    pub waking: u32,
    /// No connection before this: the last tries failed.
    pub paused_until: Time,
    /// Failed connects since the last that succeeded.
    pub failures: u32,
    /// The first failure since the last contact.
    pub out_of_contact: Option<Time>,
    last_scan: Time,
    /// When its alarm is set; `NEVER` if it is not.
    pub alarm: Time,
    /// Since when there is nothing here at all.
    pub empty_since: Option<Time>,
    totals: Rc<Totals>,
    /// Of this queue alone, as long as it is kept.
    pub delivered: u64,
    pub failed: u64,
    pub last_reply: Option<Box<LastReply>>,
}

impl<T> Queue<T> {
    pub fn new(
        binding: &str,
        domain: &str,
        settings: Rc<QueueSettings>,
        totals: Rc<Totals>,
        now: Time,
    ) -> Self {
        Queue {
            binding: binding.into(),
            domain: domain.into(),
            suspended: false,
            settings,
            active: BinaryHeap::new(),
            delayed: BinaryHeap::new(),
            flushed: Vec::new(),
            next_order: 0,
            in_flight: 0,
            connections: 0,
            idle: 0,
            waking: 0,
            paused_until: Time::EPOCH,
            failures: 0,
            out_of_contact: None,
            last_scan: now,
            alarm: Time::NEVER,
            empty_since: None,
            totals,
            delivered: 0,
            failed: 0,
            last_reply: None,
        }
    }

    pub fn count(&mut self, happened: Happened, messages: u64) {
        self.totals.count(happened, messages);
        match happened {
            Happened::Delivered => self.delivered += messages,
            Happened::Failed => self.failed += messages,
            Happened::Received | Happened::Deferred => {}
        }
    }

    pub fn active(&self) -> usize {
        self.active.len()
    }

    pub fn delayed(&self) -> usize {
        self.delayed.len() + self.flushed.len()
    }

    pub fn is_empty(&self) -> bool {
        self.active() + self.delayed() == 0 && self.in_flight == 0 && self.connections == 0
    }

    /// A place in the order of arrival.
    pub fn order(&mut self) -> u32 {
        self.next_order = self.next_order.wrapping_add(1);
        self.next_order
    }

    /// To the active messages if it is due, else to the delayed ones.
    pub fn put(&mut self, waiting: Waiting<T>, now: Time) {
        if waiting.info.next_attempt <= now { self.activate(waiting) } else { self.delay(waiting) }
    }

    pub fn activate(&mut self, waiting: Waiting<T>) {
        make_room(&mut self.active);
        self.active.push(ByTurn(waiting));
    }

    pub fn delay(&mut self, waiting: Waiting<T>) {
        make_room(&mut self.delayed);
        self.delayed.push(ByTime(waiting));
    }

    pub fn head(&self) -> Option<&EntryInfo> {
        self.active.peek().map(|waiting| &waiting.0.info)
    }

    pub fn pop_active(&mut self) -> Option<Waiting<T>> {
        let popped = self.active.pop();
        give_room_back(&mut self.active);
        popped.map(|waiting| waiting.0)
    }

    pub fn pop_delayed(&mut self) -> Option<Waiting<T>> {
        if let Some(waiting) = self.flushed.pop() {
            // The room goes when the last of them has gone.
            if self.flushed.is_empty() {
                self.flushed = Vec::new();
            }
            return Some(waiting.0);
        }
        let popped = self.delayed.pop();
        give_room_back(&mut self.delayed);
        popped.map(|waiting| waiting.0)
    }

    pub fn first_due(&self) -> Time {
        if !self.flushed.is_empty() {
            return Time::EPOCH;
        }
        self.delayed.peek().map_or(Time::NEVER, |waiting| waiting.0.info.next_attempt)
    }

    /// The maintainer's run: due messages become active (mail-flow.md §5.2).
    pub fn scan(&mut self, now: Time) {
        for _ in 0..MOVED_AT_ONCE {
            if self.first_due() > now {
                self.last_scan = now;
                return;
            }
            let mut due = self.pop_delayed().expect("the first of the delayed is due");
            due.info.next_attempt = due.info.next_attempt.min(now);
            self.activate(due);
        }
        // Not done: the rest does not wait for the interval.
        self.last_scan = Time::EPOCH;
    }

    pub fn scan_is_due(&self, interval: Duration, now: Time) -> bool {
        self.active.is_empty() || self.last_scan + interval <= now
    }

    /// Makes all delayed messages due; how many. However many there are, it takes the time of one, unless an
    /// earlier order is still being carried out.
    pub fn flush(&mut self) -> usize {
        let delayed = std::mem::take(&mut self.delayed).into_vec();
        if self.flushed.is_empty() {
            self.flushed = delayed;
        } else {
            self.flushed.extend(delayed);
        }
        // A flush is an order: it does not wait for the interval of scans.
        self.last_scan = Time::EPOCH;
        self.flushed.len()
    }

    /// Takes out every message that `wanted` names; used by orders about single messages.
    pub fn extract(&mut self, wanted: impl Fn(&T) -> bool) -> Vec<Waiting<T>> {
        let mut found = Vec::new();
        let mut part = |waiting: Waiting<T>| {
            if wanted(&waiting.message) {
                found.push(waiting);
                None
            } else {
                Some(waiting)
            }
        };
        let active = std::mem::take(&mut self.active).into_vec();
        self.active = active.into_iter().filter_map(|waiting| part(waiting.0).map(ByTurn)).collect();
        let delayed = std::mem::take(&mut self.delayed).into_vec();
        self.delayed = delayed.into_iter().filter_map(|waiting| part(waiting.0).map(ByTime)).collect();
        let flushed = std::mem::take(&mut self.flushed);
        self.flushed = flushed.into_iter().filter_map(|waiting| part(waiting.0).map(ByTime)).collect();
        found
    }

    /// The waiting messages, active ones first, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&T, &EntryInfo, Place)> {
        let active = self.active.iter().map(|waiting| (&waiting.0, Place::Active));
        let delayed = self.delayed.iter().chain(&self.flushed).map(|waiting| (&waiting.0, Place::Delayed));
        active.chain(delayed).map(|(waiting, place)| (&waiting.message, &waiting.info, place))
    }

    pub fn standing(&self, now: Time) -> Standing {
        let doomed = self.settings.blackhole != Blackhole::Off;
        if doomed && self.active() + self.delayed() > 0 {
            Standing::Doomed
        } else if self.suspended || doomed || self.active.is_empty() {
            Standing::Nothing
        } else if self.idle > 0 {
            let enough = self.waking as usize >= self.active.len();
            if enough { Standing::Nothing } else { Standing::Awakening }
        } else if self.paused_until > now || self.connections >= self.goal() {
            Standing::Nothing
        } else if self.connections == 0 {
            Standing::Hungry
        } else {
            Standing::Growing
        }
    }

    pub fn goal(&self) -> u32 {
        self.settings.aggressiveness.goal(self.active.len(), self.settings.max_outbound_connections)
    }

    /// When time alone may change what this queue wants.
    pub fn next_look(&self, scan_interval: Duration) -> Time {
        if let Some(since) = self.empty_since {
            return since + LINGER;
        }
        if self.suspended {
            return Time::NEVER;
        }
        let due = self.first_due();
        if self.active.is_empty() {
            return due;
        }
        let scan = if due.is_never() { due } else { due.max(self.last_scan + scan_interval) };
        let pause = if self.paused_until > Time::EPOCH { self.paused_until } else { Time::NEVER };
        scan.min(pause)
    }
}

/// Grows by a quarter: doubling could waste as much memory as the messages of a long queue take.
fn make_room<I: Ord>(heap: &mut BinaryHeap<I>) {
    if heap.len() == heap.capacity() {
        heap.reserve_exact((heap.len() / 4).max(4));
    }
}

/// Shrinks when three quarters are unused, so that a flood does not leave its memory behind.
fn give_room_back<I: Ord>(heap: &mut BinaryHeap<I>) {
    if heap.capacity() > 1024 && heap.len() < heap.capacity() / 4 {
        heap.shrink_to(heap.capacity() / 2);
    }
}

#[cfg(test)]
mod tests;
