//! What is written, and what follows from it: the commit path of the journal.
//!
//! Law: a committed block is never written again in its epoch. After a failed commit nothing more is written
//! to that segment; the next batch, in another one, names the last durable batch as its predecessor, which
//! makes the failed one void.

use crate::gather::{Placed, Stream, Waiting};
use crate::journal::Journal;
use crate::layout::{self, BATCH_HEADER, BatchHeader, Content, Kind, SegmentHeader};
use crate::ledger::Spot;
use crate::read::{Records, Stretch};
use crate::{Commit, Promise, Segment};
use bytes::Bytes;
use mail::Time;
use std::collections::VecDeque;
use world::{BLOCK, Buffer};

/// The segment that is written.
#[derive(Clone, Copy, Debug)]
pub struct Current {
    pub segment: Segment,
    pub epoch: u64,
    /// Where the next batch goes.
    pub position: u64,
}

/// The commit in flight.
#[derive(Debug)]
pub struct Flight {
    pub segment: Segment,
    pub epoch: u64,
    /// It writes the header of a segment, and no batch.
    pub opens: bool,
    offset: u64,
    length: usize,
    number: u64,
    oldest: u64,
    /// Everything up to here is decided when it is durable.
    last: u64,
    placed: Vec<Placed>,
}

/// A promise of which some parts are durable.
#[derive(Debug)]
pub struct Forming {
    pub promise: u64,
    pub moved: bool,
    spots: Vec<Spot>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Open,
    Batch,
}

impl Journal {
    /// What the next commit would be; none without a segment to write to.
    pub(crate) fn step(&self) -> Option<Step> {
        let fits = |current: &&Current| {
            let room = (self.settings.segment_bytes - current.position) as usize;
            match self.waiting.front().filter(|_| self.gather.is_empty()) {
                Some(waiting) => BATCH_HEADER + waiting.least(self.gather.capacity()) <= room,
                None => self.gather.used() <= room,
            }
        };
        match self.current.as_ref().filter(|current| fits(current)) {
            Some(_) => Some(Step::Batch),
            None => self.segments.has_next().then_some(Step::Open),
        }
    }

    /// Only after `want` said `Commit`.
    pub fn take_commit(&mut self) -> Commit {
        assert!(self.flight.is_none(), "one commit is in flight at a time");
        match self.step().expect("a commit was wanted") {
            Step::Open => self.take_opening(),
            Step::Batch => self.take_batch(),
        }
    }

    fn take_opening(&mut self) -> Commit {
        let segment = self.segments.take_next();
        self.epoch += 1;
        self.current = None;
        self.ledger.begin(segment, self.epoch, BLOCK as u64);
        let oldest = self.oldest();
        let header = SegmentHeader {
            shard: u32::from(self.settings.shard),
            segment,
            epoch: self.epoch,
            oldest,
            previous: self.previous,
            salt: self.settings.salt,
            segment_bytes: self.settings.segment_bytes,
        };
        let mut buffer = Buffer::zeroed(BLOCK);
        header.encode(&mut buffer);
        self.flight = Some(Flight {
            segment,
            epoch: self.epoch,
            opens: true,
            offset: 0,
            length: BLOCK,
            number: self.previous,
            oldest,
            last: self.durable,
            placed: Vec::new(),
        });
        Commit { segment, offset: 0, buffer }
    }

    fn take_batch(&mut self) -> Commit {
        let current = self.current.expect("a batch is written to a segment");
        self.fill((self.settings.segment_bytes - current.position) as usize);
        self.notes_taken();
        let oldest = self.oldest();
        let header = BatchHeader {
            length: 0,
            records: 0,
            segment: current.segment,
            salt: 0,
            epoch: current.epoch,
            number: 0,
            previous: self.previous,
            durable: self.durable,
            oldest,
        };
        let number = self.gather.number();
        let next = self.spare_buffer.take().unwrap_or_else(|| Buffer::zeroed(self.settings.batch_bytes));
        let mut placed = std::mem::take(&mut self.spare_placed);
        let buffer = self.gather.close(header, next, &mut placed);
        let (segment, offset, length) = (current.segment, current.position, buffer.len());
        self.current = Some(Current { position: offset + length as u64, ..current });
        self.flight = Some(Flight {
            segment,
            epoch: current.epoch,
            opens: false,
            offset,
            length,
            number,
            oldest,
            last: self.decided_by_flight(),
            placed,
        });
        Commit { segment, offset, buffer }
    }

    /// Moves what waits into the batch, in order, as far as it fits.
    fn fill(&mut self, room: usize) {
        let limit = room.min(self.settings.batch_bytes);
        while let Some(waiting) = self.waiting.front_mut() {
            let before = waiting.bytes();
            if self.gather.waiting(waiting, limit) {
                self.waiting_bytes -= before;
                self.waiting.pop_front();
            } else {
                self.waiting_bytes -= before - waiting.bytes();
                return;
            }
        }
    }

    fn oldest(&self) -> u64 {
        let in_use = self.ledger.oldest().map_or(self.epoch, |oldest| oldest.epoch);
        self.segments.oldest_to_set_aside().map_or(in_use, |epoch| epoch.min(in_use))
    }

    fn decided_by_flight(&self) -> u64 {
        let waits = self.waiting.iter().find_map(|waiting| match waiting {
            Waiting::Note { sequence, .. } => Some(*sequence),
            Waiting::Stream(stream) => (!stream.moved).then_some(stream.promise),
        });
        waits.map_or(self.last, |sequence| sequence - 1)
    }

    /// The commit in flight is durable. Its buffer is kept for the next one.
    pub fn committed(&mut self, buffer: Buffer) {
        let flight = self.flight.take().expect("a commit is in flight");
        self.status.commits += 1;
        self.status.bytes_committed += flight.length as u64;
        if flight.opens {
            self.current =
                Some(Current { segment: flight.segment, epoch: flight.epoch, position: BLOCK as u64 });
        } else {
            self.keep_buffer(buffer);
            self.previous = flight.number;
            self.durable = self.durable.max(flight.last);
            self.is_resting = false;
            self.ledger.segment(flight.segment).end = flight.offset + flight.length as u64;
            flight.placed.iter().for_each(|placed| self.settle(&flight, placed));
            let keep = self.settings.spares as usize + self.ledger.segments();
            self.segments.passed(flight.oldest, keep);
            self.spare_placed = flight.placed;
        }
        self.settle_scan();
        self.retire();
    }

    fn keep_buffer(&mut self, mut buffer: Buffer) {
        if buffer.capacity() == self.settings.batch_bytes {
            buffer.set_length(self.settings.batch_bytes);
            self.spare_buffer = Some(buffer);
        }
    }

    /// A part is durable at its place.
    fn settle(&mut self, flight: &Flight, placed: &Placed) {
        let offset = flight.offset as u32 + placed.offset;
        let spot = Spot { segment: flight.segment, offset, length: placed.length };
        if placed.first && placed.last {
            return self.complete(placed, &[spot]);
        }
        if !placed.moved && self.has_failed(placed.promise) {
            return;
        }
        if placed.first {
            self.ledger.segment(spot.segment).forming += u64::from(!placed.moved);
            let (promise, moved) = (placed.promise, placed.moved);
            return self.forming.push(Forming { promise, moved, spots: vec![spot] });
        }
        // A move that was given up leaves parts without a beginning: they mean nothing.
        let is_it = |forming: &Forming| forming.promise == placed.promise && forming.moved == placed.moved;
        let Some(at) = self.forming.iter().position(is_it) else { return };
        self.forming[at].spots.push(spot);
        if placed.last {
            let formed = self.forming.swap_remove(at);
            self.ledger.segment(formed.spots[0].segment).forming -= u64::from(!placed.moved);
            self.complete(placed, &formed.spots);
        }
    }

    fn complete(&mut self, placed: &Placed, spots: &[Spot]) {
        let promise = Promise(placed.promise);
        let is_known = self.ledger.copies(promise).is_some();
        if placed.moved {
            self.status.promises_moved += 1;
            self.moved();
        }
        // What was finished while it moved is not brought back.
        if is_known || !placed.moved {
            self.ledger.place(promise, placed.copies, &[], spots);
        }
    }

    /// The write or its sync failed, or was short: the segment's life ends here. Promises of the batch have
    /// failed: ask `is_durable` for all that wait. Their notes go into the next batch.
    pub fn commit_failed(&mut self, buffer: Buffer, now: Time) {
        let flight = self.flight.take().expect("a commit is in flight");
        self.status.commits_failed += 1;
        self.current = None;
        self.ledger.segment(flight.segment).failed = true;
        self.troubled.push(flight.segment);
        self.is_resting = true;
        self.rest_until = now + self.settings.failure_pause;
        if !flight.opens {
            self.write_again(&buffer, flight.number);
            self.keep_buffer(buffer);
        }
        self.settle_scan();
        self.retire();
    }

    /// Puts the notes and moves of a failed batch, then what gathered meanwhile, before what waits.
    fn write_again(&mut self, failed: &[u8], number: u64) {
        let waiting = std::mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        let mut lost = Vec::new();
        let length = BatchHeader::decode(failed).expect("the batch is as it was taken").length as usize;
        for waits in records_of(&failed[..length], layout::tag(number, self.settings.salt)) {
            match waits {
                Waiting::Stream(stream) if !stream.moved => lost.push(stream.promise),
                waits => self.wait(waits),
            }
        }
        let tag = layout::tag(self.gather.number(), self.settings.salt);
        let gathered: Vec<_> = records_of(self.gather.bytes(), tag).collect();
        self.gather.clear();
        gathered.into_iter().for_each(|waits| self.wait(waits));
        for waits in waiting {
            match waits {
                // The rest of a promise whose part failed.
                Waiting::Stream(stream)
                    if !stream.moved && stream.at > 0 && lost.contains(&stream.promise) => {}
                waits => self.wait(waits),
            }
        }
        lost.iter().for_each(|promise| self.lose(*promise));
    }

    /// A new promise cannot be made durable.
    fn lose(&mut self, promise: u64) {
        let is_it = |forming: &Forming| forming.promise == promise && !forming.moved;
        if let Some(at) = self.forming.iter().position(is_it) {
            let formed = self.forming.swap_remove(at);
            self.ledger.segment(formed.spots[0].segment).forming -= 1;
        }
        self.failed(promise);
    }

    /// After a segment could not be prepared: of the promises that wait, those that fit in the room that
    /// exists stay, in order.
    pub(crate) fn fail_without_room(&mut self) {
        let mut room = self.room().saturating_sub(self.settings.reserve() + self.gather.used() as u64);
        let mut lost = Vec::new();
        let mut kept = VecDeque::with_capacity(self.waiting.len());
        for waiting in std::mem::take(&mut self.waiting) {
            match &waiting {
                Waiting::Stream(stream) if !stream.moved => match room.checked_sub(waiting.bytes() as u64) {
                    Some(left) => room = left,
                    None => {
                        self.waiting_bytes -= waiting.bytes();
                        lost.push(stream.promise);
                        continue;
                    }
                },
                _ => {}
            }
            kept.push_back(waiting);
        }
        self.waiting = kept;
        lost.iter().for_each(|promise| self.lose(*promise));
    }
}

/// The records of a batch of ours, as they wait to be written in another one.
fn records_of(batch: &[u8], tag: u32) -> impl Iterator<Item = Waiting> {
    Records::tagged(batch, tag).map(|(at, stretch)| {
        let Stretch::Sound(record) = stretch else { panic!("a batch in memory is whole") };
        let note = |kind| {
            let payload = batch[at + layout::RECORD_HEADER..at + record.length].into();
            Waiting::Note { sequence: record.sequence, kind, payload }
        };
        match record.content {
            Content::Finished { .. } => note(Kind::Finished),
            Content::Deferred { .. } => note(Kind::Deferred),
            Content::Part(part) => Waiting::Stream(Stream {
                promise: record.sequence,
                moved: part.moved,
                copies: part.copies,
                head: part.head,
                total: part.total,
                at: part.at,
                living: part.living.into(),
                pieces: VecDeque::from([Bytes::copy_from_slice(part.bytes)]),
            }),
        }
    })
}
