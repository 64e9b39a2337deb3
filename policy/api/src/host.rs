//! What a module may ask of the engine. Every wait is the module's own: other sessions go on.

use crate::{
    Answers, Connection, Endpoint, InjectFault, Job, Level, LookupFault, NewMessage, Pool, Question,
    Services, WorkFault,
};
use config::Lookup;
use ipnet::IpNet;
use mail::{MessageId, Time};
use std::any::Any;
use std::cell::Cell;
use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// Holds nothing of its host: a language keeps it while a coroutine is suspended.
pub type Later<T> = Pin<Box<dyn Future<Output = T>>>;

/// Played by the engine, one for each session or job.
pub trait Host {
    fn now(&self) -> Time;

    /// A random number of good quality.
    fn chance(&self) -> u64;

    /// Waits; costs a timer, not a thread.
    fn pause(&self, delay: Duration) -> Later<()>;

    /// Lets others have their turn, if this task has computed for a while. Due after every few hundred
    /// microseconds of computing.
    fn breathe(&self) -> Later<()>;

    /// Lets everything else of the shard have its turn, however short this task has computed.
    fn give_way(&self) -> Later<()>;

    /// Whether the client has sent bytes that the session has not read yet.
    fn client_has_spoken(&self) -> bool;

    /// A line for paniclog, prefixed with the module's name by the caller.
    fn report(&self, level: Level, text: &str);

    /// Cached and shared with deliveries, unless another server is named.
    fn lookup(&self, question: Question) -> Later<Result<Answers, LookupFault>>;

    /// Fails with `TimedOut` after `within`.
    fn dial(&self, to: Endpoint, within: Duration) -> Later<io::Result<Box<dyn Connection>>>;

    /// Has a job done on a side thread.
    fn work(&self, pool: Pool, job: Job) -> Later<Result<Box<dyn Any + Send>, WorkFault>>;

    /// Journalled like any mail when this returns; protocol `internal`.
    fn inject(&self, message: NewMessage) -> Later<Result<MessageId, InjectFault>>;

    /// This shard's counter of that name, made at its first use.
    fn counter(&self, path: &str) -> Rc<Counter>;

    /// All counters whose names begin so, summed over the shards, in order of their names.
    fn counters(&self, prefix: &str) -> Later<Vec<(String, u64)>>;

    /// Counting of this shard's counters whose names begin so begins anew.
    fn reset_counters(&self, prefix: &str);

    /// Since when this shard's counters whose names begin so count: the latest reset, or the start.
    fn counted_since(&self, prefix: &str) -> Time;

    /// The totals and averages of this shard's `summary` begin anew.
    fn reset_summary(&self);

    /// Adds to a number that all shards share. Who asks for it right afterwards sees it.
    fn add(&self, tally: &Tally, key: &str, amount: i64);

    /// The sum over the newest `slots` of a tally's slots.
    fn count(&self, tally: &Tally, key: &str, slots: u32) -> Later<i64>;

    /// Sessions that clients of a network have open now; of all clients without one.
    fn sessions(&self, network: Option<IpNet>) -> Later<u64>;

    /// Deliveries of these are held from now on, in place of those that were held before.
    fn hold(&self, holds: Vec<Hold>);

    /// A command of the console as `user` with full rights, who hears only whether it went well. It runs to its end once
    /// it is waited for, and not before. An error: there is no such command.
    fn command(&self, user: &'static str, line: &str) -> Result<Later<Result<(), String>>, String>;

    /// What the modules of this shard keep from one generation of the configuration to the next.
    fn lasting(&self) -> Rc<Services>;

    /// The options that hold for mail of a binding to a routing domain (spec config-language.md §9.1):
    /// `SomeOptions::resolve(&host.outbound(binding, domain))`.
    fn outbound<'a>(&'a self, binding: &str, domain: &str) -> Box<dyn Lookup + 'a>;

    /// A line, without its end, for a log of the module's own: gathered and written by the writer of all logs.
    fn log(&self, file: &Path, mode: u32, line: &str);

    /// The text of an option in a stanza that is named by (keyword, name) pairs from the top; the name is
    /// empty for a stanza without one.
    fn option(&self, path: &[(&str, &str)], name: &str) -> Option<String>;

    /// Whether the configuration has this binding, in whatever group.
    fn knows_binding(&self, binding: &str) -> bool;

    /// Whether it has this group of bindings, and a binding in it.
    fn knows_binding_group(&self, group: &str) -> bool;

    /// Somebody wants to be told with `did` which line of a script did what.
    fn is_watched(&self) -> bool {
        false
    }

    /// A script has changed something: at `file:line`.
    fn did(&self, _place: &str, _what: &str) {}
}

/// Deliveries that a curfew holds. Mail stays in its queue and ages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// None: whatever the binding.
    pub binding: Option<Arc<str>>,
    /// The domain of the queue, folded. None: whatever the domain.
    pub domain: Option<Arc<str>>,
    /// The rule, as operators are told.
    pub by: Arc<str>,
    pub since: Time,
}

/// A number that grows, of one shard.
#[derive(Debug, Default)]
pub struct Counter(Cell<u64>);

impl Counter {
    pub fn add(&self, more: u64) {
        self.0.set(self.0.get().saturating_add(more));
    }

    pub fn get(&self) -> u64 {
        self.0.get()
    }
}

/// A family of numbers that all shards share, each key's kept for a time: an audit series, a gauge cache.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tally {
    pub name: Rc<str>,
    /// Time that one slot covers; zero is a single number without end.
    pub slot: Duration,
    /// Slots kept.
    pub slots: u32,
}
