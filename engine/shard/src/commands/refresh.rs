//! `refresh domain`

use crate::Shard;
use console::{Command, Document, Refused, Request};
use mail::address::fold_domain;
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command =
    Command::new("refresh domain", "<domain|all>", "Forgets what DNS said about a domain, or all of it.")
        .changes();

pub(super) async fn ask<W: World>(shard: Rc<Shard<W>>, request: Arc<Request>) -> Result<(), Refused> {
    let [domain] = request.operands().exactly()?;
    match domain.eq_ignore_ascii_case("all") {
        true => shard.resolver.forget_all(),
        false => shard.resolver.forget(&fold_domain(&domain)),
    }
    Ok(())
}

pub(super) async fn merge<W: World>(
    _: Rc<Shard<W>>,
    request: Arc<Request>,
    _: Vec<()>,
) -> Result<Document, Refused> {
    let [domain] = request.operands().exactly()?;
    Ok(Document::said(format!("{domain} will be looked up again")))
}
