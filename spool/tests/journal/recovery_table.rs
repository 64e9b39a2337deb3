//! The table of recovery in spool/README.md, row by row: each tear, each rotten byte, each odd file.

use crate::disk::{Dice, Log, SECTOR, settings};
use spool::inspect::{self, What};
use spool::{Damage, Durability, Journal, Living, Promise, Recovery, Segment, Settings, Want};
use world::BLOCK;

fn names(living: &[Living]) -> Vec<Promise> {
    living.iter().map(|living| living.promise).collect()
}

#[test]
fn a_torn_last_batch_counts_whole_or_not_at_all() {
    let mut log = Log::new();
    let first = log.durable(1000, 2);
    let second = log.durable(2000, 1);
    log.journal.finished(first, 0, log.now);
    log.commit();
    let (third, fourth) = (log.promise(1500, 1), log.promise(2300, 1));
    log.journal.finished(second, 0, log.now);
    let stale = log.disk.0[&Segment(1)][BLOCK..3 * BLOCK].to_vec();
    let commit = log.batch();
    let length = u32::from_le_bytes(commit.buffer[8..12].try_into().expect("four bytes")) as usize;
    let content = length.div_ceil(SECTOR);
    assert_eq!((commit.buffer.len() / SECTOR, content), (8, 8));
    for behind in [vec![0; commit.buffer.len()], stale] {
        let mut clean = log.disk.clone();
        let start = commit.offset as usize;
        let end = start + behind.len().min(commit.buffer.len());
        let file = clean.0.get_mut(&commit.segment).expect("it exists");
        file[start..end].copy_from_slice(&behind[..end - start]);
        for subset in 0..1_u32 << content {
            let mut disk = clean.clone();
            disk.tear(&commit, |sector| subset >> sector & 1 == 1);
            let recovered = disk.recover(&log.settings);
            let whole = subset == (1 << content) - 1;
            let expected = if whole { vec![first, third, fourth] } else { vec![first, second] };
            assert_eq!(names(&recovered.living), expected, "{subset:b}");
            assert_eq!(recovered.living[0].left.len(), 1, "{subset:b}");
            assert_eq!(recovered.report.damages, [], "{subset:b}");
        }
    }
}

/// Five batches; the middle one holds a promise, a note and a promise.
fn five_batches() -> (Log, Vec<Promise>) {
    let mut log = Log::new();
    let mut promises = vec![log.durable(500, 1), log.durable(600, 2)];
    promises.push(log.promise(700, 1));
    log.journal.finished(promises[1], 0, log.now);
    promises.push(log.promise(800, 1));
    log.commit();
    promises.push(log.durable(900, 1));
    promises.push(log.durable(1000, 1));
    (log, promises)
}

#[test]
fn rot_in_the_middle_costs_what_it_hit_and_is_reported() {
    let (log, promises) = five_batches();
    let file = log.disk.0[&Segment(1)].clone();
    let items: Vec<_> = inspect::segment(&file).collect();
    let is_third = |item: &&inspect::Item<'_>| matches!(item.what, What::Batch { number: 3, .. });
    let third = items.iter().find(is_third).expect("there are five batches");
    let records: Vec<_> = items
        .iter()
        .filter(|item| item.offset > third.offset && item.offset < third.offset + third.length)
        .map(|item| (item.offset, item.offset + item.length, item.what))
        .collect();
    assert_eq!(records.len(), 3);
    for at in third.offset..third.offset + third.length {
        let mut disk = log.disk.clone();
        disk.0.get_mut(&Segment(1)).expect("it exists")[at as usize] ^= 0x10;
        let recovered = disk.recover(&log.settings);
        let hit =
            records.iter().find(|(from, until, _)| (*from..*until).contains(&at)).map(|(.., what)| what);
        let in_header = at < third.offset + 64;
        let gone = |promise: &Promise| match hit {
            Some(What::Part { promise: hit, .. }) => hit == promise,
            _ => in_header && promises[2..4].contains(promise),
        };
        let expected: Vec<_> = promises.iter().copied().filter(|promise| !gone(promise)).collect();
        assert_eq!(names(&recovered.living), expected, "{at}");
        let note_lost = in_header || matches!(hit, Some(What::Finished { .. }));
        assert_eq!(recovered.living[1].left.len(), 1 + usize::from(note_lost), "{at}");
        let damages = recovered.report.damages;
        let rotten = |damage: &Damage| matches!(damage, Damage::Rotten { offset, length, .. } if (*offset..offset + length).contains(&at));
        match (in_header, hit) {
            (true, _) => assert!(
                matches!(damages[..], [Damage::Rotten { .. }, Damage::Missing { after: 2, until: 3 }])
                    && rotten(&damages[0]),
                "{at} {damages:?}"
            ),
            (false, Some(_)) => assert!(damages.len() == 1 && rotten(&damages[0]), "{at} {damages:?}"),
            (false, None) => assert_eq!(damages, [], "padding"),
        }
    }
}

#[test]
fn a_rotten_header_of_a_segment_is_reported_and_its_batches_are_read() {
    let (log, promises) = five_batches();
    for at in (0..64).chain([64, BLOCK - 1]) {
        let mut disk = log.disk.clone();
        disk.0.get_mut(&Segment(1)).expect("it exists")[at] ^= 0x01;
        let recovered = disk.recover(&log.settings);
        assert_eq!(names(&recovered.living), promises, "{at}");
        let damage = if at < 64 { vec![Damage::Header(Segment(1))] } else { vec![] };
        assert_eq!(recovered.report.damages, damage, "{at}");
    }
}

#[test]
fn an_unreadable_block_costs_its_batch_and_no_neighbour() {
    let (log, promises) = five_batches();
    // Each batch takes one block.
    let lost: [&[Promise]; 6] =
        [&[], &promises[..1], &promises[1..2], &promises[2..4], &promises[4..5], &promises[5..]];
    for (block, lost) in lost.into_iter().enumerate() {
        let bad = (block * BLOCK) as u64;
        let mut recovery = Recovery::new(&log.settings, log.disk.found());
        while let Some(location) = recovery.want() {
            let reads_bad = (location.offset..location.offset + location.length as u64).contains(&bad);
            match location.segment == Segment(1) && reads_bad {
                true => recovery.read_failed(),
                false => recovery.read(log.disk.read(location)),
            }
        }
        let recovered = recovery.finish();
        let expected: Vec<_> = promises.iter().copied().filter(|promise| !lost.contains(promise)).collect();
        assert_eq!(names(&recovered.living), expected, "block {block}");
        let is_reported = |damage: &Damage| match damage {
            Damage::Header(_) => block == 0,
            Damage::Rotten { offset, .. } => *offset == bad,
            _ => false,
        };
        assert!(recovered.report.damages.iter().any(is_reported), "{:?}", recovered.report.damages);
    }
}

/// Promises that fill three segments, some hundred kilobytes each.
fn three_segments() -> (Log, Vec<(Segment, Promise)>) {
    let mut log = Log::new();
    let mut promises = Vec::new();
    while log.journal.status().segments_in_use < 4 {
        let promise = log.durable(50_000, 1);
        let place = log.journal.location(promise).expect("it lives")[0];
        promises.push((place.segment, promise));
    }
    (log, promises)
}

#[test]
fn a_missing_segment_is_reported_and_the_others_are_read() {
    let (log, promises) = three_segments();
    for missing in 1..=3 {
        let mut disk = log.disk.clone();
        disk.0.remove(&Segment(missing));
        let recovered = disk.recover(&log.settings);
        let others = promises.iter().filter(|(segment, _)| *segment != Segment(missing));
        assert_eq!(names(&recovered.living), others.map(|(_, promise)| *promise).collect::<Vec<_>>());
        assert!(
            matches!(recovered.report.damages[..], [Damage::Missing { .. }]),
            "{:?}",
            recovered.report.damages
        );
    }
}

#[test]
fn a_file_under_another_name_or_of_another_shard_is_ignored() {
    let (mut log, promises) = three_segments();
    let expected: Vec<_> = promises.iter().map(|(_, promise)| *promise).collect();
    let copy = log.disk.0[&Segment(1)].clone();
    log.disk.0.insert(Segment(90), copy);
    let recovered = log.disk.recover(&log.settings);
    assert_eq!(names(&recovered.living), expected);
    assert_eq!(recovered.report.damages, [Damage::Misnamed(Segment(90))]);
    let foreign = Settings { shard: 1, ..log.settings.clone() };
    let recovered = log.disk.recover(&foreign);
    assert_eq!((recovered.living.len(), recovered.report.damages_found), (0, 5));
}

#[test]
fn stale_bytes_of_an_earlier_epoch_mean_nothing() {
    let mut log = Log::with(Settings { segments: 4, ..settings() });
    for _ in 0..200 {
        let promise = log.durable(50_000, 1);
        log.journal.finished(promise, 0, log.now);
    }
    log.commit();
    let last = log.durable(100, 1);
    assert!(log.journal.status().commits > 200 && log.disk.0.len() <= 4);
    let recovered = log.disk.recover(&log.settings);
    assert_eq!(names(&recovered.living), [last]);
    assert_eq!(recovered.report.damages, []);
}

#[test]
fn a_failed_commit_is_void_once_another_one_succeeds() {
    for written in [false, true] {
        let mut log = Log::new();
        let kept = log.durable(1000, 2);
        let lost = log.promise(1000, 1);
        log.journal.finished(kept, 1, log.now);
        let commit = log.batch();
        let meanwhile = log.promise(100, 1);
        if written {
            log.disk.write(&commit);
        }
        log.journal.commit_failed(commit.buffer, log.now);
        assert_eq!(log.journal.is_durable(lost), Durability::Failed);
        assert_eq!(log.journal.is_durable(meanwhile), Durability::Waiting);
        assert_eq!(log.journal.promise(b"", &[], 1), Err(spool::Refusal::NoSegment));
        assert!(matches!(log.journal.want(log.now), Want::SleepUntil(when) if when > log.now));
        log.now = log.now + log.settings.failure_pause;
        log.commit();
        assert_eq!(log.journal.is_durable(meanwhile), Durability::Durable);
        log.commit();
        assert_eq!(log.journal.status().promises_moved, 1, "the failed segment is emptied");
        let recovered = log.disk.recover(&log.settings);
        assert_eq!(names(&recovered.living), [kept, meanwhile]);
        assert_eq!(recovered.living[0].left.iter().map(|copy| copy.copy).collect::<Vec<_>>(), [0]);
        assert_eq!(recovered.report.damages, []);
        assert_eq!(log.disk.promised(&log.journal, kept).expect("it lives").head, &b"head"[..]);
    }
}

#[test]
fn recovering_twice_finds_the_same() {
    let (log, _) = three_segments();
    let first = log.disk.recover(&log.settings);
    let mut again = Log { journal: Journal::new(log.settings.clone(), first.state), ..log };
    again.chores();
    let second = again.disk.recover(&again.settings);
    assert_eq!(first.living, second.living);
    let promise = again.durable(10, 1);
    let third = again.disk.recover(&again.settings);
    assert_eq!(third.living.len(), first.living.len() + 1);
    assert_eq!(third.living.last().map(|living| living.promise), Some(promise));
}

#[test]
fn other_settings_read_the_same_and_move_it_to_files_of_the_new_size() {
    let mut log = Log::with(Settings { batch_bytes: 256 << 10, ..settings() });
    let promises = [log.durable(200_000, 2), log.durable(10, 1), log.durable(500_000, 1)];
    log.journal.finished(promises[0], 1, log.now);
    log.commit();
    let before = promises.map(|promise| log.disk.promised(&log.journal, promise).expect("it lives"));
    log.settings = Settings { segment_bytes: 2 << 20, salt: 5, ..settings() };
    let recovered = log.disk.recover(&log.settings);
    assert_eq!((names(&recovered.living), recovered.report.damages), (promises.to_vec(), vec![]));
    log.journal = Journal::new(log.settings.clone(), recovered.state);
    log.chores();
    log.durable(10, 1);
    while log.journal.status().promises_moved < 3 || log.journal.want(log.now) == Want::Commit {
        log.commit();
    }
    log.durable(10, 1);
    assert!(log.disk.0.values().all(|file| file.len() == 2 << 20), "the old files are gone");
    let after = promises.map(|promise| log.disk.promised(&log.journal, promise).expect("it lives"));
    assert_eq!(after, before);
    let recovered = log.disk.recover(&log.settings);
    assert_eq!((recovered.living.len(), recovered.living[0].left.len()), (5, 1));
    assert_eq!(recovered.report.damages, []);
}

#[test]
fn whatever_the_files_hold_recovery_ends_and_the_journal_goes_on() {
    let (log, promises) = three_segments();
    let known: Vec<_> = promises.iter().map(|(_, promise)| *promise).collect();
    let mut damaged = 0;
    for seed in 0..300 {
        let mut dice = Dice(seed);
        let mut disk = log.disk.clone();
        for _ in 0..1 + dice.below(8) {
            let segment = Segment(1 + dice.below(4) as u32);
            let other = disk.0[&Segment(1 + dice.below(4) as u32)].clone();
            let file = disk.0.get_mut(&segment).expect("there are four");
            let mut block = || dice.below(256) as usize * BLOCK;
            let (at, from) = (
                block().min(file.len().saturating_sub(BLOCK)),
                block().min(other.len().saturating_sub(BLOCK)),
            );
            match dice.below(5) {
                0 => file[at..at + BLOCK].fill(0),
                1 => file[at..at + BLOCK].copy_from_slice(&other[from..from + BLOCK]),
                2 => file.truncate((at + dice.below(BLOCK as u64) as usize).max(BLOCK)),
                3 => file[at + dice.below(BLOCK as u64) as usize] ^= 1 << dice.below(8),
                _ => *file = other,
            }
        }
        let recovered = disk.recover(&log.settings);
        damaged += recovered.report.damages_found.min(1);
        assert!(recovered.living.iter().all(|living| known.contains(&living.promise)), "{seed}");
        let living = names(&recovered.living);
        let journal = Journal::new(log.settings.clone(), recovered.state);
        let mut after = Log { settings: log.settings.clone(), disk, journal, now: log.now };
        after.chores();
        let fresh = after.durable(100, 1);
        for promise in living {
            // Compaction may have found it unreadable meanwhile.
            if after.journal.location(promise).is_some() {
                after.journal.finished(promise, 0, after.now);
            }
        }
        after.commit();
        assert_eq!(names(&after.disk.recover(&after.settings).living), [fresh], "{seed}");
    }
    assert!(damaged > 250, "{damaged}");
}
