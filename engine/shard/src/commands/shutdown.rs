//! `shutdown`

use crate::Shard;
use crate::operator::Operator;
use crate::post::Order;
use console::{Command, Document, Refused, Request};
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command =
    Command::new("shutdown", "", "Stops the server; sessions and deliveries under way may finish.")
        .destroys();

pub(super) async fn run<W: World>(
    shard: Rc<Shard<W>>,
    request: Arc<Request>,
    _: Rc<Operator>,
) -> Result<Document, Refused> {
    request.operands().end()?;
    shard.common.exchange.order(|| Order::Stop);
    Ok(Document::said("stopping"))
}
