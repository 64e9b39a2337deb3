//! The keeper of the configuration: builds the next generation beside the shards, has every shard make ready for
//! it, and puts it in force everywhere or nowhere.
//!
//! Law: the keeper works on a thread of the program, where it may block; shards ask it through a queue without
//! a lock, get their answers as orders, and take mail meanwhile.

use crate::post::Order;
use crate::restart::needing_restart;
use crate::{Access, Common};
use config::{Complaint, Edition, Loader, Severity, Snapshot};
use crossbeam_queue::ArrayQueue;
use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use world::Doorbell;

/// Requests that may wait for the keeper: consoles are few.
const REQUESTS: usize = 64;

/// What somebody wants of the keeper.
#[derive(Debug)]
pub enum Request {
    /// The files are to be read anew; `file` instead of the master, if there is one.
    Reload { file: Option<String>, from: Option<Asker> },
}

/// Who waits for an answer: a ticket of a shard.
#[derive(Clone, Copy, Debug)]
pub struct Asker {
    pub(crate) shard: usize,
    pub(crate) ticket: u64,
}

/// What the keeper answers.
#[derive(Debug)]
pub struct Answer {
    pub text: String,
    pub is_done: bool,
}

/// Where the keeper is asked. Shared by all threads.
pub struct Inbox {
    requests: ArrayQueue<Request>,
    /// How making ready went: one for each shard, once in a turnover.
    reports: ArrayQueue<Result<(), String>>,
    bell: OnceLock<Arc<dyn Doorbell>>,
}

impl Inbox {
    pub(crate) fn new(shards: usize) -> Inbox {
        Inbox { requests: ArrayQueue::new(REQUESTS), reports: ArrayQueue::new(shards), bell: OnceLock::new() }
    }

    /// False: there is no keeper, or too much waits for it.
    pub fn ask(&self, request: Request) -> bool {
        let Some(bell) = self.bell.get() else { return false };
        let is_taken = self.requests.push(request).is_ok();
        bell.ring();
        is_taken
    }

    pub(crate) fn report(&self, readiness: Result<(), String>) {
        let taken = self.reports.push(readiness);
        assert!(taken.is_ok(), "a shard reports once in a turnover");
        self.bell.get().into_iter().for_each(|bell| bell.ring());
    }
}

/// The keeper's outside: files, the host, the operator's terminal. All of it may block.
pub trait Estate: Loader + Send {
    /// Reads the configuration from its files; from `file` instead of the master, if there is one.
    fn read(&self, file: Option<&str>) -> Result<(Edition, Vec<Complaint>), Vec<Complaint>>;

    /// What the host lacks for this configuration, as far as it is not in force already.
    fn objections(&self, now: &Snapshot, new: &Snapshot) -> Vec<String>;

    /// What the password files say that the consoles' listeners name.
    fn access(&self, snapshot: &Snapshot) -> Arc<Access>;

    /// For whoever looks at the program's standard error.
    fn say(&self, text: &str);
}

/// Owned by the thread that works it.
pub struct Keeper {
    common: Arc<Common>,
    estate: Box<dyn Estate>,
    edition: Edition,
    turnover: Option<Turnover>,
    /// Orders that found a door full.
    owed: VecDeque<(usize, Order)>,
    /// Generations that work under way still goes by. Taking a large one apart takes long: it is done here.
    retired: Vec<Arc<Snapshot>>,
}

/// How long a door that was full is left alone, and how often generations that were in use are looked at.
const KNOCK_AGAIN: Duration = Duration::from_millis(5);
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// A new generation that the shards make ready for.
struct Turnover {
    edition: Edition,
    missing: usize,
    refusals: Vec<String>,
    warnings: Vec<String>,
    from: Option<Asker>,
}

impl Keeper {
    /// `edition` is what the shards were started with; `bell` wakes the thread.
    pub fn new(
        common: &Arc<Common>,
        estate: Box<dyn Estate>,
        edition: Edition,
        bell: Arc<dyn Doorbell>,
    ) -> Keeper {
        // A process has one keeper.
        let _ = common.keeper.bell.set(bell);
        Keeper {
            common: common.clone(),
            estate,
            edition,
            turnover: None,
            owed: VecDeque::new(),
            retired: Vec::new(),
        }
    }

    /// Does what can be done now. False: nothing could; the bell rings when that has changed.
    pub fn work(&mut self) -> bool {
        self.retired.retain(|snapshot| Arc::strong_count(snapshot) > 1);
        let mut worked = self.pay();
        while let Some(readiness) = self.common.keeper.reports.pop() {
            self.heard(readiness);
            worked = true;
        }
        // One turnover at a time; what else is asked waits for its end.
        if self.turnover.is_none()
            && let Some(request) = self.common.keeper.requests.pop()
        {
            self.obey(request);
            worked = true;
        }
        worked
    }

    /// How long to wait for the bell; none is for good.
    pub fn patience(&self) -> Option<Duration> {
        match (self.owed.is_empty(), self.retired.is_empty()) {
            (false, _) => Some(KNOCK_AGAIN),
            (true, false) => Some(LOOK_AGAIN),
            (true, true) => None,
        }
    }

    fn obey(&mut self, request: Request) {
        match request {
            Request::Reload { file, from } => match self.estate.read(file.as_deref()) {
                Ok((edition, warnings)) => {
                    let told = warnings.iter().filter(|complaint| complaint.severity == Severity::Warning);
                    self.begin(edition, told.map(Complaint::to_string).collect(), from);
                }
                Err(complaints) => {
                    complaints.iter().for_each(|complaint| self.write_down(&complaint.line()));
                    let text: Vec<_> = complaints.iter().map(Complaint::to_string).collect();
                    self.refuse(&text.join("\n"), from);
                }
            },
        }
    }

    /// Every shard makes ready.
    fn begin(&mut self, edition: Edition, mut warnings: Vec<String>, from: Option<Asker>) {
        let now = self.edition.snapshot().clone();
        let edition = edition.numbered(now.generation() + 1);
        let objections = self.estate.objections(&now, edition.snapshot());
        if !objections.is_empty() {
            objections.iter().for_each(|objection| self.write_down(objection));
            return self.refuse(&objections.join("\n"), from);
        }
        warnings.extend(needing_restart(&now, edition.snapshot()));
        let shards = self.common.exchange.shards();
        let snapshot = edition.snapshot().clone();
        let sources = Arc::new(self.common.sources(&snapshot));
        self.turnover = Some(Turnover { edition, missing: shards, refusals: Vec::new(), warnings, from });
        for shard in 0..shards {
            self.order(shard, Order::Prepare(snapshot.clone(), sources.clone()));
        }
    }

    fn heard(&mut self, readiness: Result<(), String>) {
        let turnover = self.turnover.as_mut().expect("shards report when they are asked");
        turnover.missing -= 1;
        // Every shard that cannot says so; once is enough for who reads it.
        if let Err(reason) = readiness
            && !turnover.refusals.contains(&reason)
        {
            turnover.refusals.push(reason);
        }
        if turnover.missing == 0
            && let Some(turnover) = self.turnover.take()
        {
            self.conclude(turnover);
        }
    }

    fn conclude(&mut self, turnover: Turnover) {
        let is_done = turnover.refusals.is_empty();
        let access = is_done.then(|| self.estate.access(turnover.edition.snapshot()));
        for shard in 0..self.common.exchange.shards() {
            self.order(shard, if is_done { Order::Adopt } else { Order::Abandon });
            if let Some(access) = &access {
                self.order(shard, Order::Access(access.clone()));
            }
        }
        if !is_done {
            turnover.refusals.iter().for_each(|reason| self.write_down(reason));
            return self.refuse(&turnover.refusals.join("\n"), turnover.from);
        }
        let old = std::mem::replace(&mut self.edition, turnover.edition);
        self.retired.push(old.snapshot().clone());
        let mut lines = turnover.warnings;
        lines.push(format!("OK, configuration {}", self.edition.snapshot().generation()));
        self.answer(lines.join("\n"), true, turnover.from);
    }

    /// The running configuration stays as it is.
    fn refuse(&mut self, why: &str, from: Option<Asker>) {
        self.write_down("Reconfigure failed.");
        self.answer(format!("{why}\nReconfigure failed."), false, from);
    }

    fn answer(&mut self, text: String, is_done: bool, from: Option<Asker>) {
        match from {
            Some(Asker { shard, ticket }) => {
                self.order(shard, Order::Answered { ticket, answer: Answer { text, is_done } });
            }
            None => self.estate.say(&text),
        }
    }

    /// Into the paniclog, which the first shard writes.
    fn write_down(&mut self, line: &str) {
        self.order(0, Order::Complain(line.into()));
    }

    fn order(&mut self, shard: usize, order: Order) {
        self.owed.push_back((shard, order));
        self.pay();
    }

    /// In order; a door that is full holds up the rest, for a moment.
    fn pay(&mut self) -> bool {
        let before = self.owed.len();
        while let Some((shard, order)) = self.owed.pop_front() {
            if let Err(order) = self.common.exchange.order_one(shard, order) {
                self.owed.push_front((shard, order));
                break;
            }
        }
        self.owed.len() < before
    }
}
