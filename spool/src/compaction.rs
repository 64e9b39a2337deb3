//! Moving the living promises of a segment to the newest one, so that it can be reused.
//!
//! Law: one step reads at most one batch and writes what lives in it. A segment counts as emptied when every
//! move is durable, and so are the deferrals written again after it.

use crate::gather::{Stream, Waiting};
use crate::journal::{Journal, location_of};
use crate::layout::{self, BatchHeader, Content, Kind, Part};
use crate::ledger::Use;
use crate::read::{Records, Stretch};
use crate::{Location, Promise, Segment, limits};
use bytes::Bytes;
use std::collections::VecDeque;
use world::{BLOCK, Buffer};

/// A segment that is being emptied.
#[derive(Debug)]
pub struct Scan {
    pub segment: Segment,
    epoch: u64,
    /// The next block to read.
    position: u64,
    end: u64,
    /// Bytes to read in one step.
    step: usize,
    is_reading: bool,
    /// Promises in several parts that begin here, and how many parts of the first were read.
    chains: VecDeque<Promise>,
    parts_read: usize,
    /// Promises whose move is not durable yet.
    moving: usize,
}

impl Scan {
    fn of(place: &Use, step: usize) -> Self {
        Scan {
            segment: place.segment,
            epoch: place.epoch,
            position: BLOCK as u64,
            end: place.end,
            step,
            is_reading: false,
            chains: VecDeque::new(),
            parts_read: 0,
            moving: 0,
        }
    }

    fn is_through(&self) -> bool {
        self.position >= self.end && self.chains.is_empty() && self.moving == 0
    }
}

impl Journal {
    pub(crate) fn wants_reread(&self) -> Option<Location> {
        let is_behind = !self.waiting.is_empty() || self.gather.room() < self.settings.batch_bytes / 2;
        if is_behind || self.is_resting {
            return None;
        }
        match &self.scan {
            Some(scan) if scan.is_reading => None,
            Some(scan) => self.next_reread(scan),
            None => self.next_reread(&Scan::of(self.segment_to_empty()?, self.settings.batch_bytes)),
        }
    }

    fn next_reread(&self, scan: &Scan) -> Option<Location> {
        if let Some(promise) = scan.chains.front() {
            return self.ledger.spots(*promise)?.get(scan.parts_read).copied().map(location_of);
        }
        let length = (scan.end - scan.position).min(scan.step as u64) as usize;
        let place = Location { segment: scan.segment, offset: scan.position, length, skip: 0 };
        (length > 0).then_some(place)
    }

    /// One that failed or rotted; else the oldest, when more than half of what is in use is dead, or when
    /// files run short and anything is to be gained. So at most one byte is moved for one promised.
    fn segment_to_empty(&self) -> Option<&Use> {
        let troubled = self.troubled.iter().flat_map(|segment| self.ledger.in_use_as(*segment));
        let trouble = troubled.into_iter().find(|place| self.can_empty(place));
        trouble.or_else(|| self.ledger.oldest().filter(|oldest| self.can_empty(oldest) && self.pays()))
    }

    fn pays(&self) -> bool {
        let segments = self.ledger.segments();
        let (living, held) = (self.ledger.living_bytes(), segments as u64 * self.usable());
        let is_short =
            self.segments.available() == 0 && (self.segments.stuck().is_some() || self.allowed() == 0);
        match is_short {
            true => living < held / 8 * 7,
            false => segments >= limits::SEGMENTS_UNCOMPACTED && living < held / 2,
        }
    }

    fn can_empty(&self, place: &Use) -> bool {
        let is_current = self.current.is_some_and(|current| current.segment == place.segment);
        let is_written = self.flight.as_ref().is_some_and(|flight| flight.segment == place.segment);
        let needed = place.living_bytes / 8 * 9 + 2 * self.settings.batch_bytes as u64 + self.outstanding();
        let has_living = place.living > 0 && place.forming == 0;
        has_living && !is_current && !is_written && needed <= self.room()
    }

    fn begin_scan(&mut self, segment: Segment) {
        if self.scan.is_none() {
            let step = self.settings.batch_bytes;
            self.scan = Some(Scan::of(self.ledger.segment(segment), step));
        }
    }

    pub(crate) fn began_to_reread(&mut self, location: Location) {
        self.begin_scan(location.segment);
        self.scanning().is_reading = true;
    }

    fn scanning(&mut self) -> &mut Scan {
        self.scan.as_mut().expect("a segment is being emptied")
    }

    /// The blocks that `Reread` asked for.
    pub fn reread(&mut self, location: Location, blocks: Buffer) {
        self.begin_scan(location.segment);
        self.scanning().is_reading = false;
        let blocks = Bytes::from_owner(blocks);
        match self.scanning().chains.front().copied() {
            Some(promise) if self.ledger.copies(promise).is_none() => self.give_up(promise),
            Some(promise) => self.move_part(promise, location, &blocks),
            None => self.move_batches(&blocks),
        }
        self.settle_scan();
        self.retire();
    }

    /// What lives there is quarantined at the end of the scan.
    pub fn reread_failed(&mut self, location: Location) {
        self.begin_scan(location.segment);
        let scan = self.scanning();
        scan.is_reading = false;
        match scan.chains.front().copied() {
            Some(promise) => self.give_up(promise),
            None => scan.position += location.length as u64,
        }
        self.settle_scan();
        self.retire();
    }

    /// Moves what lives in the whole batches of a stretch of blocks.
    fn move_batches(&mut self, blocks: &Bytes) {
        let (segment, epoch) = (self.scanning().segment, self.scanning().epoch);
        let (position, end) = (self.scanning().position, self.scanning().end);
        let mut step = self.settings.batch_bytes;
        let mut at = 0;
        while at < blocks.len() {
            let header = BatchHeader::decode(&blocks[at..]);
            let ours = header.filter(|header| header.segment == segment && header.epoch == epoch);
            let left = end - position - at as u64;
            match ours.filter(|header| header.padded() as u64 <= left) {
                None => at += BLOCK,
                Some(header) if header.padded() <= blocks.len() - at => {
                    self.move_batch(&header, blocks.slice(at..), position + at as u64);
                    at += header.padded();
                }
                Some(header) => {
                    step = step.max(header.padded());
                    break;
                }
            }
        }
        let scan = self.scanning();
        scan.position += at as u64;
        scan.step = step;
    }

    fn move_batch(&mut self, header: &BatchHeader, batch: Bytes, offset: u64) {
        for (at, stretch) in Records::of(header, &batch) {
            let Stretch::Sound(record) = stretch else { continue };
            let Content::Part(part) = record.content else { continue };
            let promise = Promise(record.sequence);
            let place = (header.segment, offset + at as u64);
            let here =
                self.ledger.spot(promise).filter(|spot| (spot.segment, u64::from(spot.offset)) == place);
            if here.is_none() {
                continue;
            }
            self.scanning().moving += 1;
            if part.is_last() {
                self.write_move(promise, &part, batch.slice_ref(part.bytes));
            } else {
                self.scanning().chains.push_back(promise);
            }
        }
    }

    /// One part of the chain that moves now.
    fn move_part(&mut self, promise: Promise, location: Location, blocks: &Bytes) {
        let record = blocks.get(location.skip..).and_then(layout::any_record);
        let ours = record.filter(|record| record.sequence == promise.0);
        let Some(Content::Part(part)) = ours.map(|record| record.content) else {
            return self.give_up(promise);
        };
        self.write_move(promise, &part, blocks.slice_ref(part.bytes));
        let scan = self.scanning();
        scan.parts_read += 1;
        if part.is_last() {
            scan.chains.pop_front();
            scan.parts_read = 0;
        }
    }

    fn write_move(&mut self, promise: Promise, part: &Part<'_>, bytes: Bytes) {
        let living = if part.is_first() { self.ledger.living_set(promise) } else { Box::default() };
        self.append(Waiting::Stream(Stream {
            promise: promise.0,
            moved: true,
            copies: part.copies,
            head: part.head,
            total: part.total,
            at: part.at,
            living,
            pieces: VecDeque::from([bytes]),
        }));
        if part.is_last() {
            self.write_deferrals(promise, part.copies);
        }
    }

    /// The notes that said so may lie in the segment that goes.
    fn write_deferrals(&mut self, promise: Promise, copies: u32) {
        if self.ledger.deferred() == 0 {
            return;
        }
        for copy in 0..copies {
            let Some(deferral) = self.ledger.deferral(promise, copy) else { continue };
            let fields = layout::deferred(promise.0, copy, deferral.attempts, deferral.until);
            let payload = [&fields, &*deferral.note].concat().into();
            self.last += 1;
            self.append(Waiting::Note { sequence: self.last, kind: Kind::Deferred, payload });
        }
        let segment = self.scanning().segment;
        self.ledger.segment(segment).notes_until = self.last;
    }

    /// Into the batch if it fits there whole, else behind what waits.
    fn append(&mut self, mut waiting: Waiting) {
        let fits = self.waiting.is_empty() && waiting.bytes() <= self.gather.room();
        if fits {
            self.gather.waiting(&mut waiting, self.settings.batch_bytes);
        } else {
            self.wait(waiting);
        }
    }

    /// Some part of the chain cannot be read, or it was finished meanwhile.
    fn give_up(&mut self, promise: Promise) {
        self.forming.retain(|forming| !(forming.moved && forming.promise == promise.0));
        let scan = self.scanning();
        scan.chains.pop_front();
        scan.parts_read = 0;
        scan.moving -= 1;
    }

    /// The move of a promise is durable.
    pub(crate) fn moved(&mut self) {
        self.scanning().moving -= 1;
    }

    /// Gives up chains that were finished, and ends the scan when all moves are durable: what still lives in
    /// the segment then could not be read.
    pub(crate) fn settle_scan(&mut self) {
        while let Some(scan) = self.scan.as_ref().filter(|scan| !scan.is_reading) {
            match scan.chains.front().copied() {
                Some(promise) if self.ledger.copies(promise).is_none() => self.give_up(promise),
                _ => break,
            }
        }
        if self.scan.as_ref().is_some_and(Scan::is_through) {
            let segment = self.scanning().segment;
            self.scan = None;
            // What is left of moves that were given up.
            self.forming.retain(|forming| !forming.moved);
            self.quarantine(segment);
        }
    }

    fn quarantine(&mut self, segment: Segment) {
        if self.ledger.segment(segment).living == 0 {
            return;
        }
        self.ledger.segment(segment).damaged = true;
        for promise in self.ledger.promises_in(segment) {
            self.ledger.forget(promise);
            self.status.promises_quarantined += 1;
            self.quarantined.push(promise);
        }
    }
}
