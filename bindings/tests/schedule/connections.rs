//! Who gets a connection, when, and who waits for what.

use super::*;

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
