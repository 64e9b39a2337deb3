//! Tells one story from its seed to the closing of the account.

use crate::story::client::bring;
use crate::story::engine::{Engine, snapshot};
use crate::story::ledger::{Ledger, Misfortunes, Violation};
use crate::story::names;
use crate::story::operator::operate;
use crate::story::peer::{Peer, open_all};
use crate::story::plan::Plan;
use crate::{Dice, DiskFaults, NetFaults, Universe};
use config::Snapshot;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// More polls than any story needs: beyond, something turns in circles.
const POLLS: u64 = 400_000;
/// How long clients may take, all told.
const CLIENTS_TIME: Duration = Duration::from_secs(3600);
/// How long everything may take to end once the world is calm.
const SETTLING_TIME: Duration = Duration::from_secs(7200);
/// For second ends to show themselves.
const AFTERMATH: Duration = Duration::from_secs(90);
/// A stop takes no longer than this: shutdown_timeout, and what follows it.
const STOPPING_TIME: Duration = Duration::from_secs(120);
/// A program that cannot start is started again after this.
const START_AGAIN: Duration = Duration::from_secs(60);

/// Files of the spool that are not set aside are named so.
const SEGMENT: &str = ".segment";

/// What happened in a story, for counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Summary {
    pub polls: u64,
    pub starts: u64,
    pub copies: usize,
    pub promised: usize,
    pub doubled: usize,
    pub notices: usize,
    /// Orders of operators that were carried out.
    pub orders: usize,
    pub fingerprint: u64,
}

#[derive(Clone, Debug)]
pub struct Failure {
    pub violations: Vec<Violation>,
    pub plan: Plan,
    /// Empty unless it was asked for.
    pub trace: String,
}

struct Teller {
    universe: Universe,
    plan: Rc<Plan>,
    dice: Dice,
    snapshot: Arc<Snapshot>,
    ledger: Rc<RefCell<Ledger>>,
    trouble: Rc<Cell<u64>>,
    name_trouble: Rc<Cell<u64>>,
    engine: Engine,
    starts: u32,
    misfortunes: Misfortunes,
    violations: Vec<Violation>,
}

/// The story of a seed. A trace costs time: ask for it when the seed has failed.
pub fn tell(seed: u64, traced: bool) -> Result<Summary, Box<Failure>> {
    let mut teller = Teller::begin(seed, traced);
    teller.hard_times();
    teller.calm_down();
    teller.settle();
    teller.end()
}

impl Teller {
    fn begin(seed: u64, traced: bool) -> Teller {
        let plan = Rc::new(Plan::draw(seed));
        let universe = Universe::new(seed);
        if traced {
            universe.want_trace();
        }
        universe.trace(|| format!("{plan:?}"));
        universe.net().set_faults(plan.net);
        universe.disk().set_faults(plan.disk);
        let dice = Dice::new(seed).fork("teller");
        let ledger: Rc<RefCell<Ledger>> = Rc::default();
        let outside = universe.world(universe.process(), [203, 0, 113, 1].into());
        let trouble = Rc::new(Cell::new(plan.peer_trouble));
        let name_trouble = Rc::new(Cell::new(plan.name_trouble));
        names::open_all(&outside, &plan, &name_trouble);
        let peer = Peer {
            world: outside.clone(),
            ledger: ledger.clone(),
            dice: Rc::new(dice.fork("peers")),
            trouble: trouble.clone(),
        };
        open_all(&peer, &plan);
        for client in 0..plan.clients {
            let story = bring(outside.clone(), plan.clone(), client, ledger.clone());
            world::World::spawn(&outside, "client", story);
        }
        if plan.operates {
            let story = operate(outside.clone(), plan.clone(), ledger.clone());
            world::World::spawn(&outside, "operator", story);
        }
        let snapshot = snapshot(&plan);
        let engine = Engine::start(&universe, &plan, &snapshot, plan.shards, 0);
        Teller {
            universe,
            plan,
            dice,
            snapshot,
            ledger,
            trouble,
            name_trouble,
            engine,
            starts: 1,
            misfortunes: Misfortunes::default(),
            violations: Vec::new(),
        }
    }

    fn violate(&mut self, text: String) {
        self.universe.trace(|| format!("VIOLATION {text}"));
        self.violations.push(Violation(text));
    }

    /// Runs for a time, starting the engine again whenever it could not start; true once `done`.
    fn run(&mut self, time: Duration, polls: u64, done: impl Fn(&Teller) -> bool) -> bool {
        let horizon = self.universe.now() + time;
        let last = self.universe.polls() + polls;
        loop {
            let left = last.saturating_sub(self.universe.polls());
            let universe = self.universe.clone();
            let ended = universe.run_until(horizon, left, || self.engine.failure().is_some() || done(self));
            if done(self) {
                return true;
            }
            if !ended || self.engine.failure().is_none() {
                return false;
            }
            self.cut_power();
            self.universe.rest(START_AGAIN, left);
            self.start(self.engine.shards());
        }
    }

    fn cut_power(&mut self) {
        self.universe.kill(self.engine.process());
        self.universe.disk().cut_power();
        self.misfortunes.cuts.push(self.universe.now());
        self.misfortunes.ends.push(self.universe.now());
    }

    fn start(&mut self, shards: usize) {
        self.engine = Engine::start(&self.universe, &self.plan, &self.snapshot, shards, self.starts);
        self.starts += 1;
    }

    /// Mail comes and goes while the power is cut at the polls that the plan chose.
    fn hard_times(&mut self) {
        let plan = self.plan.clone();
        for (polls, left) in plan.cuts.iter().zip((0..plan.cuts.len()).rev()) {
            self.run(CLIENTS_TIME, *polls, |_| false);
            self.cut_power();
            self.universe.rest(self.dice.micros(0, 3_000_000), POLLS);
            let shards = self.dice.between(1, 3) as usize;
            // Known gap: an adoption that a cut or a failure interrupts is begun again (README).
            let interruptible = left > 0 || plan.disk.fail_at != 0 || plan.disk.capacity != 0;
            self.start(if interruptible { shards.max(self.engine.shards()) } else { shards });
        }
        if !self.run(CLIENTS_TIME, POLLS, |teller| teller.ledger.borrow().all_ended(&teller.plan)) {
            self.violate("clients and operators did not come to an end".to_owned());
        }
    }

    /// From here nothing goes wrong any more.
    fn calm_down(&mut self) {
        self.universe.trace(|| "all is calm".to_owned());
        self.trouble.set(0);
        self.name_trouble.set(0);
        self.universe.net().set_faults(NetFaults::default());
        self.misfortunes.disk_fails_for_long = self.plan.disk.for_ever || self.plan.disk.capacity != 0;
        self.universe.disk().set_faults(DiskFaults::default());
        // What could not be read at a start, or when its turn came, waits for the next start.
        if self.plan.disk.fail_at != 0 && (self.plan.disk.for_ever || self.engine.recovered().1 > 0) {
            self.cut_power();
            self.start(self.engine.shards());
        } else if self.plan.stops {
            self.stop();
            self.start(self.dice.between(1, 3) as usize);
        }
    }

    fn stop(&mut self) {
        let ready = self.run(STOPPING_TIME, POLLS, |teller| teller.engine.is_ready());
        self.engine.stop();
        if !ready || !self.run(STOPPING_TIME, POLLS, |teller| teller.engine.has_ended()) {
            let tasks = self.universe.living_tasks(self.engine.process());
            self.violate(format!("a stop does not end: ready {ready}, tasks {tasks:?}"));
        }
        // An ended process loses nothing that it had written, and what it had not, it has not promised.
        self.universe.kill(self.engine.process());
        self.misfortunes.ends.push(self.universe.now());
    }

    fn settle(&mut self) {
        let (plan, disk) = (self.plan.clone(), self.universe.disk().clone());
        let lost = move |teller: &Teller| {
            let ledger = teller.ledger.borrow();
            ledger.open(&plan).iter().any(|address| !disk.holds_aside(address, SEGMENT))
        };
        self.run(SETTLING_TIME, POLLS, |teller| !lost(teller));
        self.run(AFTERMATH, POLLS, |_| false);
        let (_, told) = self.engine.recovered();
        self.stop();
        self.start(self.dice.between(1, 3) as usize);
        if !self.run(STOPPING_TIME, POLLS, |teller| teller.engine.is_ready()) {
            self.violate(format!("the last start does not end: {:?}", self.engine.failure()));
        }
        let (copies, damages) = self.engine.recovered();
        // What a broken disk took is told at each start, until the segments behind it are gone too.
        let known = if self.plan.disk.fail_at > 0 { told } else { 0 };
        if copies > 0 || damages > known {
            self.violate(format!("{copies} copies and {damages} damages are left when all has ended"));
        }
        self.run(AFTERMATH, POLLS, |_| false);
    }

    fn end(mut self) -> Result<Summary, Box<Failure>> {
        self.universe.kill(self.engine.process());
        let panics = self.universe.take_panics();
        self.violations.extend(panics.into_iter().map(|panic| Violation(format!("panic in {panic}"))));
        self.misfortunes.disk_failures = self.universe.disk().failures();
        let ledger = self.ledger.take();
        let aside = ledger.open(&self.plan).into_iter().map(str::to_owned);
        let disk = self.universe.disk();
        self.misfortunes.aside = aside.filter(|address| disk.holds_aside(address, SEGMENT)).collect();
        let summary = Summary {
            polls: self.universe.polls(),
            starts: u64::from(self.starts),
            copies: ledger.copies(),
            promised: ledger.promised(),
            doubled: ledger.doubled(),
            notices: ledger.notices(),
            orders: ledger.orders(),
            fingerprint: self.universe.fingerprint(),
        };
        let crossings = self.universe.net().crossings();
        self.violations.extend(ledger.close(&self.plan, &crossings, &self.misfortunes));
        if self.violations.is_empty() {
            return Ok(summary);
        }
        let (violations, plan) = (self.violations, (*self.plan).clone());
        Err(Box::new(Failure { violations, plan, trace: self.universe.trace_text() }))
    }
}
