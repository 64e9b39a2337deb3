//! The queues of one shard: which of them gets a connection now, which message goes out on it, what a
//! failure means, and when to look again.
//!
//! A queue that wants something stands in a list, one that waits for time has an alarm, one that waits for a
//! shared throttle or limit stands before a gate. `want` reads the heads of these and changes nothing; every
//! method in the past tense brings the queue it names back to where it belongs (`arrange`).

mod connect;
mod deliver;
mod facts;
mod inspect;
mod orders;

pub use connect::{Contact, OUT_OF_REACH, Refusal};
pub use deliver::Take;
pub use inspect::QueueSummary;
pub use orders::Which;

use crate::alarms::{Alarm, Alarms};
use crate::directory::Directory;
use crate::entry::Entry;
use crate::gates::Gates;
use crate::queue::{LINGER, Queue, Standing};
use crate::settings::{QueueSettings, ScheduleSettings};
use crate::suspension::Suspensions;
use crate::totals::{Happened, Totals};
use crate::turns::{AWAKENING, DOOMED, GATES, GROWING, HUNGRY, List, Turns};
use hashbrown::HashMap;
use mail::Time;
use std::rc::Rc;

/// Names a queue as long as it has messages, connections, or has had some within the last minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct QueueId {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

/// What is to be done next. Ask again after having told that it was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Tell `connecting`, then open a connection for this queue.
    Connect(QueueId),
    /// Wake one connection of this queue that told `idle`, and tell `woken`.
    Wake(QueueId),
    /// Take all messages out (`take_out`) and fail them: their scope is a black hole.
    Fail(QueueId),
    /// Alarms are due: tell `maintained`.
    Maintain,
    /// Nothing before this, unless something is told.
    SleepUntil(Time),
    /// Nothing until something is told.
    Rest,
}

/// A shard that has so many messages is full; see `has_room`.
pub const MESSAGES_AT_MOST: usize = 1 << 26;

/// Alarms that one `maintained` serves, so that a flood of them leaves room for other work.
const ALARMS_AT_ONCE: usize = 256;

/// The queues of a shard. `T` is the shard's handle of a message.
#[derive(Debug)]
pub struct Schedule<T> {
    settings: ScheduleSettings,
    queues: Directory<T>,
    turns: Turns,
    gates: Gates,
    alarms: Alarms,
    suspensions: Suspensions,
    /// By binding; bindings are as many as the configuration has had.
    totals: HashMap<Box<str>, Rc<Totals>>,
    /// No ordinary connection before this: the limit of the server was reached a moment ago.
    full_until: Time,
    /// From then on queues without a connection may use the reserve. Set while the server is full.
    sweep_from: Time,
    /// Messages in all places, those in flight included.
    messages: usize,
}

impl<T> Schedule<T> {
    pub fn new(settings: ScheduleSettings) -> Self {
        Schedule {
            settings,
            queues: Directory::default(),
            turns: Turns::default(),
            gates: Gates::default(),
            alarms: Alarms::default(),
            suspensions: Suspensions::default(),
            totals: HashMap::new(),
            full_until: Time::EPOCH,
            sweep_from: Time::NEVER,
            messages: 0,
        }
    }

    /// Queues a message that was promised. `settings` is asked only if the queue is new. `domain` is the
    /// routing domain, folded.
    pub fn enqueue(
        &mut self,
        binding: &str,
        domain: &str,
        entry: Entry<T>,
        settings: impl FnOnce() -> Rc<QueueSettings>,
        now: Time,
    ) -> QueueId {
        let index = match self.queues.find(binding, domain) {
            Some(index) => index,
            None => self.open(binding, domain, settings(), now),
        };
        let queue = self.queues.at_mut(index);
        let order = queue.order();
        queue.put(entry.waiting(order), now);
        queue.count(Happened::Received, 1);
        self.messages += 1;
        self.arrange(index, now);
        self.queues.id(index)
    }

    /// Whether new mail should be accepted. A promise is queued even if not: this is for admission.
    pub fn has_room(&self) -> bool {
        self.messages < MESSAGES_AT_MOST
    }

    /// What to do next: the same answer until something is told or the time it named has come.
    pub fn want(&self, now: Time) -> Want {
        let head = |list| self.turns.head(list).map(|index| self.queues.id(index));
        if let Some(queue) = head(DOOMED) {
            return Want::Fail(queue);
        }
        if self.alarms.earliest().is_some_and(|due| due <= now) {
            return Want::Maintain;
        }
        if let Some(queue) = head(AWAKENING) {
            return Want::Wake(queue);
        }
        let hungry = head(HUNGRY);
        let is_full = now < self.full_until;
        match hungry.or_else(|| head(GROWING)) {
            Some(queue) if !is_full || hungry.is_some() && self.sweep_from <= now => Want::Connect(queue),
            waiting => self.rest(waiting.is_some(), hungry.is_some()),
        }
    }

    fn rest(&self, waiting: bool, hungry: bool) -> Want {
        let alarm = self.alarms.earliest().unwrap_or(Time::NEVER);
        let room = if waiting { self.full_until } else { Time::NEVER };
        let sweep = if hungry { self.sweep_from } else { Time::NEVER };
        let next = alarm.min(room).min(sweep);
        if next.is_never() { Want::Rest } else { Want::SleepUntil(next) }
    }

    /// After `Want::Maintain`: due messages become active, pauses and waits end, empty queues go.
    pub fn maintained(&mut self, now: Time) {
        for _ in 0..ALARMS_AT_ONCE {
            match self.alarms.ring(now) {
                Some(Alarm::Queue(index)) => self.maintain_queue(index, now),
                Some(Alarm::Gate(gate)) => self.open_gate(gate, now),
                None => return,
            }
        }
    }

    fn maintain_queue(&mut self, index: u32, now: Time) {
        let queue = self.queues.at_mut(index);
        queue.alarm = Time::NEVER;
        if queue.empty_since.is_some_and(|since| since + LINGER <= now) {
            self.turns.leave(index);
            self.queues.remove(index);
            return;
        }
        if queue.paused_until <= now {
            queue.paused_until = Time::EPOCH;
        }
        if !queue.suspended && queue.scan_is_due(self.settings.delayed_queue_scan_interval, now) {
            queue.scan(now);
        }
        self.arrange(index, now);
    }

    fn open(&mut self, binding: &str, domain: &str, settings: Rc<QueueSettings>, now: Time) -> u32 {
        let suspended = settings.suspend_delivery || self.suspensions.cover(binding, domain);
        let totals = self.totals.entry(binding.into()).or_insert_with(|| Rc::new(Totals::new(now))).clone();
        let index = self.queues.insert(binding, domain, settings, totals, now);
        self.queues.at_mut(index).suspended = suspended;
        self.turns.admit(index);
        index
    }

    /// Puts a queue whose state has changed into the list and under the alarm that it now belongs to.
    /// One that stands in the right list keeps its place in it.
    fn arrange(&mut self, index: u32, now: Time) {
        let queue = self.queues.at_mut(index);
        queue.empty_since = if queue.is_empty() { queue.empty_since.or(Some(now)) } else { None };
        let wished = list_for(queue, now);
        let when = queue.next_look(self.settings.delayed_queue_scan_interval);
        let was = std::mem::replace(&mut queue.alarm, when);
        self.alarms.set(Alarm::Queue(index), was, when);
        let stood = self.turns.list_of(index);
        let waits_at_gate = stood.is_some_and(|list| list.0 >= GATES);
        let wants_connection = matches!(wished, Some(HUNGRY | GROWING));
        if stood == wished || waits_at_gate && wants_connection {
            return;
        }
        self.turns.leave(index);
        if let Some(list) = wished {
            self.turns.join(index, list);
        }
    }

    /// As `arrange`, but to the end of its list: it has had its turn.
    fn arrange_last(&mut self, index: u32, now: Time) {
        self.turns.leave(index);
        self.arrange(index, now);
    }
}

fn list_for<T>(queue: &Queue<T>, now: Time) -> Option<List> {
    match queue.standing(now) {
        Standing::Nothing => None,
        Standing::Doomed => Some(DOOMED),
        Standing::Awakening => Some(AWAKENING),
        Standing::Hungry => Some(HUNGRY),
        Standing::Growing => Some(GROWING),
    }
}
