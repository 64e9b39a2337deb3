//! `pid`

use crate::Shard;
use crate::operator::Operator;
use console::{Command, Document, Refused, Request, record};
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command = Command::new("pid", "", "Says the process id of the running server.");

pub(super) async fn run<W: World>(
    shard: Rc<Shard<W>>,
    request: Arc<Request>,
    _: Rc<Operator>,
) -> Result<Document, Refused> {
    request.operands().end()?;
    Ok(Document::new().record("", "{pid}", record! { pid: shard.common.process }))
}
