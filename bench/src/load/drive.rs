//! One run of `load`: its threads' shares, its progress, its result.
//!
//! Law: what the connections of a thread share never leaves the thread until it ends; then it is merged.

use crate::ledger::write_line;
use crate::load::connection::connection;
use crate::load::letter::Letter;
use crate::load::options::Options;
use crate::load::pace::{Pace, Ticket};
use crate::load::report::Report;
use crate::load::session::Script;
use crate::load::tally::Tally;
use crate::threads::thread_cpu;
use crate::token::Token;
use mail::Time;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use world::{Signal, World};

/// Promised tokens wait this long, or for this many bytes, until they are handed to the ledger file.
const LEDGER_BATCH: Duration = Duration::from_millis(5);
const LEDGER_BATCH_BYTES: usize = 8192;

/// One run, shared by its threads.
pub struct Load {
    options: Options,
    run: OnceLock<u32>,
    accepted: AtomicU64,
    refused: AtomicU64,
    broken: AtomicU64,
    stopping: AtomicBool,
    tallies: Mutex<Vec<Tally>>,
}

/// A look at a run that is under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    pub accepted: u64,
    pub refused: u64,
    /// Connections that failed.
    pub broken: u64,
}

impl Load {
    /// Says what does not fit in the options.
    pub fn new(options: Options) -> Result<Arc<Load>, String> {
        options.check()?;
        let run = if options.run == 0 { OnceLock::new() } else { OnceLock::from(options.run) };
        Ok(Arc::new(Load {
            options,
            run,
            accepted: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            broken: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            tallies: Mutex::default(),
        }))
    }

    pub fn options(&self) -> &Options {
        &self.options
    }

    pub fn progress(&self) -> Progress {
        Progress {
            accepted: self.accepted.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            broken: self.broken.load(Ordering::Relaxed),
        }
    }

    /// No message is begun any more; from any thread.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Does the share of one thread, to the end of the run. Each thread from 0 to `threads` once.
    pub async fn drive<W: World>(self: Arc<Self>, world: W, thread: usize) {
        let cpu = thread_cpu();
        let share = Share::new(self.clone(), world.clone(), thread);
        let mine = (thread..self.options.connections).step_by(self.options.threads);
        share.open.set(mine.clone().count());
        for number in mine {
            world.spawn("load", connection(share.clone(), number));
        }
        while share.open.get() > 0 {
            share.ended.wait_until(&world, world.now() + LEDGER_BATCH).await;
            share.write_ledger();
        }
        let mut tally = share.tally.borrow().clone();
        tally.cpu = thread_cpu().zip(cpu).map(|(now, before)| now.saturating_sub(before));
        self.tallies.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(tally);
    }

    /// Of all threads that have ended.
    pub fn report(&self) -> Report {
        let tallies = self.tallies.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut all = tallies.iter().cloned().reduce(|mut sum, tally| {
            sum.merge(&tally);
            sum
        });
        let tally = all.take().unwrap_or_else(|| Tally::new(Time::EPOCH));
        Report { run: self.run.get().copied().unwrap_or(0), tally }
    }
}

/// What the connections of a thread share.
pub(super) struct Share<W> {
    pub load: Arc<Load>,
    pub world: W,
    pub script: Rc<Script>,
    pub letters: Vec<Letter>,
    pub pace: RefCell<Pace>,
    pub tally: RefCell<Tally>,
    pub lines: RefCell<Vec<u8>>,
    pub open: Cell<usize>,
    pub ended: Signal,
}

impl<W: World> Share<W> {
    fn new(load: Arc<Load>, world: W, thread: usize) -> Rc<Share<W>> {
        let options = &load.options;
        let now = world.now();
        let script = Script {
            run: *load.run.get_or_init(|| world.chance() as u32 | 1),
            hello: options.hello.clone(),
            sender: options.sender.clone(),
            recipient: options.recipient.clone(),
            recipients: options.recipients,
            pipelining: options.pipelining,
        };
        let date = now.to_string();
        let letter = |(bytes, _): &(usize, u32)| Letter::new(*bytes, &options.sender, &date);
        let letters = options.sizes.iter().map(letter).collect();
        let pace = Pace::new(now, options.messages, options.duration, options.rate, thread, options.threads);
        Rc::new(Share {
            script: Rc::new(script),
            letters,
            pace: RefCell::new(pace),
            tally: RefCell::new(Tally::new(now)),
            lines: RefCell::default(),
            open: Cell::new(0),
            ended: Signal::default(),
            load,
            world,
        })
    }

    pub fn is_over(&self) -> bool {
        self.load.stopping.load(Ordering::Relaxed) || self.pace.borrow().is_over(self.world.now())
    }

    pub fn take(&self) -> Option<Ticket> {
        if self.load.stopping.load(Ordering::Relaxed) {
            return None;
        }
        self.pace.borrow_mut().take(self.world.now())
    }

    pub fn patience(&self) -> Time {
        self.world.now() + self.load.options.patience
    }

    pub fn broke(&self, what: &'static str) {
        *self.tally.borrow_mut().broken.entry(what).or_default() += 1;
        self.load.broken.fetch_add(1, Ordering::Relaxed);
    }

    pub fn turned_away(&self, code: u16) {
        *self.tally.borrow_mut().turned_away.entry(code).or_default() += 1;
        self.load.broken.fetch_add(1, Ordering::Relaxed);
    }

    pub fn refused(&self, code: u16) {
        self.tally.borrow_mut().refused(code, self.world.now());
        self.load.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub fn accepted(&self, due: Time, bytes: usize) {
        self.tally.borrow_mut().accepted(due, self.world.now(), bytes);
        self.load.accepted.fetch_add(1, Ordering::Relaxed);
        if self.lines.borrow().len() >= LEDGER_BATCH_BYTES {
            self.write_ledger();
        }
    }

    pub fn write_ledger(&self) {
        let lines = std::mem::take(&mut *self.lines.borrow_mut());
        if let (Some(file), false) = (&self.load.options.ledger, lines.is_empty()) {
            let count = lines.iter().filter(|byte| **byte == b'\n').count() as u64;
            if !self.world.log(file, 0o644, lines) {
                self.tally.borrow_mut().unwritten += count;
            }
        }
    }

    /// Every recipient that was accepted is a promise.
    pub fn promised(&self, first: u64, accepted: &[bool]) {
        let mut tally = self.tally.borrow_mut();
        let mut lines = self.lines.borrow_mut();
        for (number, accepted) in (first..).zip(accepted) {
            if !accepted {
                tally.recipients_refused += 1;
                continue;
            }
            let token = Token { run: self.script.run, number };
            tally.deliveries += 1;
            tally.ledger.mark(token);
            if self.load.options.ledger.is_some() {
                write_line(token, &mut lines);
            }
        }
    }
}
