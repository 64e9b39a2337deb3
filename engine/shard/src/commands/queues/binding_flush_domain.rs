//! `binding flush domain`

use super::flush_domain::{flush, flushed};
use crate::Shard;
use crate::selection::Selection;
use console::{Command, Document, Refused, Request};
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command = Command::new(
    "binding flush domain",
    "<binding> <domain|all>",
    "Makes all delayed messages of a domain on one binding due now.",
)
.changes();

pub async fn ask<W: World>(shard: Rc<Shard<W>>, request: Arc<Request>) -> Result<u64, Refused> {
    let [binding, domain] = request.operands().exactly()?;
    Ok(flush(&shard, &Selection::new(Some(&binding), Some(&domain))).await)
}

pub async fn merge<W: World>(
    _: Rc<Shard<W>>,
    request: Arc<Request>,
    parts: Vec<u64>,
) -> Result<Document, Refused> {
    let [_, domain] = request.operands().exactly()?;
    Ok(flushed(domain, parts))
}
