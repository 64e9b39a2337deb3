//! `delayed`

use super::active::threshold;
use super::depth::{Depths, document};
use crate::Shard;
use crate::selection::Selection;
use console::{Command, Document, Refused, Request};
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command = Command::new(
    "delayed",
    "<threshold>",
    "Shows the domains with more delayed messages than this, and the sum of all domains.",
);

pub async fn ask<W: World>(shard: Rc<Shard<W>>, request: Arc<Request>) -> Result<Depths, Refused> {
    threshold(&request)?;
    Ok(Depths::gather(&shard, &Selection::default()).await)
}

pub async fn merge<W: World>(
    _: Rc<Shard<W>>,
    request: Arc<Request>,
    parts: Vec<Depths>,
) -> Result<Document, Refused> {
    let threshold = threshold(&request)?;
    Ok(document(parts, move |depth| depth.delayed > threshold))
}
