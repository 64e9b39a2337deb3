//! `help`

use crate::Shard;
use crate::answer::Part;
use console::Command;
use std::rc::Rc;
use world::World;

pub const COMMAND: Command = Command {
    name: "help",
    arguments: "[COMMAND]",
    summary: "The commands, or how to use one.",
    is_destructive: false,
};

pub(super) fn ask<W: World>(_: &Rc<Shard<W>>, operands: &[String]) -> Part {
    match console::find(&super::COMMANDS, operands) {
        Ok(asked) => Part::Said(console::usage(asked.command)),
        Err(_) => Part::Said(console::help(&super::COMMANDS)),
    }
}
