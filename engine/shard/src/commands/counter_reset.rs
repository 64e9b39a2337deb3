//! `counter reset`

use crate::Shard;
use console::{Command, Document, Refused, Request};
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command =
    Command::new("counter reset", "<name>", "Sets a counter to zero and notes when.").changes();

pub(super) async fn ask<W: World>(shard: Rc<Shard<W>>, request: Arc<Request>) -> Result<bool, Refused> {
    let [name] = request.operands().exactly()?;
    Ok(shard.reset_counter(&name))
}

pub(super) async fn merge<W: World>(
    _: Rc<Shard<W>>,
    request: Arc<Request>,
    parts: Vec<bool>,
) -> Result<Document, Refused> {
    done(&request, &parts, "is reset.")
}

/// `parts`: whether a shard has had it.
pub(super) fn done(request: &Request, parts: &[bool], what: &str) -> Result<Document, Refused> {
    let [name] = request.operands().exactly()?;
    match parts.contains(&true) {
        true => Ok(Document::said(format!("{name} {what}"))),
        false => Err(Refused(format!("there is no counter {name}"))),
    }
}
