//! A connection's place in the schedule and among the deliveries, given back however its task ends.

use crate::Shard;
use crate::parcel::{Kept, Parcel};
use crate::why::Under;
use bindings::{ConnectionPermit, Contact, EntryInfo, QueueId};
use mail::{MessageId, Stage, Time};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
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

/// A delivery as operators see it, and what it has in hand.
pub(crate) struct Presence {
    pub queue: QueueId,
    /// Of the binding, and the address that is being tried or is connected.
    pub address: RefCell<Option<(Rc<str>, SocketAddr)>>,
    /// Where the conversation stands, and since when.
    pub stage: Cell<(Stage, Time)>,
    /// The transaction under way.
    pub load: RefCell<Option<Load>>,
}

impl Presence {
    pub fn under(&self) -> Under {
        let (stage, since) = self.stage.get();
        Under { address: self.address.borrow().as_ref().map(|(_, address)| address.ip()), stage, since }
    }
}

/// The deliveries of a shard, by the order in which they began.
#[derive(Default)]
pub(crate) struct Presences {
    next: Cell<u64>,
    present: RefCell<BTreeMap<u64, Rc<Presence>>>,
}

impl Presences {
    fn enter(&self, presence: Rc<Presence>) -> u64 {
        let number = self.next.get();
        self.next.set(number + 1);
        self.present.borrow_mut().insert(number, presence);
        number
    }

    pub fn all(&self) -> Vec<(u64, Rc<Presence>)> {
        self.present.borrow().iter().map(|(number, presence)| (*number, presence.clone())).collect()
    }

    /// Those of one queue.
    pub fn of(&self, queue: QueueId) -> Vec<Rc<Presence>> {
        self.present.borrow().values().filter(|presence| presence.queue == queue).cloned().collect()
    }

    /// The delivery that has a copy of this identity in hand.
    pub fn with_message(&self, id: MessageId) -> Option<Rc<Presence>> {
        let has_it = |presence: &&Rc<Presence>| {
            presence.load.borrow().as_ref().is_some_and(|load| {
                let mut copies = load.parcels.iter().map(|(parcel, _)| parcel.copy as usize);
                copies.any(|copy| load.content.envelopes[copy].id == id)
            })
        };
        self.present.borrow().values().find(has_it).cloned()
    }
}

/// What a delivery holds: a panic gives it back as well.
pub(crate) struct Tenure<W: World> {
    shard: Rc<Shard<W>>,
    queue: QueueId,
    permit: Option<ConnectionPermit>,
    number: u64,
    presence: Rc<Presence>,
}

impl<W: World> Tenure<W> {
    pub fn begin(shard: &Rc<Shard<W>>, queue: QueueId, permit: ConnectionPermit) -> Self {
        shard.deliveries.set(shard.deliveries.get() + 1);
        let presence = Rc::new(Presence {
            queue,
            address: RefCell::default(),
            stage: Cell::new((Stage::NotConnected, shard.world.now())),
            load: RefCell::default(),
        });
        let number = shard.presences.enter(presence.clone());
        Tenure { shard: shard.clone(), queue, permit: Some(permit), number, presence }
    }

    pub fn stands_at(&self, stage: Stage) {
        if self.presence.stage.get().0 != stage {
            self.presence.stage.set((stage, self.shard.world.now()));
        }
    }

    pub fn take_address(&self, binding: Rc<str>, address: SocketAddr) {
        *self.presence.address.borrow_mut() = Some((binding, address));
    }

    /// True if there is something to do.
    pub fn take_load(&self, load: Option<Load>) -> bool {
        let has_load = load.is_some();
        *self.presence.load.borrow_mut() = load;
        has_load
    }

    pub fn unload(&self) -> Option<Load> {
        self.presence.load.take()
    }

    /// No connection came about; the queue connects again from `again` on.
    pub fn fail(&mut self, again: Time) -> Contact {
        let now = self.shard.world.now();
        match self.permit.take() {
            Some(permit) => self.shard.schedule.borrow_mut().connect_failed(permit, again, now),
            None => Contact::Hoped,
        }
    }

    /// No connection was tried: the hosts are at their limits.
    pub fn postpone(&mut self, again: Time) {
        let now = self.shard.world.now();
        if let Some(permit) = self.permit.take() {
            self.shard.schedule.borrow_mut().connect_postponed(permit, again, now);
        }
    }

    /// The address is not tried or used any longer.
    pub fn leave_address(&self) {
        if let Some((binding, address)) = self.presence.address.take() {
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
        self.shard.presences.present.borrow_mut().remove(&self.number);
        let mut schedule = self.shard.schedule.borrow_mut();
        for (parcel, info) in self.unload().into_iter().flat_map(|load| load.parcels) {
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
