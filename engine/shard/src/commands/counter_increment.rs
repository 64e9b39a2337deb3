//! `counter increment`

use crate::Shard;
use crate::operator::Operator;
use console::{Command, Document, Refused, Request};
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command = Command::new("counter increment", "<name>", "Adds one to a counter.").changes();

pub(super) async fn run<W: World>(
    shard: Rc<Shard<W>>,
    request: Arc<Request>,
    _: Rc<Operator>,
) -> Result<Document, Refused> {
    let [name] = request.operands().exactly()?;
    shard.add_to_counter(&name, 1).map_err(Refused::new)?;
    Ok(Document::said(format!("{name} has grown by 1.")))
}
