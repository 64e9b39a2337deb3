//! Room: group commit, notes that ride along, long promises, full disks, compaction and what it cannot read.

use crate::disk::{Disk, Log, settings};
use bytes::Bytes;
use spool::{Durability, Journal, PrepareFailure, Promise, Refusal, Segment, Settings, State, Want};

#[test]
fn one_commit_takes_all_that_wait() {
    let mut log = Log::new();
    let first = log.promise(100, 1);
    let commit = log.batch();
    log.chores();
    let others: Vec<_> = (0..20).map(|_| log.promise(2000, 1)).collect();
    assert_eq!(log.journal.want(log.now), Want::Rest, "one commit is in flight");
    log.disk.write(&commit);
    log.journal.committed(commit.buffer);
    assert_eq!(log.journal.durable(), first.sequence());
    let commits = log.journal.status().commits;
    log.commit();
    assert_eq!(log.journal.status().commits, commits + 1);
    assert!(others.iter().all(|promise| log.journal.is_durable(*promise) == Durability::Durable));
    assert_eq!(log.journal.durable(), log.journal.last());
}

#[test]
fn notes_ride_along_or_go_after_their_delay_or_when_they_are_many() {
    let mut log = Log::new();
    let promise = log.durable(100, 3000);
    let told = log.now;
    log.journal.finished(promise, 0, told);
    let due = told + log.settings.note_delay;
    assert_eq!(log.journal.want(told), Want::SleepUntil(due));
    assert_eq!(log.journal.want(due), Want::Commit);
    let other = log.promise(100, 1);
    assert_eq!(log.journal.want(told), Want::Commit, "the note rides along");
    log.commit();
    assert_eq!(log.journal.is_durable(other), Durability::Durable);
    assert_eq!(log.journal.want(log.now), Want::Rest);
    let mut copies = 1..3000;
    while log.journal.want(log.now) != Want::Commit {
        let copy = copies.next().expect("64 KiB of notes are enough");
        log.journal.finished(promise, copy, log.now);
    }
    assert!((1500..2000).contains(&copies.start), "{}", copies.start);
}

#[test]
fn a_promise_longer_than_a_segment_is_durable_with_its_last_part() {
    let mut log = Log::new();
    let long = log.promise(3_000_000, 1);
    let short = log.promise(10, 1);
    while log.journal.is_durable(long) == Durability::Waiting {
        assert!(log.disk.recover(&log.settings).living.is_empty(), "a promise without its last part is none");
        log.commit();
    }
    while log.journal.is_durable(short) == Durability::Waiting {
        log.commit();
    }
    let parts = log.journal.location(long).expect("it lives").len();
    assert!(parts > 40, "{parts}");
    let read = log.disk.promised(&log.journal, long).expect("it lives");
    assert_eq!((read.head.len(), read.body.len()), (4, 3_000_000));
    let recovered = log.disk.recover(&log.settings);
    assert_eq!(recovered.report.damages, []);
    assert_eq!(recovered.living.iter().map(|living| living.body_bytes).collect::<Vec<_>>(), [3_000_000, 10]);
    log.journal = Journal::new(log.settings.clone(), recovered.state);
    log.chores();
    assert_eq!(log.disk.promised(&log.journal, long).expect("it lives"), read);
}

#[test]
fn a_short_promise_is_read_back_without_a_copy() {
    let mut log = Log::new();
    let promise = log.durable(5000, 1);
    let location = log.journal.location(promise).expect("it lives")[0];
    let blocks = log.disk.read(location);
    let memory = blocks.as_ptr_range();
    let read = spool::read::promised(promise, vec![(location, blocks)]).expect("it is whole");
    assert!(memory.contains(&read.body.as_ptr()) && memory.contains(&read.head.as_ptr()));
    let blocks = log.disk.read(location);
    let other = Promise(promise.0 + 1);
    assert_eq!(spool::read::promised(other, vec![(location, blocks)]), Err(spool::read::Unreadable));
}

#[test]
fn promises_are_refused_by_size_by_room_and_by_what_waits() {
    let settings = Settings { promise_bytes: 500_000, waiting_bytes: 200_000, ..settings() };
    let mut journal = Journal::new(settings.clone(), State::default());
    let body = |length| [Bytes::from(vec![7; length])];
    assert_eq!(journal.promise(b"", &body(10), 1), Err(Refusal::NoSegment));
    Disk::default().chore(&mut journal, &settings, Want::Prepare(Segment(1)));
    assert_eq!(journal.promise(b"", &body(500_001), 1), Err(Refusal::TooLarge));
    assert_eq!(journal.promise(b"", &body(10), spool::limits::COPIES + 1), Err(Refusal::TooLarge));
    assert!(journal.promise(b"", &body(400_000), 1).is_ok(), "one may be longer than what may wait");
    assert_eq!(journal.promise(b"", &body(10), 1), Err(Refusal::Busy));
}

#[test]
fn a_full_journal_refuses_promises_and_still_finishes_what_it_holds() {
    let mut log = Log::with(Settings { segments: 3, ..settings() });
    let mut promises = Vec::new();
    let full = loop {
        match log.journal.promise(b"head", &[Bytes::from(vec![1; 40_000])], 1) {
            Ok(promise) => promises.push(promise),
            Err(refusal) => break refusal,
        }
        log.commit();
    };
    assert_eq!(full, Refusal::Full);
    assert!(promises.len() > 40, "{}", promises.len());
    for promise in promises {
        log.journal.finished(promise, 0, log.now);
    }
    log.commit();
    assert_eq!(log.journal.status().promises_living, 0);
    log.durable(40_000, 1);
}

#[test]
fn without_space_for_another_segment_waiting_promises_fail_and_later_ones_are_taken_again() {
    let mut log = Log::new();
    let long = log.promise(3_000_000, 1);
    let Want::Commit = log.journal.want(log.now) else { panic!("a segment is to be opened") };
    while !matches!(log.journal.want(log.now), Want::Prepare(_)) {
        let commit = log.journal.take_commit();
        log.disk.write(&commit);
        log.journal.committed(commit.buffer);
    }
    let Want::Prepare(segment) = log.journal.want(log.now) else { panic!("it was wanted") };
    log.journal.prepare_failed(segment, PrepareFailure::NoSpace, log.now);
    assert_eq!(log.journal.is_durable(long), Durability::Failed);
    assert_eq!(log.journal.promise(b"", &[Bytes::from(vec![0; 600_000])], 1), Err(Refusal::Full));
    assert!(matches!(log.journal.want(log.now), Want::SleepUntil(_)));
    log.now = log.now + log.settings.failure_pause;
    assert!(matches!(log.journal.want(log.now), Want::Prepare(next) if next > segment));
    log.chores();
    let promise = log.durable(600_000, 1);
    assert_eq!(log.disk.recover(&log.settings).living[0].promise, promise);
}

/// Long-lived promises in the first segment, and dead ones in many others behind it.
fn mostly_dead(log: &mut Log) -> Vec<Promise> {
    let mut living = Vec::new();
    while log.journal.status().segments_in_use < 4 {
        let dead = log.durable(60_000, 1);
        if log.journal.status().segments_in_use == 1 {
            living.push(log.durable(3000, 70));
            log.journal.deferred(*living.last().expect("one"), 3, log.now, 2, b"451 later", log.now);
        }
        log.journal.finished(dead, 0, log.now);
    }
    living
}

#[test]
fn compaction_moves_what_lives_with_its_state_and_frees_the_oldest_segment() {
    let mut log = Log::new();
    let living = mostly_dead(&mut log);
    let is_in_first = |log: &Log, promise: &Promise| {
        log.journal.location(*promise).expect("it lives")[0].segment == Segment(1)
    };
    let moved = |log: &Log| living.iter().filter(|promise| !is_in_first(log, promise)).count();
    assert!(living.len() > 10 && moved(&log) <= 1);
    while moved(&log) < living.len() {
        log.commit();
    }
    log.durable(10, 1);
    assert!(log.journal.status().segments_in_use < 4);
    let recovered = log.disk.recover(&log.settings);
    assert_eq!(recovered.report.damages, []);
    for (found, promise) in recovered.living.iter().zip(living) {
        assert_eq!((found.promise, found.left.len()), (promise, 70));
        let deferral = found.left[3].deferral.as_ref().expect("it was deferred");
        assert_eq!((deferral.attempts, &*deferral.note), (2, &b"451 later"[..]));
    }
}

#[test]
fn what_compaction_cannot_read_is_quarantined_and_its_neighbours_move() {
    let mut log = Log::new();
    let mut living = vec![log.durable(3000, 1), log.durable(3000, 1), log.durable(3000, 1)];
    let rotten = log.journal.location(living[1]).expect("it lives")[0];
    log.disk.0.get_mut(&rotten.segment).expect("it exists")[rotten.offset as usize + 2000] ^= 1;
    while log.journal.status().promises_quarantined == 0 {
        let dead = log.durable(60_000, 1);
        log.journal.finished(dead, 0, log.now);
    }
    assert_eq!(log.journal.take_quarantined(), [living.remove(1)]);
    log.durable(10, 1);
    assert!(living.iter().all(|promise| log.disk.promised(&log.journal, *promise).is_some()));
    assert!(!log.disk.0.contains_key(&rotten.segment), "the file was set aside");
}

#[test]
#[should_panic(expected = "lives until it is finished")]
fn finishing_twice_is_out_of_turn() {
    let mut log = Log::new();
    let promise = log.durable(10, 2);
    log.journal.finished(promise, 1, log.now);
    log.journal.finished(promise, 1, log.now);
}

#[test]
#[should_panic(expected = "a commit is in flight")]
fn a_commit_that_was_not_taken_is_not_told() {
    Log::new().journal.committed(world::Buffer::zeroed(4096));
}
