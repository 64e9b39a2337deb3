//! `flush domain`

use crate::Shard;
use crate::selection::Selection;
use console::{Command, Document, Refused, Request, record};
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command =
    Command::new("flush domain", "<domain|all>", "Makes all delayed messages of a domain due now.").changes();

pub async fn ask<W: World>(shard: Rc<Shard<W>>, request: Arc<Request>) -> Result<u64, Refused> {
    let [domain] = request.operands().exactly()?;
    Ok(flush(&shard, &Selection::new(None, Some(&domain))).await)
}

pub async fn merge<W: World>(
    _: Rc<Shard<W>>,
    request: Arc<Request>,
    parts: Vec<u64>,
) -> Result<Document, Refused> {
    let [domain] = request.operands().exactly()?;
    Ok(flushed(domain, parts))
}

/// Queue by queue.
pub(super) async fn flush<W: World>(shard: &Rc<Shard<W>>, selection: &Selection) -> u64 {
    let mut flushed = 0;
    for queue in selection.queues(shard).await {
        flushed += flush_one(shard, queue);
        shard.world.breathe().await;
    }
    shard.dispatch_bell.raise();
    flushed
}

fn flush_one<W: World>(shard: &Shard<W>, queue: bindings::QueueId) -> u64 {
    let mut schedule = shard.schedule.borrow_mut();
    // It may have gone while we were at another.
    let has_delayed = schedule.exists(queue) && schedule.summary(queue).delayed > 0;
    if has_delayed { schedule.flush(queue, shard.world.now()) as u64 } else { 0 }
}

/// Two blanks after the full stop, as documented.
pub(super) fn flushed(domain: String, parts: Vec<u64>) -> Document {
    let messages: u64 = parts.into_iter().sum();
    let record = record! { domain: domain, messages: messages };
    Document::new().record("", "{domain} flushed.  {messages} messages requeued.", record)
}
