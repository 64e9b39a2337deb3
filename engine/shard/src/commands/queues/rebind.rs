//! `rebind`

use super::purge::rehearsed;
use crate::Shard;
use crate::orders::{Action, Done, Order};
use crate::selection::Selection;
use console::{Command, Document, Refused, Request, record};
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command = Command::new(
    "rebind",
    "<binding|all> [<domain>]",
    "Asks policy anew for the binding of queued messages, and moves those that it chooses another one for.",
)
.changes()
.with_dry_run()
.explained(
    "The count is of the messages that policy was asked about; --format json also says how many were moved. It reads \
     every message, which may be slow.",
);

fn operands(request: &Request) -> Result<(String, Option<String>), Refused> {
    let mut words = request.operands().rest()?.into_iter();
    match (words.next(), words.next(), words.next()) {
        (Some(binding), domain, None) => Ok((binding, domain)),
        _ => Err(request.usage()),
    }
}

pub async fn ask<W: World>(shard: Rc<Shard<W>>, request: Arc<Request>) -> Result<Done, Refused> {
    let (binding, domain) = operands(&request)?;
    let selection = Selection::new(Some(&binding), domain.as_deref());
    let order = Order { selection, filter: None, action: Action::Rebind, dry_run: request.dry_run };
    Ok(order.carry_out(&shard).await)
}

pub async fn merge<W: World>(
    _: Rc<Shard<W>>,
    request: Arc<Request>,
    parts: Vec<Done>,
) -> Result<Document, Refused> {
    let (binding, _) = operands(&request)?;
    if request.dry_run {
        return Ok(rehearsed(&binding, parts, "would change their binding"));
    }
    let asked: u64 = parts.iter().map(|done| done.asked).sum();
    let moved: u64 = parts.iter().map(|done| done.messages).sum();
    Ok(Document::new().record("", "Rebound {messages} messages.", record! { messages: asked, moved: moved }))
}
