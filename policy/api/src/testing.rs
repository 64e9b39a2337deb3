//! A scripted host, and one question to a module: for the tests of modules and languages. Nothing here waits
//! for real: pauses move a virtual clock.

use crate::{
    Answer, Answers, Ask, Client, Connection, Counter, Disposition, Endpoint, Hold, Host, InjectFault, Job,
    Later, Level, LookupFault, Message, Module, ModuleCommand, NewMessage, Order, Pool, Question, Record,
    RecordKind, Services, SessionRequests, Tally, Told, Verdict, WorkFault,
};
use bytes::Bytes;
use config::{Lookup, Snapshot, Unset};
use ipnet::IpNet;
use mail::{Contexts, MessageId, Phase, Time};
use std::any::Any;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::future::{Future, ready};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// A host whose world is what the test has put in.
#[derive(Default)]
pub struct FakeHost {
    pub has_spoken: Cell<bool>,
    pub clock: Rc<Cell<Time>>,
    /// All pauses together.
    pub paused: Cell<Duration>,
    pub reports: RefCell<Vec<(Level, String)>>,
    /// Names in lower case; what is not here does not exist.
    pub names: RefCell<HashMap<(String, RecordKind), Result<Answers, LookupFault>>>,
    /// Every question, in order.
    pub asked: RefCell<Vec<Question>>,
    /// Who is there; others refuse the connection.
    pub peers: RefCell<HashMap<Endpoint, Peer>>,
    pub injected: RefCell<Vec<NewMessage>>,
    /// While set, nothing is injected.
    pub spool_is_full: Cell<bool>,
    pub counters: RefCell<BTreeMap<String, Rc<Counter>>>,
    /// What was reset when: prefixes of counters, and `summary`.
    pub resets: RefCell<Vec<(String, Time)>>,
    /// Name and key to (time, amount).
    pub tallies: RefCell<HashMap<(String, String), Amounts>>,
    pub sessions: Cell<u64>,
    /// `keyword:name/…/option` to its text.
    pub options: RefCell<HashMap<String, String>>,
    /// What `outbound` looks into; without one every option has its default.
    pub configuration: OnceCell<Snapshot>,
    /// User and line; a line that begins with `unknown` is no command, one that begins with `refused` fails.
    pub commands: Rc<RefCell<Vec<(&'static str, String)>>>,
    pub lasting: Rc<Services>,
    /// What is held now.
    pub held: RefCell<Vec<Hold>>,
    /// File and line.
    pub logged: RefCell<Vec<(PathBuf, String)>>,
}

type Amounts = Vec<(Time, i64)>;

/// A peer that answers by script: what it says at once, then one answer for each write.
#[derive(Clone, Debug, Default)]
pub struct Peer {
    pub answers: VecDeque<Bytes>,
    /// All that was written to it.
    pub heard: Rc<RefCell<Vec<u8>>>,
    /// True: it never answers, and every read times out.
    pub is_silent: bool,
}

impl FakeHost {
    pub fn new() -> Rc<FakeHost> {
        Rc::default()
    }

    /// The text of `name` and its records of one kind.
    pub fn name(&self, name: &str, records: impl IntoIterator<Item = Record>) {
        for record in records {
            let kind = match record {
                Record::A(_) => RecordKind::A,
                Record::Aaaa(_) => RecordKind::Aaaa,
                Record::Txt(_) => RecordKind::Txt,
                Record::Mx { .. } => RecordKind::Mx,
                Record::Ptr(_) => RecordKind::Ptr,
                Record::Ns(_) => RecordKind::Ns,
                Record::Cname(_) => RecordKind::Cname,
            };
            let mut names = self.names.borrow_mut();
            let known = names.entry((name.to_ascii_lowercase(), kind)).or_insert(Ok(Answers::default()));
            if let Ok(answers) = known {
                answers.ttl = 300;
                answers.records.push(record);
            }
        }
    }

    pub fn text(&self, name: &str, text: &str) {
        self.name(name, [Record::Txt(Bytes::copy_from_slice(text.as_bytes()))]);
    }

    pub fn fault(&self, name: &str, kind: RecordKind, fault: LookupFault) {
        self.names.borrow_mut().insert((name.to_ascii_lowercase(), kind), Err(fault));
    }

    pub fn reported(&self) -> Vec<String> {
        self.reports.borrow().iter().map(|(_, text)| text.clone()).collect()
    }

    fn answer(&self, question: &Question) -> Result<Answers, LookupFault> {
        let name = question.name.trim_end_matches('.').to_ascii_lowercase();
        let names = self.names.borrow();
        match names.get(&(name.clone(), question.kind)) {
            Some(answer) => answer.clone(),
            None if names.keys().any(|(known, _)| *known == name) => Err(LookupFault::NoData),
            None => Err(LookupFault::NxDomain),
        }
    }
}

fn now<T: 'static>(value: T) -> Later<T> {
    Box::pin(ready(value))
}

impl Host for FakeHost {
    fn now(&self) -> Time {
        self.clock.get()
    }

    fn chance(&self) -> u64 {
        4
    }

    /// Ready at its second poll, as a real one would be.
    fn pause(&self, delay: Duration) -> Later<()> {
        self.paused.set(self.paused.get() + delay);
        let clock = self.clock.clone();
        let mut has_waited = false;
        Box::pin(std::future::poll_fn(move |context| {
            if std::mem::replace(&mut has_waited, true) {
                return Poll::Ready(());
            }
            clock.set(clock.get() + delay);
            context.waker().wake_by_ref();
            Poll::Pending
        }))
    }

    fn breathe(&self) -> Later<()> {
        now(())
    }

    /// Ready at its second poll: others can be polled between.
    fn give_way(&self) -> Later<()> {
        let mut has_waited = false;
        Box::pin(std::future::poll_fn(move |context| {
            if std::mem::replace(&mut has_waited, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        }))
    }

    fn client_has_spoken(&self) -> bool {
        self.has_spoken.get()
    }

    fn report(&self, level: Level, text: &str) {
        self.reports.borrow_mut().push((level, text.to_owned()));
    }

    fn lookup(&self, question: Question) -> Later<Result<Answers, LookupFault>> {
        let answer = self.answer(&question);
        self.asked.borrow_mut().push(question);
        now(answer)
    }

    fn dial(&self, to: Endpoint, _within: Duration) -> Later<io::Result<Box<dyn Connection>>> {
        let peer = self.peers.borrow().get(&to).cloned();
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        now(peer.ok_or_else(refused).map(|peer| Box::new(peer) as Box<dyn Connection>))
    }

    fn work(&self, _pool: Pool, job: Job) -> Later<Result<Box<dyn Any + Send>, WorkFault>> {
        let done = catch_unwind(AssertUnwindSafe(job));
        now(done.map_err(|_| WorkFault::Panicked("in a test".into())))
    }

    fn inject(&self, message: NewMessage) -> Later<Result<MessageId, InjectFault>> {
        if message.recipients.is_empty() {
            return now(Err(InjectFault::NoRecipients));
        }
        if self.spool_is_full.get() {
            let reply = mail::Reply::fixed(452, (4, 3, 1), "insufficient system storage");
            return now(Err(InjectFault::Refused(reply)));
        }
        let mut injected = self.injected.borrow_mut();
        injected.push(message);
        now(Ok(MessageId { second: 1, process: 1, counter: injected.len() as u16 }))
    }

    fn counter(&self, path: &str) -> Rc<Counter> {
        self.counters.borrow_mut().entry(path.to_owned()).or_default().clone()
    }

    fn counters(&self, prefix: &str) -> Later<Vec<(String, u64)>> {
        let counters = self.counters.borrow();
        let found = counters.iter().filter(|(name, _)| name.starts_with(prefix));
        now(found.map(|(name, counter)| (name.clone(), counter.get())).collect())
    }

    fn reset_counters(&self, prefix: &str) {
        self.counters.borrow_mut().retain(|name, _| !name.starts_with(prefix));
        self.resets.borrow_mut().push((prefix.to_owned(), self.now()));
    }

    fn counted_since(&self, prefix: &str) -> Time {
        let resets = self.resets.borrow();
        let mut of_prefix = resets.iter().filter(|(reset, _)| reset.starts_with(prefix));
        of_prefix.next_back().map_or(Time::default(), |(_, time)| *time)
    }

    fn reset_summary(&self) {
        self.resets.borrow_mut().push(("summary".into(), self.now()));
    }

    fn add(&self, tally: &Tally, key: &str, amount: i64) {
        let key = (tally.name.to_string(), key.to_owned());
        self.tallies.borrow_mut().entry(key).or_default().push((self.now(), amount));
    }

    fn count(&self, tally: &Tally, key: &str, slots: u32) -> Later<i64> {
        let key = (tally.name.to_string(), key.to_owned());
        let tallies = self.tallies.borrow();
        let entries = tallies.get(&key).map_or(&[][..], Vec::as_slice);
        let width = tally.slot.as_micros() as u64;
        let number = |time: Time| time.micros().checked_div(width).unwrap_or(0);
        let first = (number(self.now()) + 1).saturating_sub(u64::from(slots.min(tally.slots.max(1))));
        let recent = entries.iter().filter(|(time, _)| number(*time) >= first);
        now(recent.map(|(_, amount)| amount).sum())
    }

    fn sessions(&self, _network: Option<IpNet>) -> Later<u64> {
        now(self.sessions.get())
    }

    fn hold(&self, holds: Vec<Hold>) {
        self.held.replace(holds);
    }

    fn command(&self, user: &'static str, line: &str) -> Result<Later<Result<(), String>>, String> {
        if line.starts_with("unknown") {
            return Err("no such command".into());
        }
        let (commands, line) = (self.commands.clone(), line.to_owned());
        Ok(Box::pin(async move {
            let is_refused = line.starts_with("refused");
            commands.borrow_mut().push((user, line));
            if is_refused { Err("it is not done".into()) } else { Ok(()) }
        }))
    }

    fn lasting(&self) -> Rc<Services> {
        self.lasting.clone()
    }

    fn outbound<'a>(&'a self, binding: &str, domain: &str) -> Box<dyn Lookup + 'a> {
        match self.configuration.get() {
            Some(snapshot) => Box::new(snapshot.outbound("", binding, domain)),
            None => Box::new(Unset),
        }
    }

    fn log(&self, file: &Path, _mode: u32, line: &str) {
        self.logged.borrow_mut().push((file.to_owned(), line.to_owned()));
    }

    fn option(&self, path: &[(&str, &str)], name: &str) -> Option<String> {
        let stanzas: String = path.iter().map(|(keyword, name)| format!("{keyword}:{name}/")).collect();
        self.options.borrow().get(&format!("{stanzas}{name}")).cloned()
    }

    fn knows_binding(&self, binding: &str) -> bool {
        self.options.borrow().keys().any(|path| path.contains(&format!("binding:{binding}/")))
    }

    fn knows_binding_group(&self, group: &str) -> bool {
        self.options.borrow().keys().any(|path| path.starts_with(&format!("binding_group:{group}/")))
    }
}

impl Connection for Peer {
    fn read<'a>(&'a mut self, _within: Duration) -> Pin<Box<dyn Future<Output = io::Result<Bytes>> + 'a>> {
        let answer = match self.is_silent {
            true => Err(io::ErrorKind::TimedOut.into()),
            false => Ok(self.answers.pop_front().unwrap_or_default()),
        };
        Box::pin(ready(answer))
    }

    fn write<'a>(
        &'a mut self,
        bytes: Bytes,
        _within: Duration,
    ) -> Pin<Box<dyn Future<Output = io::Result<()>> + 'a>> {
        self.heard.borrow_mut().extend_from_slice(&bytes);
        Box::pin(ready(Ok(())))
    }
}

/// Polls a future of the fake world until it is ready; one that never will be is a failed test.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..100_000 {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
    panic!("it waits for something that the fake host does not know");
}

/// A session's worth of state for questions to modules, and what they left behind.
pub struct Conversation {
    pub host: Rc<FakeHost>,
    pub client: Client,
    pub line: String,
    pub contexts: Contexts,
    pub message: Message,
    pub session: SessionRequests,
    /// Of the last question.
    pub disposition: Disposition,
}

impl Default for Conversation {
    fn default() -> Self {
        Conversation {
            host: FakeHost::new(),
            client: Client::new(
                MessageId { second: 1, process: 1, counter: 1 },
                Some(([192, 0, 2, 1], 40_000).into()),
                Some(([192, 0, 2, 25], 25).into()),
            ),
            line: String::new(),
            contexts: Contexts::default(),
            message: Message::default(),
            session: SessionRequests::default(),
            disposition: Disposition::default(),
        }
    }
}

impl Conversation {
    /// Asks one module at one phase.
    pub fn ask(&mut self, module: &dyn Module, phase: Phase) -> Verdict {
        let host: Rc<dyn Host> = self.host.clone();
        self.disposition = Disposition::default();
        let mut ask = Ask {
            phase,
            client: &self.client,
            line: &self.line,
            contexts: &mut self.contexts,
            message: &mut self.message,
            session: &mut self.session,
            disposition: &mut self.disposition,
        };
        match module.judge(&mut ask, &host) {
            Answer::Now(verdict) => verdict,
            Answer::Later(answer) => run(answer),
        }
    }

    /// Gives a command of the console to one module: exactly the words behind its name.
    pub fn order(
        &self,
        module: &Rc<dyn Module>,
        command: &'static ModuleCommand,
        operands: &[&str],
    ) -> Result<Told, String> {
        let operands = operands.iter().map(|word| (*word).to_owned()).collect();
        let (module, host) = (module.clone(), self.host.clone());
        run((command.run)(Order { command, module, instance: "t".into(), operands, host }))
    }

    /// The code that the last question has left.
    pub fn code(&self) -> Option<u16> {
        self.disposition.reply.as_ref().map(|reply| reply.code)
    }
}
