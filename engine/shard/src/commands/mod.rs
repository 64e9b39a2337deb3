//! The commands of the console: one file each, and a row here.

mod flush;
mod help;
mod mailq;
mod refresh;
mod shutdown;
mod summary;
mod version;

use crate::Shard;
use crate::answer::Part;
use console::{Command, UnknownCommand};
use std::rc::Rc;
use world::World;

/// Whom a command asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Merge {
    Everyone,
    /// The shard that the console talks to answers for all.
    OneForAll,
}

/// A command, whom it asks, and what a shard does for it.
struct Row<W: World> {
    command: &'static Command,
    merge: Merge,
    ask: fn(&Rc<Shard<W>>, &[String]) -> Part,
}

/// In the order of the help.
pub const COMMANDS: [&Command; 7] = [
    &summary::COMMAND,
    &mailq::COMMAND,
    &refresh::COMMAND,
    &flush::COMMAND,
    &version::COMMAND,
    &shutdown::COMMAND,
    &help::COMMAND,
];

fn rows<W: World>() -> [Row<W>; 7] {
    use Merge::{Everyone, OneForAll};
    let row = |command, merge, ask| Row { command, merge, ask };
    [
        row(&summary::COMMAND, Everyone, summary::ask),
        row(&mailq::COMMAND, Everyone, mailq::ask),
        row(&refresh::COMMAND, Everyone, refresh::ask),
        row(&flush::COMMAND, Everyone, flush::ask),
        row(&version::COMMAND, OneForAll, version::ask),
        row(&shutdown::COMMAND, OneForAll, shutdown::ask),
        row(&help::COMMAND, OneForAll, help::ask),
    ]
}

/// Whom the command that the words name has to ask.
pub(crate) fn merge_of<W: World>(words: &[String]) -> Result<Merge, UnknownCommand> {
    let asked = console::find(&COMMANDS, words)?;
    let row = rows::<W>().into_iter().find(|row| row.command == asked.command);
    Ok(row.map_or(Merge::OneForAll, |row| row.merge))
}

/// This shard's part of the answer.
pub(crate) fn ask<W: World>(shard: &Rc<Shard<W>>, words: &[String]) -> Part {
    let asked = match console::find(&COMMANDS, words) {
        Ok(asked) => asked,
        Err(unknown) => return Part::Refused(unknown.to_string()),
    };
    match rows::<W>().into_iter().find(|row| row.command == asked.command) {
        Some(row) => (row.ask)(shard, asked.operands),
        None => Part::Refused(format!("{} has no row", asked.command.name)),
    }
}
