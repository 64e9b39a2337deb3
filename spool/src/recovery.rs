//! What the segments of one shard say after a restart: which promises live, and what was damaged.
//!
//! Law: a batch that was known durable is believed record by record; one that nothing proves durable is
//! believed whole or not at all. The table is in spool/README.md.

use crate::{Location, Promise, Segment, Settings};
use bytes::Bytes;
use mail::Time;
use world::Buffer;

/// When a copy may be tried again, as its last `deferred` said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deferral {
    pub until: Time,
    pub attempts: u32,
    pub note: Box<[u8]>,
}

/// A copy that is not finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    pub copy: u32,
    pub deferral: Option<Deferral>,
}

/// A promise that is not finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Living {
    pub promise: Promise,
    pub copies: u32,
    pub head: Bytes,
    pub body_bytes: u64,
    /// In ascending order; never empty.
    pub left: Vec<Copy>,
}

/// Something that was durable and cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// The header of this segment; its records were read all the same if their batches are whole.
    Header(Segment),
    /// The file holds another segment, or one of another shard: ignored.
    Misnamed(Segment),
    /// Bytes of this segment in a batch that was durable.
    Rotten { segment: Segment, offset: u64, length: u64 },
    /// Batches after the first and up to the last number are in no segment.
    Missing { after: u64, until: u64 },
}

/// What recovery did, for the operator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub segments: u64,
    pub batches: u64,
    pub records: u64,
    /// Batches of a commit that was cut short or failed, dropped without harm.
    pub batches_dropped: u64,
    pub promises_living: u64,
    pub copies_living: u64,
    /// In the order found; the first `DAMAGES_LISTED`, and how many there are in all.
    pub damages: Vec<Damage>,
    pub damages_found: u64,
}

/// What the journal goes on with.
#[derive(Default)]
pub struct State {}

pub struct Recovered {
    /// In ascending order of promises.
    pub living: Vec<Living>,
    pub report: Report,
    pub state: State,
}

/// A segment file as found in the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    pub segment: Segment,
    pub bytes: u64,
}

pub struct Recovery {}

impl Recovery {
    pub fn new(_settings: &Settings, _found: Vec<Found>) -> Self {
        unimplemented!()
    }

    /// The blocks to read next; none when everything was read.
    pub fn want(&self) -> Option<Location> {
        unimplemented!()
    }

    /// The blocks that were wanted.
    pub fn read(&mut self, _blocks: Buffer) {
        unimplemented!()
    }

    /// They could not be read: what they held is treated as rotten.
    pub fn read_failed(&mut self) {
        unimplemented!()
    }

    /// Panics before everything was read.
    pub fn finish(self) -> Recovered {
        unimplemented!()
    }
}
