//! `version`

use crate::Shard;
use crate::answer::Part;
use console::Command;
use std::rc::Rc;
use world::World;

pub const COMMAND: Command =
    Command { name: "version", arguments: "", summary: "Product and version.", is_destructive: false };

pub(super) fn ask<W: World>(_: &Rc<Shard<W>>, _: &[String]) -> Part {
    Part::Said(format!("Impetus, {}", crate::SOFTWARE))
}
