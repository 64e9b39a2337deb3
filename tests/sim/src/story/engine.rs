//! The engine under proof: whole shards, started and ended as the program does it.

use crate::story::plan::{ENGINE, NAME_SERVERS, Plan};
use crate::{Process, SimWorld, Universe};
use config::{Complaint, Edition, LoadFault, Loaded, Loader, MemoryLoader, Snapshot};
use dns::Resolv;
use shard::{Access, Common, Estate, Event, Keeper, Order, Request};
use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use world::World;

const CONFIGURATION: &str = "/etc/ecelerity.conf";

/// What the shards told.
#[derive(Debug, Default)]
struct Told {
    bound: usize,
    ready: usize,
    ended: usize,
    copies: u64,
    damages: u64,
    failure: Option<String>,
}

pub struct Engine {
    process: Process,
    shards: usize,
    common: Arc<Common>,
    told: Rc<RefCell<Told>>,
}

pub fn snapshot(plan: &Plan) -> Arc<Snapshot> {
    let loader = MemoryLoader::default().with(CONFIGURATION, plan.configuration());
    match config::load(CONFIGURATION, &loader, &shard::registry(), &[]) {
        Ok((snapshot, _)) => Arc::new(snapshot),
        Err(complaints) => panic!("a configuration of ours: {complaints:?}"),
    }
}

/// The files of an operator who is never content.
struct Files {
    plan: Plan,
    reads: Cell<u64>,
}

impl Loader for Files {
    fn load(&self, _: &str) -> Result<Loaded, LoadFault> {
        Ok(Loaded::File(self.plan.reconfiguration(self.reads.get()).into_bytes()))
    }
}

impl Estate for Files {
    fn read(&self, _: Option<&str>) -> Result<(Edition, Vec<Complaint>), Vec<Complaint>> {
        self.reads.set(self.reads.get() + 1);
        Edition::read(CONFIGURATION, self, &shard::registry(), &[])
    }

    fn objections(&self, _: &Snapshot, _: &Snapshot) -> Vec<String> {
        Vec::new()
    }

    fn access(&self, _: &Snapshot) -> Arc<Access> {
        Arc::default()
    }

    fn write(&self, _: &str, _: &str) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn say(&self, text: &str) {
        let fails = text.contains("Reconfigure failed.") && !text.contains("the server is stopping");
        assert!(!fails, "a reload fails: {text}");
    }
}

/// The keeper, and an operator who reloads when the plan says so. The real keeper has a thread; here it takes its
/// turn among the tasks.
fn keep(world: &SimWorld, common: &Arc<Common>, plan: &Plan) {
    const KNOCK_AGAIN: Duration = Duration::from_millis(5);
    let files = Files { plan: plan.clone(), reads: Cell::new(0) };
    let edition = Edition::read(CONFIGURATION, &files, &shard::registry(), &[]);
    let (edition, _) = edition.expect("a configuration of ours");
    let mut keeper = Keeper::new(common, Box::new(files), edition.numbered(1), world.doorbell());
    let (clock, reloads, inbox) = (world.clone(), plan.reloads.clone(), common.clone());
    world.spawn("operator", async move {
        for pause in reloads {
            clock.sleep_until(clock.now() + Duration::from_micros(pause)).await;
            // An inbox that is full is an operator too many.
            let _ = inbox.keeper.ask(Request::Reload);
        }
    });
    let clock = world.clone();
    world.spawn("keeper", async move {
        loop {
            while keeper.work() {}
            match keeper.patience() {
                Some(time) if time <= KNOCK_AGAIN => clock.sleep_until(clock.now() + time).await,
                _ => clock.rung().await,
            }
        }
    });
}

impl Engine {
    pub fn start(
        universe: &Universe,
        plan: &Plan,
        snapshot: &Arc<Snapshot>,
        shards: usize,
        nth: u32,
    ) -> Engine {
        let process = universe.process();
        let servers = Resolv {
            servers: NAME_SERVERS.map(|host| SocketAddr::new(host, 53)).into(),
            ..Resolv::default()
        };
        let chance = [plan.seed, plan.seed.rotate_left(32) ^ u64::from(nth)];
        let common =
            Common::new(snapshot.clone(), shards, "mx.sim.example", servers, 1000 * (nth + 1), chance);
        let told: Rc<RefCell<Told>> = Rc::default();
        universe.trace(|| format!("start {nth} with {shards} shards"));
        for index in 0..shards {
            let world = universe.world(process, ENGINE);
            let (told, common, teller) = (told.clone(), common.clone(), universe.clone());
            let exchange = common.clone();
            let (reloaded, keeper) = (plan.clone(), universe.world(process, ENGINE));
            let tell = move |event: Event| {
                teller.trace(|| format!("shard {index}: {event:?}"));
                let mut told = told.borrow_mut();
                match event {
                    Event::Bound => {
                        told.bound += 1;
                        if told.bound == shards {
                            exchange.exchange.order(|| Order::Proceed);
                        }
                    }
                    Event::Ready { copies, report } => {
                        told.ready += 1;
                        if told.ready == shards && !reloaded.reloads.is_empty() {
                            keep(&keeper, &exchange, &reloaded);
                        }
                        told.copies += copies;
                        told.damages += report.damages_found;
                    }
                    Event::Failed { what, error } => told.failure = Some(format!("{what}: {error}")),
                    Event::Ended { .. } => told.ended += 1,
                }
            };
            world.clone().spawn("shard", shard::start(world, index, common, tell));
        }
        Engine { process, shards, common, told }
    }

    pub fn process(&self) -> Process {
        self.process
    }

    pub fn shards(&self) -> usize {
        self.shards
    }

    pub fn is_ready(&self) -> bool {
        self.told.borrow().ready == self.shards
    }

    pub fn has_ended(&self) -> bool {
        self.told.borrow().ended == self.shards
    }

    /// Why it cannot start, if it cannot.
    pub fn failure(&self) -> Option<String> {
        self.told.borrow().failure.clone()
    }

    /// Copies that the journals gave back, and damages found in them.
    pub fn recovered(&self) -> (u64, u64) {
        let told = self.told.borrow();
        (told.copies, told.damages)
    }

    pub fn stop(&self) {
        self.common.exchange.order(|| Order::Stop);
    }
}
