//! Commands of the console that belong to modules: `sieve:<instance> stats`. A module defines them, the engine lists
//! them, asks the instance on the shards, and shows what it is told.
//!
//! The law: what shards tell is added up (rows whose texts agree are one row, with the sums of their counts), so no
//! command needs to know how many shards there are.

use crate::{Host, Later, Module};
use mail::Time;
use std::any::Any;
use std::rc::Rc;

/// A named value of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Says which row it is.
    Text(String),
    /// Added up.
    Count(u64),
    /// Added up.
    Real(f64),
    /// The latest holds.
    Time(Time),
}

pub type Row = Vec<(&'static str, Cell)>;

/// What one shard answers, or all of them together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told {
    /// One record, shown before the rows as `ModuleCommand::head` has it.
    pub head: Row,
    pub rows: Vec<Row>,
}

/// The definition; `run` is called with the instance that was named, on each shard that is asked.
pub struct ModuleCommand {
    /// With the module's keyword: `sieve:<instance> flush cache`.
    pub name: &'static str,
    /// Operands in the notation of the console's usage.
    pub arguments: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// It changes something: acctlog gets it.
    pub changes: bool,
    /// Every shard is asked, not only the one that the console talks to.
    pub is_for_everyone: bool,
    /// Text of the head, in the notation of the console's layouts: `flushed {entries} entries`. Empty: no head.
    pub head: &'static str,
    /// Name of the rows in JSON, and the text of each. Empty: no rows.
    pub rows: (&'static str, &'static str),
    pub run: fn(Order) -> Later<Result<Told, String>>,
}

impl ModuleCommand {
    /// A command that only reads, on one shard; to be completed with the others.
    pub const fn new(
        name: &'static str,
        arguments: &'static str,
        summary: &'static str,
        run: fn(Order) -> Later<Result<Told, String>>,
    ) -> ModuleCommand {
        let (changes, is_for_everyone, head, rows) = (false, false, "", ("", ""));
        ModuleCommand { name, arguments, summary, changes, is_for_everyone, head, rows, run }
    }

    pub const fn changes(self) -> ModuleCommand {
        ModuleCommand { changes: true, ..self }
    }

    pub const fn for_everyone(self) -> ModuleCommand {
        ModuleCommand { is_for_everyone: true, ..self }
    }

    pub const fn head(self, head: &'static str) -> ModuleCommand {
        ModuleCommand { head, ..self }
    }

    pub const fn rows(self, name: &'static str, layout: &'static str) -> ModuleCommand {
        ModuleCommand { rows: (name, layout), ..self }
    }
}

/// A command as an operator gave it.
pub struct Order {
    pub command: &'static ModuleCommand,
    /// The instance that is meant.
    pub module: Rc<dyn Module>,
    pub instance: Box<str>,
    pub operands: Vec<String>,
    pub host: Rc<dyn Host>,
}

impl Order {
    /// The instance as the type that defined the command.
    pub fn of<T: Module>(&self) -> Rc<T> {
        let module: Rc<dyn Any> = self.module.clone();
        module.downcast().unwrap_or_else(|_| panic!("{} belongs to another module", self.command.name))
    }

    /// Exactly so many operands, or the usage.
    pub fn operands<const N: usize>(&self) -> Result<[String; N], String> {
        let usage =
            || format!("usage: {} {}", self.command.name, self.command.arguments).trim_end().to_owned();
        self.operands.clone().try_into().map_err(|_| usage())
    }
}

impl Told {
    pub fn head(head: Row) -> Told {
        Told { head, rows: Vec::new() }
    }

    /// One answer of the parts, in the order of the shards.
    pub fn together(parts: impl IntoIterator<Item = Told>) -> Told {
        let mut whole = Told::default();
        for part in parts {
            if whole.head.is_empty() {
                whole.head = part.head;
            } else {
                add(&mut whole.head, part.head);
            }
            for row in part.rows {
                match whole.rows.iter_mut().find(|known| are_same(known, &row)) {
                    Some(known) => add(known, row),
                    None => whole.rows.push(row),
                }
            }
        }
        whole
    }
}

/// Whether two rows are about the same.
fn are_same(one: &Row, other: &Row) -> bool {
    let same = |(one, other): (&(&str, Cell), &(&str, Cell))| match (&one.1, &other.1) {
        (Cell::Text(_), _) | (_, Cell::Text(_)) => one == other,
        _ => one.0 == other.0,
    };
    one.len() == other.len() && one.iter().zip(other).all(same)
}

fn add(sums: &mut Row, row: Row) {
    for ((_, sum), (_, value)) in sums.iter_mut().zip(row) {
        match (sum, value) {
            (Cell::Count(sum), Cell::Count(value)) => *sum = sum.saturating_add(value),
            (Cell::Real(sum), Cell::Real(value)) => *sum += value,
            (Cell::Time(sum), Cell::Time(value)) => *sum = (*sum).max(value),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, count: u64) -> Row {
        vec![("name", Cell::Text(name.into())), ("count", Cell::Count(count))]
    }

    #[test]
    fn what_the_shards_tell_is_added_up() {
        let since = |seconds| vec![("since", Cell::Time(Time::from_secs(seconds))), ("all", Cell::Real(1.5))];
        let parts = [
            Told { head: since(7), rows: vec![row("a", 1), row("b", 2)] },
            Told { head: since(9), rows: vec![row("b", 40), row("c", 3)] },
            Told { head: since(8), rows: vec![] },
        ];
        let whole = Told::together(parts);
        assert_eq!(whole.rows, [row("a", 1), row("b", 42), row("c", 3)]);
        assert_eq!(whole.head, [("since", Cell::Time(Time::from_secs(9))), ("all", Cell::Real(4.5))]);
        assert_eq!(Told::together([]), Told::default());
    }

    #[test]
    fn a_row_of_other_names_is_another_row() {
        let parts = [vec![("a", Cell::Count(1))], vec![("b", Cell::Count(1))], vec![("a", Cell::Count(2))]];
        let whole = Told::together(parts.map(|row| Told { rows: vec![row], ..Told::default() }));
        assert_eq!(whole.rows, [vec![("a", Cell::Count(3))], vec![("b", Cell::Count(1))]]);
    }
}
