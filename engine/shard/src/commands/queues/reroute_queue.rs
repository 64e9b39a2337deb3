//! `reroute queue`

use super::purge::rehearsed;
use crate::Shard;
use crate::orders::{Action, Done, Order};
use crate::selection::Selection;
use console::{Command, Document, Refused, Request, record};
use mail::address::fold_domain;
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command = Command::new(
    "reroute queue",
    "<from_domain|all> <to_domain>",
    "Moves queued messages from one domain to another; each keeps its binding and its retries.",
)
.changes()
.with_dry_run()
.with_filter();

/// Octets of a domain name (RFC 1035 §2.3.4), or of an address literal.
const LONGEST_NAME: usize = 255;

fn operands(request: &Request) -> Result<(String, String), Refused> {
    let [from, to] = request.operands().exactly()?;
    if to.is_empty() || to.len() > LONGEST_NAME || to.eq_ignore_ascii_case("all") {
        return Err(Refused::new(format!("{to} is no domain to move mail to")));
    }
    Ok((from, fold_domain(&to)))
}

pub async fn ask<W: World>(shard: Rc<Shard<W>>, request: Arc<Request>) -> Result<Done, Refused> {
    let (from, to) = operands(&request)?;
    let selection = Selection::new(None, Some(&from));
    let action = Action::Reroute { domain: to.into() };
    let filter = request.filter.as_ref();
    Ok(Order { selection, filter, action, dry_run: request.dry_run }.carry_out(&shard).await)
}

pub async fn merge<W: World>(
    _: Rc<Shard<W>>,
    request: Arc<Request>,
    parts: Vec<Done>,
) -> Result<Document, Refused> {
    let (from, to) = operands(&request)?;
    if request.dry_run {
        return Ok(rehearsed(&from, parts, &format!("would be moved to '{to}'")));
    }
    let messages: u64 = parts.iter().map(|done| done.messages).sum();
    let moved = record! { messages: messages, from: from, to: to };
    Ok(Document::new().record("", "Moved {messages} messages from '{from}' to '{to}'", moved))
}
