//! The order of messages within a queue, and what they cost.

use super::*;
use crate::entry::Entry;

const NOW: Time = Time::from_secs(1_000_000);

fn queue() -> Queue<u64> {
    Queue::new("b1", "alpha.example", Rc::default(), Rc::new(Totals::new(NOW)), NOW)
}

fn put(queue: &mut Queue<u64>, message: u64, next_attempt: Time, priority: bool) {
    let order = queue.order();
    let entry = Entry { next_attempt, priority, ..Entry::fresh(message, NOW, message) };
    queue.put(entry.waiting(order), NOW);
}

fn drain(queue: &mut Queue<u64>) -> Vec<u64> {
    std::iter::from_fn(|| queue.pop_active().map(|waiting| waiting.message)).collect()
}

#[test]
fn priority_goes_first_then_the_longest_due_then_the_first_come() {
    let mut queue = queue();
    let earlier = NOW - Duration::from_secs(5);
    for (message, due, priority) in
        [(1, NOW, false), (2, NOW, false), (3, NOW, true), (4, earlier, false), (5, earlier, true)]
    {
        put(&mut queue, message, due, priority);
    }
    assert_eq!(drain(&mut queue), [5, 3, 4, 1, 2]);
}

#[test]
fn a_message_that_was_not_tried_returns_to_its_place() {
    let mut queue = queue();
    (1..=4).for_each(|message| put(&mut queue, message, NOW, false));
    let taken = [queue.pop_active().unwrap(), queue.pop_active().unwrap()];
    taken.into_iter().rev().for_each(|waiting| queue.activate(waiting));
    assert_eq!(drain(&mut queue), [1, 2, 3, 4]);
}

#[test]
fn a_scan_moves_what_is_due_a_portion_at_a_time() {
    let mut queue = queue();
    let count = MOVED_AT_ONCE as u64 + 10;
    (0..count).for_each(|message| put(&mut queue, message, NOW + Duration::from_secs(60), false));
    put(&mut queue, count, NOW + Duration::from_secs(61), false);
    let due = NOW + Duration::from_secs(60);
    assert_eq!(queue.next_look(Duration::from_secs(15)), due);
    queue.scan(due);
    assert_eq!((queue.active(), queue.delayed()), (MOVED_AT_ONCE, 11));
    assert!(queue.next_look(Duration::from_secs(15)) <= due, "the rest follows at once");
    queue.scan(due);
    assert_eq!((queue.active(), queue.delayed()), (count as usize, 1));
    assert_eq!(queue.next_look(Duration::from_secs(15)), due + Duration::from_secs(15));
}

#[test]
fn a_flush_makes_everything_due_and_keeps_the_order() {
    let mut queue = queue();
    put(&mut queue, 1, NOW + Duration::from_secs(600), false);
    put(&mut queue, 2, NOW + Duration::from_secs(1200), false);
    assert_eq!(queue.flush(), 2);
    queue.scan(NOW);
    assert_eq!(drain(&mut queue), [1, 2]);
}

#[test]
fn a_flush_of_many_is_carried_out_in_portions_and_means_only_what_was_there() {
    let mut queue = queue();
    let count = MOVED_AT_ONCE as u64 + 10;
    (0..count).for_each(|message| put(&mut queue, message, NOW + Duration::from_secs(3600), false));
    assert_eq!(queue.flush(), count as usize);
    queue.scan(NOW);
    assert_eq!((queue.active(), queue.delayed()), (MOVED_AT_ONCE, 10));
    // It failed meanwhile, and would be due before those.
    put(&mut queue, count, NOW + Duration::from_secs(60), false);
    assert!(queue.next_look(Duration::from_secs(15)) <= NOW, "the rest follows at once");
    assert_eq!(queue.extract(|message| *message == 0).len(), 1, "one of them is taken out on the way");
    queue.scan(NOW);
    assert_eq!((queue.active(), queue.delayed()), (count as usize - 1, 1));
    assert_eq!(queue.first_due(), NOW + Duration::from_secs(60));
    assert!(drain(&mut queue).iter().all(|message| *message < count));
}

#[test]
fn a_million_messages_take_less_than_64_bytes_each_and_leave_no_memory_behind() {
    let mut queue = queue();
    let mut worst = 0;
    for message in 0..1_100_000u64 {
        put(&mut queue, message, NOW, false);
        if message > 1_000_000 {
            worst = worst.max(queue.active.capacity() * size_of::<ByTurn<u64>>() * 1000 / queue.active());
        }
    }
    assert!(worst < 64 * 1000, "{worst} thousandths of a byte");
    assert_eq!(drain(&mut queue).len(), 1_100_000);
    assert!(queue.active.capacity() <= 1024);
}
