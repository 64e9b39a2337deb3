//! The journal of one shard: takes promises and notes, answers for them, says what is wanted next.
//!
//! Law: records reach the disk in the order of their sequence numbers, one commit in flight; a promise is
//! durable when the commit of its last part was told as `committed`.

use crate::commit::{Current, Flight, Forming};
use crate::compaction::Scan;
use crate::gather::{Gather, Placed, Stream, Waiting};
use crate::layout::{self, Kind, PART_HEADER, RECORD_HEADER};
use crate::ledger::{Ledger, Spot};
use crate::segments::Segments;
use crate::{
    Deferral, Durability, Location, PrepareFailure, Promise, Refusal, Segment, Sequence, Settings, State,
    Status, Want, limits,
};
use bytes::Bytes;
use mail::Time;
use std::collections::VecDeque;
use world::{BLOCK, Buffer};

/// Owned by one shard and driven by one task.
#[derive(Debug)]
pub struct Journal {
    pub(crate) settings: Settings,
    pub(crate) ledger: Ledger,
    pub(crate) segments: Segments,
    pub(crate) current: Option<Current>,
    pub(crate) flight: Option<Flight>,
    pub(crate) gather: Gather,
    pub(crate) waiting: VecDeque<Waiting>,
    pub(crate) waiting_bytes: usize,
    /// Promises whose first part is durable and whose last is not.
    pub(crate) forming: Vec<Forming>,
    pub(crate) spare_buffer: Option<Buffer>,
    pub(crate) spare_placed: Vec<Placed>,
    pub(crate) scan: Option<Scan>,
    /// Segments that failed or rotted, to be emptied.
    pub(crate) troubled: Vec<Segment>,
    pub(crate) quarantined: Vec<Promise>,
    /// Ranges of failed promises, ascending.
    failures: VecDeque<(u64, u64)>,
    pub(crate) last: u64,
    pub(crate) durable: u64,
    pub(crate) epoch: u64,
    /// The batch that the next one names as its predecessor.
    pub(crate) previous: u64,
    /// A commit failed and none succeeded since: the next one, even an empty one, makes the failed one void.
    pub(crate) is_resting: bool,
    pub(crate) rest_until: Time,
    notes_since: Option<Time>,
    notes_bytes: usize,
    pub(crate) status: Status,
}

impl Journal {
    /// `state` is what recovery found, or `State::default()` for an empty folder. Settings out of bounds
    /// are brought into them.
    pub fn new(settings: Settings, state: State) -> Self {
        let settings = settings.bounded();
        let State { ledger, segments, epoch, batch, previous, sequence } = state;
        let is_troubled = |place: &&crate::ledger::Use| place.damaged || place.odd_size;
        let troubled = ledger.in_use().filter(is_troubled).map(|place| place.segment).collect();
        let mut journal = Journal {
            gather: Gather::new(settings.batch_bytes, batch + 1, settings.salt),
            settings,
            ledger,
            segments,
            current: None,
            flight: None,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            forming: Vec::new(),
            spare_buffer: None,
            spare_placed: Vec::new(),
            scan: None,
            troubled,
            quarantined: Vec::new(),
            failures: VecDeque::new(),
            last: sequence,
            durable: sequence,
            epoch,
            previous,
            is_resting: false,
            rest_until: Time::EPOCH,
            notes_since: None,
            notes_bytes: 0,
            status: Status::default(),
        };
        journal.retire();
        journal
    }

    /// Takes a promise; it is durable when `is_durable` says so, which is known at the latest when
    /// `durable()` has reached its sequence. Bodies are shared where they must wait, never kept after.
    pub fn promise(&mut self, head: &[u8], bodies: &[Bytes], copies: u32) -> Result<Promise, Refusal> {
        assert!(copies > 0, "a promise is made to someone");
        let total = head.len() as u64 + bodies.iter().map(|body| body.len() as u64).sum::<u64>();
        let is_small = total <= self.settings.promise_bytes && u32::try_from(head.len()).is_ok();
        if !is_small || copies > limits::COPIES {
            return Err(Refusal::TooLarge);
        }
        let cost = total + (RECORD_HEADER + PART_HEADER) as u64;
        self.admits(cost)?;
        self.last += 1;
        let promise = self.last;
        if self.waiting.is_empty() && cost <= self.gather.room() as u64 {
            self.gather.promise(promise, head, bodies, copies);
        } else {
            let mut pieces: VecDeque<_> = bodies.iter().filter(|body| !body.is_empty()).cloned().collect();
            pieces.push_front(Bytes::copy_from_slice(head));
            let (head, living) = (head.len() as u32, Box::default());
            let stream = Stream { promise, moved: false, copies, head, total, at: 0, living, pieces };
            self.wait(Waiting::Stream(stream));
        }
        self.status.promises += 1;
        Ok(Promise(promise))
    }

    /// Whether a new promise of `cost` bytes may be taken now.
    fn admits(&self, cost: u64) -> Result<(), Refusal> {
        let no_room = match self.segments.stuck() {
            Some(PrepareFailure::Broken) => Refusal::NoSegment,
            _ => Refusal::Full,
        };
        let is_open = self.current.is_some() || self.flight.is_some() || self.segments.has_next();
        if self.is_resting || !is_open {
            let is_full = self.segments.stuck().is_some();
            return Err(if is_full && !self.is_resting { no_room } else { Refusal::NoSegment });
        }
        let makeable = match self.segments.stuck() {
            Some(_) => 0,
            None => self.allowed() * self.usable(),
        };
        if cost + self.outstanding() + self.settings.reserve() > self.room() + makeable {
            return Err(no_room);
        }
        let would_wait = !self.waiting.is_empty() || cost > self.gather.room() as u64;
        if would_wait && self.waiting_bytes as u64 + cost > self.settings.waiting_bytes.max(cost) {
            return Err(Refusal::Busy);
        }
        Ok(())
    }

    /// This copy was delivered, refused or bounced. Panics if it was not living.
    pub fn finished(&mut self, promise: Promise, copy: u32, now: Time) {
        assert!(
            self.ledger.finish(promise, copy),
            "copy {copy} of promise {promise} lives until it is finished"
        );
        self.last += 1;
        self.note(self.last, Kind::Finished, [&layout::finished(promise.0, copy), &[]], now);
        self.retire();
    }

    /// This copy is to be tried again. A note beyond `limits::NOTE_BYTES` is cut. Panics if it is not living.
    pub fn deferred(
        &mut self,
        promise: Promise,
        copy: u32,
        until: Time,
        attempts: u32,
        note: &[u8],
        now: Time,
    ) {
        let note = &note[..note.len().min(limits::NOTE_BYTES)];
        let lives = self.ledger.defer(promise, copy, Deferral { until, attempts, note: note.into() });
        assert!(lives, "copy {copy} of promise {promise} lives until it is finished");
        if self.waiting.len() >= limits::NOTES_WAITING {
            self.status.notes_dropped += 1;
            return;
        }
        self.last += 1;
        let fields = layout::deferred(promise.0, copy, attempts, until);
        self.note(self.last, Kind::Deferred, [&fields, note], now);
    }

    fn note(&mut self, sequence: u64, kind: Kind, payload: [&[u8]; 2], now: Time) {
        let bytes = RECORD_HEADER + payload[0].len() + payload[1].len();
        self.notes_since.get_or_insert(now);
        self.notes_bytes += bytes;
        if self.waiting.is_empty() && bytes <= self.gather.room() {
            self.gather.note(sequence, kind, payload);
        } else {
            self.wait(Waiting::Note { sequence, kind, payload: payload.concat().into() });
        }
    }

    pub(crate) fn wait(&mut self, waiting: Waiting) {
        self.waiting_bytes += waiting.bytes();
        self.waiting.push_back(waiting);
    }

    /// What was gathered goes to disk: the notes that ride along are no reason for another commit.
    pub(crate) fn notes_taken(&mut self) {
        self.notes_since = None;
        self.notes_bytes = 0;
    }

    pub(crate) fn failed(&mut self, promise: u64) {
        self.status.promises_failed += 1;
        match self.failures.back_mut() {
            Some((_, until)) if *until + 1 == promise => *until = promise,
            _ => self.failures.push_back((promise, promise)),
        }
        if self.failures.len() > limits::FAILURES_REMEMBERED {
            self.failures.pop_front();
        }
    }

    pub(crate) fn has_failed(&self, promise: u64) -> bool {
        self.failures.iter().any(|(from, until)| (*from..=*until).contains(&promise))
    }

    /// The sequence number given last.
    pub fn last(&self) -> Sequence {
        Sequence(self.last)
    }

    /// Everything up to here is decided: durable, or failed.
    pub fn durable(&self) -> Sequence {
        Sequence(self.durable)
    }

    /// Of a promise of this run. After `commit_failed` or `prepare_failed`, ask for all that wait.
    pub fn is_durable(&self, promise: Promise) -> Durability {
        match self.has_failed(promise.0) {
            true => Durability::Failed,
            false if promise.0 <= self.durable => Durability::Durable,
            false => Durability::Waiting,
        }
    }

    /// Where to read a living, durable promise back: one location for each of its parts, in order.
    pub fn location(&self, promise: Promise) -> Option<Vec<Location>> {
        let spots = self.ledger.spots(promise)?;
        Some(spots.into_iter().map(location_of).collect())
    }

    /// What was said of a copy that waits, as `deferred` said it last.
    pub fn deferral(&self, promise: Promise, copy: u32) -> Option<&Deferral> {
        self.ledger.deferral(promise, copy)
    }

    /// Asked with `Time::NEVER` it waits for no delay: so a shard that ends flushes its notes.
    pub fn want(&self, now: Time) -> Want {
        let is_due = |when: Time| when <= now && !when.is_never();
        let commit_at = self.commit_at();
        match self.segments.want(&self.settings, self.allowed(), is_due) {
            Ok(want) => want,
            Err(_) if is_due(commit_at) => Want::Commit,
            Err(prepare_at) => match (self.wants_reread(), commit_at.min(prepare_at)) {
                (Some(location), _) => Want::Reread(location),
                (None, Time::NEVER) => Want::Rest,
                (None, when) => Want::SleepUntil(when),
            },
        }
    }

    /// When the next commit is due; never while one is in flight or none is possible.
    fn commit_at(&self) -> Time {
        if self.flight.is_some() || self.step().is_none() {
            return Time::NEVER;
        }
        let is_urgent = self.is_resting
            || self.gather.has_parts()
            || !self.waiting.is_empty()
            || self.notes_bytes >= limits::NOTES_URGENT_BYTES;
        let due = match self.notes_since {
            _ if is_urgent => Time::EPOCH,
            Some(since) => since + self.settings.note_delay,
            None if self.gather.is_empty() => Time::NEVER,
            None => Time::EPOCH,
        };
        due.max(self.rest_until)
    }

    /// The driver has begun `Prepare`, `Remove`, `SetAside` or `Reread` beside its loop: `want` turns to
    /// other things until the outcome is told. Not needed by a driver that waits for the outcome at once.
    pub fn began(&mut self, want: Want) {
        match want {
            Want::Prepare(_) => self.segments.began_to_prepare(),
            Want::Remove(_) | Want::SetAside(_) => self.segments.began_to_remove(),
            Want::Reread(location) => self.began_to_reread(location),
            Want::Commit | Want::SleepUntil(_) | Want::Rest => {}
        }
    }

    pub fn prepared(&mut self, segment: Segment) {
        self.segments.prepared(segment);
    }

    /// Waiting promises that no room is left for have failed: ask `is_durable` for all that wait.
    pub fn prepare_failed(&mut self, segment: Segment, why: PrepareFailure, now: Time) {
        self.status.prepares_failed += 1;
        self.segments.prepare_failed(segment, why, now + self.settings.failure_pause);
        self.fail_without_room();
    }

    pub fn removed(&mut self, segment: Segment) {
        self.segments.removed(segment);
    }

    /// Promises that compaction could not read back: they are no longer in the ledger, their file is set
    /// aside. Whoever still has them in memory may promise them again; the others are to be reported.
    pub fn take_quarantined(&mut self) -> Vec<Promise> {
        std::mem::take(&mut self.quarantined)
    }

    pub fn status(&self) -> Status {
        Status {
            segments_in_use: self.ledger.segments() as u64,
            segments_ready: self.segments.ready() as u64,
            segments_retired: self.segments.retired() as u64,
            segments_failed: self.ledger.in_use().filter(|place| place.failed).count() as u64,
            promises_living: self.ledger.promises() as u64,
            bytes_living: self.ledger.living_bytes(),
            copies_deferred: self.ledger.deferred() as u64,
            bytes_waiting: self.outstanding(),
            ..self.status
        }
    }

    /// Files that may still be made.
    pub(crate) fn allowed(&self) -> u64 {
        self.segments.allowed(&self.settings, self.ledger.segments(), self.troubled.len())
    }

    /// Room for batches in one segment.
    pub(crate) fn usable(&self) -> u64 {
        self.settings.segment_bytes - BLOCK as u64
    }

    /// Bytes that were taken and are not in flight yet.
    pub(crate) fn outstanding(&self) -> u64 {
        (self.gather.used() + self.waiting_bytes) as u64
    }

    /// Room in segments that exist.
    pub(crate) fn room(&self) -> u64 {
        let current = self.current.map_or(0, |current| self.settings.segment_bytes - current.position);
        let opening = self.flight.as_ref().filter(|flight| flight.opens).map_or(0, |_| self.usable());
        current + opening + self.segments.available() as u64 * self.usable()
    }

    /// Hands empty segments over, oldest first.
    pub(crate) fn retire(&mut self) {
        while let Some(oldest) = self.ledger.oldest() {
            let segment = oldest.segment;
            let is_busy = self.current.is_some_and(|current| current.segment == segment)
                || self.flight.as_ref().is_some_and(|flight| flight.segment == segment)
                || self.scan.as_ref().is_some_and(|scan| scan.segment == segment);
            let is_empty = oldest.living == 0 && oldest.forming == 0 && self.durable >= oldest.notes_until;
            if is_busy || !is_empty {
                return;
            }
            self.troubled.retain(|troubled| *troubled != segment);
            let emptied = self.ledger.retire_oldest().expect("it was there a moment ago");
            self.segments.retire(emptied);
        }
    }
}

/// The blocks around a record.
pub(crate) fn location_of(spot: Spot) -> Location {
    let skip = spot.offset as usize % BLOCK;
    let length = (skip + spot.length as usize).next_multiple_of(BLOCK);
    Location { segment: spot.segment, offset: u64::from(spot.offset) - skip as u64, length, skip }
}
