//! The engine under proof: whole shards, started and ended as the program does it.

use crate::story::plan::{ENGINE, NAME_SERVERS, Plan};
use crate::{Process, Universe};
use config::{MemoryLoader, Snapshot};
use dns::Resolv;
use shard::{Common, Event, Order};
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
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
