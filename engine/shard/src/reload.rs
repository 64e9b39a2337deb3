//! A new generation of the configuration: new work begins with it, work under way keeps its own.

use crate::Shard;
use crate::settings::Site;
use config::Snapshot;
use std::rc::Rc;
use std::sync::Arc;
use world::World;

/// Sessions are not dropped: each keeps the generation it began with. Sockets and logs stay as they are.
pub(crate) fn reload<W: World>(shard: &Rc<Shard<W>>, snapshot: Arc<Snapshot>) {
    let site = Site::new(snapshot, &shard.common.cells, &shard.common.hostname);
    let settings = crate::start::schedule_settings(&site, &shard.common);
    let old = shard.site.replace(site.clone());
    old.retire();
    let resolve = |binding: &str, domain: &str| site.outbound(binding, domain).queue.clone();
    shard.schedule.borrow_mut().reload(settings, resolve, shard.world.now());
    shard.dispatch_bell.raise();
}
