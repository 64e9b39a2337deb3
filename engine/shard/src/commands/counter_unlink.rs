//! `counter unlink`

use super::counter_reset::done;
use crate::Shard;
use console::{Command, Document, Refused, Request};
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command = Command::new("counter unlink", "<name>", "Deletes a counter.").changes();

pub(super) async fn ask<W: World>(shard: Rc<Shard<W>>, request: Arc<Request>) -> Result<bool, Refused> {
    let [name] = request.operands().exactly()?;
    Ok(shard.unlink_counter(&name))
}

pub(super) async fn merge<W: World>(
    _: Rc<Shard<W>>,
    request: Arc<Request>,
    parts: Vec<bool>,
) -> Result<Document, Refused> {
    done(&request, &parts, "is deleted.")
}
