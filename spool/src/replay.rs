//! The records of the past, applied in the order of the log.
//!
//! Law: applying a note twice, or a note of a promise that is gone, changes nothing.

use crate::layout::{Content, Part, Record};
use crate::ledger::{Ledger, Spot};
use crate::{Copy, Deferral, Living, Promise, Segment, read};
use bytes::Bytes;
use hashbrown::HashMap;

/// A promise of which some parts were read.
#[derive(Debug)]
struct Forming {
    copies: u32,
    total: u64,
    /// The byte that the next part begins with.
    at: u64,
    head: Vec<u8>,
    living: Box<[u8]>,
    spots: Vec<Spot>,
}

#[derive(Debug)]
struct Head {
    bytes: Box<[u8]>,
    total: u64,
}

#[derive(Debug, Default)]
pub struct Replay {
    pub ledger: Ledger,
    heads: HashMap<Promise, Head>,
    /// By promise, and whether it is moved. A chain that a crash cut stays here and is forgotten at the end.
    forming: HashMap<(Promise, bool), Forming>,
    sequence: u64,
}

impl Replay {
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Sequence numbers up to here were given.
    pub fn durable(&mut self, sequence: u64) {
        self.sequence = self.sequence.max(sequence);
    }

    pub fn record(&mut self, segment: Segment, offset: u32, record: &Record<'_>) {
        self.durable(record.sequence);
        match record.content {
            Content::Part(part) => {
                let spot = Spot { segment, offset, length: record.length as u32 };
                self.part(Promise(record.sequence), &part, spot);
            }
            Content::Finished { promise, copy } => self.finished(Promise(promise), copy),
            Content::Deferred { promise, copy, attempts, until, note } => {
                let deferral = Deferral { until, attempts, note: note.into() };
                self.ledger.defer(Promise(promise), copy, deferral);
            }
        }
    }

    fn finished(&mut self, promise: Promise, copy: u32) {
        // The set of living copies in the first part is older than this note.
        let moves = self.forming.get_mut(&(promise, true));
        if let Some(byte) = moves.and_then(|forming| forming.living.get_mut(copy as usize / 8)) {
            *byte &= !(1 << (copy % 8));
        }
        if self.ledger.finish(promise, copy) && self.ledger.copies(promise).is_none() {
            self.heads.remove(&promise);
        }
    }

    fn part(&mut self, promise: Promise, part: &Part<'_>, spot: Spot) {
        let key = (promise, part.moved);
        if part.is_first() && part.is_last() {
            let head = read::head_in(part).into();
            return self.complete(
                promise,
                part.copies,
                part.living,
                &[spot],
                Head { bytes: head, total: part.total },
            );
        }
        if part.is_first() {
            let forming = Forming {
                copies: part.copies,
                total: part.total,
                at: 0,
                head: Vec::new(),
                living: part.living.into(),
                spots: Vec::new(),
            };
            self.forming.insert(key, forming);
        }
        let Some(forming) = self.forming.get_mut(&key) else { return };
        if (forming.at, forming.total, forming.copies) != (part.at, part.total, part.copies) {
            return;
        }
        forming.at += part.bytes.len() as u64;
        forming.head.extend_from_slice(read::head_in(part));
        forming.spots.push(spot);
        if !part.is_last() {
            return;
        }
        if let Some(formed) = self.forming.remove(&key) {
            let head = Head { bytes: formed.head.into(), total: formed.total };
            self.complete(promise, formed.copies, &formed.living, &formed.spots, head);
        }
    }

    fn complete(&mut self, promise: Promise, copies: u32, living: &[u8], spots: &[Spot], head: Head) {
        // The notes that finished the other copies may be gone with their segment.
        let is_dead =
            |copy: &u32| living.get(*copy as usize / 8).is_some_and(|byte| byte >> (copy % 8) & 1 == 0);
        if self.ledger.copies(promise).is_some() {
            (0..copies).filter(is_dead).for_each(|copy| self.finished(promise, copy));
        }
        if (0..copies).all(|copy| is_dead(&copy)) {
            return;
        }
        self.ledger.place(promise, copies, living, spots);
        self.heads.insert(promise, head);
    }

    /// Segments of an epoch before `oldest` held nothing living: what they seem to hold was finished by
    /// notes that are gone already.
    pub fn forget_before(&mut self, oldest: u64) {
        let old = self.ledger.in_use().filter(|place| place.epoch < oldest && place.living > 0);
        let promises: Vec<_> = old.flat_map(|place| self.ledger.promises_in(place.segment)).collect();
        for promise in promises {
            self.ledger.forget(promise);
            self.heads.remove(&promise);
        }
    }

    /// Hands the heads over.
    pub fn living(&mut self) -> Vec<Living> {
        let mut heads = std::mem::take(&mut self.heads);
        let living = |(promise, copies)| {
            let head = heads.remove(&promise).expect("every living promise has its head");
            let copies_left = (0..copies).filter(|copy| self.ledger.lives(promise, *copy));
            let left =
                copies_left.map(|copy| Copy { copy, deferral: self.ledger.deferral(promise, copy).cloned() });
            let left = left.collect();
            let body_bytes = head.total - head.bytes.len() as u64;
            Living { promise, copies, head: Bytes::from(head.bytes), body_bytes, left }
        };
        self.ledger.all().into_iter().map(living).collect()
    }
}
