//! What operators, reloads and mistakes of the driver do.

use super::*;

fn ordered(by: &str) -> Order {
    Order { authority: Authority::Operator, by: by.into(), at: START }
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
        schedule.suspend(scope, ordered("ann"), START).unwrap();
        assert_eq!(schedule.take(queue, START, 1), Take::Suspended);
        assert!(schedule.is_suspended("b1", "x.example"));
        schedule.closed(permit, START);
        assert_eq!(schedule.want(START), Want::Rest);
        put(&mut schedule, "x.example", 1..2, START);
        assert_eq!(schedule.want(START), Want::Rest);
        assert!(schedule.resume(scope, START), "{scope:?}");
        assert!(!schedule.resume(scope, START), "{scope:?}");
        assert_eq!(schedule.want(START), Want::Connect(queue), "{scope:?}");
    }
}

#[test]
fn a_suspension_covers_queues_that_come_later_and_no_others() {
    let mut schedule = schedule();
    schedule.suspend(Scope::Domain("x.example"), ordered("ann"), START).unwrap();
    put(&mut schedule, "x.example", 0..1, START);
    let other = put(&mut schedule, "y.example", 0..1, START);
    assert_eq!(connect_all(&mut schedule, START)[0].queue(), other);
    assert_eq!(schedule.want(START), Want::Rest);
}

#[test]
fn a_curfew_is_beside_the_orders_of_operators_and_replaces_the_curfew_before() {
    let mut schedule = schedule();
    let rule = |scope| (scope, Order { authority: Authority::Curfew, ..ordered("curfew, /c:1") });
    let reconsider = |schedule: &mut Schedule<u32>| {
        let mut from = Some(0);
        while let Some(next) = from {
            from = schedule.reconsider(next, 1, START);
        }
    };
    let x = put(&mut schedule, "x.example", 0..1, START);
    let y = put(&mut schedule, "y.example", 0..1, START);
    schedule.curfew([rule(Scope::Domain("x.example")), rule(Scope::Domain("z.example"))]).unwrap();
    let z = put(&mut schedule, "z.example", 0..1, START);
    assert!(schedule.is_suspended("b1", "z.example"), "queues that come later obey at once");
    reconsider(&mut schedule);
    assert_eq!(schedule.want(START), Want::Connect(y));
    // A scope that an operator has suspended too needs both to end.
    schedule.suspend(Scope::Domain("x.example"), ordered("ann"), START).unwrap();
    assert_eq!(schedule.suspensions().count(), 3);
    schedule.curfew([rule(Scope::Domain("y.example"))]).unwrap();
    reconsider(&mut schedule);
    assert_eq!(schedule.want(START), Want::Connect(z));
    schedule.resume(Scope::Domain("x.example"), START);
    schedule.curfew([]).unwrap();
    reconsider(&mut schedule);
    let connected = connect_all(&mut schedule, START);
    let has = |queue| connected.iter().any(|permit| permit.queue() == queue);
    assert!([x, y, z].into_iter().all(has), "nothing holds them any more");
    // More than there may be: the curfew before goes on.
    let many = bindings::suspension::SUSPENSIONS_AT_MOST;
    let names: Vec<String> = (0..=many).map(|number| format!("d{number}.example")).collect();
    assert!(schedule.curfew(names.iter().map(|name| rule(Scope::Domain(name)))).is_err());
    assert_eq!(schedule.suspensions().count(), 0);
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
    let queue = schedule.find("b1", "x.example").unwrap();
    assert_eq!(schedule.flush(queue, START), 3);
    assert_eq!(schedule.flush(queue, START), 3, "they are moved by the next look, not by the order");
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

#[test]
fn a_suspension_remembers_who_ordered_it_first() {
    let mut schedule = schedule();
    let queue = put(&mut schedule, "x.example", 0..1, START);
    schedule.suspend(Scope::Domain("x.example"), ordered("ann"), START).unwrap();
    schedule.suspend(Scope::Domain("x.example"), ordered("bob"), START).unwrap();
    schedule.suspend(Scope::All, ordered("cora"), START).unwrap();
    let known: Vec<_> = schedule.suspensions().map(|(scope, order)| (scope, &*order.by)).collect();
    assert_eq!(known, [(Scope::All, "cora"), (Scope::Domain("x.example"), "ann")]);
    let facts = schedule.facts(queue, START);
    assert_eq!(
        facts.suspended_by_order,
        [(Scope::All, &ordered("cora")), (Scope::Domain("x.example"), &ordered("ann"))]
    );
}

#[test]
fn a_walk_in_pieces_sees_every_queue_that_stays_once() {
    for piece in [1, 2, 3, 100] {
        let mut schedule = schedule();
        for number in 0..10 {
            put(&mut schedule, &format!("d{number}.example"), number..number + 1, START);
        }
        let (mut seen, mut from, mut pieces) = (Vec::new(), 0, 0);
        loop {
            let next = schedule.walk(from, piece, |queue| seen.push(queue.domain.to_owned()));
            // In between one comes and one that is not reached yet is emptied: it stays for a while.
            put(&mut schedule, &format!("new{pieces}.example"), 90..91, START);
            if let Some(queue) = schedule.find("b1", "d9.example") {
                let out = schedule.take_out(queue, Which::All, 9, START);
                schedule.dropped(queue, out.len() as u32, START);
            }
            pieces += 1;
            match next {
                Some(next) if pieces < 50 => from = next,
                _ => break,
            }
        }
        for number in 0..10 {
            let name = format!("d{number}.example");
            assert_eq!(seen.iter().filter(|domain| **domain == name).count(), 1, "{name} by {piece}");
        }
    }
}

#[test]
fn what_is_put_off_by_order_spends_no_retry() {
    let mut schedule = schedule();
    let queue = put(&mut schedule, "x.example", 0..2, START);
    for (message, info) in schedule.take_out(queue, Which::Active, 10, START) {
        schedule.postponed(queue, message, info, after(300), START);
    }
    assert_eq!(schedule.summary(queue).delayed, 2);
    assert!(schedule.waiting(queue).all(|(_, info, place)| info.attempts == 0 && place == Place::Delayed));
    assert_eq!(schedule.want(START), Want::SleepUntil(after(300)));
}

#[test]
fn a_binding_adds_up_what_its_queues_do() {
    let mut schedule = schedule();
    let queue = put(&mut schedule, "x.example", 0..3, START);
    put(&mut schedule, "y.example", 3..4, START);
    let out = schedule.take_out(queue, Which::All, 3, START);
    schedule.delivered(queue, START);
    schedule.failed(queue, START);
    let (message, info) = out[2];
    schedule.requeue(queue, message, info, after(9), START);
    let (binding, totals) = schedule.totals().next().unwrap();
    let counts = (totals.received(), totals.delivered(), totals.failed(), totals.deferred());
    assert_eq!((binding, counts, totals.since), ("b1", (4, 1, 1, 1), START));
    let summary = schedule.summary(queue);
    assert_eq!((summary.delivered, summary.failed), (1, 1));
    assert!(schedule.exists(queue));
}

#[test]
fn the_last_reply_is_kept_and_bounded() {
    let mut schedule = schedule();
    let queue = put(&mut schedule, "x.example", 0..1, START);
    assert_eq!(schedule.last_reply(queue), None);
    schedule.replied(queue, "451 4.7.1 later", START);
    schedule.replied(queue, &"\u{fc}".repeat(1000), after(1));
    let last = schedule.last_reply(queue).unwrap();
    assert_eq!((last.at, last.text.len()), (after(1), bindings::REPLY_OCTETS));
}

/// The schedule's own states, up to the cause that an operator reads.
#[test]
fn a_queue_says_why_it_waits() {
    use bindings::why::{Exhausted, Limit, why};
    let causes = |schedule: &Schedule<u32>, queue, now| format!("{:?}", why(&schedule.facts(queue, now)));
    let limit = SharedLimit { option: "scope_max_outbound_connections", ..SharedLimit::alone(0) };
    let shut = Rc::new(QueueSettings { limits: vec![limit], ..QueueSettings::default() });
    let slow = throttled(Some((1, 60)), None);
    let dry = throttled(None, Some((1, 60)));
    let mut schedule = schedule();
    let limited = put_with(&mut schedule, "limited.example", 0..1, &shut, START);
    let throttled_one = put_with(&mut schedule, "slow.example", 1..3, &slow, START);
    let first = put_with(&mut schedule, "dry.example", 3..4, &dry, START);
    let second = put_with(&mut schedule, "dry2.example", 4..5, &dry, START);
    let free = put(&mut schedule, "free.example", 5..6, START);
    assert_eq!(why(&schedule.facts(free, START)), [Cause::ItsTurn { ahead: 4 }]);
    let permits = connect_all(&mut schedule, START);
    let taken = batch(schedule.take(throttled_one, START, 1));
    schedule.returned(throttled_one, taken, START);
    let reached = Limit { option: "scope_max_outbound_connections", most: 0, held: 0 };
    assert_eq!(why(&schedule.facts(limited, START)), [Cause::LimitReached { limit: reached, waiting: 1 }]);
    let counter = schedule.awaited_counter(limited, START).unwrap();
    assert!(schedule.counts_at(limited, &counter) && !schedule.counts_at(free, &counter));
    assert!(schedule.awaited_counter(throttled_one, START).is_none());
    let rate = Rate { events: 1, seconds: 60 };
    let throttle = Exhausted { option: "outbound_throttle_messages", rate, until: after(60) };
    assert_eq!(why(&schedule.facts(throttled_one, START)), [Cause::Throttled { throttle, waiting: 1 }]);
    let throttle = Exhausted { option: "outbound_throttle_connections", rate, until: after(60) };
    assert_eq!(why(&schedule.facts(second, START)), [Cause::Throttled { throttle, waiting: 1 }]);
    assert_eq!(why(&schedule.facts(first, START)), [Cause::Connecting { connections: 1 }]);
    for permit in permits.into_iter().filter(|permit| permit.queue() == free) {
        schedule.connect_failed(permit, after(20), START);
    }
    let said = causes(&schedule, free, START);
    assert!(said.contains("NotConnecting") && said.contains("failures: 1"), "{said}");
}
