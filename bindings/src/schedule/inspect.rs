//! Looking at the queues. Nothing here changes what happens to a message.

use super::{QueueId, Schedule};
use crate::entry::EntryInfo;
use crate::queue::{LastReply, Place, Queue, REPLY_OCTETS};
use crate::settings::QueueSettings;
use crate::totals::Totals;
use mail::Time;
use std::rc::Rc;

/// A queue as consoles show it.
#[derive(Clone, Copy, Debug)]
pub struct QueueSummary<'a> {
    pub id: QueueId,
    pub binding: &'a str,
    pub domain: &'a str,
    pub active: usize,
    pub delayed: usize,
    pub in_flight: u32,
    /// Open or being opened; idle ones included.
    pub connections: u32,
    pub idle: u32,
    pub suspended: bool,
    /// As long as the queue has been kept.
    pub delivered: u64,
    pub failed: u64,
    /// Connects that failed in a row.
    pub connect_failures: u32,
    /// When the first delayed message is due; `NEVER` if there is none.
    pub next_attempt: Time,
}

impl<T> Schedule<T> {
    pub fn settings(&self, id: QueueId) -> &Rc<QueueSettings> {
        &self.queues.at(self.queues.index(id)).settings
    }

    /// Binding and domain.
    pub fn names(&self, id: QueueId) -> (&Rc<str>, &Rc<str>) {
        let queue = self.queues.at(self.queues.index(id));
        (&queue.binding, &queue.domain)
    }

    pub fn find(&self, binding: &str, domain: &str) -> Option<QueueId> {
        self.queues.find(binding, domain).map(|index| self.queues.id(index))
    }

    /// Messages in all places, those in flight included.
    pub fn messages(&self) -> usize {
        self.messages
    }

    /// Queues, the lately emptied ones included.
    pub fn queues(&self) -> usize {
        self.queues.len()
    }

    pub fn summary(&self, id: QueueId) -> QueueSummary<'_> {
        summarise(id, self.queues.at(self.queues.index(id)))
    }

    pub fn summaries(&self) -> impl Iterator<Item = QueueSummary<'_>> {
        self.queues.indexes().map(|index| summarise(self.queues.id(index), self.queues.at(index)))
    }

    /// Shows the queues in `count` places from `from` on, and says where to go on; none: that were all. A
    /// queue that is there from the first piece to the last is seen once, whatever happens between them.
    pub fn walk(&self, from: u32, count: u32, mut see: impl FnMut(QueueSummary<'_>)) -> Option<u32> {
        let (indexes, next) = self.queues.piece(from, count);
        indexes.for_each(|index| see(summarise(self.queues.id(index), self.queues.at(index))));
        next
    }

    /// What each binding has done on this shard.
    pub fn totals(&self) -> impl Iterator<Item = (&str, &Totals)> {
        self.totals.iter().map(|(binding, totals)| (&**binding, &**totals))
    }

    /// Whether the queue is still there: names do not keep it.
    pub fn exists(&self, id: QueueId) -> bool {
        self.queues.exists(id)
    }

    /// Notes what was said last about mail of this queue.
    pub fn replied(&mut self, id: QueueId, text: &str, now: Time) {
        let index = self.queues.index(id);
        let text = text[..text.floor_char_boundary(REPLY_OCTETS)].into();
        self.queues.at_mut(index).last_reply = Some(Box::new(LastReply { at: now, text }));
    }

    pub fn last_reply(&self, id: QueueId) -> Option<&LastReply> {
        self.queues.at(self.queues.index(id)).last_reply.as_deref()
    }

    /// The waiting messages of a queue, in no order; those in flight are with their drivers.
    pub fn waiting(&self, id: QueueId) -> impl Iterator<Item = (&T, &EntryInfo, Place)> {
        self.queues.at(self.queues.index(id)).iter()
    }
}

fn summarise<T>(id: QueueId, queue: &Queue<T>) -> QueueSummary<'_> {
    QueueSummary {
        id,
        binding: &queue.binding,
        domain: &queue.domain,
        active: queue.active(),
        delayed: queue.delayed(),
        in_flight: queue.in_flight,
        connections: queue.connections,
        idle: queue.idle,
        suspended: queue.suspended,
        delivered: queue.delivered,
        failed: queue.failed,
        connect_failures: queue.failures,
        next_attempt: queue.first_due(),
    }
}
