//! Counters of one journal, for the console and the logs. Every number is of this run unless said.

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Segments by state, now: holding records (the one written among them), ready to be written, waiting
    /// to be reused or removed, failed (also counted as in use).
    pub segments_in_use: u64,
    pub segments_ready: u64,
    pub segments_retired: u64,
    pub segments_failed: u64,
    /// Promises with living copies, now, and their bytes on disk.
    pub promises_living: u64,
    pub bytes_living: u64,
    pub copies_deferred: u64,
    /// Bytes that wait for their commit, now.
    pub bytes_waiting: u64,
    pub promises: u64,
    pub promises_failed: u64,
    pub promises_moved: u64,
    /// Deferrals that were not written down because too much waited.
    pub notes_dropped: u64,
    pub commits: u64,
    pub commits_failed: u64,
    pub bytes_committed: u64,
    pub prepares_failed: u64,
    /// Promises whose record could not be read back when its segment was compacted.
    pub promises_quarantined: u64,
}
