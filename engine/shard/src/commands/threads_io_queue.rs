//! `threads io queue`

use crate::Shard;
use crate::operator::Operator;
use console::{Command, Document, Refused, Request, record};
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command = Command::new("threads io queue", "", "Shows the backlog of the IO pool.")
    .explained("There is no such queue here: every core does its own work, and files go through its ring.");

pub(super) async fn run<W: World>(
    _: Rc<Shard<W>>,
    request: Arc<Request>,
    _: Rc<Operator>,
) -> Result<Document, Refused> {
    request.operands().end()?;
    Ok(Document::new().text("Jobs in the IO pool").record("", "{jobs} jobs", record! { jobs: 0u64 }))
}
