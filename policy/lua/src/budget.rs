//! What a script may spend before it has to let others go on, and in all.
//!
//! The law: the interrupt of the machine comes at every loop and call, inside pattern matching too; it lets
//! the script be suspended where it can be, and ends it where it cannot or has had enough.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// Interrupts of one call in all: some tenths of a second of computing.
pub const STEPS: u64 = 5_000_000;
/// Computing at a stretch, after which a script is suspended for others.
const SLICE: Duration = Duration::from_micros(400);
/// The same where it cannot be suspended: inside of pattern matching, sorting, a metamethod.
const HOLD: Duration = Duration::from_millis(20);
/// And interrupts, so that a machine whose core was taken away does not end a script for it.
const HOLD_STEPS: u64 = 50_000;
/// The clock is read at every so manieth interrupt.
const GLANCE: u64 = 32;
/// Octets that one call may have allocated and kept.
pub const MEMORY: usize = 32 << 20;
/// Octets of the whole machine: all sessions of a shard and what their scripts keep.
pub const MACHINE_MEMORY: usize = 512 << 20;

/// Of one call. Shared with the machine while the call runs.
#[derive(Debug, Default)]
pub struct Spent {
    pub steps: Cell<u64>,
    /// Octets kept, over all slices.
    pub memory: Cell<isize>,
}

/// What the interrupt says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    GoOn,
    Suspend,
    End(&'static str),
}

/// Of one machine: the slice that runs now.
#[derive(Debug)]
pub struct Slice {
    steps: Cell<u64>,
    limit: Cell<u64>,
    since: Cell<Instant>,
    first: Cell<u64>,
    may_suspend: Cell<bool>,
    is_asked: Cell<bool>,
    ended: Cell<Option<&'static str>>,
}

impl Default for Slice {
    fn default() -> Self {
        Slice {
            steps: Cell::new(0),
            limit: Cell::new(STEPS),
            since: Cell::new(Instant::now()),
            first: Cell::new(0),
            may_suspend: Cell::new(false),
            is_asked: Cell::new(false),
            ended: Cell::new(None),
        }
    }
}

impl Slice {
    pub fn begin(&self, spent: u64, may_suspend: bool) {
        self.steps.set(spent);
        self.first.set(spent);
        self.is_asked.set(false);
        self.since.set(Instant::now());
        self.may_suspend.set(may_suspend);
        self.ended.set(None);
    }

    /// Steps so far, and why the script was ended if it was: it must not go on then, whatever it caught.
    pub fn end(&self) -> (u64, Option<&'static str>) {
        (self.steps.get(), self.ended.get())
    }

    /// At every interrupt.
    pub fn turn(&self) -> Turn {
        let steps = self.steps.get() + 1;
        self.steps.set(steps);
        if let Some(reason) = self.ended.get() {
            return Turn::End(reason);
        }
        if !steps.is_multiple_of(GLANCE) {
            return Turn::GoOn;
        }
        if steps > self.limit.get() {
            return self.ending("the script has used up its budget of steps");
        }
        let elapsed = self.since.get().elapsed();
        if elapsed <= SLICE {
            return Turn::GoOn;
        }
        // Where it cannot be suspended, the machine goes on and asks again.
        if self.may_suspend.get() && !self.is_asked.replace(true) {
            return Turn::Suspend;
        }
        if elapsed > HOLD && steps - self.first.get() > HOLD_STEPS {
            return self.ending("the script has held the shard too long where it cannot be suspended");
        }
        if self.may_suspend.get() { Turn::Suspend } else { Turn::GoOn }
    }

    fn ending(&self, reason: &'static str) -> Turn {
        self.ended.set(Some(reason));
        Turn::End(reason)
    }
}
