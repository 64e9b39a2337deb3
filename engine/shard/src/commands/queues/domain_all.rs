//! `domain all`

use super::depth::{Depths, summary};
use crate::Shard;
use crate::selection::Selection;
use console::{Command, Document, Refused, Request};
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command =
    Command::new("domain all", "", "Shows every domain that has queues, and the sum of all.");

pub async fn ask<W: World>(shard: Rc<Shard<W>>, request: Arc<Request>) -> Result<Depths, Refused> {
    request.operands().end()?;
    Ok(Depths::gather(&shard, &Selection::default()).await)
}

pub async fn merge<W: World>(
    _: Rc<Shard<W>>,
    _: Arc<Request>,
    parts: Vec<Depths>,
) -> Result<Document, Refused> {
    Ok(summary(parts))
}
