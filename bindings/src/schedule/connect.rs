//! Connections: the permit for one, and what became of it.

use super::{QueueId, Schedule};
use crate::alarms::Alarm;
use crate::gates::{Barrier, Gates, LOOK_INTERVAL};
use crate::limit::{ConnectionPermit, Held};
use crate::settings::QueueSettings;
use crate::turns::{GROWING, HUNGRY};
use mail::Time;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// Why there is no connection after all. The queue waits where the reason ends; just ask `want` again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// `server_max_outbound_connections` is reached.
    ServerFull,
    /// The limit of some scope is reached.
    LimitReached,
    /// A throttle of connections or of messages is exhausted.
    Throttled { until: Time },
}

/// What is left of the hope to reach a domain after a failed connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contact {
    Hoped,
    /// Out of reach for `connect_timeout_to_delay`: take out the active messages, and tell `deferred` of
    /// each with `OUT_OF_REACH` (mail-flow.md §9.6).
    Lost,
}

/// The reply that messages of an unreachable domain are deferred with.
pub const OUT_OF_REACH: &str = "421 4.4.0 [internal] no MXs for this domain could be reached at this time";

/// After so many failures in a row the next connect waits at least `LEAST_PAUSE`, whatever the driver says.
const FAILURES_WITHOUT_PAUSE: u32 = 10;
const LEAST_PAUSE: Duration = Duration::from_secs(1);

/// Queues that one look at a gate lets in.
const ADMITTED_AT_ONCE: u32 = 1024;

impl<T> Schedule<T> {
    /// After `Want::Connect`: takes a unit of everything that this connection counts against, or none.
    /// The exact check is here: other shards may have been faster than `want`.
    pub fn connecting(&mut self, id: QueueId, now: Time) -> Result<ConnectionPermit, Refusal> {
        let index = self.queues.index(id);
        let list = self.turns.list_of(index);
        assert!(matches!(list, Some(HUNGRY | GROWING)), "connecting is told after Want::Connect");
        let settings = Rc::clone(&self.queues.at(index).settings);
        let mut held = match take_scopes(&settings, now) {
            Ok(held) => held,
            Err(barrier) => return Err(self.wait_at(index, barrier, now)),
        };
        held.push(self.take_server(index, now)?);
        // Last, because a unit of a throttle cannot be given back.
        if let Some(cell) = &settings.connection_throttle
            && cell.take(1, now) == 0
        {
            return Err(self.wait_at(index, Barrier::Throttle(Arc::clone(cell)), now));
        }
        self.queues.at_mut(index).connections += 1;
        self.arrange_last(index, now);
        self.end_sweep_if_over(now);
        Ok(ConnectionPermit { queue: id, held })
    }

    /// The peer was reached.
    pub fn connected(&mut self, id: QueueId, now: Time) {
        let index = self.queues.index(id);
        let queue = self.queues.at_mut(index);
        (queue.failures, queue.out_of_contact, queue.paused_until) = (0, None, Time::EPOCH);
        self.arrange(index, now);
    }

    /// No connection came about: refused, timed out, no address now. The queue connects again from `again`
    /// on (now, if there are other addresses; what `hosts` says, if not). No message is charged for it.
    pub fn connect_failed(&mut self, permit: ConnectionPermit, again: Time, now: Time) -> Contact {
        let index = self.queues.index(permit.queue);
        let queue = self.queues.at_mut(index);
        queue.failures = queue.failures.saturating_add(1);
        let least = if queue.failures > FAILURES_WITHOUT_PAUSE { now + LEAST_PAUSE } else { now };
        let again = again.max(least);
        queue.paused_until = if again > now { again } else { Time::EPOCH };
        let since = *queue.out_of_contact.get_or_insert(now);
        let patience = queue.settings.connect_timeout_to_delay.0;
        let lost = !patience.is_zero() && now.since(since) >= patience;
        self.closed(permit, now);
        if lost { Contact::Lost } else { Contact::Hoped }
    }

    /// No connection was tried, since every host is at its limits: not before `again`. Nobody has failed.
    pub fn connect_postponed(&mut self, permit: ConnectionPermit, again: Time, now: Time) {
        let index = self.queues.index(permit.queue);
        self.queues.at_mut(index).paused_until = again.max(now + LEAST_PAUSE);
        self.closed(permit, now);
    }

    /// A connection that existed is closed. An idle one is told `woken` first.
    pub fn closed(&mut self, permit: ConnectionPermit, now: Time) {
        let index = self.queues.index(permit.queue);
        let queue = self.queues.at_mut(index);
        queue.connections = queue.connections.checked_sub(1).expect("a connection is closed once");
        // Whoever was woken may have been this one: better one wake too many than a message that waits.
        queue.waking = 0;
        assert!(queue.idle <= queue.connections, "an idle connection is woken before it is closed");
        self.full_until = self.full_until.min(now);
        for held in permit.held {
            let gate = self.gates.at(held.counter());
            drop(held);
            if let Some(gate) = gate {
                self.admit(gate, 1, now);
            }
        }
        self.arrange(index, now);
    }

    /// A connection has nothing to send and waits.
    pub fn idle(&mut self, id: QueueId, now: Time) {
        let index = self.queues.index(id);
        let queue = self.queues.at_mut(index);
        queue.idle += 1;
        assert!(queue.idle <= queue.connections, "only a connection can be idle");
        self.arrange(index, now);
    }

    /// A connection that was idle is not any more: it is about to close, and takes nothing.
    pub fn parted(&mut self, id: QueueId, now: Time) {
        let index = self.queues.index(id);
        let queue = self.queues.at_mut(index);
        queue.idle = queue.idle.checked_sub(1).expect("only an idle connection parts");
        self.arrange(index, now);
    }

    /// A connection that was idle is not any more: it was woken, and will `take`.
    pub fn woken(&mut self, id: QueueId, now: Time) {
        let index = self.queues.index(id);
        let queue = self.queues.at_mut(index);
        queue.idle = queue.idle.checked_sub(1).expect("only an idle connection is woken");
        queue.waking += 1;
        self.arrange_last(index, now);
    }

    /// One connection of the server's, or of its reserve if a sweep is on and this queue has none yet.
    fn take_server(&mut self, index: u32, now: Time) -> Result<Held, Refusal> {
        let server = &self.settings.server;
        if let Some(held) = server.take() {
            if self.full_until <= now {
                self.sweep_from = Time::NEVER;
            }
            return Ok(held);
        }
        let sweep = self.settings.reserve_maintenance_interval;
        if self.sweep_from.is_never() {
            self.sweep_from = now + sweep;
        }
        let has_none = self.queues.at(index).connections == 0;
        if has_none && self.sweep_from <= now {
            if let Some(held) = server.counter.take(server.most.saturating_add(self.settings.reserve)) {
                return Ok(held);
            }
            self.sweep_from = now + sweep;
        }
        self.full_until = now + LOOK_INTERVAL;
        Err(Refusal::ServerFull)
    }

    /// A sweep has passed when every queue with mail has a connection, or waits for something else.
    fn end_sweep_if_over(&mut self, now: Time) {
        if self.sweep_from <= now && self.turns.head(HUNGRY).is_none() {
            self.sweep_from = now + self.settings.reserve_maintenance_interval;
        }
    }

    fn wait_at(&mut self, index: u32, barrier: Barrier, now: Time) -> Refusal {
        let until = barrier.reopens(now);
        let refusal = match barrier {
            Barrier::Throttle(_) => Refusal::Throttled { until },
            Barrier::Limit(_) => Refusal::LimitReached,
        };
        let gate = self.gates.before(barrier);
        let list = Gates::list(gate);
        self.turns.open_list(list);
        self.turns.leave(index);
        self.turns.join(index, list);
        let was = self.gates.set_alarm(gate, until);
        self.alarms.set(Alarm::Gate(gate), was, until);
        self.end_sweep_if_over(now);
        refusal
    }

    /// A gate's alarm rang: as many queues pass as there are units; the others wait on.
    pub(super) fn open_gate(&mut self, gate: u32, now: Time) {
        self.gates.set_alarm(gate, Time::NEVER);
        let barrier = self.gates.barrier(gate);
        let (room, again) = (barrier.room(now), barrier.reopens(now));
        self.admit(gate, room.min(ADMITTED_AT_ONCE), now);
        if self.turns.length(Gates::list(gate)) == 0 {
            self.gates.remove(gate);
        } else {
            self.gates.set_alarm(gate, again);
            self.alarms.set(Alarm::Gate(gate), Time::NEVER, again);
        }
    }

    fn admit(&mut self, gate: u32, count: u32, now: Time) {
        for _ in 0..count {
            let Some(index) = self.turns.head(Gates::list(gate)) else { return };
            self.arrange_last(index, now);
        }
    }
}

/// One unit of every limit but the server's; the barrier that has none is where the queue will wait.
fn take_scopes(settings: &QueueSettings, now: Time) -> Result<Vec<Held>, Barrier> {
    // A connection that could send nothing would only occupy its peer.
    if let Some(cell) = &settings.message_throttle
        && cell.exhausted_until(now).is_some()
    {
        return Err(Barrier::Throttle(Arc::clone(cell)));
    }
    let mut held = Vec::with_capacity(settings.limits.len() + 3);
    for limit in &settings.limits {
        held.push(limit.take().ok_or_else(|| Barrier::Limit(limit.clone()))?);
    }
    Ok(held)
}
