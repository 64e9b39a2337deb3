//! `help`

use crate::Shard;
use crate::operator::Operator;
use console::{Command, Document, Refused, Request};
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command = Command::new("help", "[command]", "Lists the commands, or explains one.");

pub(super) async fn run<W: World>(
    _: Rc<Shard<W>>,
    request: Arc<Request>,
    _: Rc<Operator>,
) -> Result<Document, Refused> {
    if request.operands.is_empty() {
        return Ok(Document::said(console::help(super::commands())));
    }
    let named = console::find(super::commands(), &request.operands);
    named
        .map(|named| Document::said(console::explain(named.command)))
        .map_err(|unknown| Refused(unknown.to_string()))
}
