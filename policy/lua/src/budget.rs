//! What a script may spend before it has to let others go on, and in all.
//!
//! The law: the interrupt of the machine comes at every loop and call, inside pattern matching too; it lets
//! the script be suspended where it can be, and ends it where it cannot or has had enough.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// Interrupts of one call in all: some tenths of a second of computing.
pub const STEPS: u64 = 5_000_000;
/// Computing of one call in all, beside whatever interrupts it has had.
const TIME: Duration = Duration::from_secs(10);
/// Computing of a call that nobody else notices; after it, it goes on in the slow lane.
const FIRST: Duration = Duration::from_micros(400);
/// Its slices there.
pub const SLICE: Duration = Duration::from_micros(100);
/// Computing at a stretch where a script cannot be suspended: inside of a metamethod, of a comparison.
const HOLD: Duration = Duration::from_millis(1);
/// And interrupts, so that a machine whose core was taken away does not end a script for it.
const HOLD_STEPS: u64 = 20_000;
/// The same while scripts load: nobody else than the operator asks for it.
const LOAD: Duration = Duration::from_millis(20);
const LOAD_STEPS: u64 = 50_000;
/// With a hundredth of the interrupts.
const LONGEST: Duration = Duration::from_millis(100);
/// The clock is read at every so manieth interrupt at most.
const GLANCE: u64 = 16;
/// Between two looks at the clock, after which the next look comes sooner.
const LONG: Duration = Duration::from_micros(20);
/// Octets that one call may have allocated and kept.
pub const MEMORY: usize = 32 << 20;
/// Octets of the whole machine: all sessions of a shard and what their scripts keep.
pub const MACHINE_MEMORY: usize = 512 << 20;

pub const TOO_MANY_STEPS: &str = "the script has used up its budget of steps";
const TOO_LONG: &str = "the script has computed for too long";
pub const HELD: &str = "the script has held the shard too long where it cannot be suspended";

/// Of one call. Shared with the machine while the call runs.
#[derive(Debug, Default)]
pub struct Spent {
    pub steps: Cell<u64>,
    pub time: Cell<Duration>,
    /// Octets kept, over all slices.
    pub memory: Cell<isize>,
    /// Why the script is to be ended, if it is.
    pub ended: Cell<Option<&'static str>>,
}

impl Spent {
    /// The call goes on in turns with others of its kind.
    pub fn is_slow(&self) -> bool {
        self.time.get() >= FIRST
    }

    /// Computing for the script that is no interrupt of the machine: so many steps of about the same cost.
    pub fn charge(&self, steps: u64, time: Duration) {
        self.steps.set(self.steps.get() + steps);
        self.time.set(self.time.get() + time);
        if let Some(reason) = over(self.steps.get(), self.time.get()) {
            self.ended.set(Some(reason));
        }
    }
}

fn over(steps: u64, time: Duration) -> Option<&'static str> {
    match () {
        () if steps > STEPS => Some(TOO_MANY_STEPS),
        () if time > TIME && steps > HOLD_STEPS => Some(TOO_LONG),
        () => None,
    }
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
    /// What was spent before it.
    before: Cell<(u64, Duration)>,
    since: Cell<Instant>,
    length: Cell<Duration>,
    hold: Cell<(Duration, u64)>,
    may_suspend: Cell<bool>,
    /// The interrupt at which it was to be suspended first.
    asked: Cell<Option<u64>>,
    /// The interrupt at which the clock is read next, how many are between two looks, and what it showed.
    next: Cell<u64>,
    glance: Cell<u64>,
    seen: Cell<Duration>,
    ended: Cell<Option<&'static str>>,
}

impl Default for Slice {
    fn default() -> Self {
        Slice {
            steps: Cell::new(0),
            before: Cell::default(),
            since: Cell::new(Instant::now()),
            length: Cell::default(),
            hold: Cell::new((LOAD, LOAD_STEPS)),
            may_suspend: Cell::new(false),
            asked: Cell::default(),
            next: Cell::new(0),
            glance: Cell::new(1),
            seen: Cell::default(),
            ended: Cell::new(None),
        }
    }
}

impl Slice {
    /// Of a call that may be suspended.
    pub fn begin(&self, spent: &Spent) {
        let time = spent.time.get();
        self.start(spent.steps.get(), time, (HOLD, HOLD_STEPS));
        self.length.set(FIRST.saturating_sub(time).max(SLICE));
        self.may_suspend.set(true);
        self.ended.set(spent.ended.get());
    }

    /// Of scripts that are loaded.
    pub fn begin_loading(&self) {
        self.start(0, Duration::ZERO, (LOAD, LOAD_STEPS));
        self.may_suspend.set(false);
        self.ended.set(None);
    }

    fn start(&self, steps: u64, time: Duration, hold: (Duration, u64)) {
        self.steps.set(steps);
        self.before.set((steps, time));
        self.hold.set(hold);
        self.next.set(steps + GLANCE);
        self.glance.set(GLANCE);
        self.seen.set(Duration::ZERO);
        self.asked.set(None);
        self.since.set(Instant::now());
    }

    /// Writes down what it has cost, and why the script was ended if it was: it must not go on then, whatever it caught.
    pub fn end(&self, spent: &Spent) -> Option<&'static str> {
        spent.steps.set(self.steps.get());
        spent.time.set(self.before.get().1 + self.since.get().elapsed());
        spent.ended.set(self.ended.get());
        self.may_suspend.set(false);
        self.hold.set((LOAD, LOAD_STEPS));
        self.ended.replace(None)
    }

    pub fn end_loading(&self) -> Option<&'static str> {
        self.ended.get()
    }

    /// At every interrupt.
    pub fn turn(&self) -> Turn {
        let steps = self.steps.get() + 1;
        self.steps.set(steps);
        if let Some(reason) = self.ended.get() {
            return Turn::End(reason);
        }
        if steps < self.next.get() {
            return Turn::GoOn;
        }
        let elapsed = self.look(steps);
        let (first, time) = self.before.get();
        if let Some(reason) = over(steps, time + elapsed) {
            return self.ending(reason);
        }
        // Where it cannot be suspended, the machine goes on and asks again.
        if self.may_suspend.get() && elapsed > self.length.get() && self.asked.get().is_none() {
            self.asked.set(Some(steps));
            return Turn::Suspend;
        }
        if self.is_held_too_long(steps - self.asked.get().unwrap_or(first), elapsed) {
            return self.ending(HELD);
        }
        if self.may_suspend.get() && elapsed > self.length.get() { Turn::Suspend } else { Turn::GoOn }
    }

    /// The clock, and when to read it again: soon, if the script calls functions that take their time.
    fn look(&self, steps: u64) -> Duration {
        let elapsed = self.since.get().elapsed();
        let is_long = elapsed.saturating_sub(self.seen.replace(elapsed)) > LONG;
        let glance = if is_long { 1 } else { (self.glance.get() * 2).min(GLANCE) };
        self.glance.set(glance);
        self.next.set(steps + glance);
        elapsed
    }

    /// So many steps at a stretch; far fewer of them if they take long.
    fn is_held_too_long(&self, steps: u64, elapsed: Duration) -> bool {
        let (hold, hold_steps) = self.hold.get();
        elapsed > hold && steps > hold_steps
            || self.may_suspend.get() && elapsed > LONGEST && steps > hold_steps / 100
    }

    fn ending(&self, reason: &'static str) -> Turn {
        self.ended.set(Some(reason));
        Turn::End(reason)
    }

    /// The script has held the shard too long in a function that has interrupts of its own.
    pub fn hold(&self) -> &'static str {
        self.ended.set(Some(HELD));
        HELD
    }

    /// Computing for the script between two interrupts: so many steps of about the same cost.
    pub fn charge(&self, steps: u64) {
        self.steps.set(self.steps.get() + steps);
    }

    /// It is time to be suspended.
    pub fn is_over(&self) -> bool {
        self.since.get().elapsed() > self.length.get()
    }

    /// So many steps that could not be suspended are too many.
    pub fn holds(&self, steps: u64) -> bool {
        self.is_held_too_long(steps, self.since.get().elapsed())
    }
}
