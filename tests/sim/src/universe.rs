//! All there is: one clock, one network, one disk, and the tasks of every process, driven step by step.
//!
//! Law: a universe is a function of its seed. Nothing in it asks the real world for anything.

use crate::bell::Bell;
use crate::clock::Clock;
use crate::disk::SimDisk;
use crate::net::Network;
use crate::tasks::{Process, Tasks};
use crate::trace::Trace;
use crate::{Dice, SimWorld};
use mail::Time;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// What a poll costs, in microseconds.
const POLL_MICROS: (u64, u64) = (1, 30);

/// A handle; clones share the universe.
#[derive(Clone)]
pub struct Universe(pub(crate) Rc<Parts>);

pub(crate) struct Parts {
    pub clock: Rc<Clock>,
    pub tasks: Tasks,
    pub net: Rc<Network>,
    pub disk: SimDisk,
    pub chances: Dice,
    pub logs: RefCell<BTreeMap<PathBuf, Vec<u8>>>,
    pub trace: Rc<Trace>,
    order: Dice,
    begin: Time,
    polls: Cell<u64>,
    fingerprint: Cell<u64>,
}

/// What one step was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Polled,
    /// Nobody was ready; time leapt to the next alarm.
    Leapt,
    /// Nobody is ready and nobody waits for a moment before the horizon.
    Quiet,
}

impl Universe {
    pub fn new(seed: u64) -> Universe {
        let dice = Dice::new(seed);
        let clock = Clock::new();
        let trace = Rc::new(Trace::default());
        Universe(Rc::new(Parts {
            net: Network::new(clock.clone(), dice.fork("net"), trace.clone()),
            disk: SimDisk::new(clock.clone(), dice.fork("disk"), trace.clone()),
            begin: clock.now(),
            clock,
            tasks: Tasks::default(),
            chances: dice.fork("chance"),
            logs: RefCell::default(),
            trace,
            order: dice.fork("order"),
            polls: Cell::new(0),
            fingerprint: Cell::new(seed),
        }))
    }

    pub fn process(&self) -> Process {
        self.0.tasks.process()
    }

    /// The view that one shard of a process has. `host` is where connections without a source come from.
    pub fn world(&self, process: Process, host: IpAddr) -> SimWorld {
        SimWorld { universe: self.clone(), process, host, bell: Arc::new(Bell::default()) }
    }

    pub fn net(&self) -> &Network {
        &self.0.net
    }

    pub fn disk(&self) -> &SimDisk {
        &self.0.disk
    }

    pub fn now(&self) -> Time {
        self.0.clock.now()
    }

    /// When it began.
    pub fn begin(&self) -> Time {
        self.0.begin
    }

    pub fn polls(&self) -> u64 {
        self.0.polls.get()
    }

    /// Equal for equal stories: every poll, its task and its moment are in it.
    pub fn fingerprint(&self) -> u64 {
        self.0.fingerprint.get()
    }

    /// Polls one ready task; if there is none, leaps to the next alarm.
    pub fn step(&self, horizon: Time) -> Step {
        let parts = &self.0;
        let Some((task, name)) = parts.tasks.poll_one(&parts.order) else {
            return if parts.clock.leap(horizon) { Step::Leapt } else { Step::Quiet };
        };
        parts.polls.set(parts.polls.get() + 1);
        let story = parts.fingerprint.get().rotate_left(5) ^ task ^ parts.clock.now().micros();
        parts.fingerprint.set(story.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ name.len() as u64);
        let (low, high) = POLL_MICROS;
        parts.clock.pass(parts.order.micros(low, high));
        Step::Polled
    }

    /// Steps until `done`, the horizon or the number of polls is reached; true if `done`.
    pub fn run_until(&self, horizon: Time, polls: u64, mut done: impl FnMut() -> bool) -> bool {
        let last = self.polls() + polls;
        loop {
            if done() {
                return true;
            }
            if self.polls() >= last || self.now() > horizon || self.step(horizon) == Step::Quiet {
                return done();
            }
        }
    }

    /// Lets time pass, whether or not anybody has something to do.
    pub fn rest(&self, time: Duration, polls: u64) {
        let end = self.now() + time;
        self.run_until(end, polls, || false);
        self.0.clock.leap_to(end);
    }

    /// Ends a process as a power cut does: between two polls, wherever its tasks are. Its connections break;
    /// what its peers have not read yet may be lost. The disk is not touched: see `SimDisk::cut_power`.
    pub fn kill(&self, process: Process) {
        self.trace(|| format!("process {} is killed", process.0));
        self.0.net.kill(process);
        self.0.tasks.kill(process);
    }

    pub fn living_tasks(&self, process: Process) -> Vec<&'static str> {
        self.0.tasks.living(process)
    }

    /// Panics of tasks since the last time.
    pub fn take_panics(&self) -> Vec<String> {
        self.0.tasks.take_panics()
    }

    /// What was handed to the writer of a log.
    pub fn log(&self, file: &Path) -> String {
        let logs = self.0.logs.borrow();
        logs.get(file).map_or_else(String::new, |bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    pub fn want_trace(&self) {
        self.0.trace.want();
    }

    pub fn trace(&self, line: impl FnOnce() -> String) {
        self.0.trace.add(self.now(), line);
    }

    pub fn trace_text(&self) -> String {
        self.0.trace.text(self.0.begin)
    }
}
