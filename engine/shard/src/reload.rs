//! A new generation of the configuration on one shard: made ready for, then taken between two messages. New
//! work begins with it, work under way keeps its own; no session is dropped.
//!
//! Law: whatever can fail is done while making ready, when all of it can still be undone.

use crate::attend::attend;
use crate::groundwork::Groundwork;
use crate::listen::{Sockets, serve_at};
use crate::settings::Site;
use crate::{Shard, start};
use std::rc::Rc;
use std::sync::Arc;
use world::World;

/// Queues that take their new settings between two looks at the sockets.
const QUEUES_AT_ONCE: usize = 32;

/// A generation that is not in force yet, with the sockets that it needs in addition.
pub(crate) struct Prepared<W: World> {
    site: Rc<Site>,
    opened: Sockets<W>,
}

/// Makes ready and reports to the keeper.
pub(crate) fn prepare<W: World>(shard: &Rc<Shard<W>>, ground: Arc<Groundwork>) {
    let readiness = make_ready(shard, ground).map(|prepared| {
        shard.prepared.replace(Some(prepared));
    });
    shard.common.keeper.report(readiness);
}

fn make_ready<W: World>(shard: &Rc<Shard<W>>, ground: Arc<Groundwork>) -> Result<Prepared<W>, String> {
    if shard.is_stopping() {
        return Err("the server is stopping".into());
    }
    let sources = ground.sources.clone();
    let policy = shard.common.policy(&sources, shard.index);
    let site = Site::new(ground, &shard.common.cells, &shard.common.hostname, policy)
        .map_err(|finding| finding.to_string())?;
    let opened = shard.sockets.borrow().missing(&shard.world, &site, shard.index == 0);
    let opened = opened.map_err(|(endpoint, error)| format!("cannot listen on {endpoint}: {error}"))?;
    Ok(Prepared { site, opened })
}

/// Another shard could not make ready: what was opened is closed.
pub(crate) fn abandon<W: World>(shard: &Rc<Shard<W>>) {
    shard.prepared.take();
}

/// The generation is in force.
pub(crate) fn adopt<W: World>(shard: &Rc<Shard<W>>) {
    // None: the shard is stopping.
    let Some(Prepared { site, opened }) = shard.prepared.take() else { return };
    let old = shard.site.replace(site.clone());
    old.retire();
    attend(shard, &site);
    if !policy_modules::curfew::is_on(&site.snapshot) {
        shard.hold(&[]);
    }
    shard.sockets.borrow_mut().close_unwanted(&site);
    serve_at(shard, opened);
    shard.reopen_logs(&site.snapshot);
    start::complain_of_findings(shard);
    // Sessions that wait for their client's next command let go of the old generation.
    shard.sessions.borrow().values().for_each(|signal| signal.raise());
    let settings = start::schedule_settings(&site, &shard.common);
    shard.schedule.borrow_mut().reload(settings);
    shard.dispatch_bell.raise();
    shard.world.spawn("reload", settle_queues(shard.clone(), site));
}

/// Every queue gets its settings of this generation, unless a newer one comes.
async fn settle_queues<W: World>(shard: Rc<Shard<W>>, site: Rc<Site>) {
    let mut from = Some(0);
    while let Some(next) = from {
        if !Rc::ptr_eq(&site, &shard.site()) {
            return;
        }
        let resolve = |binding: &str, domain: &str| site.outbound(binding, domain).queue.clone();
        let now = shard.world.now();
        from = shard.schedule.borrow_mut().resettle(next, QUEUES_AT_ONCE, resolve, now);
        shard.dispatch_bell.raise();
        shard.world.breathe().await;
    }
}
