//! Drives the schedule: opens a connection when it says so, wakes idle ones, fails what a black hole takes.

use crate::Shard;
use crate::parcel::Parcel;
use crate::post::Transfer;
use crate::sweep::{self, SWEPT_AT_ONCE};
use crate::{deliver, take};
use bindings::{Entry, Want, Which};
use mail::Time;
use std::rc::Rc;
use world::World;

/// Runs until the shard stops; deliveries under way finish by themselves.
pub(crate) async fn dispatch<W: World>(shard: Rc<Shard<W>>) {
    while !shard.is_stopping() {
        let now = shard.world.now();
        let want = shard.schedule.borrow().want(now);
        match want {
            Want::Connect(queue) => {
                let permit = shard.schedule.borrow_mut().connecting(queue, now);
                // Refused: another shard was faster. The queue waits where the reason ends.
                if let Ok(permit) = permit {
                    shard.world.spawn("delivery", deliver::deliver(shard.clone(), queue, permit));
                }
            }
            Want::Wake(queue) => take::wake(&shard, queue),
            Want::Fail(queue) => {
                let lot = shard.schedule.borrow_mut().take_out(queue, Which::All, SWEPT_AT_ONCE, now);
                shard.world.spawn("black hole", sweep::blackhole(shard.clone(), queue, lot));
            }
            Want::Maintain => shard.schedule.borrow_mut().maintained(now),
            Want::SleepUntil(until) => {
                shard.dispatch_bell.wait_until(&shard.world, until).await;
            }
            Want::Rest => shard.dispatch_bell.wait().await,
        }
        shard.world.breathe().await;
    }
}

impl<W: World> Shard<W> {
    /// Puts a copy into its queue; we are the owner.
    pub(crate) fn enqueue(&self, transfer: Transfer) {
        let now = self.world.now();
        let Transfer { parcel, batch, binding, domain, received, attempts, next_attempt, priority } =
            transfer;
        let entry: Entry<Parcel> = Entry {
            message: parcel,
            received,
            attempts: u16::try_from(attempts).unwrap_or(u16::MAX),
            next_attempt: if next_attempt == Time::EPOCH { received } else { next_attempt },
            priority,
            batch,
        };
        let site = self.site();
        let settings = || site.outbound(&binding, &domain).queue.clone();
        self.schedule.borrow_mut().enqueue(&binding, &domain, entry, settings, now);
        self.dispatch_bell.raise();
    }
}
