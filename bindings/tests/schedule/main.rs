//! Stories of one shard's schedule, told as its driver would live them. Here: what every story begins with.

mod connections;
mod messages;
mod orders;

use bindings::limit::SharedLimit;
use bindings::settings::{ContactPatience, MaxConnections};
use bindings::*;
use mail::Time;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

const START: Time = Time::from_secs(1_000_000);

fn after(seconds: u64) -> Time {
    START + Duration::from_secs(seconds)
}

fn server(most: u32) -> ScheduleSettings {
    ScheduleSettings::new(SharedLimit::alone(most))
}

fn schedule() -> Schedule<u32> {
    Schedule::new(server(1000))
}

fn put(schedule: &mut Schedule<u32>, domain: &str, messages: std::ops::Range<u32>, now: Time) -> QueueId {
    put_with(schedule, domain, messages, &Rc::default(), now)
}

fn put_with(
    schedule: &mut Schedule<u32>,
    domain: &str,
    messages: std::ops::Range<u32>,
    settings: &Rc<QueueSettings>,
    now: Time,
) -> QueueId {
    messages
        .map(|message| {
            let entry = Entry::fresh(message, now, u64::from(message));
            schedule.enqueue("b1", domain, entry, || Rc::clone(settings), now)
        })
        .last()
        .expect("at least one message is put")
}

/// Does what the schedule wants until it rests: the permits got, in order.
fn connect_all(schedule: &mut Schedule<u32>, now: Time) -> Vec<ConnectionPermit> {
    let mut permits = Vec::new();
    loop {
        let want = schedule.want(now);
        assert_eq!(want, schedule.want(now), "asking changes nothing");
        match want {
            Want::Connect(queue) => permits.extend(schedule.connecting(queue, now)),
            Want::Maintain => schedule.maintained(now),
            Want::Wake(queue) => schedule.woken(queue, now),
            Want::Fail(_) | Want::Rest => return permits,
            Want::SleepUntil(until) => {
                assert!(until > now, "to sleep until now is not to sleep");
                return permits;
            }
        }
    }
}

fn domains(schedule: &Schedule<u32>, permits: &[ConnectionPermit]) -> Vec<String> {
    permits.iter().map(|permit| schedule.names(permit.queue()).1.to_string()).collect()
}

fn batch(taken: Take<u32>) -> Vec<(u32, EntryInfo)> {
    match taken {
        Take::Batch(batch) => batch,
        other => panic!("expected a batch, got {other:?}"),
    }
}

fn messages(taken: Take<u32>) -> Vec<u32> {
    batch(taken).into_iter().map(|(message, _)| message).collect()
}

/// Each throttle is so many events in so many seconds.
fn throttled(messages: Option<(u32, u32)>, connections: Option<(u32, u32)>) -> Rc<QueueSettings> {
    let cell = |(events, seconds)| Arc::new(ThrottleCell::new(Rate { events, seconds }));
    Rc::new(QueueSettings {
        message_throttle: messages.map(cell),
        connection_throttle: connections.map(cell),
        ..QueueSettings::default()
    })
}
