//! One core's share of the engine: its sessions, its journal, its queues, its deliveries. The only crate that
//! does; everything else decides (the life of a message, file by file, is in the README of the project).
//!
//! Law: what stands here belongs to one shard and is touched by its thread alone. Other shards post.

mod access;
mod admit;
mod amend;
mod answer;
mod ask;
mod attend;
mod auth;
mod bounce;
mod commands;
mod commit;
mod connect;
mod control;
mod copies;
mod counters;
mod credentials;
mod crowd;
mod curfew;
mod deliver;
mod dispatch;
mod drain;
mod exclude;
mod fetch;
mod find;
mod finish;
mod gate;
mod generate;
mod groundwork;
mod hand_over;
mod host;
mod incoming;
mod inject;
mod judge;
mod keeper;
mod listen;
mod moves;
mod named_counters;
mod operator;
mod options;
mod orders;
mod outbound;
mod parcel;
mod post;
mod race;
mod rebind;
mod receive;
mod reclaim;
mod record;
mod recover;
pub mod rehearsal;
mod relay;
mod reload;
mod resolve;
mod restart;
mod selection;
mod serve;
mod settings;
mod settle;
mod smtp_trace;
mod start;
mod sweep;
mod take;
mod tally;
mod tell;
mod tenure;
mod tidy;
mod trace;
mod visitor;
mod why;

pub use access::Access;
pub use commands::commands;
pub use counters::Counters;
pub use groundwork::Groundwork;
pub use keeper::{Answer, Asker, Estate, Inbox, Keeper, Request};
pub use options::{
    BounceLoggerOptions, ControlOptions, GlobalOptions, InboundOptions, LoggerOptions, SecurityOptions,
};
pub use outbound::Cells;
pub use parcel::Budget;
pub use post::{Exchange, Order};
pub use record::log_files;
pub use settings::SOFTWARE;
pub use settings::source_addresses;
pub use smtp_trace::Tracer;
pub use start::{Common, Event, HostFacts, Modules, examine_policy, modules, registry, registry_with, start};

use bindings::Schedule;
use counters::Counters as Counts;
use crowd::Crowd;
use mail::id::Ids;
use mail::{MessageId, Time};
use parcel::{Kept, Parcel};
use post::PostOffice;
use settings::Site;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;
use world::{Signal, World};

/// A shard. Its tasks share it through an `Rc`; no borrow of a cell lives across an await.
pub struct Shard<W: World> {
    pub(crate) world: W,
    pub(crate) index: usize,
    pub(crate) count: usize,
    pub(crate) common: Arc<Common>,
    site: RefCell<Rc<Site>>,
    ids: RefCell<Ids>,
    pub(crate) counters: Counts,
    pub(crate) budget: Arc<Budget>,

    pub(crate) spool: commit::Spool<W>,
    pub(crate) spool_settings: spool::Settings,

    pub(crate) schedule: RefCell<Schedule<Parcel>>,
    /// Something was told to the schedule: ask it again.
    pub(crate) dispatch_bell: Signal,
    pub(crate) idle: take::Idle,
    pub(crate) resolver: resolve::Resolver,

    pub(crate) post_office: PostOffice,
    /// Those who wait for room in another shard's queue.
    pub(crate) credit: Crowd,
    pub(crate) fetches: fetch::Tickets<Result<Arc<Kept>, fetch::Missing>>,
    pub(crate) recalls: fetch::Tickets<mail::Note>,
    pub(crate) answers: fetch::Tickets<Result<commands::Part, console::Refused>>,
    /// What the keeper of the configuration was asked.
    pub(crate) kept: fetch::Tickets<keeper::Answer>,
    pub(crate) sockets: RefCell<listen::Sockets<W>>,
    /// The generation that this shard is ready for and that is not in force yet.
    pub(crate) prepared: RefCell<Option<reload::Prepared<W>>>,

    /// Consoles that are open.
    pub(crate) operators: Cell<usize>,
    /// What each named counter had counted when it was reset, and when that was.
    pub(crate) counter_resets: RefCell<BTreeMap<String, (u64, Time)>>,
    pub(crate) visitors: Rc<visitor::Visitors>,
    pub(crate) started: Time,
    /// What was counted before `summary reset`, and when that was.
    pub(crate) baseline: RefCell<Vec<u64>>,
    pub(crate) reset_at: Cell<Time>,
    pub(crate) access: RefCell<Arc<Access>>,

    pub(crate) recorder: record::Recorder,
    /// Numbers of modules that this shard keeps for all.
    pub(crate) tallies: RefCell<tally::Tallies>,
    pub(crate) counts: fetch::Tickets<i64>,
    pub(crate) counter_lists: fetch::Tickets<Vec<(String, u64)>>,
    /// Jobs that modules have on side threads.
    pub(crate) jobs: fetch::Tickets<post::JobEnd>,
    /// What modules keep from one generation of the configuration to the next.
    pub(crate) lasting: Rc<policy_api::Services>,
    /// What modules count here, by name.
    pub(crate) policy_counters: RefCell<BTreeMap<String, Rc<policy_api::Counter>>>,

    /// What modules are being told of.
    pub(crate) errands: Rc<tell::Errands>,

    pub(crate) sessions: RefCell<HashMap<MessageId, Signal>>,
    pub(crate) session_ended: Signal,
    pub(crate) deliveries: Cell<usize>,
    pub(crate) presences: tenure::Presences,
    pub(crate) tracers: smtp_trace::Tracers,
    pub(crate) delivery_ended: Signal,
    life: Cell<Life>,
    pub(crate) stop_asked: Signal,
    pub(crate) tidy_bell: Signal,
    /// Takes what would be journalled. None in every shard that serves.
    pub(crate) rehearsal: Option<Rc<rehearsal::Notebook>>,
}

/// How far a shard's life is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Life {
    Working,
    /// No new sessions and deliveries; those under way may finish.
    Stopping,
    /// Only posts are still taken.
    Leaving,
    Ended,
}

impl<W: World> Shard<W> {
    /// The configuration that new work begins with.
    pub(crate) fn site(&self) -> Rc<Site> {
        self.site.borrow().clone()
    }

    pub(crate) fn next_id(&self) -> MessageId {
        self.ids.borrow_mut().next(self.world.now())
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.life.get() >= Life::Stopping
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.life.get() == Life::Ended
    }
}
