//! `binding fail domain`

use super::purge::Purge;
use crate::Shard;
use crate::orders::Done;
use console::{Command, Document, Refused, Request};
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command = Command::new(
    "binding fail domain",
    "<binding> <domain|all> [note…]",
    "Fails the mail of a binding for a domain and tells the senders.",
)
.destroys()
.with_dry_run()
.with_filter();

pub async fn ask<W: World>(shard: Rc<Shard<W>>, request: Arc<Request>) -> Result<Done, Refused> {
    Purge::read(&request, true)?.carry_out(&shard, &request, false).await
}

pub async fn merge<W: World>(
    _: Rc<Shard<W>>,
    request: Arc<Request>,
    parts: Vec<Done>,
) -> Result<Document, Refused> {
    Ok(Purge::read(&request, true)?.answer(&request, parts))
}
