//! Why the mail of a queue does not move: every cause that holds, the one that must end first in front.
//!
//! Law: `why` is a function of `Facts` alone; the schedule gathers them, the shard adds what it knows of names
//! and hosts.

use crate::suspension::{Order, Scope};
use crate::throttle::Rate;
use mail::Time;

/// What is known of a queue at one moment.
#[derive(Clone, Debug, Default)]
pub struct Facts<'a> {
    pub active: usize,
    pub delayed: usize,
    pub in_flight: u32,
    pub connections: u32,
    pub idle: u32,
    /// Connections that it deserves by its length, and those it may have at most.
    pub goal: u32,
    pub most: u32,
    pub is_black_hole: bool,
    /// `suspend_delivery`
    pub suspended_by_configuration: bool,
    pub suspended_by_order: Vec<(Scope<'a>, &'a Order)>,
    /// The message throttle, if nothing may be begun before some time.
    pub message_throttle: Option<Exhausted>,
    /// The gate that it waits at.
    pub gate: Option<Gate>,
    /// `server_max_outbound_connections` was reached a moment ago; the queue would connect otherwise.
    pub server: Option<Limit>,
    /// No connection before this, after failures.
    pub paused: Option<Pause>,
    /// When the first delayed message is due; `NEVER` without one.
    pub next_attempt: Time,
    /// Queues of this shard that have their turn before it, if it waits for its turn.
    pub turn: Option<u32>,
}

/// A throttle without units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exhausted {
    pub option: &'static str,
    pub rate: Rate,
    pub until: Time,
}

/// A limit of connections that is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    pub option: &'static str,
    pub most: u32,
    pub held: u32,
}

/// What a queue waits for together with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    Throttle { throttle: Exhausted, waiting: u32 },
    Limit { limit: Limit, waiting: u32 },
}

/// A rest after connects that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    pub until: Time,
    pub failures: u32,
    pub since: Time,
}

/// One reason. `waiting` are the queues of this shard that wait for the same thing, this one included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause<'a> {
    NoMail,
    BlackHole,
    SuspendedByConfiguration,
    SuspendedByOrder {
        scope: Scope<'a>,
        order: &'a Order,
    },
    /// Nothing is wrong: it is on its way.
    BeingDelivered {
        messages: u32,
        connections: u32,
    },
    Throttled {
        throttle: Exhausted,
        waiting: u32,
    },
    LimitReached {
        limit: Limit,
        waiting: u32,
    },
    ServerFull(Limit),
    NotConnecting(Pause),
    /// Every host of the domain is at the limits of its Host stanza; it is looked at again then.
    HostsFull(Time),
    /// As many connections as the pair may have, and all are busy.
    AllBusy {
        connections: u32,
        most: u32,
    },
    /// More connections only for a longer queue.
    Enough {
        connections: u32,
    },
    Connecting {
        connections: u32,
    },
    ItsTurn {
        ahead: u32,
    },
    /// Nothing is due before this.
    NextAttempt(Time),
}

/// Every cause that holds, in the order in which they must end. Never empty.
pub fn why<'a>(facts: &Facts<'a>) -> Vec<Cause<'a>> {
    if facts.active + facts.delayed + facts.in_flight as usize == 0 {
        return vec![Cause::NoMail];
    }
    let mut causes = Vec::new();
    if facts.is_black_hole {
        causes.push(Cause::BlackHole);
    }
    if facts.suspended_by_configuration {
        causes.push(Cause::SuspendedByConfiguration);
    }
    let orders = facts.suspended_by_order.iter();
    causes.extend(orders.map(|(scope, order)| Cause::SuspendedByOrder { scope: *scope, order }));
    let is_stopped = !causes.is_empty();
    if facts.in_flight > 0 {
        let connections = facts.connections - facts.idle;
        causes.push(Cause::BeingDelivered { messages: facts.in_flight, connections });
    }
    if facts.active > 0 && !is_stopped {
        causes.push(why_active(facts));
    }
    if facts.delayed > 0 {
        causes.push(Cause::NextAttempt(facts.next_attempt));
    }
    causes
}

/// Why messages that are due wait all the same.
fn why_active<'a>(facts: &Facts<'a>) -> Cause<'a> {
    let connections = facts.connections;
    if let Some(throttle) = facts.message_throttle {
        let waiting = match facts.gate {
            Some(Gate::Throttle { waiting, .. }) => waiting,
            _ => 1,
        };
        return Cause::Throttled { throttle, waiting };
    }
    if let Some(pause) = facts.paused {
        return if pause.failures > 0 { Cause::NotConnecting(pause) } else { Cause::HostsFull(pause.until) };
    }
    match facts.gate {
        Some(Gate::Throttle { throttle, waiting }) => return Cause::Throttled { throttle, waiting },
        Some(Gate::Limit { limit, waiting }) => return Cause::LimitReached { limit, waiting },
        None => {}
    }
    if let Some(limit) = facts.server {
        return Cause::ServerFull(limit);
    }
    if let Some(ahead) = facts.turn {
        return Cause::ItsTurn { ahead };
    }
    match facts {
        _ if facts.most == 0 => Cause::AllBusy { connections, most: 0 },
        // A rest is over and its alarm has not rung yet.
        _ if connections == 0 => Cause::ItsTurn { ahead: 0 },
        Facts { in_flight: 0, .. } if facts.idle == 0 => Cause::Connecting { connections },
        _ if connections >= facts.most => Cause::AllBusy { connections, most: facts.most },
        _ => Cause::Enough { connections },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suspension::Authority;

    const LATER: Time = Time::from_secs(1_000_100);

    fn active() -> Facts<'static> {
        Facts { active: 3, goal: 2, most: 32, next_attempt: Time::NEVER, ..Facts::default() }
    }

    #[test]
    fn each_state_of_a_queue_has_its_cause() {
        let rate = Rate { events: 5, seconds: 60 };
        let throttle = Exhausted { option: "outbound_throttle_messages", rate, until: LATER };
        let limit = Limit { option: "scope_max_outbound_connections", most: 4, held: 4 };
        let pause = Pause { until: LATER, failures: 2, since: Time::EPOCH };
        let order = Order { authority: Authority::Operator, by: "ann".into(), at: LATER };
        let by_order = Cause::SuspendedByOrder { scope: Scope::Domain("x.example"), order: &order };
        let ordered = || vec![(Scope::Domain("x.example"), &order)];
        for (facts, causes) in [
            (Facts::default(), vec![Cause::NoMail]),
            (Facts { is_black_hole: true, ..active() }, vec![Cause::BlackHole]),
            (
                Facts { suspended_by_configuration: true, delayed: 1, next_attempt: LATER, ..active() },
                vec![Cause::SuspendedByConfiguration, Cause::NextAttempt(LATER)],
            ),
            (Facts { suspended_by_order: ordered(), paused: Some(pause), ..active() }, vec![by_order]),
            (
                Facts { suspended_by_configuration: true, suspended_by_order: ordered(), ..active() },
                vec![Cause::SuspendedByConfiguration, by_order],
            ),
            (
                Facts { message_throttle: Some(throttle), paused: Some(pause), ..active() },
                vec![Cause::Throttled { throttle, waiting: 1 }],
            ),
            (
                Facts { gate: Some(Gate::Throttle { throttle, waiting: 7 }), ..active() },
                vec![Cause::Throttled { throttle, waiting: 7 }],
            ),
            (
                Facts { gate: Some(Gate::Limit { limit, waiting: 2 }), ..active() },
                vec![Cause::LimitReached { limit, waiting: 2 }],
            ),
            (Facts { server: Some(limit), turn: Some(9), ..active() }, vec![Cause::ServerFull(limit)]),
            (Facts { paused: Some(pause), ..active() }, vec![Cause::NotConnecting(pause)]),
            (
                Facts { paused: Some(Pause { failures: 0, ..pause }), ..active() },
                vec![Cause::HostsFull(LATER)],
            ),
            (Facts { turn: Some(9), ..active() }, vec![Cause::ItsTurn { ahead: 9 }]),
            (active(), vec![Cause::ItsTurn { ahead: 0 }]),
            (Facts { most: 0, ..active() }, vec![Cause::AllBusy { connections: 0, most: 0 }]),
            (Facts { connections: 2, ..active() }, vec![Cause::Connecting { connections: 2 }]),
            (
                Facts { connections: 3, idle: 1, in_flight: 2, ..Facts::default() },
                vec![Cause::BeingDelivered { messages: 2, connections: 2 }],
            ),
            (
                Facts { connections: 2, in_flight: 2, most: 2, ..active() },
                vec![
                    Cause::BeingDelivered { messages: 2, connections: 2 },
                    Cause::AllBusy { connections: 2, most: 2 },
                ],
            ),
            (
                Facts { connections: 2, in_flight: 2, ..active() },
                vec![Cause::BeingDelivered { messages: 2, connections: 2 }, Cause::Enough { connections: 2 }],
            ),
            (Facts { delayed: 4, next_attempt: LATER, ..Facts::default() }, vec![Cause::NextAttempt(LATER)]),
        ] {
            assert_eq!(why(&facts), causes, "{facts:?}");
        }
    }
}
