//! The lines of one shard on their way to the logs: gathered, so that one write carries many.
//!
//! The law: each log has at most one write under way, and a line waits for it no longer than its format
//! lingers. What a log cannot take within [`LIMIT_BYTES`] is counted and dropped: logging never stops mail.

use crate::event::{Event, Kind, Kinds};
use crate::formats::{Format, Style};
use mail::Time;
use std::time::Duration;

/// A log with so many bytes is written at once.
pub const GATHER_BYTES: usize = 64 * 1024;
/// Bytes that one log may have waiting while a write is slow or fails; lines beyond it are lost and counted.
pub const LIMIT_BYTES: usize = 4 * 1024 * 1024;
/// After a failed write the log is left alone for so long.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);

/// One log to write, as configured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Open {
    pub format: &'static Format,
    /// What the `log_…` options left switched on; kinds that the format does not know change nothing.
    pub kinds: Kinds,
    /// The `heartbeat` option; none where another shard beats for the same file, or if it is 0.
    pub heartbeat: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Take the bytes of this log (an index into the logs opened), append them, tell `wrote` or `failed`.
    Flush(usize),
    /// Call `beat`.
    Beat,
    /// Nothing before this moment (`NEVER` if nothing is due at all), unless something is recorded.
    SleepUntil(Time),
}

#[derive(Debug)]
struct Log {
    format: &'static Format,
    kinds: Kinds,
    heartbeat: Option<Duration>,
    beat_at: Time,
    waiting: Vec<u8>,
    /// When `waiting` is due; NEVER while it is empty.
    flush_at: Time,
    /// No write before this moment, however much waits.
    not_before: Time,
    /// The emptied buffer of the last write.
    spare: Vec<u8>,
    is_writing: bool,
    lost: u64,
}

/// Owned by one shard, driven by one task; any task of the shard may record.
#[derive(Debug)]
pub struct Lines {
    logs: Vec<Log>,
    style: Style,
    is_closing: bool,
}

impl Lines {
    pub fn new(style: Style, logs: &[Open], now: Time) -> Self {
        let logs = logs.iter().map(|open| Log::new(open, now)).collect();
        Lines { logs, style, is_closing: false }
    }

    /// Writes the event into every log that has a line for it. Returns true if a log became due by it, so
    /// that a sleeping driver must be woken: `want` answers something new.
    pub fn record(&mut self, now: Time, event: &Event<'_>) -> bool {
        let mut became_due = false;
        for log in self.logs.iter_mut().filter(|log| log.kinds.has(event.kind())) {
            became_due |= log.append(event, now, &self.style);
        }
        became_due
    }

    pub fn want(&self, now: Time) -> Want {
        if let Some(log) = self.logs.iter().position(|log| log.due(self.is_closing) <= now) {
            return Want::Flush(log);
        }
        let beat = self.logs.iter().map(|log| log.beat_at).min().unwrap_or(Time::NEVER);
        if beat <= now && !self.is_closing {
            return Want::Beat;
        }
        let due = self.logs.iter().map(|log| log.due(self.is_closing)).min().unwrap_or(Time::NEVER);
        Want::SleepUntil(if self.is_closing { due } else { due.min(beat) })
    }

    /// The write of this log begins: its bytes, whole lines, to be appended in this order.
    pub fn take(&mut self, log: usize) -> Vec<u8> {
        let log = &mut self.logs[log];
        assert!(!log.is_writing, "one write at a time");
        assert!(!log.waiting.is_empty(), "nothing waits");
        log.is_writing = true;
        log.flush_at = Time::NEVER;
        std::mem::replace(&mut log.waiting, std::mem::take(&mut log.spare))
    }

    /// All of it is in the log. The buffer comes back to be filled again.
    pub fn wrote(&mut self, log: usize, mut buffer: Vec<u8>, now: Time) {
        let log = self.writing(log);
        log.is_writing = false;
        buffer.clear();
        // A buffer that grew in an emergency is given back to the allocator.
        log.spare = if buffer.capacity() <= 2 * GATHER_BYTES { buffer } else { Vec::new() };
        let (lost, name) = (std::mem::take(&mut log.lost), log.format.name);
        if lost > 0 {
            self.record(now, &Event::Panic(&format!("{name}: {lost} lines were lost, the log was too slow")));
        }
    }

    /// Only the first `written` bytes are in the log; the rest is tried again after [`RETRY_AFTER`].
    pub fn failed(&mut self, log: usize, mut buffer: Vec<u8>, written: usize, now: Time) {
        let log = self.writing(log);
        log.is_writing = false;
        buffer.drain(..written);
        buffer.append(&mut log.waiting);
        log.waiting = buffer;
        log.not_before = now + RETRY_AFTER;
        log.flush_at = if log.waiting.is_empty() { Time::NEVER } else { now };
    }

    /// Appends the heartbeats that are due.
    pub fn beat(&mut self, now: Time) {
        for log in self.logs.iter_mut().filter(|log| log.beat_at <= now) {
            log.append(&Event::Heartbeat, now, &self.style);
            // A shard that was held up beats once, not once for each beat it missed.
            log.beat_at = now.deadline(log.heartbeat);
        }
    }

    /// From now on everything is due at once and no heart beats: the shard ends when `is_empty`.
    pub fn close(&mut self) {
        self.is_closing = true;
    }

    /// Nothing waits and no write is under way.
    pub fn is_empty(&self) -> bool {
        self.logs.iter().all(|log| log.waiting.is_empty() && !log.is_writing)
    }

    /// Lines of this log that found no room since its last complete write.
    pub fn lost(&self, log: usize) -> u64 {
        self.logs[log].lost
    }

    fn writing(&mut self, log: usize) -> &mut Log {
        let log = &mut self.logs[log];
        assert!(log.is_writing, "no write of {} is under way", log.format.name);
        log
    }
}

impl Log {
    fn new(open: &Open, now: Time) -> Self {
        let kinds = open.kinds.and(open.format.kinds);
        let heartbeat = open.heartbeat.filter(|period| !period.is_zero() && kinds.has(Kind::Heartbeat));
        Log {
            format: open.format,
            kinds,
            heartbeat,
            beat_at: now.deadline(heartbeat),
            waiting: Vec::new(),
            flush_at: Time::NEVER,
            not_before: Time::EPOCH,
            spare: Vec::new(),
            is_writing: false,
            lost: 0,
        }
    }

    /// True if `due` is earlier than it was.
    fn append(&mut self, event: &Event<'_>, now: Time, style: &Style) -> bool {
        let (before, due_before) = (self.waiting.len(), self.due(false));
        (self.format.write)(event, now, style, &mut self.waiting);
        if self.waiting.len() > LIMIT_BYTES {
            self.waiting.truncate(before);
            self.lost += 1;
            return false;
        }
        if before == 0 && !self.waiting.is_empty() {
            self.flush_at = now + self.format.linger;
        }
        self.due(false) < due_before
    }

    fn due(&self, is_closing: bool) -> Time {
        if self.is_writing || self.waiting.is_empty() {
            return Time::NEVER;
        }
        let is_full = self.waiting.len() >= GATHER_BYTES;
        if is_closing || is_full { self.not_before } else { self.flush_at.max(self.not_before) }
    }
}
