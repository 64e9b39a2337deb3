//! What recovery finds: the living promises, the damages, and the state that the journal goes on with.

use crate::ledger::Ledger;
use crate::segments::Segments;
use crate::{Promise, Segment};
use bytes::Bytes;
use mail::Time;
use std::fmt;

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
    /// The header of this segment; its batches were read all the same.
    Header(Segment),
    /// The file holds another segment, or one of another shard: ignored.
    Misnamed(Segment),
    /// Bytes of this segment in or between batches that were durable.
    Rotten { segment: Segment, offset: u64, length: u64 },
    /// Batches after the first and up to the last number are in no segment.
    Missing { after: u64, until: u64 },
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Damage::Header(segment) => write!(f, "the header of {segment} cannot be read"),
            Damage::Misnamed(segment) => write!(f, "{segment} holds another segment or one of another shard"),
            Damage::Rotten { segment, offset, length } => {
                write!(f, "{length} bytes at {offset} of {segment} were durable and cannot be read")
            }
            Damage::Missing { after, until } => {
                write!(f, "the batches after {after} up to {until} are in no segment")
            }
        }
    }
}

/// What recovery did, for the operator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Segments that were read; those that hold nothing any more are not.
    pub segments: u64,
    pub batches: u64,
    pub records: u64,
    /// Batches of a commit that was cut short or failed, dropped without harm.
    pub batches_dropped: u64,
    pub promises_living: u64,
    pub copies_living: u64,
    /// In the order found; the first `limits::DAMAGES_LISTED`, and how many there are in all.
    pub damages: Vec<Damage>,
    pub damages_found: u64,
}

/// What the journal goes on with. The default is that of an empty folder.
#[derive(Debug, Default)]
pub struct State {
    pub(crate) ledger: Ledger,
    pub(crate) segments: Segments,
    /// The last numbers that may have been given.
    pub(crate) epoch: u64,
    pub(crate) batch: u64,
    pub(crate) sequence: u64,
    /// The last batch of the chain.
    pub(crate) previous: u64,
}

#[derive(Debug)]
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
