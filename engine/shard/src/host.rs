//! The engine as modules see it: clock, names, connections, side threads, new mail, numbers.

use crate::Shard;
use crate::settings::Site;
use ipnet::IpNet;
use mail::{MessageId, Time};
use policy_api::{
    Answers, Connection, Counter, Endpoint, Host, InjectFault, Job, Later, Level, LookupFault, NewMessage,
    Pool, Question, Tally, WorkFault,
};
use std::any::Any;
use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;
use world::World;

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
        Box::pin(async move { world.sleep_until(world.now() + delay).await })
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

    fn lookup(&self, _question: Question) -> Later<Result<Answers, LookupFault>> {
        Box::pin(std::future::ready(Err(LookupFault::ServFail)))
    }

    fn dial(&self, _to: Endpoint, _within: Duration) -> Later<io::Result<Box<dyn Connection>>> {
        Box::pin(std::future::ready(Err(io::ErrorKind::Unsupported.into())))
    }

    fn work(&self, _pool: Pool, _job: Job) -> Later<Result<Box<dyn Any + Send>, WorkFault>> {
        Box::pin(std::future::ready(Err(WorkFault::Busy)))
    }

    fn inject(&self, message: NewMessage) -> Later<Result<MessageId, InjectFault>> {
        let (shard, site) = (self.shard.clone(), self.site.clone());
        Box::pin(async move { shard.inject(&site, message).await })
    }

    fn counter(&self, path: &str) -> Rc<Counter> {
        self.shard.policy_counters.borrow_mut().entry(path.to_owned()).or_default().clone()
    }

    fn counters(&self, prefix: &str) -> Later<Vec<(String, u64)>> {
        let counters = self.shard.policy_counters.borrow();
        let found = counters.iter().filter(|(name, _)| name.starts_with(prefix));
        let found = found.map(|(name, counter)| (name.clone(), counter.get())).collect();
        Box::pin(std::future::ready(found))
    }

    fn add(&self, _tally: &Tally, _key: &str, _amount: i64) {}

    fn count(&self, _tally: &Tally, _key: &str, _slots: u32) -> Later<i64> {
        Box::pin(std::future::ready(0))
    }

    fn sessions(&self, _network: Option<IpNet>) -> Later<u64> {
        let here = self.shard.sessions.borrow().len() as u64;
        Box::pin(std::future::ready(here))
    }

    fn option(&self, path: &[(&str, &str)], name: &str) -> Option<String> {
        self.site.option_text(path, name)
    }
}
