//! `quit`

use crate::Shard;
use crate::operator::Operator;
use console::{Command, Document, Refused, Request};
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command = Command::new("quit", "", "Ends the console session.").free();

pub(super) async fn run<W: World>(
    _: Rc<Shard<W>>,
    request: Arc<Request>,
    operator: Rc<Operator>,
) -> Result<Document, Refused> {
    request.operands().end()?;
    operator.is_leaving.set(true);
    Ok(Document::new())
}
