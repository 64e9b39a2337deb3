//! What the messages of a queue have in common, when nobody can be reached or nothing may go out: settled in
//! lots, so that a long queue holds nobody up.

use crate::Shard;
use crate::outbound::Outbound;
use crate::parcel::Parcel;
use crate::settle::{self, Attempt};
use bindings::schedule::OUT_OF_REACH;
use bindings::{EntryInfo, QueueId, Which};
use mail::{Outcome, Reply, Stage};
use std::rc::Rc;
use world::World;

/// Messages failed or deferred together between two looks at the sockets.
pub(crate) const SWEPT_AT_ONCE: usize = 64;

const BLACKHOLED: Reply = Reply::fixed(554, (5, 7, 0), "[internal] Blackholed");

/// Fails messages of a queue that a black hole takes.
pub(crate) async fn blackhole<W: World>(shard: Rc<Shard<W>>, queue: QueueId, lot: Vec<(Parcel, EntryInfo)>) {
    let outbound = outbound_of(&shard, queue);
    let outcome = Outcome::of(Stage::NotConnected, BLACKHOLED);
    settle_lot(&shard, &outbound, &Attempt::unconnected(queue), lot, &outcome).await;
}

pub(crate) fn outbound_of<W: World>(shard: &Shard<W>, queue: QueueId) -> Rc<Outbound> {
    let schedule = shard.schedule.borrow();
    let (binding, domain) = schedule.names(queue);
    shard.site().outbound(binding, domain)
}

/// Nobody was reached for long: everything that is due waits (mail-flow.md §9.6).
pub(crate) async fn out_of_reach<W: World>(shard: &Rc<Shard<W>>, outbound: &Outbound, queue: QueueId) {
    let outcome = Outcome::of(Stage::NotConnected, settle::reply_of(OUT_OF_REACH));
    sweep(shard, outbound, &Attempt::unconnected(queue), &outcome).await;
}

/// What the active messages of a queue have in common is settled in lots, until none is left.
pub(crate) async fn sweep<W: World>(
    shard: &Rc<Shard<W>>,
    outbound: &Outbound,
    attempt: &Attempt,
    outcome: &Outcome,
) {
    while !shard.is_stopping() {
        let now = shard.world.now();
        let take_out = |schedule: &mut bindings::Schedule<Parcel>| {
            schedule.take_out(attempt.queue, Which::Active, SWEPT_AT_ONCE, now)
        };
        let lot = take_out(&mut shard.schedule.borrow_mut());
        if lot.is_empty() {
            return;
        }
        settle_lot(shard, outbound, attempt, lot, outcome).await;
    }
}

pub(crate) async fn settle_lot<W: World>(
    shard: &Rc<Shard<W>>,
    outbound: &Outbound,
    attempt: &Attempt,
    lot: Vec<(Parcel, EntryInfo)>,
    outcome: &Outcome,
) {
    for pair in lot {
        settle::settle_fetched(shard, outbound, attempt, pair, outcome.clone()).await;
        shard.world.breathe().await;
    }
}
