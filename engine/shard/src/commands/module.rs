//! The commands that modules define (`policy_api::ModuleCommand`): `sieve:<instance> stats`. One row for all.
//!
//! Law: the list is made of the modules that are built, the instance is found in the configuration in force.

use super::{Row, everyone, here};
use crate::Shard;
use crate::host::PolicyHost;
use console::{Command, Document, Record, Refused, Request, Value};
use policy_api::{Cell, ModuleCommand, ModuleDef, Order, Told};
use std::rc::Rc;
use std::sync::{Arc, LazyLock};
use world::World;

#[derive(Clone, Copy)]
struct Defined {
    module: &'static ModuleDef,
    command: &'static ModuleCommand,
}

static DEFINED: LazyLock<Vec<(Command, Defined)>> = LazyLock::new(|| {
    let modules = policy_modules::MODULES.iter().copied();
    let defined =
        modules.flat_map(|module| module.commands.iter().map(move |command| Defined { module, command }));
    defined.map(|defined| (as_command(defined.command), defined)).collect()
});

fn as_command(defined: &ModuleCommand) -> Command {
    let command = Command::new(defined.name, defined.arguments, defined.summary);
    if defined.changes { command.changes() } else { command }
}

/// In the order of the modules.
pub(super) fn list() -> impl Iterator<Item = &'static Command> {
    DEFINED.iter().map(|(command, _)| command)
}

pub(super) fn row<W: World>(command: &Command) -> Option<Row<W>> {
    let (command, defined) = DEFINED.iter().find(|(known, _)| known.name == command.name)?;
    let defined = *defined;
    let layout = defined.command;
    let merge = move |_, _, parts: Vec<Told>| async move { Ok(shown(layout, Told::together(parts))) };
    Some(match layout.is_for_everyone {
        true => everyone(command, move |shard, request| ask(defined, shard, request), merge),
        false => here(command, move |shard, request, _| async move {
            Ok(shown(layout, ask(defined, shard, request).await?))
        }),
    })
}

/// One shard's part.
async fn ask<W: World>(
    defined: Defined,
    shard: Rc<Shard<W>>,
    request: Arc<Request>,
) -> Result<Told, Refused> {
    let Defined { module, command } = defined;
    let site = shard.site();
    let order = {
        let loaded = site.pipeline.instance(module.name(), request.instance.as_deref()).map_err(Refused)?;
        Order {
            command,
            module: loaded.module.clone(),
            instance: loaded.instance.clone(),
            operands: request.operands.clone(),
            host: PolicyHost::new(&shard, &site),
        }
    };
    (command.run)(order).await.map_err(Refused)
}

fn shown(layout: &'static ModuleCommand, told: Told) -> Document {
    let mut document = Document::new();
    if !layout.head.is_empty() {
        document = document.record("", layout.head, record(told.head));
    }
    let (name, row) = layout.rows;
    if !name.is_empty() {
        document = document.rows(name, row, told.rows.into_iter().map(record));
    }
    document
}

fn record(row: policy_api::Row) -> Record {
    let value = |cell| match cell {
        Cell::Text(text) => Value::from(text),
        Cell::Count(count) => Value::from(count),
        Cell::Real(real) => Value::from(real),
        Cell::Time(time) => Value::from(time),
    };
    Record(row.into_iter().map(|(name, cell)| (name, value(cell))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use console::Format;

    #[test]
    fn a_command_of_a_module_begins_with_its_keyword_and_shows_something() {
        for (command, Defined { module, command: defined }) in DEFINED.iter() {
            let first = command.name.split([' ', ':']).next();
            assert_eq!(first, Some(module.name()), "{}", command.name);
            assert!(!defined.head.is_empty() || !defined.rows.0.is_empty(), "{}", command.name);
        }
    }

    #[test]
    fn an_answer_is_its_head_and_its_rows() {
        static LAYOUT: ModuleCommand =
            ModuleCommand::new("m stats", "", "Shows.", |_| unreachable!("only its layouts are used"))
                .head("{all} in all")
                .rows("counters", "{name} = {count}");
        let told = || Told {
            head: vec![("all", Cell::Count(3))],
            rows: vec![vec![("name", Cell::Text("a".into())), ("count", Cell::Count(3))]],
        };
        assert_eq!(shown(&LAYOUT, told()).to_text(Format::Text), "3 in all\na = 3\n");
        let json = shown(&LAYOUT, told()).to_text(Format::Json);
        assert!(
            json.contains("\"all\":3") && json.contains("\"counters\":[{\"name\":\"a\",\"count\":3}]"),
            "{json}"
        );
    }
}
