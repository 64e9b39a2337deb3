//! What operators and reloads ask of the queues: suspend, flush, take out.
//!
//! Orders may visit every message of a queue; nothing on the way of a message does. An order about many queues
//! is carried out in pieces by whoever gives it (`walk`).

use super::{QueueId, Schedule};
use crate::entry::EntryInfo;
use crate::queue::Queue;
use crate::settings::{QueueSettings, ScheduleSettings};
use crate::suspension::{Order, Scope, Suspensions, TooManySuspensions};
use mail::Time;
use std::rc::Rc;

/// Which messages of a queue an order takes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    Active,
    Delayed,
    All,
}

impl<T> Schedule<T> {
    /// No attempts in this scope until `resume` of the same scope. Messages stay and age.
    pub fn suspend(&mut self, scope: Scope<'_>, order: Order, now: Time) -> Result<(), TooManySuspensions> {
        self.suspensions.add(scope, order)?;
        self.suspend_again(scope, now);
        Ok(())
    }

    /// False: this very scope was not suspended by order.
    pub fn resume(&mut self, scope: Scope<'_>, now: Time) -> bool {
        let was = self.suspensions.remove(scope);
        self.suspend_again(scope, now);
        was
    }

    /// A curfew suspends these scopes, in place of those that it suspended before. New queues obey, those that
    /// are there once they are `reconsider`ed.
    pub fn curfew<'a>(
        &mut self,
        orders: impl IntoIterator<Item = (Scope<'a>, Order)>,
    ) -> Result<(), TooManySuspensions> {
        self.suspensions.set_curfew(orders)
    }

    /// Up to `most` queues from number `from` on obey the suspensions in force; the number to go on with, none when
    /// every queue has had its turn. Begin with 0 after each `curfew`.
    pub fn reconsider(&mut self, from: u32, most: usize, now: Time) -> Option<u32> {
        let lot: Vec<u32> = self.queues.indexes_from(from).take(most).collect();
        for index in &lot {
            let queue = self.queues.at_mut(*index);
            let suspended = is_suspended(queue, &self.suspensions);
            if suspended != queue.suspended {
                queue.suspended = suspended;
                self.arrange(*index, now);
            }
        }
        lot.last().filter(|_| lot.len() == most).map(|last| last + 1)
    }

    /// Every suspension by order or curfew.
    pub fn suspensions(&self) -> impl Iterator<Item = (Scope<'_>, &Order)> {
        self.suspensions.iter()
    }

    /// Whether a message for this queue would be attempted; group selection asks.
    pub fn is_suspended(&self, binding: &str, domain: &str) -> bool {
        match self.queues.find(binding, domain) {
            Some(index) => self.queues.at(index).suspended,
            None => self.suspensions.cover(binding, domain),
        }
    }

    /// Makes all delayed messages of a queue due now; how many.
    pub fn flush(&mut self, id: QueueId, now: Time) -> usize {
        let index = self.queues.index(id);
        let count = self.queues.at_mut(index).flush();
        self.arrange(index, now);
        count
    }

    /// Takes out up to `most` messages, to fail, delay, rebind or reroute them. They are in flight until
    /// `dropped`, `requeue` or `returned` is told.
    pub fn take_out(&mut self, id: QueueId, which: Which, most: usize, now: Time) -> Vec<(T, EntryInfo)> {
        let index = self.queues.index(id);
        let queue = self.queues.at_mut(index);
        let mut taken = Vec::new();
        while taken.len() < most {
            let next = match which {
                Which::Active => queue.pop_active(),
                Which::Delayed => queue.pop_delayed(),
                Which::All => queue.pop_active().or_else(|| queue.pop_delayed()),
            };
            let Some(waiting) = next else { break };
            taken.push((waiting.message, waiting.info));
        }
        queue.in_flight += taken.len() as u32;
        self.arrange(index, now);
        taken
    }

    /// Takes out the waiting messages that `wanted` names (`message fail`, `message retry`). They are in
    /// flight until told of; `returned` makes them active now. Visits every message of the queue.
    pub fn extract(&mut self, id: QueueId, wanted: impl Fn(&T) -> bool, now: Time) -> Vec<(T, EntryInfo)> {
        let index = self.queues.index(id);
        let queue = self.queues.at_mut(index);
        let found = queue.extract(wanted);
        queue.in_flight += found.len() as u32;
        self.arrange(index, now);
        found.into_iter().map(|waiting| (waiting.message, waiting.info)).collect()
    }

    /// The configuration has changed: new queues go by it, those that are there once they are `resettle`d.
    pub fn reload(&mut self, settings: ScheduleSettings) {
        self.settings = settings;
        (self.full_until, self.sweep_from) = (Time::EPOCH, Time::NEVER);
    }

    /// Gives up to `most` queues from number `from` on their settings anew; the number to go on with, none when
    /// every queue has had its turn. Begin with 0 after each `reload`.
    pub fn resettle(
        &mut self,
        from: u32,
        most: usize,
        mut resolve: impl FnMut(&str, &str) -> Rc<QueueSettings>,
        now: Time,
    ) -> Option<u32> {
        let lot: Vec<u32> = self.queues.indexes_from(from).take(most).collect();
        for index in &lot {
            let queue = self.queues.at_mut(*index);
            queue.settings = resolve(&queue.binding, &queue.domain);
            queue.suspended = is_suspended(queue, &self.suspensions);
            // Whatever it waited for may be gone; it will find out.
            self.turns.leave(*index);
            self.arrange(*index, now);
        }
        lot.last().filter(|_| lot.len() == most).map(|last| last + 1)
    }

    fn suspend_again(&mut self, scope: Scope<'_>, now: Time) {
        for index in self.covered(scope) {
            let queue = self.queues.at_mut(index);
            queue.suspended = is_suspended(queue, &self.suspensions);
            self.arrange(index, now);
        }
    }

    fn covered(&self, scope: Scope<'_>) -> Vec<u32> {
        if let Scope::Queue { binding, domain } = scope {
            return self.queues.find(binding, domain).into_iter().collect();
        }
        let covers = |index: &u32| {
            let queue = self.queues.at(*index);
            scope.covers(&queue.binding, &queue.domain)
        };
        self.queues.indexes().filter(covers).collect()
    }
}

fn is_suspended<T>(queue: &Queue<T>, suspensions: &Suspensions) -> bool {
    queue.settings.suspend_delivery || suspensions.cover(&queue.binding, &queue.domain)
}
