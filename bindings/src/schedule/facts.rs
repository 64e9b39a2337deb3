//! Gathers what `why` reasons about.

use super::{QueueId, Schedule};
use crate::gates::{Barrier, Gates};
use crate::limit::Counter;
use crate::queue::Queue;
use crate::settings::Blackhole;
use crate::throttle::ThrottleCell;
use crate::turns::{AWAKENING, GATES, GROWING, HUNGRY};
use crate::why::{Exhausted, Facts, Gate, Limit, Pause};
use mail::Time;
use std::sync::Arc;

const MESSAGES: &str = "outbound_throttle_messages";
const CONNECTIONS: &str = "outbound_throttle_connections";

impl<T> Schedule<T> {
    pub fn facts(&self, id: QueueId, now: Time) -> Facts<'_> {
        let index = self.queues.index(id);
        let queue = self.queues.at(index);
        let list = self.turns.list_of(index);
        let wants_connection = matches!(list, Some(HUNGRY | GROWING));
        let waits_for_turn = wants_connection || list == Some(AWAKENING);
        let server = &self.settings.server;
        let is_full = wants_connection && now < self.full_until;
        let held = server.counter.count();
        Facts {
            active: queue.active(),
            delayed: queue.delayed(),
            in_flight: queue.in_flight,
            connections: queue.connections,
            idle: queue.idle,
            goal: queue.goal(),
            most: queue.settings.max_outbound_connections.0,
            is_black_hole: queue.settings.blackhole != Blackhole::Off,
            suspended_by_configuration: queue.settings.suspend_delivery,
            suspended_by_order: self.suspensions.covering(&queue.binding, &queue.domain).collect(),
            message_throttle: queue
                .settings
                .message_throttle
                .as_ref()
                .and_then(|cell| exhausted(MESSAGES, cell, now)),
            gate: self.gate_of(index, now),
            server: is_full.then_some(Limit { option: server.option, most: server.most, held }),
            paused: (queue.paused_until > now).then(|| pause(queue)),
            next_attempt: queue.first_due(),
            turn: list.filter(|_| waits_for_turn).map(|list| self.turns.ahead_of(index, list)),
        }
    }

    /// The counter of the limit that the queue waits for; none if it waits for something else.
    pub fn awaited_counter(&self, id: QueueId, now: Time) -> Option<Arc<Counter>> {
        let index = self.queues.index(id);
        let list = self.turns.list_of(index)?;
        if list.0 < GATES {
            let is_full = matches!(list, HUNGRY | GROWING) && now < self.full_until;
            return is_full.then(|| self.settings.server.counter.clone());
        }
        match self.gates.barrier(list.0 - GATES) {
            Barrier::Limit(limit) => Some(limit.counter.clone()),
            Barrier::Throttle(_) => None,
        }
    }

    /// Whether connections of the queue count there.
    pub fn counts_at(&self, id: QueueId, counter: &Arc<Counter>) -> bool {
        let limits = &self.queues.at(self.queues.index(id)).settings.limits;
        let is_server = Arc::ptr_eq(&self.settings.server.counter, counter);
        is_server || limits.iter().any(|limit| Arc::ptr_eq(&limit.counter, counter))
    }

    fn gate_of(&self, index: u32, now: Time) -> Option<Gate> {
        let list = self.turns.list_of(index).filter(|list| list.0 >= GATES)?;
        let gate = list.0 - GATES;
        let waiting = self.turns.length(Gates::list(gate));
        Some(match self.gates.barrier(gate) {
            Barrier::Limit(limit) => {
                let held = limit.counter.count();
                Gate::Limit { limit: Limit { option: limit.option, most: limit.most, held }, waiting }
            }
            Barrier::Throttle(cell) => {
                let messages = self.queues.at(index).settings.message_throttle.as_ref();
                let is_messages = messages.is_some_and(|own| Arc::ptr_eq(own, cell));
                let option = if is_messages { MESSAGES } else { CONNECTIONS };
                let until = cell.exhausted_until(now).unwrap_or(now);
                Gate::Throttle { throttle: Exhausted { option, rate: cell.rate(), until }, waiting }
            }
        })
    }
}

fn exhausted(option: &'static str, cell: &ThrottleCell, now: Time) -> Option<Exhausted> {
    Some(Exhausted { option, rate: cell.rate(), until: cell.exhausted_until(now)? })
}

fn pause<T>(queue: &Queue<T>) -> Pause {
    let since = queue.out_of_contact.unwrap_or(queue.paused_until);
    Pause { until: queue.paused_until, failures: queue.failures, since }
}
