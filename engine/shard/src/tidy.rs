//! Forgets what is no longer of use: addresses nobody sends to, answers that expired, budgets of the past.

use crate::Shard;
use mail::Time;
use std::rc::Rc;
use std::time::Duration;
use world::World;

/// `dns_cache_purge_interval`
const INTERVAL: Duration = Duration::from_secs(60);

/// `address_metrics_lifetime`
const ADDRESS_LIFETIME: Duration = Duration::from_secs(1800);

/// Runs until the shard stops.
pub(crate) async fn tidy<W: World>(shard: Rc<Shard<W>>) {
    let mut next: Time = shard.world.now() + INTERVAL;
    while !shard.is_stopping() {
        shard.tidy_bell.wait_until(&shard.world, next).await;
        let now = shard.world.now();
        if now < next {
            continue;
        }
        next = now + INTERVAL;
        shard.idle.hosts.borrow_mut().cleanse(ADDRESS_LIFETIME, now);
        shard.resolver.purge(now);
        // The budgets belong to the process: one shard looks after them.
        if shard.index == 0 {
            shard.common.cells.forget_unused(now);
        }
    }
}
