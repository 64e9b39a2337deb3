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
    let scope = if domain == "all" { bindings::Scope::All } else { bindings::Scope::Domain(&domain) };
    let flushed = shard.schedule.borrow_mut().flush(scope, shard.world.now());
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
