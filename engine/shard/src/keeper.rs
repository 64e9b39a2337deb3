//! The keeper of the configuration: builds the next generation beside the shards, has every shard make ready for
//! it, and puts it in force everywhere or nowhere.
//!
//! Law: the keeper works on a thread of the program, where it may block; shards ask it through a queue without
//! a lock, get their answers as orders, and take mail meanwhile.

use crate::groundwork::Groundwork;
use crate::post::Order;
use crate::restart::needing_restart;
use crate::{Access, Common};
use config::{
    Complaint, Deed, Desk, Edition, LoadFault, Loaded, Loader, Registry, Said, Severity, Snapshot,
    Transaction, Verb,
};
use crossbeam_queue::ArrayQueue;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use world::Doorbell;

/// Requests that may wait for the keeper: consoles are few.
const REQUESTS: usize = 64;

/// What somebody wants of the keeper.
#[derive(Debug)]
pub enum Request {
    /// The files are to be read anew (SIGHUP).
    Reload,
    /// A console's; the session's transaction goes with it and comes back with the answer.
    Command { verb: Verb, text: String, transaction: Option<Box<Transaction>>, from: Asker },
}

/// Who waits for an answer: a ticket of a shard.
#[derive(Clone, Copy, Debug)]
pub struct Asker {
    pub(crate) shard: usize,
    pub(crate) ticket: u64,
}

/// What the keeper answers a console.
#[derive(Debug)]
pub struct Answer {
    pub said: Result<Said, String>,
    /// What does not stand in the way, but should be known.
    pub warnings: Vec<String>,
    pub transaction: Option<Box<Transaction>>,
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

    /// Given back: there is no keeper, or too much waits for it.
    pub fn ask(&self, request: Request) -> Result<(), Request> {
        let Some(bell) = self.bell.get() else { return Err(request) };
        let pushed = self.requests.push(request);
        bell.ring();
        pushed
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

    /// Writes a whole file, so that after a crash it is the old one or the new one.
    fn write(&self, path: &str, text: &str) -> io::Result<()>;

    /// For whoever looks at the program's standard error.
    fn say(&self, text: &str);
}

/// Owned by the thread that works it.
pub struct Keeper {
    common: Arc<Common>,
    estate: Box<dyn Estate>,
    registry: Registry,
    edition: Edition,
    turnover: Option<Turnover>,
    /// Orders that found a door full.
    owed: VecDeque<(usize, Order)>,
    /// Generations that work under way still goes by. Taking a large one apart takes long: it is done here.
    retired: Vec<Arc<Groundwork>>,
    /// What is in force.
    ground: Arc<Groundwork>,
}

/// How long a door that was full is left alone, and how often generations that were in use are looked at.
const KNOCK_AGAIN: Duration = Duration::from_millis(5);
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// A new generation that the shards make ready for.
struct Turnover {
    edition: Edition,
    ground: Arc<Groundwork>,
    missing: usize,
    refusals: Vec<String>,
    warnings: Vec<String>,
    reply: Reply,
}

/// Whom to tell how it went; none is whoever looks at the program's standard error.
struct Reply {
    from: Option<Asker>,
    /// What a success is answered with; none is the number of the generation.
    said: Option<Said>,
    /// Given back if it fails.
    transaction: Option<Box<Transaction>>,
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
            registry: crate::registry(),
            edition,
            turnover: None,
            owed: VecDeque::new(),
            retired: Vec::new(),
            ground: common.ground.clone(),
        }
    }

    /// Does what can be done now. False: nothing could; the bell rings when that has changed.
    pub fn work(&mut self) -> bool {
        let is_used = |ground: &Arc<Groundwork>| {
            Arc::strong_count(ground) > 1 || Arc::strong_count(&ground.snapshot) > 1
        };
        self.retired.retain(is_used);
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
        let (verb, text, mut transaction, from) = match request {
            Request::Reload => return self.reload(None, None),
            Request::Command { verb, text, transaction, from } => {
                (verb, text, transaction.map(|transaction| *transaction), from)
            }
        };
        let mut desk = Desk {
            running: &self.edition,
            transaction: &mut transaction,
            loader: &*self.estate,
            registry: &self.registry,
        };
        let deed = desk.carry_out(verb, &text);
        let transaction = transaction.map(Box::new);
        let said = match deed {
            Ok(Deed::Enforce(edition, said)) => {
                return self.begin(
                    *edition,
                    Vec::new(),
                    Reply { from: Some(from), said: Some(said), transaction },
                );
            }
            Ok(Deed::Reload(file)) => return self.reload(file.as_deref(), Some(from)),
            Ok(Deed::Writeback(file)) => self.write_back(file).map(Said::Text),
            Ok(Deed::Write { file, text }) => {
                self.write(&file, &text).map(|()| Said::Text(format!("Written: {file}")))
            }
            Ok(Deed::Say(said)) => Ok(said),
            Err(why) => Err(why),
        };
        self.answer(said, Vec::new(), Reply { from: Some(from), said: None, transaction });
    }

    fn reload(&mut self, file: Option<&str>, from: Option<Asker>) {
        let reply = Reply { from, said: None, transaction: None };
        match self.estate.read(file) {
            Ok((edition, complaints)) => {
                let told = complaints.iter().filter(|complaint| complaint.severity == Severity::Warning);
                self.begin(edition, told.map(Complaint::to_string).collect(), reply);
            }
            Err(complaints) => {
                complaints.iter().for_each(|complaint| self.write_down(&complaint.line()));
                let text: Vec<_> = complaints.iter().map(Complaint::to_string).collect();
                self.refuse(&text.join("\n"), reply);
            }
        }
    }

    /// Every shard makes ready.
    fn begin(&mut self, edition: Edition, mut warnings: Vec<String>, reply: Reply) {
        let now = self.edition.snapshot().clone();
        let edition = edition.numbered(now.generation() + 1);
        let objections = self.estate.objections(&now, edition.snapshot());
        if !objections.is_empty() {
            objections.iter().for_each(|objection| self.write_down(objection));
            return self.refuse(&objections.join("\n"), reply);
        }
        warnings.extend(needing_restart(&now, edition.snapshot()));
        let shards = self.common.exchange.shards();
        let ground = self.common.groundwork(edition.snapshot().clone());
        let refusals = Vec::new();
        self.turnover =
            Some(Turnover { edition, ground: ground.clone(), missing: shards, refusals, warnings, reply });
        for shard in 0..shards {
            self.order(shard, Order::Prepare(ground.clone()));
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
            return self.refuse(&turnover.refusals.join("\n"), turnover.reply);
        }
        self.edition = turnover.edition;
        self.retired.push(std::mem::replace(&mut self.ground, turnover.ground));
        let mut reply = turnover.reply;
        let number = || Said::Text(format!("OK, configuration {}", self.edition.snapshot().generation()));
        let said = reply.said.take().unwrap_or_else(number);
        self.answer(Ok(said), turnover.warnings, Reply { transaction: None, ..reply });
    }

    /// The running configuration stays as it is.
    fn refuse(&mut self, why: &str, reply: Reply) {
        self.write_down("Reconfigure failed.");
        self.answer(Err(format!("{why}\nReconfigure failed.")), Vec::new(), reply);
    }

    fn answer(&mut self, said: Result<Said, String>, warnings: Vec<String>, reply: Reply) {
        match reply.from {
            Some(Asker { shard, ticket }) => {
                let answer = Answer { said, warnings, transaction: reply.transaction };
                self.order(shard, Order::Answered { ticket, answer });
            }
            None => {
                warnings.iter().for_each(|warning| self.estate.say(warning));
                if let Ok(Said::Text(text)) | Err(text) = &said {
                    self.estate.say(text);
                }
            }
        }
    }

    fn write(&self, path: &str, text: &str) -> Result<(), String> {
        self.estate.write(path, text).map_err(|error| format!("cannot write {path}: {error}"))
    }

    /// Saves live changes (config-language.md §12.4); what somebody else has changed meanwhile is not overwritten.
    fn write_back(&mut self, file: Option<String>) -> Result<String, String> {
        if let Some(file) = file {
            self.write(&file, &self.edition.changes_as_file())?;
            return Ok(format!("Saved in {file}"));
        }
        let unwritten = self.edition.unwritten();
        for (path, (original, _)) in &unwritten.files {
            let is_as_read = match (self.estate.load(path), original) {
                (Ok(Loaded::File(bytes)), Some(original)) => bytes == original.as_bytes(),
                (Err(LoadFault::NotFound), None) => true,
                _ => false,
            };
            if !is_as_read {
                return Err(format!(
                    "{path} is not what was read: config reload, or config writeback to a file"
                ));
            }
        }
        let mut lines = Vec::new();
        for (path, (_, text)) in &unwritten.files {
            self.write(path, text)?;
            lines.push(format!("Saved: {path}"));
        }
        self.edition.written(&unwritten);
        if !unwritten.read_only.is_empty() || unwritten.unsaved.is_some() {
            lines.push("warning: not everything could be saved".into());
        }
        lines.extend(unwritten.read_only.iter().map(|path| format!("{path} is read-only and was changed")));
        lines.extend(unwritten.unsaved.map(|text| text.trim_end().to_owned()));
        Ok(if lines.is_empty() { "There is nothing to save.".into() } else { lines.join("\n") })
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
