//! The birth of a shard: sockets, then (when privileges are dropped) the journal, the queues, the listeners.

use crate::attend::attend;
use crate::commit::{Spool, commit};
use crate::gate::Gate;
use crate::groundwork::Groundwork;
use crate::keeper::Inbox;
use crate::listen::{ListenerCounts, Sockets, serve_at};
use crate::outbound::Cells;
use crate::parcel::Budget;
use crate::post::{Exchange, Order, PostOffice};
use crate::record::{Recorder, record};
use crate::rehearsal::Notebook;
use crate::resolve::Resolver;
use crate::settings::{Around, Policy, Site, policy_findings};
use crate::{Life, Shard, curfew, dispatch, options, receive, recover, take, tidy};
use bindings::{Schedule, ScheduleSettings};
use config::{ModuleSyntax, Registry, Snapshot};
use dns::Resolv;
use mail::id::Ids;
use policy_api::{ModuleDef, Sources};
use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use world::World;

/// How long a start waits for the first segment of the journal before it listens all the same.
const FIRST_SEGMENT: Duration = Duration::from_secs(20);

/// What all shards of a process share.
pub struct Common {
    pub exchange: Exchange,
    pub keeper: Inbox,
    pub cells: Arc<Cells>,
    pub hostname: Box<str>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) listener_counts: ListenerCounts,
    pub(crate) leaving: AtomicUsize,
    /// The configuration of the start.
    pub(crate) ground: Arc<Groundwork>,
    budget: Arc<Budget>,
    /// Of messages that are being received.
    pub(crate) reception_budget: Arc<Budget>,
    servers: Resolv,
    pub(crate) process: u32,
    pub(crate) host: OnceLock<HostFacts>,
    /// Every module that a configuration may name.
    modules: Modules,
}

/// A list of modules; the program's is `policy_modules::MODULES`.
pub type Modules = &'static [&'static ModuleDef];

/// What `sysinfo` says of the host; the program finds it out when it starts.
#[derive(Clone, Debug, Default)]
pub struct HostFacts {
    /// Name and version of the distribution.
    pub release: String,
    /// As `uname -a` prints it.
    pub system: String,
}

impl Common {
    /// Once, at the start.
    pub fn describe_host(&self, facts: HostFacts) {
        // What was said first holds.
        let _ = self.host.set(facts);
    }

    /// `hostname` is the system's, `servers` what resolv.conf says, `process` our number, `chance` random.
    pub fn new(
        snapshot: Arc<Snapshot>,
        shards: usize,
        hostname: &str,
        servers: Resolv,
        process: u32,
        chance: [u64; 2],
    ) -> Arc<Self> {
        Self::with_modules(policy_modules::MODULES, snapshot, shards, hostname, servers, process, chance)
    }

    /// The same with other modules, for proofs of the pipeline. Reads the files that the modules want: blocks.
    pub fn with_modules(
        modules: Modules,
        snapshot: Arc<Snapshot>,
        shards: usize,
        hostname: &str,
        servers: Resolv,
        process: u32,
        chance: [u64; 2],
    ) -> Arc<Self> {
        let global = options::GlobalOptions::resolve(&snapshot.global());
        let servers = Resolv { fallback_to_tcp: global.dns_fallback_to_tcp, ..servers };
        Arc::new(Common {
            exchange: Exchange::new(shards),
            keeper: Inbox::new(shards),
            cells: Arc::default(),
            hostname: hostname.into(),
            gate: Gate::new(chance),
            listener_counts: ListenerCounts::default(),
            leaving: AtomicUsize::new(0),
            budget: Budget::new(usize::try_from(global.spool_memory).unwrap_or(usize::MAX)),
            reception_budget: Budget::new(usize::try_from(global.reception_memory).unwrap_or(usize::MAX)),
            modules,
            ground: Groundwork::lay(snapshot, modules),
            servers,
            process,
            host: OnceLock::new(),
        })
    }

    /// Blocks: not for a shard.
    pub fn groundwork(&self, snapshot: Arc<Snapshot>) -> Arc<Groundwork> {
        Groundwork::lay(snapshot, self.modules)
    }

    /// What the modules of one shard are made of.
    pub(crate) fn policy<'a>(&self, sources: &'a Arc<Sources>, shard: usize) -> Policy<'a> {
        Policy { modules: self.modules, sources, shard, shards: self.exchange.shards(), around: None }
    }

    pub(crate) fn name_servers(&self) -> Arc<[SocketAddr]> {
        self.servers.servers.clone()
    }
}

/// What a shard tells the program.
#[derive(Debug)]
pub enum Event {
    /// Its sockets are bound; it waits for `Order::Proceed`.
    Bound,
    /// It accepts mail. Copies that its journal gave back, and whether anything was damaged.
    Ready { copies: u64, report: spool::Report },
    /// It cannot start.
    Failed { what: String, error: io::Error },
    /// It has ended; nothing of it is left but what it counted, in the order of `Counters::NAMES`.
    Ended { counters: Vec<u64> },
}

/// The modules that are built, of policy and of our own.
pub fn modules() -> Vec<ModuleSyntax> {
    modules_with(policy_modules::MODULES)
}

fn modules_with(policy: Modules) -> Vec<ModuleSyntax> {
    const LOGGERS: [ModuleSyntax; 2] = [
        ModuleSyntax {
            name: "ec_logger",
            instances: config::Instances::Many,
            options: &[options::LoggerOptions::DEFINITIONS, options::UNBUILT_LOGS],
            stanzas: &[],
        },
        ModuleSyntax {
            name: "bounce_logger",
            instances: config::Instances::Many,
            options: &[options::BounceLoggerOptions::DEFINITIONS],
            stanzas: &[],
        },
    ];
    LOGGERS.into_iter().chain(policy.iter().map(|module| module.syntax)).collect()
}

/// Why the modules would refuse a configuration, and what else they say of it. Reads files: not for a shard.
pub fn examine_policy(snapshot: &Snapshot) -> (Option<String>, Vec<String>) {
    policy_findings(snapshot, policy_modules::MODULES)
}

/// Every option and module that the engine knows.
pub fn registry() -> Registry {
    registry_with(policy_modules::MODULES)
}

/// The same with other modules.
pub fn registry_with(policy: Modules) -> Registry {
    Registry::complete(
        &[
            options::InboundOptions::DEFINITIONS,
            options::GlobalOptions::DEFINITIONS,
            options::ControlOptions::DEFINITIONS,
            options::RoleOptions::DEFINITIONS,
            options::SecurityOptions::DEFINITIONS,
            bindings::options::OutboundOptions::DEFINITIONS,
            bindings::options::HostOptions::DEFINITIONS,
            options::ConversationOptions::DEFINITIONS,
            options::IncomingBounceOptions::DEFINITIONS,
            data::DatasourceOptions::DEFINITIONS,
        ],
        &modules_with(policy),
    )
}

pub(crate) fn schedule_settings(site: &Site, common: &Common) -> ScheduleSettings {
    let global = &site.global;
    ScheduleSettings {
        reserve: u32::try_from(global.server_reserve_outbound_connections).unwrap_or(0),
        reserve_maintenance_interval: global.reserve_maintenance_interval,
        delayed_queue_scan_interval: global.delayed_queue_scan_interval,
        ..ScheduleSettings::new(common.cells.server(global.server_max_outbound_connections))
    }
}

/// Runs one shard from its birth to its end.
pub async fn start<W: World>(world: W, index: usize, common: Arc<Common>, tell: impl Fn(Event)) {
    common.exchange.attach(index, world.doorbell());
    let policy = common.policy(&common.ground.sources, index);
    let site = match Site::new(common.ground.clone(), &common.cells, &common.hostname, policy) {
        Ok(site) => site,
        Err(finding) => {
            return tell(Event::Failed { what: "policy".into(), error: io::Error::other(finding) });
        }
    };
    let sockets = match Sockets::default().missing(&world, &site, index == 0) {
        Ok(sockets) => sockets,
        Err((endpoint, error)) => {
            return tell(Event::Failed { what: format!("cannot listen on {endpoint}"), error });
        }
    };
    tell(Event::Bound);
    if !may_proceed(&world, &common, index).await {
        return tell(Event::Ended { counters: Vec::new() });
    }
    let spoolbase = PathBuf::from(&*site.global.spoolbase);
    let folder = recover::folder(&spoolbase, index);
    let settings = spool::Settings {
        shard: index as u16,
        salt: world.chance() as u32,
        segment_bytes: site.global.spool_segment_size,
        ..spool::Settings::default()
    };
    let recovered = match recover::recover(&world, &folder, &settings).await {
        Ok(recovered) => recovered,
        Err(error) => {
            let what = format!("cannot use the spool folder {}", folder.display());
            return tell(Event::Failed { what, error });
        }
    };
    let journal = spool::Journal::new(settings.clone(), recovered.state);
    let shard = Rc::new(Shard::new(world, index, common, site, Spool::new(folder, journal), settings));
    run(&shard, sockets, recovered.living, recovered.report, &spoolbase, &tell).await;
    tell(Event::Ended { counters: shard.counters.values() });
}

/// A shard for a rehearsal: it judges, and has neither sockets nor a journal.
pub(crate) fn rehearsing<W: World>(
    world: W,
    common: Arc<Common>,
    notebook: Rc<Notebook>,
    around: Around<'_>,
) -> Result<Rc<Shard<W>>, String> {
    common.exchange.attach(0, world.doorbell());
    let policy = Policy { around: Some(around), ..common.policy(&common.ground.sources, 0) };
    let site = Site::new(common.ground.clone(), &common.cells, &common.hostname, policy)
        .map_err(|finding| finding.to_string())?;
    let settings = spool::Settings::default();
    let spool = Spool::new(PathBuf::new(), spool::Journal::new(settings.clone(), spool::State::default()));
    let shard = Shard::new(world, 0, common, site, spool, settings);
    let shard = Rc::new(Shard { rehearsal: Some(notebook), ..shard });
    // Side threads and counters answer through these.
    shard.world.spawn("receive", receive::receive(shard.clone()));
    shard.world.spawn("ring", receive::ring(shard.clone()));
    Ok(shard)
}

/// False: the program was stopped before it began.
async fn may_proceed<W: World>(world: &W, common: &Common, index: usize) -> bool {
    loop {
        match common.exchange.next_order(index) {
            Some(Order::Proceed) => return true,
            Some(Order::Stop) => return false,
            // The keeper works when every shard is up.
            Some(_) => {}
            None if common.exchange.may_wait(index) => world.rung().await,
            None => {}
        }
    }
}

async fn run<W: World>(
    shard: &Rc<Shard<W>>,
    sockets: Sockets<W>,
    living: Vec<spool::Living>,
    report: spool::Report,
    spoolbase: &Path,
    tell: &impl Fn(Event),
) {
    let world = &shard.world;
    world.spawn("record", record(shard.clone()));
    world.spawn("commit", commit(shard.clone()));
    world.spawn("receive", receive::receive(shard.clone()));
    world.spawn("ring", receive::ring(shard.clone()));
    for damage in &report.damages {
        shard.complain(&format!("spool: {}: {damage:?}", shard.spool.folder.display()));
    }
    complain_of_findings(shard);
    let copies = living.iter().map(|promise| promise.left.len() as u64).sum();
    recover::requeue(shard, living).await;
    wait_for_segment(shard).await;
    if let Err(error) = recover::adopt(shard, spoolbase).await {
        shard.complain(&format!("spool: what other shards left in {} waits: {error}", spoolbase.display()));
    }
    world.spawn("tidy", tidy::tidy(shard.clone()));
    attend(shard, &shard.site());
    // No connection for what a curfew holds, not even the first.
    curfew::reconsider(shard).await;
    world.spawn("dispatch", dispatch::dispatch(shard.clone()));
    serve_at(shard, sockets);
    tell(Event::Ready { copies, report });
    shard.stop_asked.wait().await;
    shard.drain().await;
}

/// Once for the process: every shard has the same configuration.
pub(crate) fn complain_of_findings<W: World>(shard: &Shard<W>) {
    if shard.index == 0 {
        shard.site().findings().iter().for_each(|finding| shard.complain(&finding.to_string()));
    }
}

/// Without a segment every message would be answered 452; it takes the time of writing one.
async fn wait_for_segment<W: World>(shard: &Rc<Shard<W>>) {
    let deadline = shard.world.now() + FIRST_SEGMENT;
    loop {
        let status = shard.spool.journal.borrow().status();
        if status.segments_ready > 0 || shard.world.now() >= deadline {
            return;
        }
        shard.world.sleep_until(shard.world.now() + Duration::from_millis(5)).await;
    }
}

impl<W: World> Shard<W> {
    fn new(
        world: W,
        index: usize,
        common: Arc<Common>,
        site: Rc<Site>,
        spool: Spool<W>,
        spool_settings: spool::Settings,
    ) -> Self {
        let now = world.now();
        let limits = dns::Limits {
            min_ttl: u32::try_from(site.global.min_dns_ttl.as_secs()).unwrap_or(u32::MAX),
            max_ttl: u32::try_from(site.global.max_dns_ttl.as_secs()).unwrap_or(u32::MAX),
            ..dns::Limits::default()
        };
        Shard {
            index,
            count: common.exchange.shards(),
            ids: RefCell::new(Ids::new(common.process + index as u32, world.chance() as u16)),
            counters: crate::Counts::default(),
            budget: common.budget.clone(),
            spool,
            spool_settings,
            schedule: RefCell::new(Schedule::new(schedule_settings(&site, &common))),
            dispatch_bell: Default::default(),
            idle: take::Idle::default(),
            resolver: Resolver::new(common.servers.clone(), limits),
            post_office: PostOffice::new(common.clone(), index),
            credit: Default::default(),
            fetches: Default::default(),
            answers: Default::default(),
            kept: Default::default(),
            operators: Cell::new(0),
            counter_resets: Default::default(),
            visitors: Default::default(),
            started: now,
            baseline: RefCell::default(),
            reset_at: Cell::new(now),
            access: RefCell::default(),
            policy_counters: RefCell::default(),
            lasting: Default::default(),
            tallies: RefCell::default(),
            counts: Default::default(),
            counter_lists: Default::default(),
            jobs: Default::default(),
            sockets: RefCell::default(),
            prepared: RefCell::default(),
            recalls: Default::default(),
            recorder: Recorder::new(&site.snapshot, index == 0, now),
            errands: Default::default(),
            sessions: RefCell::default(),
            session_ended: Default::default(),
            deliveries: Cell::new(0),
            presences: Default::default(),
            tracers: Default::default(),
            delivery_ended: Default::default(),
            life: Cell::new(Life::Working),
            stop_asked: Default::default(),
            tidy_bell: Default::default(),
            rehearsal: None,
            site: RefCell::new(site),
            common,
            world,
        }
    }
}
