//! What the journal answers: what it wants, what it refuses, what became of a promise.

use crate::{Location, Segment};
use mail::Time;
use world::Buffer;

/// Why a promise was not taken. The client gets 452 for each but `TooLarge` (552).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No segment is ready: one is being prepared, or we rest after a failure.
    NoSegment,
    /// The disk, or the number of segments allowed, is used up; the reserve is kept for finishing.
    Full,
    /// More bytes wait for their commit than `waiting_bytes`.
    Busy,
    /// More bytes or copies than one promise may have.
    TooLarge,
}

/// The fate of a promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    Waiting,
    Durable,
    /// It could not be made durable: it does not exist, and recovery will not find it once the next commit
    /// is durable.
    Failed,
}

/// Why a file could not be prepared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrepareFailure {
    /// No space, quota or file-size limit: the journal is full until it frees a segment or a retry works.
    NoSpace,
    Broken,
}

/// What the journal wants done next. Asked twice, it answers the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// `take_commit`, `File::commit`, then `committed` or `commit_failed`.
    Commit,
    /// Create the file of this name zeroed, with `segment_bytes`, and keep it open; then `prepared`, or
    /// `prepare_failed` (and remove a file half made).
    Prepare(Segment),
    /// Remove the file; then `removed`, also if it could not be removed.
    Remove(Segment),
    /// Something in this file could not be read: rename it so that it is kept but no segment any more
    /// (`NAME.quarantined`); then `removed`.
    SetAside(Segment),
    /// Read these blocks; then `reread` or `reread_failed`.
    Reread(Location),
    /// Nothing before that time unless something is told.
    SleepUntil(Time),
    /// Nothing unless something is told.
    Rest,
}

/// One write to be made durable.
#[derive(Debug)]
pub struct Commit {
    pub segment: Segment,
    pub offset: u64,
    pub buffer: Buffer,
}
