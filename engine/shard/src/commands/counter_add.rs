//! `counter add`

use crate::Shard;
use crate::operator::Operator;
use console::{Command, Document, Refused, Request};
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command =
    Command::new("counter add", "<name> <delta>", "Adds an amount to a counter.").changes();

pub(super) async fn run<W: World>(
    shard: Rc<Shard<W>>,
    request: Arc<Request>,
    _: Rc<Operator>,
) -> Result<Document, Refused> {
    let [name, delta] = request.operands().exactly()?;
    let delta = delta.parse().map_err(|_| Refused(format!("not an amount: {delta}")))?;
    shard.add_to_counter(&name, delta).map_err(Refused::new)?;
    Ok(Document::said(format!("{name} has grown by {delta}.")))
}
