//! What operators, reloads and mistakes of the driver do.

use super::*;

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
fn a_reload_takes_effect_on_queues_that_wait() {
    let mut schedule = schedule();
    let none = SharedLimit::alone(0);
    let shut = Rc::new(QueueSettings { limits: vec![none], ..QueueSettings::default() });
    let queue = put_with(&mut schedule, "x.example", 0..1, &shut, START);
    assert!(connect_all(&mut schedule, START).is_empty());
    schedule.reload(server(10));
    assert_eq!(schedule.resettle(0, 10, |_, _| Rc::default(), START), None);
    assert_eq!(schedule.want(START), Want::Connect(queue));
    let suspended = Rc::new(QueueSettings { suspend_delivery: true, ..QueueSettings::default() });
    schedule.reload(server(10));
    assert_eq!(schedule.resettle(0, 10, |_, _| Rc::clone(&suspended), START), None);
    assert!(connect_all(&mut schedule, after(10)).is_empty());
    assert_eq!(schedule.take(queue, START, 1), Take::Suspended);
}

#[test]
fn queues_take_their_new_settings_in_lots() {
    let mut schedule = schedule();
    for name in ["a.example", "b.example", "c.example", "d.example", "e.example"] {
        put(&mut schedule, name, 0..1, START);
    }
    let (mut from, mut lots, mut seen) = (Some(0), 0, Vec::new());
    while let Some(next) = from {
        let resolve = |_: &str, domain: &str| {
            seen.push(domain.to_owned());
            Rc::default()
        };
        from = schedule.resettle(next, 2, resolve, START);
        lots += 1;
    }
    assert_eq!((lots, seen.len()), (3, 5));
    seen.dedup();
    assert_eq!(seen.len(), 5, "each queue once");
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
