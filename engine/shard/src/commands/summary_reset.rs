//! `summary reset`

use crate::Shard;
use console::{Command, Document, Refused, Request};
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command =
    Command::new("summary reset", "", "Sets the totals to zero and begins the averages anew; gauges stay.")
        .changes();

pub(super) async fn ask<W: World>(shard: Rc<Shard<W>>, request: Arc<Request>) -> Result<(), Refused> {
    request.operands().end()?;
    shard.reset_summary();
    Ok(())
}

pub(super) async fn merge<W: World>(
    _: Rc<Shard<W>>,
    _: Arc<Request>,
    _: Vec<()>,
) -> Result<Document, Refused> {
    Ok(Document::said("statistics cleared."))
}
