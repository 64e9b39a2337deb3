//! What a curfew holds: the module says which deliveries, the schedule obeys.
//!
//! Law: the new suspensions hold at once for every queue that opens; those that are there are looked at in lots.

use crate::Shard;
use bindings::{Authority, Order, Scope};
use policy_api::Hold;
use std::rc::Rc;
use world::World;

/// Queues that are looked at between two looks at the sockets.
const QUEUES_AT_ONCE: usize = 256;

impl<W: World> Shard<W> {
    pub(crate) fn hold(self: &Rc<Self>, holds: &[Hold]) {
        let orders = holds.iter().map(|hold| {
            let order = Order { authority: Authority::Curfew, by: hold.by.clone(), at: hold.since };
            (scope_of(hold), order)
        });
        if self.schedule.borrow_mut().curfew(orders).is_err() {
            self.complain("curfew: too many bindings and domains at a time; those held before are held on");
            return;
        }
        let shard = self.clone();
        self.world.spawn("curfew", async move { reconsider(&shard).await });
    }
}

fn scope_of(hold: &Hold) -> Scope<'_> {
    match (hold.binding.as_deref(), hold.domain.as_deref()) {
        (None, None) => Scope::All,
        (Some(binding), None) => Scope::Binding(binding),
        (None, Some(domain)) => Scope::Domain(domain),
        (Some(binding), Some(domain)) => Scope::Queue { binding, domain },
    }
}

/// Every queue obeys the suspensions in force.
pub(crate) async fn reconsider<W: World>(shard: &Rc<Shard<W>>) {
    let mut from = Some(0);
    while let Some(next) = from {
        let now = shard.world.now();
        from = shard.schedule.borrow_mut().reconsider(next, QUEUES_AT_ONCE, now);
        shard.dispatch_bell.raise();
        shard.world.breathe().await;
    }
}
