//! `binding active`

use super::depth::{Depths, document};
use crate::Shard;
use crate::selection::Selection;
use console::{Command, Document, Refused, Request};
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command = Command::new(
    "binding active",
    "<binding> <threshold>",
    "Shows the domains of a binding with more active messages than this, and the sum of all its domains.",
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
    Ok(document(parts, move |depth| depth.active > threshold))
}

/// Binding and threshold.
pub(super) fn operands(request: &Request) -> Result<(String, u64), Refused> {
    let [binding, threshold] = request.operands().exactly()?;
    let number = threshold.parse();
    let number = number.map_err(|_| Refused::new(format!("a threshold is a number, not {threshold}")))?;
    Ok((binding, number))
}
