//! What may be set, within which bounds, and the limits that hold for every journal.

use std::time::Duration;
use world::BLOCK;

/// The smallest and largest segment file. The largest keeps every offset in 32 bits.
pub const SEGMENT_BYTES: (u64, u64) = (1 << 20, 2 << 30);
/// The smallest and largest batch. The largest bounds what recovery holds in memory.
pub const BATCH_BYTES: (usize, usize) = (64 << 10, 16 << 20);
/// Copies of one promise; the set of the living ones must fit in a record of the smallest batch.
pub const COPIES: u32 = 65_536;
/// A longer note of a deferral is cut.
pub const NOTE_BYTES: usize = 1024;
/// This many bytes of notes are committed without waiting for `note_delay`.
pub const NOTES_URGENT_BYTES: usize = 64 << 10;
/// Records that may wait for a commit before deferrals are no longer written down: after a crash such a copy
/// is tried too early, nothing worse.
pub const NOTES_WAITING: usize = 1 << 18;
/// Damages that a report of recovery lists; the others are counted.
pub const DAMAGES_LISTED: usize = 1000;
/// Below this many segments in use nothing is compacted for the sake of room.
pub const SEGMENTS_UNCOMPACTED: usize = 4;
/// Failed, damaged and emptied files that may exist beyond the number of segments that is set.
pub const SEGMENTS_UNCOUNTED: usize = 8;
/// Failed ranges of sequence numbers that `is_durable` remembers; older ones have long been asked for.
pub const FAILURES_REMEMBERED: usize = 1024;
/// Sequence, batch and epoch numbers that recovery skips, so that no number of a lost tail is given again.
pub const NUMBERS_SKIPPED: u64 = 1 << 16;

/// The settings of one shard's journal. `Default` is what a host with room starts with.
#[derive(Clone, Debug)]
pub struct Settings {
    pub shard: u16,
    /// Any number that mail cannot guess, new for each run: bytes in a body must not pass for a batch.
    pub salt: u32,
    /// Size of new segment files in bytes, a multiple of 4 KiB.
    pub segment_bytes: u64,
    /// Largest commit in bytes, a multiple of 4 KiB, at most a quarter of a segment.
    pub batch_bytes: usize,
    /// Head and bodies of one promise, in bytes.
    pub promise_bytes: u64,
    /// Bytes of bodies that may wait for their commit; beyond, `promise` answers `Busy`.
    pub waiting_bytes: u64,
    /// Segment files of this shard, all told. Reached, the journal is `Full`.
    pub segments: u32,
    /// Files kept ready beside the one that is written.
    pub spares: u32,
    /// How long a finished or deferred copy may wait for a commit to ride along with.
    pub note_delay: Duration,
    /// Rest after a failed commit or preparation before the next is tried.
    pub failure_pause: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            shard: 0,
            salt: 0,
            segment_bytes: 64 << 20,
            batch_bytes: 1 << 20,
            promise_bytes: 1 << 30,
            waiting_bytes: 256 << 20,
            segments: 4096,
            spares: 1,
            note_delay: Duration::from_millis(50),
            failure_pause: Duration::from_secs(1),
        }
    }
}

impl Settings {
    /// The same settings with every value brought into its bounds.
    pub fn bounded(mut self) -> Self {
        let block = BLOCK as u64;
        self.segment_bytes = self.segment_bytes.clamp(SEGMENT_BYTES.0, SEGMENT_BYTES.1) / block * block;
        let largest = BATCH_BYTES.1.min(self.segment_bytes as usize / 4);
        self.batch_bytes = self.batch_bytes.clamp(BATCH_BYTES.0, largest) / BLOCK * BLOCK;
        self.segments = self.segments.max(3);
        self.spares = self.spares.clamp(1, self.segments - 2);
        self
    }

    /// Room that new promises leave free, so that what was promised can be finished and compacted.
    pub(crate) fn reserve(&self) -> u64 {
        self.segment_bytes / 2
    }
}
