//! Random operations, failures and crashes against a model that knows only what was told.

use crate::disk::{Dice, Disk, settings};
use bytes::Bytes;
use mail::Time;
use spool::{Commit, Deferral, Durability, Journal, PrepareFailure, Promise, Refusal, Settings, State, Want};
use std::collections::BTreeMap;
use std::time::Duration;

#[derive(Clone, Debug, Default)]
struct ModelCopy {
    /// Sequence of the note that finished it.
    finished: Option<u64>,
    /// All deferrals told, with their sequence.
    deferrals: Vec<(u64, Deferral)>,
}

#[derive(Clone, Debug)]
struct Model {
    head: Vec<u8>,
    body: Vec<u8>,
    copies: Vec<ModelCopy>,
    state: Durability,
    /// A commit succeeded after this promise had failed.
    is_void: bool,
}

struct World {
    dice: Dice,
    disk: Disk,
    settings: Settings,
    journal: Journal,
    flight: Option<Commit>,
    chore: Option<Want>,
    model: BTreeMap<Promise, Model>,
    now: Time,
    crashes: u64,
    moved: u64,
    failed: u64,
    refused: u64,
}

impl World {
    fn new(seed: u64, segments: u32) -> Self {
        let settings = Settings { segments, ..settings() }.bounded();
        World {
            dice: Dice(seed),
            disk: Disk::default(),
            journal: Journal::new(settings.clone(), State::default()),
            settings,
            flight: None,
            chore: None,
            model: BTreeMap::new(),
            now: Time::from_secs(1000),
            crashes: 0,
            moved: 0,
            failed: 0,
            refused: 0,
        }
    }

    fn bytes(&mut self, length: u64) -> Vec<u8> {
        let start = self.dice.roll() as u8;
        (0..length).map(|index| start.wrapping_add((index % 251) as u8)).collect()
    }

    fn promise(&mut self) {
        let body = match self.dice.below(20) {
            0 => self.dice.below(300_000),
            1..=4 => self.dice.below(60_000),
            _ => self.dice.below(3000),
        };
        let length = self.dice.below(400);
        let (head, body) = (self.bytes(length), self.bytes(body));
        let copies = if self.dice.one_in(10) { 1 + self.dice.below(150) } else { 1 + self.dice.below(3) };
        let cut = body.len() / 3;
        let bodies = [Bytes::copy_from_slice(&body[..cut]), Bytes::copy_from_slice(&body[cut..])];
        match self.journal.promise(&head, &bodies, copies as u32) {
            Ok(promise) => {
                let copies = vec![ModelCopy::default(); copies as usize];
                let state = Durability::Waiting;
                self.model.insert(promise, Model { head, body, copies, state, is_void: false });
            }
            Err(Refusal::TooLarge) => panic!("nothing here is too large"),
            Err(_) => self.refused += 1,
        }
    }

    /// A copy that may be finished or deferred.
    fn living_copy(&mut self) -> Option<(Promise, u32)> {
        let durable = self.model.iter().filter(|(_, model)| model.state == Durability::Durable);
        let living: Vec<_> = durable.map(|(promise, _)| *promise).collect();
        let promise = *living.get(self.dice.below(living.len().max(1) as u64) as usize)?;
        let copies = &self.model[&promise].copies;
        let first = copies.iter().position(|copy| copy.finished.is_none())?;
        Some((promise, first as u32))
    }

    fn finish(&mut self) {
        let Some((promise, first)) = self.living_copy() else { return };
        let copies = self.model[&promise].copies.len() as u32;
        let until = if self.dice.one_in(3) { first + 1 } else { copies };
        for copy in first..until {
            self.journal.finished(promise, copy, self.now);
            let last = self.journal.last().0;
            self.model.get_mut(&promise).expect("it is there").copies[copy as usize].finished = Some(last);
        }
    }

    fn defer(&mut self) {
        let Some((promise, copy)) = self.living_copy() else { return };
        let until = Time::from_secs(self.dice.below(10_000));
        let (attempts, length) = (self.dice.below(9) as u32, self.dice.below(200));
        let note = self.bytes(length);
        self.journal.deferred(promise, copy, until, attempts, &note, self.now);
        let deferral = Deferral { until, attempts, note: note.into() };
        let last = self.journal.last().0;
        let copies = &mut self.model.get_mut(&promise).expect("it is there").copies;
        copies[copy as usize].deferrals.push((last, deferral));
    }

    fn ask(&mut self) {
        for (promise, model) in self.model.iter_mut().filter(|(_, model)| model.state == Durability::Waiting)
        {
            model.state = self.journal.is_durable(*promise);
            self.failed += u64::from(model.state == Durability::Failed);
        }
    }

    fn end_flight(&mut self, fails: bool) {
        let Some(commit) = self.flight.take() else { return };
        if fails {
            let odds = 1 + self.dice.below(3);
            let dice = &mut self.dice;
            self.disk.tear(&commit, |_| dice.one_in(odds));
            self.journal.commit_failed(commit.buffer, self.now);
        } else {
            self.disk.write(&commit);
            let is_batch = commit.offset > 0;
            self.journal.committed(commit.buffer);
            for model in self.model.values_mut().filter(|_| is_batch) {
                model.is_void |= model.state == Durability::Failed;
            }
        }
        self.ask();
    }

    fn end_chore(&mut self) {
        let Some(chore) = self.chore.take() else { return };
        match chore {
            Want::Prepare(segment) if self.dice.one_in(20) => {
                self.journal.prepare_failed(segment, PrepareFailure::NoSpace, self.now);
                self.ask();
            }
            chore => self.disk.chore(&mut self.journal, &self.settings, chore),
        }
    }

    fn drive(&mut self, failures: u64) {
        assert_eq!(self.journal.want(self.now), self.journal.want(self.now), "asking changes nothing");
        match self.journal.want(self.now) {
            Want::Commit => self.flight = Some(self.journal.take_commit()),
            Want::Rest | Want::SleepUntil(_) => {}
            chore if self.chore.is_none() => {
                self.journal.began(chore);
                self.chore = Some(chore);
            }
            _ => {}
        }
        if self.dice.one_in(2) {
            let fails = failures > 0 && self.dice.one_in(failures);
            self.end_flight(fails);
        }
        if self.dice.one_in(2) {
            self.end_chore();
        }
    }

    fn crash(&mut self) {
        self.crashes += 1;
        self.moved += self.journal.status().promises_moved;
        let durable = self.journal.durable().0;
        if let Some(commit) = self.flight.take() {
            let odds = 1 + self.dice.below(4);
            let keep = self.dice.one_in(3);
            let dice = &mut self.dice;
            self.disk.tear(&commit, |_| keep || !dice.one_in(odds));
        }
        self.chore = None;
        assert_eq!(self.journal.take_quarantined(), [], "nothing rots here");
        let recovered = self.disk.recover(&self.settings);
        assert_eq!(recovered.report.damages, [], "a crash is no damage");
        let mut after = BTreeMap::new();
        for living in &recovered.living {
            let model = self.model.remove(&living.promise).expect("only what was promised lives");
            assert!(!model.is_void, "promise {} failed and came back", living.promise);
            assert_eq!(living.copies as usize, model.copies.len());
            assert_eq!((&living.head[..], living.body_bytes), (&model.head[..], model.body.len() as u64));
            after.insert(living.promise, self.compare(living, model, durable));
        }
        for (promise, model) in &self.model {
            let all_finished = model.copies.iter().all(|copy| copy.finished.is_some());
            let may_be_gone = model.state != Durability::Durable || all_finished;
            assert!(may_be_gone, "promise {promise} was durable and is lost");
        }
        self.model = after;
        self.journal = Journal::new(self.settings.clone(), recovered.state);
        for (promise, model) in &self.model {
            let read = self.disk.promised(&self.journal, *promise).expect("it lives");
            assert_eq!((&read.head[..], &read.body[..]), (&model.head[..], &model.body[..]));
        }
    }

    fn compare(&self, living: &spool::Living, mut model: Model, durable: u64) -> Model {
        for (index, copy) in model.copies.iter_mut().enumerate() {
            let found = living.left.iter().find(|left| left.copy as usize == index);
            match (found, copy.finished) {
                (None, None) => panic!("copy {index} of {} was not finished and is lost", living.promise),
                (Some(_), Some(sequence)) => {
                    assert!(
                        sequence > durable,
                        "copy {index} of {} was finished and came back",
                        living.promise
                    );
                    copy.finished = None;
                }
                _ => {}
            }
            let Some(found) = found else {
                copy.finished = Some(0);
                continue;
            };
            let allowed = match copy.deferrals.iter().rposition(|(sequence, _)| *sequence <= durable) {
                Some(last) => &copy.deferrals[last..],
                None => &copy.deferrals[..],
            };
            let is_told = |found: &Deferral| allowed.iter().any(|(_, told)| told == found);
            let none_is_durable = allowed.len() == copy.deferrals.len()
                && copy.deferrals.first().is_none_or(|(sequence, _)| *sequence > durable);
            let agrees = found.deferral.as_ref().map_or(none_is_durable, is_told);
            assert!(agrees, "copy {index} of {}: {:?} not in {allowed:?}", living.promise, found.deferral);
            copy.deferrals = found.deferral.iter().map(|deferral| (0, deferral.clone())).collect();
        }
        model.state = Durability::Durable;
        model
    }

    fn live(&mut self, steps: u64, failures: u64) {
        let hurry = 2 + self.dice.below(4);
        for _ in 0..steps {
            self.now = self.now + Duration::from_millis(self.dice.below(40));
            match self.dice.below(12) {
                0..=2 => self.promise(),
                3..=4 if self.model.len() as u64 > 4 * hurry => self.finish(),
                5 if self.dice.one_in(hurry) => self.finish(),
                6 => self.defer(),
                _ => self.drive(failures),
            }
            if self.dice.one_in(400) {
                self.crash();
            }
        }
        self.crash();
        self.end();
    }

    /// When everything is finished nothing is left: no promise, no byte, no segment but the current one.
    fn end(&mut self) {
        let living: Vec<_> =
            self.model.iter().map(|(promise, model)| (*promise, model.copies.clone())).collect();
        for (promise, copies) in living {
            let left = copies.iter().enumerate().filter(|(_, copy)| copy.finished.is_none());
            left.for_each(|(copy, _)| self.journal.finished(promise, copy as u32, self.now));
        }
        self.model.clear();
        for _ in 0..200 {
            self.now = self.now + self.settings.failure_pause;
            match self.journal.want(self.now) {
                Want::Commit => {
                    let commit = self.journal.take_commit();
                    self.disk.write(&commit);
                    self.journal.committed(commit.buffer);
                }
                Want::Rest | Want::SleepUntil(_) => break,
                chore => self.disk.chore(&mut self.journal, &self.settings, chore),
            }
        }
        let status = self.journal.status();
        assert_eq!((status.promises_living, status.bytes_living, status.copies_deferred), (0, 0, 0));
        assert!(status.segments_in_use <= 1, "{status:?}");
    }
}

/// What the seeds reached, so that a test that no longer reaches something fails.
fn run(seeds: std::ops::Range<u64>, steps: u64, segments: u32, failures: u64) -> [u64; 4] {
    let mut reached = [0; 4];
    for seed in seeds {
        let mut world = World::new(seed, segments);
        world.live(steps, failures);
        let counts = [world.crashes, world.moved, world.failed, world.refused];
        reached.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
    }
    reached
}

#[test]
fn nothing_promised_is_lost_and_nothing_finished_comes_back() {
    let [crashes, moved, failed, refused] = run(0..1500, 300, 64, 12);
    assert!(crashes > 1500 && failed > 1000, "{crashes} {moved} {failed} {refused}");
}

#[test]
fn a_long_life_without_failures_reuses_and_compacts() {
    let [crashes, moved, failed, _] = run(5000..5030, 8000, 64, 0);
    assert!(crashes > 300 && moved > 500, "{crashes} {moved} {failed}");
}

#[test]
fn a_long_life_on_a_small_failing_disk_keeps_its_promises() {
    let [crashes, moved, failed, refused] = run(7000..7060, 5000, 8, 60);
    assert!(
        crashes > 300 && moved > 100 && failed > 100 && refused > 100,
        "{crashes} {moved} {failed} {refused}"
    );
}
