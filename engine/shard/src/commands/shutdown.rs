//! `shutdown`

use crate::Shard;
use crate::answer::Part;
use crate::post::Order;
use console::Command;
use std::rc::Rc;
use world::World;

pub const COMMAND: Command = Command {
    name: "shutdown",
    arguments: "",
    summary: "Stops the server; sessions and deliveries under way may finish.",
    is_destructive: true,
};

pub(super) fn ask<W: World>(shard: &Rc<Shard<W>>, _: &[String]) -> Part {
    shard.common.exchange.order(|| Order::Stop);
    Part::Said("stopping".into())
}
