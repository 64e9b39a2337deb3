//! The journal of one shard: takes promises and notes, says what to write, prepare, read and remove.
//!
//! Law: records reach the disk in the order of their sequence numbers, one commit in flight; a promise is
//! durable when the commit of its last part was told as `committed`.

use crate::{Location, Promise, Segment, Sequence, Settings, State, Status};
use bytes::Bytes;
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
    /// Its commit failed: it does not exist, and recovery will not find it once the next commit is durable.
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
    /// Open the file of this name, or create it zeroed with `segment_bytes`; then `prepared` or
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

/// Owned by one shard and driven by one task.
pub struct Journal {}

impl Journal {
    /// `state` is what recovery found, or `State::default()` for an empty folder.
    pub fn new(_settings: Settings, _state: State) -> Self {
        unimplemented!()
    }

    /// Takes a promise; it is durable when `is_durable` says so, which is known at the latest when
    /// `durable()` has reached its sequence. Bodies are shared where they must wait, never kept after.
    pub fn promise(&mut self, _head: &[u8], _bodies: &[Bytes], _copies: u32) -> Result<Promise, Refusal> {
        unimplemented!()
    }

    /// This copy was delivered, refused or bounced. Panics if it was not living.
    pub fn finished(&mut self, _promise: Promise, _copy: u32, _now: Time) {
        unimplemented!()
    }

    /// This copy is to be tried again. Panics if it is not living.
    pub fn deferred(
        &mut self,
        _promise: Promise,
        _copy: u32,
        _until: Time,
        _attempts: u32,
        _note: &[u8],
        _now: Time,
    ) {
        unimplemented!()
    }

    /// The sequence number given last.
    pub fn last(&self) -> Sequence {
        unimplemented!()
    }

    /// Everything up to here is decided: durable, or failed.
    pub fn durable(&self) -> Sequence {
        unimplemented!()
    }

    pub fn is_durable(&self, _promise: Promise) -> Durability {
        unimplemented!()
    }

    /// Where to read a living, durable promise back: one location for each of its parts, in order.
    pub fn location(&self, _promise: Promise) -> Option<Vec<Location>> {
        unimplemented!()
    }

    pub fn want(&self, _now: Time) -> Want {
        unimplemented!()
    }

    /// The driver has begun `Prepare`, `Remove`, `SetAside` or `Reread` beside its loop: `want` turns to other
    /// things until the outcome is told. Not needed by a driver that waits for the outcome at once.
    pub fn began(&mut self, _want: Want) {
        unimplemented!()
    }

    /// Only after `want` said `Commit`.
    pub fn take_commit(&mut self) -> Commit {
        unimplemented!()
    }

    pub fn committed(&mut self, _buffer: Buffer) {
        unimplemented!()
    }

    /// The write or its sync failed, or was short: the segment's life ends here.
    pub fn commit_failed(&mut self, _buffer: Buffer, _now: Time) {
        unimplemented!()
    }

    pub fn prepared(&mut self, _segment: Segment) {
        unimplemented!()
    }

    pub fn prepare_failed(&mut self, _segment: Segment, _why: PrepareFailure, _now: Time) {
        unimplemented!()
    }

    pub fn removed(&mut self, _segment: Segment) {
        unimplemented!()
    }

    pub fn reread(&mut self, _location: Location, _blocks: Buffer) {
        unimplemented!()
    }

    pub fn reread_failed(&mut self, _location: Location) {
        unimplemented!()
    }

    /// Promises that compaction could not read back: they are no longer in the ledger, their file is set
    /// aside. Whoever still has them in memory may promise them again; the others are to be reported.
    pub fn take_quarantined(&mut self) -> Vec<Promise> {
        unimplemented!()
    }

    pub fn status(&self) -> Status {
        unimplemented!()
    }
}
