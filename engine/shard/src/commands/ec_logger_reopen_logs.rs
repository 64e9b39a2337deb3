//! `ec_logger:<instance> reopen logs`

use crate::Shard;
use crate::operator::Operator;
use console::{Command, Document, Refused, Request};
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command =
    Command::new("ec_logger:<instance> reopen logs", "", "Opens the log files of one ec_logger anew.")
        .changes()
        .explained("One writer serves all loggers: the files of the others are opened anew, too.");

pub(super) async fn run<W: World>(
    shard: Rc<Shard<W>>,
    request: Arc<Request>,
    _: Rc<Operator>,
) -> Result<Document, Refused> {
    request.operands().end()?;
    super::module_list::find(&shard, "ec_logger", request.instance.as_deref())?;
    shard.world.reopen_logs();
    Ok(Document::said("Logs reopened."))
}
