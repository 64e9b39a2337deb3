//! What the segments of one shard say after a restart: which promises live, and what was damaged.
//!
//! Law: a batch is proven durable by its successor, which names it as its predecessor. What was proven is
//! believed record by record; the last batch, which nothing proves, is believed whole or not at all. The
//! table is in spool/README.md.

use crate::layout::{BatchHeader, SegmentHeader};
use crate::replay::Replay;
use crate::segments::Segments;
use crate::{Damage, Found, Location, Recovered, Report, Settings, State, limits, read};
use bytes::Bytes;
use world::{BLOCK, Buffer};

/// A segment that has an epoch.
#[derive(Clone, Copy, Debug)]
struct Dated {
    found: Found,
    epoch: u64,
    salt: u32,
    /// The last batch before it; none if its header is lost.
    previous: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The header of each file; a file without one is searched for a batch.
    Headers,
    /// The batches of each dated segment, in the order of epochs.
    Batches,
    Done,
}

/// The last batch seen; its successor tells what it was.
#[derive(Debug)]
struct Held {
    header: BatchHeader,
    batch: Bytes,
    offset: u64,
}

#[derive(Debug)]
pub struct Recovery {
    settings: Settings,
    phase: Phase,
    found: Vec<Found>,
    dated: Vec<Dated>,
    segments: Segments,
    /// Which file of `found` or `dated`, and where in it.
    index: usize,
    position: u64,
    step: usize,
    /// The step was made longer for the batch at `position`.
    is_spanning: bool,
    /// Where bytes began that are no batch, and whether some of them could not be read.
    gap: Option<u64>,
    is_unreadable: bool,
    /// The file without a header holds something else than zeros.
    is_written: bool,
    held: Option<Held>,
    replay: Replay,
    /// Highest epoch that is known to be the oldest in use.
    oldest: u64,
    epoch: u64,
    number: u64,
    /// Number of the last batch applied.
    previous: Option<u64>,
    /// Ranges of batches that were named and not found: after, until.
    missing: Vec<(u64, u64)>,
    report: Report,
}

impl Recovery {
    /// `found` are all files with names of segments. The driver keeps them open for the journal.
    pub fn new(settings: &Settings, mut found: Vec<Found>) -> Self {
        let settings = settings.clone().bounded();
        found.sort_unstable_by_key(|found| found.segment);
        let mut segments = Segments::default();
        found.iter().for_each(|found| segments.found(found.segment));
        let mut recovery = Recovery {
            step: 2 * BLOCK,
            settings,
            phase: Phase::Headers,
            found,
            dated: Vec::new(),
            segments,
            index: 0,
            position: 0,
            is_spanning: false,
            gap: None,
            is_unreadable: false,
            is_written: false,
            held: None,
            replay: Replay::default(),
            oldest: 0,
            epoch: 0,
            number: 0,
            previous: None,
            missing: Vec::new(),
            report: Report::default(),
        };
        recovery.advance();
        recovery
    }

    /// The blocks to read next; none when everything was read.
    pub fn want(&self) -> Option<Location> {
        let found = self.file()?;
        let left = whole_blocks(found.bytes).saturating_sub(self.position);
        let length = left.min(self.step as u64) as usize;
        Some(Location { segment: found.segment, offset: self.position, length, skip: 0 })
    }

    fn file(&self) -> Option<Found> {
        match self.phase {
            Phase::Headers => self.found.get(self.index).copied(),
            Phase::Batches => self.dated.get(self.index).map(|dated| dated.found),
            Phase::Done => None,
        }
    }

    /// The blocks that were wanted.
    pub fn read(&mut self, blocks: Buffer) {
        let wanted = self.want().expect("something was wanted");
        assert_eq!(blocks.len(), wanted.length, "exactly what was wanted is read");
        let blocks = Bytes::from_owner(blocks);
        match self.phase {
            Phase::Headers => self.read_header(wanted, &blocks),
            _ => self.read_batches(&blocks),
        }
        self.advance();
    }

    /// They could not be read: the blocks are tried one by one, and those that fail again are rotten.
    pub fn read_failed(&mut self) {
        let wanted = self.want().expect("something was wanted");
        if wanted.length == BLOCK || self.is_spanning {
            self.gap.get_or_insert(self.position);
            self.is_unreadable = true;
            self.position += BLOCK as u64;
        }
        self.is_spanning = false;
        self.step = BLOCK;
        self.advance();
    }

    /// Goes to the next file or phase where this one is read to its end.
    fn advance(&mut self) {
        while let Some(found) = self.file() {
            if self.position < whole_blocks(found.bytes) {
                return;
            }
            match self.phase {
                Phase::Headers => self.no_header(found),
                _ => self.end_of_batches(found),
            }
            self.next_file();
        }
        match self.phase {
            Phase::Headers => self.begin_batches(),
            Phase::Batches => self.phase = Phase::Done,
            Phase::Done => return,
        }
        self.advance();
    }

    fn next_file(&mut self) {
        self.index += 1;
        self.position = 0;
        self.gap = None;
        self.is_unreadable = false;
        self.is_written = false;
        self.is_spanning = false;
        self.step = if self.phase == Phase::Headers { 2 * BLOCK } else { self.settings.batch_bytes };
        if self.phase == Phase::Batches {
            self.position = BLOCK as u64;
        }
    }

    fn read_header(&mut self, wanted: Location, blocks: &Bytes) {
        let found = self.found[self.index];
        let header = if wanted.offset == 0 { SegmentHeader::decode(blocks) } else { None };
        if let Some(header) = header {
            let is_here = header.segment == found.segment && header.shard == u32::from(self.settings.shard);
            if is_here {
                self.oldest = self.oldest.max(header.oldest);
                self.dated.push(Dated {
                    found,
                    epoch: header.epoch,
                    salt: header.salt,
                    previous: Some(header.previous),
                });
            } else {
                self.damage(Damage::Misnamed(found.segment));
            }
            return self.next_file();
        }
        let batches = blocks.chunks(BLOCK).filter_map(BatchHeader::decode);
        let batch = batches.into_iter().find(|header| header.segment == found.segment);
        if let Some(batch) = batch {
            self.damage(Damage::Header(found.segment));
            self.dated.push(Dated { found, epoch: batch.epoch, salt: batch.salt, previous: None });
            return self.next_file();
        }
        self.is_written |= blocks.chunks(BLOCK).any(|block| block != &ZEROS[..block.len()]);
        self.position += blocks.len() as u64;
        self.step = self.settings.batch_bytes;
    }

    /// There is no batch in it either.
    fn no_header(&mut self, found: Found) {
        match (self.is_unreadable, found.bytes == self.settings.segment_bytes) {
            (false, true) => self.segments.found_blank(found.segment),
            (false, false) if !self.is_written => self.segments.found_useless(found.segment),
            _ => {
                self.damage(Damage::Header(found.segment));
                self.segments.found_unreadable(found.segment);
            }
        }
    }

    /// What follows the last batch is a torn tail or was never written, unless it cannot be read at all.
    fn end_of_batches(&mut self, found: Found) {
        let end = whole_blocks(found.bytes);
        if let Some(offset) = self.gap.take().filter(|_| self.is_unreadable) {
            self.replay.ledger.segment(found.segment).damaged = true;
            self.damage(Damage::Rotten { segment: found.segment, offset, length: end - offset });
        }
    }

    fn begin_batches(&mut self) {
        self.phase = Phase::Batches;
        self.dated.sort_by_key(|dated| dated.epoch);
        self.epoch = self.dated.last().map_or(0, |dated| dated.epoch);
        for dated in std::mem::take(&mut self.dated) {
            let is_odd = dated.found.bytes != self.settings.segment_bytes;
            match (dated.epoch < self.oldest, is_odd) {
                (true, true) => self.segments.found_useless(dated.found.segment),
                (true, false) => self.segments.found_blank(dated.found.segment),
                (false, _) => {
                    self.replay.ledger.begin(dated.found.segment, dated.epoch, BLOCK as u64);
                    self.replay.ledger.segment(dated.found.segment).odd_size = is_odd;
                    self.dated.push(dated);
                }
            }
        }
        self.report.segments = self.dated.len() as u64;
        self.index = 0;
        self.position = BLOCK as u64;
        self.step = self.settings.batch_bytes;
    }

    fn read_batches(&mut self, blocks: &Bytes) {
        let dated = self.dated[self.index];
        let left = whole_blocks(dated.found.bytes) - self.position;
        let (start, mut at) = (self.position, 0);
        self.step = self.settings.batch_bytes;
        self.is_spanning = false;
        while at < blocks.len() {
            let header = BatchHeader::decode(&blocks[at..]).filter(|header| {
                let place = (header.segment, header.epoch, header.salt);
                place == (dated.found.segment, dated.epoch, dated.salt)
                    && header.number > self.number
                    && header.padded() as u64 <= left - at as u64
            });
            match header {
                None => {
                    self.gap.get_or_insert(start + at as u64);
                    at += BLOCK;
                }
                Some(header) if header.padded() <= blocks.len() - at => {
                    self.batch(header, blocks.slice(at..at + header.padded()), start + at as u64);
                    at += header.padded();
                }
                Some(header) => {
                    self.step = self.step.max(header.padded());
                    self.is_spanning = at == 0;
                    break;
                }
            }
        }
        self.position = start + at as u64;
    }

    /// A batch stands here: what does it say of the one before it?
    fn batch(&mut self, header: BatchHeader, batch: Bytes, offset: u64) {
        if let Some(from) = self.gap.take() {
            // Batches of a segment touch each other.
            self.is_unreadable = false;
            self.replay.ledger.segment(header.segment).damaged = true;
            self.damage(Damage::Rotten { segment: header.segment, offset: from, length: offset - from });
        }
        match self.held.take() {
            Some(held) if held.header.number <= header.previous => self.apply(&held),
            Some(held) => self.drop_batch(&held),
            None => {}
        }
        let known = self.previous.unwrap_or(0);
        if known < header.previous && self.missing.len() < limits::DAMAGES_LISTED {
            self.missing.push((known, header.previous));
        }
        self.dated[self.index].previous.get_or_insert(header.previous);
        self.number = header.number;
        self.oldest = self.oldest.max(header.oldest);
        self.replay.ledger.segment(header.segment).end = offset + batch.len() as u64;
        self.held = Some(Held { header, batch, offset });
    }

    /// Batches that a later one names and that were not found, but for those that lay in segments before the
    /// oldest in use: these are gone rightly.
    fn report_missing(&mut self) {
        let oldest = self.dated.iter().find(|dated| dated.epoch == self.oldest);
        let gone = oldest.and_then(|dated| dated.previous).unwrap_or(0);
        for (after, until) in std::mem::take(&mut self.missing) {
            if until > gone {
                self.damage(Damage::Missing { after: after.max(gone), until });
            }
        }
    }

    fn apply(&mut self, held: &Held) {
        self.previous = Some(held.header.number);
        self.report.batches += 1;
        self.replay.durable(held.header.durable);
        for (at, stretch) in read::Records::of(&held.header, &held.batch) {
            let offset = held.offset + at as u64;
            match stretch {
                read::Stretch::Sound(record) => {
                    self.report.records += 1;
                    self.replay.record(held.header.segment, offset as u32, &record);
                }
                read::Stretch::Rotten(length) => {
                    let (segment, length) = (held.header.segment, length as u64);
                    self.replay.ledger.segment(segment).damaged = true;
                    self.damage(Damage::Rotten { segment, offset, length });
                }
            }
        }
    }

    /// Its commit failed, or was cut short.
    fn drop_batch(&mut self, held: &Held) {
        self.report.batches_dropped += 1;
        let place = self.replay.ledger.segment(held.header.segment);
        place.failed = true;
        place.end = held.offset;
    }

    fn damage(&mut self, damage: Damage) {
        self.report.damages_found += 1;
        if self.report.damages.len() < limits::DAMAGES_LISTED {
            self.report.damages.push(damage);
        }
    }

    /// Panics before everything was read.
    pub fn finish(mut self) -> Recovered {
        assert_eq!(self.phase, Phase::Done, "everything is read before it is judged");
        if let Some(held) = self.held.take() {
            match read::is_whole(&held.header, &held.batch) {
                true => self.apply(&held),
                false => self.drop_batch(&held),
            }
        }
        self.report_missing();
        self.replay.forget_before(self.oldest);
        let living = self.replay.living();
        self.report.promises_living = living.len() as u64;
        self.report.copies_living = living.iter().map(|living| living.left.len() as u64).sum();
        let skipped = if self.epoch == 0 { 0 } else { limits::NUMBERS_SKIPPED };
        let state = State {
            epoch: self.epoch + skipped,
            batch: self.number + skipped,
            sequence: self.replay.sequence() + skipped,
            previous: self.previous.unwrap_or(self.number),
            ledger: self.replay.ledger,
            segments: self.segments,
        };
        Recovered { living, report: self.report, state }
    }
}

const ZEROS: [u8; BLOCK] = [0; BLOCK];

/// What can be read of a file of this size; offsets of records have 32 bits.
fn whole_blocks(bytes: u64) -> u64 {
    bytes.min(limits::SEGMENT_BYTES.1) / BLOCK as u64 * BLOCK as u64
}
