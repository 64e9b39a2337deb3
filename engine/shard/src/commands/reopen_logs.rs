//! `reopen logs`

use crate::Shard;
use crate::operator::Operator;
use console::{Command, Document, Refused, Request};
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command =
    Command::new("reopen logs", "", "Opens all log files anew, after they were rotated.").changes();

pub(super) async fn run<W: World>(
    shard: Rc<Shard<W>>,
    request: Arc<Request>,
    _: Rc<Operator>,
) -> Result<Document, Refused> {
    request.operands().end()?;
    // One writer serves all shards.
    shard.world.reopen_logs();
    Ok(Document::said("Logs reopened."))
}
