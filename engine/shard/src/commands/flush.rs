//! `flush domain`

use crate::Shard;
use console::{Command, Document, Refused, Request, record};
use mail::address::fold_domain;
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command =
    Command::new("flush domain", "<domain|all>", "Makes all delayed messages of a domain due now.").changes();

pub(super) async fn ask<W: World>(shard: Rc<Shard<W>>, request: Arc<Request>) -> Result<usize, Refused> {
    let [domain] = request.operands().exactly()?;
    let domain = fold_domain(&domain);
    let now = shard.world.now();
    let mut schedule = shard.schedule.borrow_mut();
    let wanted = schedule.summaries().filter(|queue| domain == "all" || queue.domain == domain);
    let queues: Vec<_> = wanted.map(|queue| queue.id).collect();
    let flushed = queues.into_iter().map(|queue| schedule.flush(queue, now)).sum();
    shard.dispatch_bell.raise();
    Ok(flushed)
}

pub(super) async fn merge<W: World>(
    _: Rc<Shard<W>>,
    request: Arc<Request>,
    parts: Vec<usize>,
) -> Result<Document, Refused> {
    let [domain] = request.operands().exactly()?;
    let requeued: usize = parts.into_iter().sum();
    let flushed = record! { domain: domain, requeued: requeued };
    Ok(Document::new().record("", "{domain} flushed.  {requeued} messages requeued.", flushed))
}
