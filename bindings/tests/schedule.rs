//! Stories of one shard's schedule, told as its driver would live them.

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

#[test]
fn four_hundred_messages_get_seven_connections() {
    let mut schedule = schedule();
    let queue = put(&mut schedule, "example.com", 0..400, START);
    let permits = connect_all(&mut schedule, START);
    assert_eq!(permits.len(), 7);
    assert_eq!(schedule.want(START), Want::Rest);
    let summary = schedule.summary(queue);
    assert_eq!((summary.active, summary.connections), (400, 7));
    schedule.connected(queue, START);
    assert_eq!(messages(schedule.take(queue, START, 100)), [0]);
    schedule.delivered(queue, START);
    assert_eq!(schedule.messages(), 399);
}

#[test]
fn a_deferred_message_waits_for_its_retry_and_is_given_up_after_six() {
    let mut schedule = schedule();
    let queue = put(&mut schedule, "example.com", 0..1, START);
    let permit = connect_all(&mut schedule, START).pop().unwrap();
    let mut now = START;
    for wait in [1200, 2400, 4800, 9600, 19_200, 38_400] {
        let (message, info) = batch(schedule.take(queue, now, 1))[0];
        let Verdict::RetryAt(next) = schedule.deferred(queue, &info, now) else {
            panic!("too early to give up")
        };
        assert_eq!(next, now + Duration::from_secs(wait));
        schedule.requeue(queue, message, info, next, now);
        assert_eq!(schedule.take(queue, now, 1), Take::Empty);
        assert_eq!(schedule.want(now), Want::SleepUntil(next), "a queue that only waits is exact");
        now = next;
        assert_eq!(schedule.want(now), Want::Maintain);
        schedule.maintained(now);
    }
    assert_eq!(now, after(75_600));
    let (_, info) = batch(schedule.take(queue, now, 1))[0];
    assert_eq!(info.attempts, 6);
    assert!(matches!(schedule.deferred(queue, &info, now), Verdict::RetriesExceeded(_)));
    schedule.dropped(queue, 1, now);
    schedule.closed(permit, now);
    assert_eq!(schedule.messages(), 0);
}

#[test]
fn on_a_busy_queue_a_due_message_is_found_by_the_next_scan() {
    let mut schedule = schedule();
    let settings = Rc::default();
    let queue = put_with(&mut schedule, "example.com", 0..10, &settings, START);
    let delayed =
        |message, seconds| Entry { next_attempt: after(seconds), ..Entry::fresh(message, START, 0) };
    schedule.enqueue("b1", "example.com", delayed(100, 3), || unreachable!(), START);
    let permits = connect_all(&mut schedule, START);
    assert_eq!(permits.len(), 2, "ceil(10 ^ 0.3)");
    assert_eq!(schedule.want(START), Want::SleepUntil(after(15)));
    assert_eq!(schedule.want(after(14)), Want::SleepUntil(after(15)));
    schedule.maintained(after(15));
    assert_eq!(schedule.summary(queue).delayed, 0);
    assert_eq!(messages(schedule.take(queue, after(15), 1)), [0], "longest due first");
}

#[test]
fn queues_take_turns_and_the_small_go_before_the_second_helping() {
    let mut schedule = Schedule::new(server(6));
    put(&mut schedule, "large.example", 0..5000, START);
    for number in 0..3 {
        put(&mut schedule, &format!("small{number}.example"), 0..1, START);
    }
    put(&mut schedule, "second.example", 0..5000, START);
    let permits = connect_all(&mut schedule, START);
    let expected = [
        "large.example",
        "small0.example",
        "small1.example",
        "small2.example",
        "second.example",
        "large.example",
    ];
    assert_eq!(domains(&schedule, &permits), expected);
}

#[test]
fn a_freed_connection_goes_to_a_queue_that_has_none() {
    let mut schedule = Schedule::new(server(2));
    let large = put(&mut schedule, "large.example", 0..5000, START);
    let mut permits = connect_all(&mut schedule, START);
    assert_eq!(permits.len(), 2);
    put(&mut schedule, "late.example", 0..1, START);
    assert_eq!(connect_all(&mut schedule, START).len(), 0);
    schedule.closed(permits.pop().unwrap(), START);
    permits.extend(connect_all(&mut schedule, START));
    assert_eq!(domains(&schedule, &permits), ["large.example", "late.example"]);
    assert_eq!(schedule.summary(large).connections, 1);
}

#[test]
fn the_reserve_serves_sweeps_for_queues_without_a_connection_only() {
    let mut settings = server(2);
    settings.reserve = 2;
    let limit = settings.server.clone();
    let mut schedule = Schedule::new(settings);
    put(&mut schedule, "large.example", 0..5000, START);
    let first = connect_all(&mut schedule, START);
    for number in 0..3 {
        put(&mut schedule, &format!("small{number}.example"), 0..1, START);
    }
    let mut swept = Vec::new();
    for second in 0..15 {
        assert_eq!(connect_all(&mut schedule, after(second)).len(), 0, "second {second}");
    }
    swept.extend(connect_all(&mut schedule, after(15)));
    assert_eq!(domains(&schedule, &swept), ["small0.example", "small1.example"]);
    assert_eq!(limit.counter.count(), 4);
    schedule.closed(swept.pop().unwrap(), after(16));
    assert_eq!(connect_all(&mut schedule, after(16)).len(), 0, "the next sweep is not due");
    let next = connect_all(&mut schedule, after(30));
    assert_eq!(domains(&schedule, &next), ["small2.example"]);
    drop(first);
}

#[test]
fn a_sweep_is_over_when_everybody_has_a_connection() {
    let mut schedule = Schedule::new(server(1));
    put(&mut schedule, "large.example", 0..5000, START);
    let _large = connect_all(&mut schedule, START);
    put(&mut schedule, "early.example", 0..1, START);
    assert!(connect_all(&mut schedule, START).is_empty());
    let swept = connect_all(&mut schedule, after(15));
    assert_eq!(domains(&schedule, &swept), ["early.example"]);
    put(&mut schedule, "late.example", 0..1, after(16));
    for second in 16..30 {
        assert!(connect_all(&mut schedule, after(second)).is_empty(), "second {second}");
    }
    let swept_next = connect_all(&mut schedule, after(30));
    assert_eq!(domains(&schedule, &swept_next), ["late.example"]);
}

#[test]
fn growing_queues_alternate() {
    let mut schedule = Schedule::new(server(6));
    put(&mut schedule, "one.example", 0..400, START);
    put(&mut schedule, "two.example", 0..400, START);
    let permits = connect_all(&mut schedule, START);
    let expected = ["one.example", "two.example"].repeat(3);
    assert_eq!(domains(&schedule, &permits), expected);
}

#[test]
fn a_queue_at_a_gate_waits_there_whatever_arrives() {
    let mut schedule = schedule();
    let settings = throttled(None, Some((1, 10)));
    put_with(&mut schedule, "one.example", 0..1, &settings, START);
    put_with(&mut schedule, "two.example", 0..1, &settings, START);
    assert_eq!(connect_all(&mut schedule, START).len(), 1);
    put_with(&mut schedule, "two.example", 1..9, &settings, after(1));
    assert_eq!(schedule.want(after(1)), Want::SleepUntil(after(10)));
}

#[test]
fn other_shards_leave_no_room_until_they_close() {
    let limit = SharedLimit::alone(1);
    let elsewhere = limit.take();
    let mut schedule = Schedule::new(ScheduleSettings::new(limit));
    schedule.enqueue("b1", "x.example", Entry::fresh(1, START, 1), Rc::default, START);
    let Want::Connect(queue) = schedule.want(START) else { panic!() };
    assert_eq!(schedule.connecting(queue, START).unwrap_err(), Refusal::ServerFull);
    assert_eq!(schedule.want(START), Want::SleepUntil(after(1)));
    drop(elsewhere);
    assert_eq!(schedule.want(after(1)), Want::Connect(queue));
    assert!(schedule.connecting(queue, after(1)).is_ok());
}

#[test]
fn the_smallest_limit_wins_and_a_close_lets_the_next_in() {
    let (wide, narrow) = (SharedLimit::alone(5), SharedLimit::alone(1));
    let settings =
        Rc::new(QueueSettings { limits: vec![wide.clone(), narrow.clone()], ..QueueSettings::default() });
    let mut schedule = schedule();
    for number in 0..3 {
        put_with(&mut schedule, &format!("d{number}.example"), 0..1, &settings, START);
    }
    let mut permits = connect_all(&mut schedule, START);
    assert_eq!(domains(&schedule, &permits), ["d0.example"]);
    assert_eq!((wide.counter.count(), narrow.counter.count()), (1, 1), "a refusal holds nothing");
    for expected in ["d1.example", "d2.example"] {
        let permit = permits.pop().unwrap();
        let queue = permit.queue();
        assert_eq!(messages(schedule.take(queue, START, 1)), [0]);
        schedule.delivered(queue, START);
        schedule.closed(permit, START);
        permits = connect_all(&mut schedule, START);
        assert_eq!(domains(&schedule, &permits), [expected]);
    }
}

#[test]
fn the_pair_has_its_own_maximum() {
    for (most, got) in [(0, 0), (1, 1), (3, 3)] {
        let settings = Rc::new(QueueSettings {
            max_outbound_connections: MaxConnections(most),
            ..QueueSettings::default()
        });
        let mut schedule = schedule();
        put_with(&mut schedule, "x.example", 0..400, &settings, START);
        assert_eq!(connect_all(&mut schedule, START).len(), got);
    }
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

#[test]
fn an_exhausted_message_throttle_leaves_messages_active() {
    let mut schedule = schedule();
    let settings = throttled(Some((2, 10)), None);
    let one = put_with(&mut schedule, "one.example", 0..5, &settings, START);
    let other = put_with(&mut schedule, "other.example", 5..10, &settings, START);
    connect_all(&mut schedule, START);
    assert_eq!(messages(schedule.take(one, START, 1)), [0]);
    assert_eq!(messages(schedule.take(other, START, 1)), [5]);
    assert_eq!(schedule.take(one, START, 1), Take::Throttled { until: after(10) });
    assert_eq!(schedule.summary(one).active, 4);
    assert_eq!(messages(schedule.take(one, after(10), 1)), [1]);
}

#[test]
fn a_batch_counts_each_recipient_and_is_cut_where_the_throttle_ends() {
    let mut schedule = schedule();
    let settings = throttled(Some((5, 10)), None);
    for message in 0..8 {
        let entry = Entry::fresh(message, START, 77);
        schedule.enqueue("b1", "x.example", entry, || Rc::clone(&settings), START);
    }
    let queue = connect_all(&mut schedule, START)[0].queue();
    assert_eq!(messages(schedule.take(queue, START, 3)), [0, 1, 2]);
    assert_eq!(messages(schedule.take(queue, START, 100)), [3, 4]);
    assert!(matches!(schedule.take(queue, START, 100), Take::Throttled { .. }));
    assert_eq!((schedule.summary(queue).active, schedule.summary(queue).in_flight), (3, 5));
    assert_eq!(messages(schedule.take(queue, after(10), 100)), [5, 6, 7]);
}

#[test]
fn a_thousand_queues_behind_one_throttle_do_not_rush_at_it() {
    let mut schedule = schedule();
    let settings = throttled(None, Some((10, 1)));
    for number in 0..1000 {
        put_with(&mut schedule, &format!("d{number}.example"), 0..1, &settings, START);
    }
    assert_eq!(connect_all(&mut schedule, START).len(), 10);
    for second in 1..100 {
        let (mut steps, mut connected) = (0, 0);
        while !matches!(schedule.want(after(second)), Want::SleepUntil(_) | Want::Rest) {
            steps += 1;
            match schedule.want(after(second)) {
                Want::Connect(queue) => {
                    connected += usize::from(schedule.connecting(queue, after(second)).is_ok())
                }
                _ => schedule.maintained(after(second)),
            }
        }
        assert_eq!(connected, 10, "second {second}");
        assert!(steps < 20, "{steps} steps for 10 connections");
    }
    assert_eq!(schedule.want(after(100)), Want::Rest, "every queue has its connection");
}

#[test]
fn only_copies_of_one_reception_share_a_transaction() {
    let mut schedule = schedule();
    for (message, key) in [(1, 7), (2, 7), (3, 8), (4, 8), (5, 8)] {
        let entry = Entry::fresh(message, START, key);
        schedule.enqueue("b1", "x.example", entry, Rc::default, START);
    }
    let queue = schedule.find("b1", "x.example").unwrap();
    for expected in [&[1, 2][..], &[3, 4], &[5]] {
        assert_eq!(messages(schedule.take(queue, START, 2)), expected);
    }
    assert_eq!(schedule.take(queue, START, 2), Take::Empty);
}

#[test]
fn what_was_not_tried_goes_first_again_and_spends_no_retry() {
    let mut schedule = schedule();
    let queue = put(&mut schedule, "x.example", 0..4, START);
    let taken = batch(schedule.take(queue, START, 1));
    let more = batch(schedule.take(queue, START, 1));
    schedule.returned(queue, more.into_iter().chain(taken), START);
    let again: Vec<_> = (0..4).flat_map(|_| batch(schedule.take(queue, START, 1))).collect();
    assert_eq!(again.iter().map(|(message, _)| *message).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert!(again.iter().all(|(_, info)| info.attempts == 0));
}

#[test]
fn a_failed_connect_pauses_the_queue_and_charges_no_message() {
    let mut schedule = schedule();
    let queue = put(&mut schedule, "x.example", 0..1, START);
    let permit = connect_all(&mut schedule, START).pop().unwrap();
    assert_eq!(schedule.connect_failed(permit, after(120), START), Contact::Hoped);
    assert_eq!(schedule.want(START), Want::SleepUntil(after(120)));
    assert_eq!(schedule.summary(queue).active, 1);
    assert_eq!(connect_all(&mut schedule, after(120)).len(), 1);
}

#[test]
fn a_domain_out_of_reach_for_long_is_delayed_as_a_whole() {
    let mut schedule = schedule();
    let settings = QueueSettings {
        connect_timeout_to_delay: ContactPatience(Duration::from_secs(900)),
        max_outbound_connections: MaxConnections(1),
        ..QueueSettings::default()
    };
    let queue = put_with(&mut schedule, "x.example", 0..3, &Rc::new(settings), START);
    for (seconds, contact) in
        [(0, Contact::Hoped), (300, Contact::Hoped), (899, Contact::Hoped), (900, Contact::Lost)]
    {
        let permit = connect_all(&mut schedule, after(seconds)).pop().unwrap();
        assert_eq!(schedule.connect_failed(permit, after(seconds), after(seconds)), contact);
    }
    let out = schedule.take_out(queue, Which::Active, 100, after(900));
    assert_eq!(out.len(), 3);
    for (message, info) in out {
        let Verdict::RetryAt(next) = schedule.deferred(queue, &info, after(900)) else { panic!() };
        schedule.requeue(queue, message, info, next, after(900));
    }
    assert_eq!(schedule.want(after(900)), Want::SleepUntil(after(2100)));
    schedule.maintained(after(2100));
    schedule.connected(queue, after(2100));
    let permit = connect_all(&mut schedule, after(2100)).pop().unwrap();
    assert_eq!(
        schedule.connect_failed(permit, after(2100), after(2100)),
        Contact::Hoped,
        "contact resets it"
    );
}

#[test]
fn a_host_that_keeps_failing_is_not_dialled_in_a_busy_loop() {
    let mut schedule = schedule();
    put(&mut schedule, "x.example", 0..1, START);
    let mut failures = 0;
    while let Want::Connect(queue) = schedule.want(START) {
        let permit = schedule.connecting(queue, START).unwrap();
        schedule.connect_failed(permit, START, START);
        failures += 1;
    }
    assert_eq!(failures, 11);
    assert_eq!(schedule.want(START), Want::SleepUntil(after(1)));
}

#[test]
fn an_idle_connection_is_woken_before_another_is_opened() {
    let mut schedule = schedule();
    let queue = put(&mut schedule, "x.example", 0..1, START);
    let mut permits = connect_all(&mut schedule, START);
    assert_eq!(messages(schedule.take(queue, START, 1)), [0]);
    schedule.delivered(queue, START);
    assert_eq!(schedule.take(queue, START, 1), Take::Empty);
    schedule.idle(queue, START);
    assert_eq!(schedule.want(START), Want::Rest);
    put(&mut schedule, "x.example", 1..2, after(3));
    assert_eq!(schedule.want(after(3)), Want::Wake(queue));
    schedule.woken(queue, after(3));
    assert_eq!(schedule.want(after(3)), Want::Rest);
    assert_eq!(messages(schedule.take(queue, after(3), 1)), [1]);
    schedule.delivered(queue, after(3));
    schedule.idle(queue, after(3));
    schedule.woken(queue, after(8));
    schedule.closed(permits.pop().unwrap(), after(8));
    assert_eq!(schedule.want(after(8)), Want::SleepUntil(after(68)), "the empty queue lingers");
    schedule.maintained(after(68));
    assert_eq!((schedule.queues(), schedule.find("b1", "x.example")), (0, None));
}

#[test]
fn one_message_wakes_one_of_many_idle_connections() {
    let mut schedule = schedule();
    let queue = put(&mut schedule, "x.example", 0..30, START);
    let permits = connect_all(&mut schedule, START);
    assert_eq!(permits.len(), 3);
    while let Take::Batch(batch) = schedule.take(queue, START, 30) {
        schedule.dropped(queue, batch.len() as u32, START);
    }
    (0..3).for_each(|_| schedule.idle(queue, START));
    put(&mut schedule, "x.example", 30..31, START);
    assert!(connect_all(&mut schedule, START).is_empty());
    assert_eq!(schedule.summary(queue).idle, 2);
    put(&mut schedule, "x.example", 31..60, START);
    assert_eq!(connect_all(&mut schedule, START).len(), 0, "three connections are the goal of 30 messages");
    assert_eq!(schedule.summary(queue).idle, 0);
}

#[test]
fn a_suspended_scope_attempts_nothing_until_it_is_resumed() {
    for scope in [
        Scope::All,
        Scope::Binding("b1"),
        Scope::Domain("x.example"),
        Scope::Queue { binding: "b1", domain: "x.example" },
    ] {
        let mut schedule = schedule();
        let queue = put(&mut schedule, "x.example", 0..1, START);
        let permit = connect_all(&mut schedule, START).pop().unwrap();
        schedule.suspend(scope, START).unwrap();
        assert_eq!(schedule.take(queue, START, 1), Take::Suspended);
        assert!(schedule.is_suspended("b1", "x.example"));
        schedule.closed(permit, START);
        assert_eq!(schedule.want(START), Want::Rest);
        put(&mut schedule, "x.example", 1..2, START);
        assert_eq!(schedule.want(START), Want::Rest);
        schedule.resume(scope, START);
        assert_eq!(schedule.want(START), Want::Connect(queue), "{scope:?}");
    }
}

#[test]
fn a_suspension_covers_queues_that_come_later_and_no_others() {
    let mut schedule = schedule();
    schedule.suspend(Scope::Domain("x.example"), START).unwrap();
    put(&mut schedule, "x.example", 0..1, START);
    let other = put(&mut schedule, "y.example", 0..1, START);
    assert_eq!(connect_all(&mut schedule, START)[0].queue(), other);
    assert_eq!(schedule.want(START), Want::Rest);
}

#[test]
fn a_flush_brings_back_what_waits() {
    let mut schedule = schedule();
    let wait =
        |message: u32| Entry { next_attempt: after(5000), ..Entry::fresh(message, START, message.into()) };
    for message in 0..3 {
        schedule.enqueue("b1", "x.example", wait(message), Rc::default, START);
    }
    assert_eq!(schedule.want(START), Want::SleepUntil(after(5000)));
    assert_eq!(schedule.flush(Scope::Binding("other"), START), 0);
    assert_eq!(schedule.flush(Scope::Domain("x.example"), START), 3);
    assert_eq!(connect_all(&mut schedule, START).len(), 2);
}

#[test]
fn orders_take_messages_out_and_give_them_back() {
    let mut schedule = schedule();
    let queue = put(&mut schedule, "x.example", 0..3, START);
    let wait = Entry { next_attempt: after(9), ..Entry::fresh(9, START, 9) };
    schedule.enqueue("b1", "x.example", wait, Rc::default, START);
    let retried = schedule.extract(queue, |message| *message == 9, START);
    assert_eq!(retried.len(), 1);
    schedule.returned(queue, retried, START);
    assert_eq!(schedule.summary(queue).active, 4, "message retry makes it active now");
    let failed = schedule.take_out(queue, Which::All, 100, START);
    assert_eq!(failed.len(), 4);
    schedule.dropped(queue, 4, START);
    assert_eq!((schedule.messages(), schedule.waiting(queue).count()), (0, 0));
}

#[test]
fn mail_in_a_black_hole_is_to_be_failed_at_once() {
    let settings = Rc::new(QueueSettings { blackhole: Blackhole::Internal, ..QueueSettings::default() });
    let mut schedule = schedule();
    let queue = put_with(&mut schedule, "x.example", 0..3, &settings, START);
    assert_eq!(schedule.want(START), Want::Fail(queue));
    assert_eq!(schedule.take_out(queue, Which::All, 2, START).len(), 2);
    assert_eq!(schedule.want(START), Want::Fail(queue));
    assert_eq!(schedule.take_out(queue, Which::All, 2, START).len(), 1);
    schedule.dropped(queue, 3, START);
    assert!(matches!(schedule.want(START), Want::SleepUntil(_)));
}

#[test]
fn expired_messages_are_attempted_unless_the_configuration_forbids() {
    for forbidden in [false, true] {
        let retry = RetrySettings { never_attempt_expired: forbidden, ..RetrySettings::default() };
        let settings = Rc::new(QueueSettings { retry, ..QueueSettings::default() });
        let mut schedule = schedule();
        let queue = put_with(&mut schedule, "x.example", 0..2, &settings, START);
        put_with(&mut schedule, "x.example", 2..3, &settings, after(86_400));
        let taken = schedule.take(queue, after(86_400), 10);
        if forbidden {
            assert!(matches!(taken, Take::Expired(expired) if expired.len() == 2));
            assert_eq!(messages(schedule.take(queue, after(86_400), 10)), [2]);
        } else {
            assert_eq!(messages(taken), [0]);
        }
    }
}

#[test]
fn a_reload_takes_effect_on_queues_that_wait() {
    let mut schedule = schedule();
    let none = SharedLimit::alone(0);
    let shut = Rc::new(QueueSettings { limits: vec![none], ..QueueSettings::default() });
    let queue = put_with(&mut schedule, "x.example", 0..1, &shut, START);
    assert!(connect_all(&mut schedule, START).is_empty());
    schedule.reload(server(10), |_, _| Rc::default(), START);
    assert_eq!(schedule.want(START), Want::Connect(queue));
    let suspended = Rc::new(QueueSettings { suspend_delivery: true, ..QueueSettings::default() });
    schedule.reload(server(10), |_, _| Rc::clone(&suspended), START);
    assert!(connect_all(&mut schedule, after(10)).is_empty());
    assert_eq!(schedule.take(queue, START, 1), Take::Suspended);
}

#[test]
#[should_panic(expected = "connecting is told after Want::Connect")]
fn connecting_out_of_turn_panics() {
    let mut schedule = schedule();
    let queue = put(&mut schedule, "x.example", 0..1, START);
    let _permit = schedule.connecting(queue, START);
    let _second = schedule.connecting(queue, START);
}

#[test]
#[should_panic(expected = "only what is in flight comes back")]
fn delivering_what_was_not_taken_panics() {
    let mut schedule = schedule();
    let queue = put(&mut schedule, "x.example", 0..1, START);
    schedule.delivered(queue, START);
}
