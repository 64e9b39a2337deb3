//! `binding delayed`

use super::binding_active::operands;
use super::depth::{Depths, document};
use crate::Shard;
use crate::selection::Selection;
use console::{Command, Document, Refused, Request};
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command = Command::new(
    "binding delayed",
    "<binding> <threshold>",
    "Shows the domains of a binding with more delayed messages than this, and the sum of all its domains.",
);

pub async fn ask<W: World>(shard: Rc<Shard<W>>, request: Arc<Request>) -> Result<Depths, Refused> {
    let (binding, _) = operands(&request)?;
    Ok(Depths::gather(&shard, &Selection::new(Some(&binding), None)).await)
}

pub async fn merge<W: World>(
    _: Rc<Shard<W>>,
    request: Arc<Request>,
    parts: Vec<Depths>,
) -> Result<Document, Refused> {
    let (_, threshold) = operands(&request)?;
    Ok(document(parts, move |depth| depth.delayed > threshold))
}
