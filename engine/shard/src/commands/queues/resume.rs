//! `resume`

use super::suspend::{Scope, spoken};
use crate::Shard;
use console::{Command, Document, Refused, Request};
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command = Command::new(
    "resume",
    "all | [--binding <binding>] [--domain <domain>]",
    "Takes back a suspend of exactly this scope; wider and narrower ones stay.",
)
.changes();

pub async fn ask<W: World>(shard: Rc<Shard<W>>, request: Arc<Request>) -> Result<bool, Refused> {
    let scope = Scope::read(&request)?;
    let was_suspended = shard.schedule.borrow_mut().resume(scope.scope(), shard.world.now());
    shard.dispatch_bell.raise();
    Ok(was_suspended)
}

pub async fn merge<W: World>(
    _: Rc<Shard<W>>,
    request: Arc<Request>,
    parts: Vec<bool>,
) -> Result<Document, Refused> {
    let scope = Scope::read(&request)?;
    let scope = spoken(scope.scope());
    match parts.contains(&true) {
        true => Ok(Document::said(format!("{scope} resumed."))),
        false => Err(Refused::new(format!("{scope}: not suspended by order; see suspensions"))),
    }
}
