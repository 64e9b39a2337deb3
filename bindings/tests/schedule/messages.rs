//! Messages on their way out and back.

use super::*;

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
