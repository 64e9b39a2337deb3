//! `version`

use crate::Shard;
use crate::operator::Operator;
use console::{Command, Document, Refused, Request};
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command = Command::new("version", "", "Product and version.");

pub(super) async fn run<W: World>(
    _: Rc<Shard<W>>,
    request: Arc<Request>,
    _: Rc<Operator>,
) -> Result<Document, Refused> {
    request.operands().end()?;
    Ok(Document::said(format!("Impetus, {}", crate::SOFTWARE)))
}
