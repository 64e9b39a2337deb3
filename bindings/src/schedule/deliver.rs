//! Messages on their way out and back: taken for an attempt, delivered, deferred, or not tried at all.

use super::{QueueId, Schedule};
use crate::entry::{EntryInfo, Waiting};
use crate::queue::Queue;
use crate::retry::Verdict;
use crate::settings::Blackhole;
use crate::totals::Happened;
use mail::Time;
use std::rc::Rc;

/// What a connection is given to do. What was handed out is in flight until the driver tells `delivered`,
/// `dropped`, `requeue` or `returned` of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Take<T> {
    /// Recipients of one transaction: all of one batch.
    Batch(Vec<(T, EntryInfo)>),
    /// Too old, and `never_attempt_expired_messages` is set: fail them with `retry::NOT_ATTEMPTED`.
    Expired(Vec<(T, EntryInfo)>),
    /// The message throttle is exhausted; the messages stay active.
    Throttled { until: Time },
    /// Nothing is due: idle, then close.
    Empty,
    /// No attempts now: close.
    Suspended,
}

impl<T> Schedule<T> {
    /// What the queue's next transaction carries: the head of the active messages and those behind it with
    /// the same batch key, `max_batch` at most. Each counts as one unit of the message throttle.
    pub fn take(&mut self, id: QueueId, now: Time, max_batch: usize) -> Take<T> {
        let index = self.queues.index(id);
        let queue = self.queues.at_mut(index);
        queue.waking = queue.waking.saturating_sub(1);
        let taken = if queue.suspended || queue.settings.blackhole != Blackhole::Off {
            Take::Suspended
        } else {
            take_from(queue, now, max_batch.max(1))
        };
        self.arrange(index, now);
        taken
    }

    /// A message of this queue reached its destination.
    pub fn delivered(&mut self, id: QueueId, now: Time) {
        self.ended(id, Happened::Delivered, now);
    }

    /// A message in flight is given up: refused, expired, failed by order.
    pub fn failed(&mut self, id: QueueId, now: Time) {
        self.ended(id, Happened::Failed, now);
    }

    fn ended(&mut self, id: QueueId, happened: Happened, now: Time) {
        let index = self.queues.index(id);
        self.queues.at_mut(index).count(happened, 1);
        self.dropped(id, 1, now);
    }

    /// Messages in flight will not come back, for another reason: moved to another queue, lost.
    pub fn dropped(&mut self, id: QueueId, count: u32, now: Time) {
        let index = self.landed(id, count);
        self.messages -= count as usize;
        self.arrange(index, now);
    }

    /// A transient failure of a message in flight: what it means, by the settings of this moment. It stays
    /// in flight until the driver has journaled the verdict and tells `requeue` or `dropped`.
    pub fn deferred(&self, id: QueueId, info: &EntryInfo, now: Time) -> Verdict {
        let queue = self.queues.at(self.queues.index(id));
        queue.settings.retry.judge(info.received, info.attempts, now)
    }

    /// A deferred message waits for `next_attempt`, with one more failure to its name.
    pub fn requeue(&mut self, id: QueueId, message: T, info: EntryInfo, next_attempt: Time, now: Time) {
        self.queues.at_mut(self.queues.index(id)).count(Happened::Deferred, 1);
        let info = EntryInfo { attempts: info.attempts.saturating_add(1), ..info };
        self.postponed(id, message, info, next_attempt, now);
    }

    /// A message in flight waits for `next_attempt`, though nothing was tried: by order.
    pub fn postponed(&mut self, id: QueueId, message: T, info: EntryInfo, next_attempt: Time, now: Time) {
        let index = self.landed(id, 1);
        let queue = self.queues.at_mut(index);
        let info = EntryInfo { next_attempt, order: queue.order(), ..info };
        queue.delay(Waiting { message, info });
        self.arrange(index, now);
    }

    /// Messages in flight that were not tried: active again, in the place that they had; no retry is spent.
    pub fn returned(&mut self, id: QueueId, messages: impl IntoIterator<Item = (T, EntryInfo)>, now: Time) {
        let index = self.queues.index(id);
        let mut count = 0;
        for (message, info) in messages {
            self.queues.at_mut(index).activate(Waiting { message, info });
            count += 1;
        }
        self.landed(id, count);
        self.arrange(index, now);
    }

    fn landed(&mut self, id: QueueId, count: u32) -> u32 {
        let index = self.queues.index(id);
        let in_flight = &mut self.queues.at_mut(index).in_flight;
        *in_flight = in_flight.checked_sub(count).expect("only what is in flight comes back");
        index
    }
}

fn take_from<T>(queue: &mut Queue<T>, now: Time, max_batch: usize) -> Take<T> {
    let settings = Rc::clone(&queue.settings);
    let retry = &settings.retry;
    let is_expired = |info: &EntryInfo| retry.never_attempt_expired && retry.is_expired(info.received, now);
    let Some(head) = queue.head().copied() else {
        return Take::Empty;
    };
    if is_expired(&head) {
        return Take::Expired(take_while(queue, max_batch, is_expired));
    }
    let throttle = settings.message_throttle.as_deref();
    if let Some(until) = throttle.and_then(|cell| cell.exhausted_until(now)) {
        return Take::Throttled { until };
    }
    let mut batch = take_while(queue, max_batch, |info| info.batch == head.batch && !is_expired(info));
    let Some(cell) = throttle else {
        return Take::Batch(batch);
    };
    // Another shard may have had the last units since.
    let granted = cell.take(batch.len() as u32, now) as usize;
    for (message, info) in batch.drain(granted..) {
        queue.activate(Waiting { message, info });
        queue.in_flight -= 1;
    }
    if granted > 0 {
        return Take::Batch(batch);
    }
    Take::Throttled { until: cell.exhausted_until(now).unwrap_or(now) }
}

fn take_while<T>(
    queue: &mut Queue<T>,
    most: usize,
    belongs: impl Fn(&EntryInfo) -> bool,
) -> Vec<(T, EntryInfo)> {
    let mut taken = Vec::new();
    while taken.len() < most && queue.head().is_some_and(&belongs) {
        let Waiting { message, info } = queue.pop_active().expect("a queue with a head has a message");
        taken.push((message, info));
    }
    queue.in_flight += taken.len() as u32;
    taken
}
