//! The engine as modules see it: clock, names, connections, side threads, new mail, numbers.
//!
//! Law: a module may drop what it waits for at any moment; what must not be left half done is a task of its own.

use crate::Shard;
use crate::answer;
use crate::resolve;
use crate::settings::Site;
use bytes::Bytes;
use config::Lookup;
use dns::{Answer, Kind, Name, Trouble};
use ipnet::IpNet;
use mail::{MessageId, Time};
use policy_api::{
    Answers, Connection, Counter, Endpoint, Hold, Host, InjectFault, Job, Later, Level, LookupFault,
    NewMessage, Pool, Question, Record, RecordKind, Services, Tally, WorkFault,
};
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;
use world::{Dial, Signal, Stream, World};

/// One for each session or job.
pub(crate) struct PolicyHost<W: World> {
    pub shard: Rc<Shard<W>>,
    pub site: Rc<Site>,
    /// Looked at before each poll of a module.
    pub client_has_spoken: Cell<bool>,
}

impl<W: World> PolicyHost<W> {
    pub fn new(shard: &Rc<Shard<W>>, site: &Rc<Site>) -> Rc<Self> {
        Rc::new(PolicyHost { shard: shard.clone(), site: site.clone(), client_has_spoken: Cell::new(false) })
    }

    /// Runs to its end whoever waits for it. None: it panicked.
    fn detached<T: 'static>(
        &self,
        name: &'static str,
        work: impl Future<Output = T> + 'static,
    ) -> Later<Option<T>> {
        let end = self.begun(name, work);
        Box::pin(async move { end.wait_until(Time::NEVER).await })
    }

    /// As `detached`, for whoever waits no longer than he likes.
    pub fn begun<T: 'static>(
        &self,
        name: &'static str,
        work: impl Future<Output = T> + 'static,
    ) -> Rc<End<T, W>> {
        let world = self.shard.world.clone();
        let end: Rc<End<T, W>> = Rc::new(End { world, value: RefCell::new(None), signal: Signal::default() });
        // The task's handle rings when it is dropped, after a panic too.
        let ring = Ring(end.clone());
        self.shard.world.spawn(name, async move {
            let value = work.await;
            ring.0.value.replace(Some(value));
            drop(ring);
        });
        end
    }
}

/// How a task ended.
pub(crate) struct End<T, W: World> {
    world: W,
    value: RefCell<Option<T>>,
    signal: Signal,
}

impl<T, W: World> End<T, W> {
    /// None: it panicked, or has not ended by then.
    pub async fn wait_until(&self, deadline: Time) -> Option<T> {
        self.signal.wait_until(&self.world, deadline).await;
        self.value.take()
    }
}

struct Ring<T, W: World>(Rc<End<T, W>>);

impl<T, W: World> Drop for Ring<T, W> {
    fn drop(&mut self) {
        self.0.signal.raise();
    }
}

impl<W: World> Host for PolicyHost<W> {
    fn now(&self) -> Time {
        self.shard.world.now()
    }

    fn chance(&self) -> u64 {
        self.shard.world.chance()
    }

    fn pause(&self, delay: Duration) -> Later<()> {
        let world = self.shard.world.clone();
        let until = world.now() + delay;
        Box::pin(async move { world.sleep_until(until).await })
    }

    fn give_way(&self) -> Later<()> {
        let world = self.shard.world.clone();
        Box::pin(async move { world.give_way().await })
    }

    fn breathe(&self) -> Later<()> {
        let world = self.shard.world.clone();
        Box::pin(async move { world.breathe().await })
    }

    fn client_has_spoken(&self) -> bool {
        self.client_has_spoken.get()
    }

    fn report(&self, _level: Level, text: &str) {
        self.shard.complain(text);
    }

    fn lookup(&self, question: Question) -> Later<Result<Answers, LookupFault>> {
        let Ok(name) = Name::new(&question.name) else {
            return Box::pin(std::future::ready(Err(LookupFault::BadName)));
        };
        let (asked, shard) = (dns::Question::new(name, kind_of(question.kind)), self.shard.clone());
        if question.server.is_none()
            && let Some(answer) = resolve::remembered(&shard, &asked)
        {
            // No task for what is known; who asks on and on still lets others have their turn.
            return Box::pin(async move {
                shard.world.breathe().await;
                answers_of(&answer)
            });
        }
        let answer = self.detached("lookup", async move {
            match question.server {
                None => resolve::ask(&shard, &asked).await,
                Some(server) => resolve::ask_server(&shard, &asked, server).await,
            }
        });
        Box::pin(async move { answer.await.map_or(Err(LookupFault::ServFail), |answer| answers_of(&answer)) })
    }

    fn dial(&self, to: Endpoint, within: Duration) -> Later<io::Result<Box<dyn Connection>>> {
        let world = self.shard.world.clone();
        let deadline = world.now() + within;
        Box::pin(async move {
            let stream = match to {
                Endpoint::Inet(to) => world.dial(Dial { to, from: None, deadline }).await?,
                Endpoint::Unix(path) => world.dial_unix(&path, deadline).await?,
            };
            Ok(Box::new(Wire { world, stream }) as Box<dyn Connection>)
        })
    }

    fn work(&self, pool: Pool, job: Job) -> Later<Result<Box<dyn Any + Send>, WorkFault>> {
        let shard = self.shard.clone();
        let ticket = shard.jobs.open();
        if !shard.take_job(pool, ticket, job) {
            shard.jobs.arrived(ticket, Err(WorkFault::Busy));
        }
        let end = self.detached("job", async move { shard.jobs.wait(ticket).await });
        Box::pin(async move { end.await.flatten().unwrap_or(Err(WorkFault::Stopping)) })
    }

    fn inject(&self, message: NewMessage) -> Later<Result<MessageId, InjectFault>> {
        let (shard, site) = (self.shard.clone(), self.site.clone());
        let taken = self.detached("inject", async move { shard.inject(&site, message).await });
        Box::pin(async move { taken.await.unwrap_or(Err(InjectFault::Refused(crate::serve::BROKEN))) })
    }

    fn counter(&self, path: &str) -> Rc<Counter> {
        let mut counters = self.shard.policy_counters.borrow_mut();
        match counters.get(path) {
            Some(counter) => counter.clone(),
            None => counters.entry(path.to_owned()).or_default().clone(),
        }
    }

    fn counters(&self, prefix: &str) -> Later<Vec<(String, u64)>> {
        let (shard, prefix) = (self.shard.clone(), prefix.to_owned());
        let counters = self.detached("counters", async move { shard.all_counters(&prefix).await });
        Box::pin(async move { counters.await.unwrap_or_default() })
    }

    fn reset_counters(&self, prefix: &str) {
        self.shard.reset_counters(prefix);
    }

    fn counted_since(&self, prefix: &str) -> Time {
        self.shard.counted_since(prefix)
    }

    fn reset_summary(&self) {
        self.shard.reset_summary();
    }

    fn add(&self, tally: &Tally, key: &str, amount: i64) {
        self.shard.add_to_tally(tally, key, amount);
    }

    fn count(&self, tally: &Tally, key: &str, slots: u32) -> Later<i64> {
        let (shard, tally, key) = (self.shard.clone(), tally.clone(), key.to_owned());
        let amount = self.detached("count", async move { shard.count_tally(&tally, &key, slots).await });
        Box::pin(async move { amount.await.unwrap_or_default() })
    }

    fn sessions(&self, network: Option<IpNet>) -> Later<u64> {
        let sessions = self.shard.common.gate.sessions(network);
        Box::pin(std::future::ready(sessions))
    }

    fn hold(&self, holds: Vec<Hold>) {
        self.shard.hold(&holds);
    }

    fn command(&self, user: &'static str, line: &str) -> Result<Later<Result<(), String>>, String> {
        let request = answer::parse(&self.shard, line, user).map_err(|problem| problem.to_string())?;
        let host = PolicyHost::new(&self.shard, &self.site);
        Ok(Box::pin(async move {
            let shard = host.shard.clone();
            let done = host.detached("command", async move { answer::unattended(&shard, request).await });
            done.await.unwrap_or_else(|| Err("it broke, see paniclog".into()))
        }))
    }

    fn lasting(&self) -> Rc<Services> {
        self.shard.lasting.clone()
    }

    fn outbound<'a>(&'a self, binding: &str, domain: &str) -> Box<dyn Lookup + 'a> {
        Box::new(self.site.snapshot.outbound(self.site.group_of(binding), binding, domain))
    }

    fn log(&self, file: &Path, mode: u32, line: &str) {
        if !self.shard.world.log(file, mode, format!("{line}\n").into_bytes()) {
            self.shard.counters.log_lines_lost.add(1);
        }
    }

    fn option(&self, path: &[(&str, &str)], name: &str) -> Option<String> {
        self.site.option_text(path, name)
    }

    fn knows_binding(&self, binding: &str) -> bool {
        self.site.knows_binding(binding)
    }

    fn knows_binding_group(&self, group: &str) -> bool {
        self.site.knows_binding_group(group)
    }
}

/// A module's connection.
struct Wire<W: World> {
    world: W,
    stream: W::Stream,
}

impl<W: World> Connection for Wire<W> {
    fn read<'a>(&'a mut self, within: Duration) -> Pin<Box<dyn Future<Output = io::Result<Bytes>> + 'a>> {
        let deadline = self.world.now() + within;
        Box::pin(async move { Ok(Bytes::copy_from_slice(&self.stream.read(deadline).await?)) })
    }

    fn write<'a>(
        &'a mut self,
        bytes: Bytes,
        within: Duration,
    ) -> Pin<Box<dyn Future<Output = io::Result<()>> + 'a>> {
        let deadline = self.world.now() + within;
        Box::pin(async move { self.stream.write(vec![bytes], deadline).await })
    }
}

fn kind_of(kind: RecordKind) -> Kind {
    match kind {
        RecordKind::A => Kind::A,
        RecordKind::Aaaa => Kind::Aaaa,
        RecordKind::Txt => Kind::Txt,
        RecordKind::Mx => Kind::Mx,
        RecordKind::Ptr => Kind::Ptr,
        RecordKind::Ns => Kind::Ns,
        RecordKind::Cname => Kind::Cname,
    }
}

fn answers_of(answer: &Answer) -> Result<Answers, LookupFault> {
    match answer {
        Answer::Records { records, ttl } => {
            Ok(Answers { records: records.iter().map(record_of).collect(), ttl: *ttl })
        }
        Answer::NoData { .. } => Err(LookupFault::NoData),
        Answer::NoName { .. } => Err(LookupFault::NxDomain),
        Answer::Failed(Trouble::Timeout) => Err(LookupFault::Timeout),
        Answer::Failed(_) => Err(LookupFault::ServFail),
    }
}

fn record_of(record: &dns::Record) -> Record {
    match record {
        dns::Record::A(address) => Record::A(*address),
        dns::Record::Aaaa(address) => Record::Aaaa(*address),
        dns::Record::Mx { preference, exchange } => {
            Record::Mx { preference: *preference, exchange: exchange.to_string() }
        }
        dns::Record::Txt(text) => Record::Txt(Bytes::copy_from_slice(text)),
        dns::Record::Ptr(name) => Record::Ptr(name.to_string()),
        dns::Record::Ns(name) => Record::Ns(name.to_string()),
        dns::Record::Cname(name) => Record::Cname(name.to_string()),
    }
}

impl<W: World> Shard<W> {
    /// Hands a job to the side threads; its end comes back as an order behind our door.
    fn take_job(&self, pool: Pool, ticket: u64, job: Job) -> bool {
        let pool = match pool {
            Pool::Io => world::Pool::Io,
            Pool::Cpu => world::Pool::Cpu,
        };
        let (common, index) = (self.common.clone(), self.index);
        let job = move || {
            let done = crate::race::guarded(job).map_err(WorkFault::Panicked);
            common.exchange.job_ended(index, ticket, done);
        };
        self.world.work(pool, Box::new(job))
    }
}
