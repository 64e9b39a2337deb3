//! A connection's place in the schedule and among the deliveries, given back however its task ends.

use crate::Shard;
use crate::parcel::{Kept, Parcel};
use bindings::{ConnectionPermit, Contact, EntryInfo, QueueId};
use mail::Time;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use world::World;

/// The messages of the transaction under way.
pub(crate) struct Load {
    pub content: Arc<Kept>,
    pub parcels: Vec<(Parcel, EntryInfo)>,
    pub started: Time,
}

/// What a delivery holds: a panic gives it back as well.
pub(crate) struct Tenure<W: World> {
    shard: Rc<Shard<W>>,
    queue: QueueId,
    permit: Option<ConnectionPermit>,
    /// The address that is being tried, or is connected.
    pub address: Option<(Rc<str>, SocketAddr)>,
    /// The transaction under way.
    pub load: Option<Load>,
}

impl<W: World> Tenure<W> {
    pub fn begin(shard: &Rc<Shard<W>>, queue: QueueId, permit: ConnectionPermit) -> Self {
        shard.deliveries.set(shard.deliveries.get() + 1);
        Tenure { shard: shard.clone(), queue, permit: Some(permit), address: None, load: None }
    }

    /// No connection came about; the queue connects again from `again` on.
    pub fn fail(&mut self, again: Time) -> Contact {
        let now = self.shard.world.now();
        match self.permit.take() {
            Some(permit) => self.shard.schedule.borrow_mut().connect_failed(permit, again, now),
            None => Contact::Hoped,
        }
    }

    /// The address is not tried or used any longer.
    pub fn leave_address(&mut self) {
        if let Some((binding, address)) = self.address.take() {
            self.shard.idle.hosts.borrow_mut().closed(&binding, address, self.shard.world.now());
        }
    }
}

/// A message that was under way when its task broke is left alone for this long.
const AFTER_A_PANIC: Duration = Duration::from_secs(3600);

impl<W: World> Drop for Tenure<W> {
    fn drop(&mut self) {
        let now = self.shard.world.now();
        self.leave_address();
        let mut schedule = self.shard.schedule.borrow_mut();
        for (parcel, info) in self.load.take().into_iter().flat_map(|load| load.parcels) {
            schedule.requeue(self.queue, parcel, info, now + AFTER_A_PANIC, now);
        }
        if let Some(permit) = self.permit.take() {
            schedule.closed(permit, now);
        }
        drop(schedule);
        self.shard.dispatch_bell.raise();
        self.shard.deliveries.set(self.shard.deliveries.get() - 1);
        self.shard.delivery_ended.raise();
    }
}
