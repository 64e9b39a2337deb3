//! A module under watch: it is asked as ever, and what it asks and changes is written down. The one mechanism of a
//! trace; sessions of a server never meet it.

use super::difference::{Before, summary};
use super::notebook::Notebook;
use super::transcript::{Note, Step};
use config::Lookup;
use ipnet::IpNet;
use mail::{MessageId, Phase, Time};
use policy_api::{
    Answer, Answers, Ask, Connection, Counter, Endpoint, Hold, Hook, HookKind, Host, InjectFault, Job, Later,
    Level, LookupFault, Module, ModuleDef, NewMessage, Origin, Pool, Question, Record, Services, Tally,
    Verdict, WorkFault,
};
use std::any::Any;
use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

/// The module of a stanza, under watch.
pub(super) fn watched(
    definition: &'static ModuleDef,
    instance: &str,
    module: Rc<dyn Module>,
    notebook: &Rc<Notebook>,
) -> Rc<dyn Module> {
    let notebook = notebook.clone();
    Rc::new(Watched { name: definition.name(), instance: instance.to_owned(), module, notebook })
}

struct Watched {
    name: &'static str,
    instance: String,
    module: Rc<dyn Module>,
    notebook: Rc<Notebook>,
}

/// The phases of a copy alone.
const OF_COPIES: [Phase; 4] =
    [Phase::DataSpoolEachRcpt, Phase::MsgGenDataSpool, Phase::SetBinding, Phase::FinalValidation];

impl Watched {
    fn step(&self, phase: &'static str, verdict: Verdict, host: &Listening, since: Time) -> (Step, Verdict) {
        let text = match &verdict {
            Verdict::Continue => "continue".to_owned(),
            Verdict::Done => "done".to_owned(),
            Verdict::Failed(text) => format!("failed: {text}"),
            Verdict::Exceeded(text) => format!("ended over its budget: {text}"),
        };
        let step = Step {
            phase,
            module: self.name,
            instance: self.instance.clone(),
            verdict: text,
            took: host.host.now().since(since),
            notes: host.notes.take(),
            ..Step::default()
        };
        (step, verdict)
    }
}

impl Module for Watched {
    fn judges(&self, phase: Phase) -> bool {
        self.module.judges(phase)
    }

    fn hears(&self, hook: HookKind) -> bool {
        self.module.hears(hook)
    }

    fn judge<'a>(&'a self, ask: &'a mut Ask<'_>, host: &'a Rc<dyn Host>) -> Answer<'a> {
        Answer::Later(Box::pin(async move {
            let phase = ask.phase.name();
            let recipient = ask.message.recipient.as_ref().map(|recipient| recipient.as_str().to_owned());
            let copy = OF_COPIES.contains(&ask.phase).then_some(ask.message.id);
            // A message of our own begins with contexts of its own.
            if ask.message.origin != Origin::Internal {
                let copy = copy.map(|copy| (copy, recipient.as_deref().unwrap_or("")));
                self.notebook.before(phase, copy, ask.contexts);
            }
            let before = Before::of(ask);
            let listening = Rc::new(Listening::new(host));
            let since = host.now();
            let ours: Rc<dyn Host> = listening.clone();
            let verdict = match self.module.judge(ask, &ours) {
                Answer::Now(verdict) => verdict,
                Answer::Later(answer) => answer.await,
            };
            let (step, verdict) = self.step(phase, verdict, &listening, since);
            let step = Step { recipient, changes: before.changes(ask), ..step };
            let copy = copy.or_else(|| (ask.message.origin == Origin::Internal).then_some(MessageId::NONE));
            self.notebook.after(step, copy, ask.contexts);
            verdict
        }))
    }

    fn hook<'a>(&'a self, hook: &'a mut Hook<'_>, host: &'a Rc<dyn Host>) -> Answer<'a> {
        Answer::Later(Box::pin(async move {
            let listening = Rc::new(Listening::new(host));
            let (since, name) = (host.now(), hook.kind().name());
            let ours: Rc<dyn Host> = listening.clone();
            let verdict = match self.module.hook(hook, &ours) {
                Answer::Now(verdict) => verdict,
                Answer::Later(answer) => answer.await,
            };
            let (step, verdict) = self.step(name, verdict, &listening, since);
            self.notebook.note(step);
            verdict
        }))
    }
}

/// The host of one question: passes everything on, and notes what is worth it.
struct Listening {
    host: Rc<dyn Host>,
    notes: Rc<RefCell<Vec<Note>>>,
}

impl Listening {
    fn new(host: &Rc<dyn Host>) -> Self {
        Listening { host: host.clone(), notes: Rc::default() }
    }

    fn note(&self, what: &str, text: String, took: Option<Duration>) {
        self.notes.borrow_mut().push(Note { what: what.to_owned(), text, took });
    }

    /// Notes what became of it when it ends.
    fn noting<T: 'static>(
        &self,
        what: &'static str,
        asked: String,
        answer: impl Future<Output = T> + 'static,
        told: impl Fn(&T) -> String + 'static,
    ) -> Later<T> {
        let (host, notes, since) = (self.host.clone(), self.notes.clone(), self.host.now());
        Box::pin(async move {
            let answer = answer.await;
            let took = Some(host.now().since(since));
            let text = format!("{asked}: {}", told(&answer));
            notes.borrow_mut().push(Note { what: what.to_owned(), text, took });
            answer
        })
    }
}

impl Host for Listening {
    fn now(&self) -> Time {
        self.host.now()
    }

    fn chance(&self) -> u64 {
        self.host.chance()
    }

    fn pause(&self, delay: Duration) -> Later<()> {
        self.noting("pause", format!("{delay:?}"), self.host.pause(delay), |()| "over".into())
    }

    fn give_way(&self) -> Later<()> {
        self.host.give_way()
    }

    fn breathe(&self) -> Later<()> {
        self.host.breathe()
    }

    fn client_has_spoken(&self) -> bool {
        self.host.client_has_spoken()
    }

    fn report(&self, level: Level, text: &str) {
        self.note("report", text.to_owned(), None);
        self.host.report(level, text);
    }

    fn lookup(&self, question: Question) -> Later<Result<Answers, LookupFault>> {
        let server = question.server.map(|server| format!(" of {server}")).unwrap_or_default();
        let asked = format!("{:?} {}{server}", question.kind, question.name);
        self.noting("lookup", asked, self.host.lookup(question), |answer| match answer {
            Ok(answers) => answers.records.iter().map(text_of).collect::<Vec<_>>().join(", "),
            Err(fault) => fault.to_string(),
        })
    }

    fn dial(&self, to: Endpoint, within: Duration) -> Later<io::Result<Box<dyn Connection>>> {
        let asked = match &to {
            Endpoint::Inet(address) => address.to_string(),
            Endpoint::Unix(path) => path.display().to_string(),
        };
        self.noting("connect", asked, self.host.dial(to, within), |answer| match answer {
            Ok(_) => "connected".into(),
            Err(error) => error.to_string(),
        })
    }

    fn work(&self, pool: Pool, job: Job) -> Later<Result<Box<dyn Any + Send>, WorkFault>> {
        let asked = format!("a job of the pool {pool:?}");
        self.noting("work", asked, self.host.work(pool, job), |answer| match answer {
            Ok(_) => "done".into(),
            Err(fault) => fault.to_string(),
        })
    }

    fn inject(&self, message: NewMessage) -> Later<Result<MessageId, InjectFault>> {
        let asked = summary(&message);
        self.noting("send", asked, self.host.inject(message), |answer| match answer {
            Ok(id) => format!("would be {id}"),
            Err(fault) => fault.to_string(),
        })
    }

    fn counter(&self, path: &str) -> Rc<Counter> {
        self.host.counter(path)
    }

    fn counters(&self, prefix: &str) -> Later<Vec<(String, u64)>> {
        self.host.counters(prefix)
    }

    fn add(&self, tally: &Tally, key: &str, amount: i64) {
        self.host.add(tally, key, amount);
    }

    fn count(&self, tally: &Tally, key: &str, slots: u32) -> Later<i64> {
        self.host.count(tally, key, slots)
    }

    fn sessions(&self, network: Option<IpNet>) -> Later<u64> {
        self.host.sessions(network)
    }

    fn reset_counters(&self, prefix: &str) {
        self.host.reset_counters(prefix);
    }

    fn counted_since(&self, prefix: &str) -> Time {
        self.host.counted_since(prefix)
    }

    fn reset_summary(&self) {
        self.host.reset_summary();
    }

    fn hold(&self, holds: Vec<Hold>) {
        self.host.hold(holds);
    }

    fn command(&self, user: &'static str, line: &str) -> Result<Later<Result<(), String>>, String> {
        self.host.command(user, line)
    }

    fn lasting(&self) -> Rc<Services> {
        self.host.lasting()
    }

    fn outbound<'a>(&'a self, binding: &str, domain: &str) -> Box<dyn Lookup + 'a> {
        self.host.outbound(binding, domain)
    }

    fn log(&self, file: &Path, _mode: u32, line: &str) {
        self.note("log", format!("{}: {line}", file.display()), None);
    }

    fn option(&self, path: &[(&str, &str)], name: &str) -> Option<String> {
        self.host.option(path, name)
    }

    fn knows_binding(&self, binding: &str) -> bool {
        self.host.knows_binding(binding)
    }

    fn knows_binding_group(&self, group: &str) -> bool {
        self.host.knows_binding_group(group)
    }

    fn is_watched(&self) -> bool {
        true
    }

    fn did(&self, place: &str, what: &str) {
        self.note(place, what.to_owned(), None);
    }
}

fn text_of(record: &Record) -> String {
    match record {
        Record::A(address) => address.to_string(),
        Record::Aaaa(address) => address.to_string(),
        Record::Txt(text) => format!("\"{}\"", String::from_utf8_lossy(text)),
        Record::Mx { preference, exchange } => format!("{preference} {exchange}"),
        Record::Ptr(name) | Record::Ns(name) | Record::Cname(name) => name.clone(),
    }
}
