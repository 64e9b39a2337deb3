//! What a function of the host is: its name, what it says about itself, and what is called.
//!
//! The law: the reference, the table of the spec and what scripts reach come from these definitions alone.

use crate::call::{Call, Pending};
use crate::machine::{Machine, calling};
use crate::value;
use mlua::{Function, Lua, MultiValue, Table, Value};
use std::rc::Rc;

/// A function, method or field that scripts may use.
#[derive(Clone, Copy)]
pub struct Definition {
    /// As scripts write it: `msys.dnsLookup`, `msg:header`, `ac.protocol`.
    pub name: &'static str,
    pub signature: &'static str,
    /// 1 and 2 work, 3 is known and refused when called.
    pub tier: u8,
    /// One line.
    pub doc: &'static str,
    pub body: Body,
}

/// How families write their rows, a module for each tier.
macro_rules! rows {
    ($($tier:ident: $number:literal),*) => {$(
        pub mod $tier {
            use super::{Body, Definition, Plain, Waiting};

            type Word = &'static str;

            pub const fn now(name: Word, signature: Word, doc: Word, body: Plain) -> Definition {
                Definition { name, signature, tier: $number, doc, body: Body::Now(body) }
            }

            pub const fn later(name: Word, signature: Word, doc: Word, body: Waiting) -> Definition {
                Definition { name, signature, tier: $number, doc, body: Body::Later(body) }
            }

            pub const fn lua(name: Word, signature: Word, doc: Word) -> Definition {
                Definition { name, signature, tier: $number, doc, body: Body::Lua }
            }
        }
    )*};
}

rows!(tier1: 1, tier2: 2);

impl Definition {
    /// Of what waits only for some arguments; all of these are of tier 1.
    pub const fn perhaps(
        name: &'static str,
        signature: &'static str,
        doc: &'static str,
        body: Perhaps,
    ) -> Self {
        Definition { name, signature, tier: 1, doc, body: Body::Perhaps(body) }
    }
}

pub type Plain = fn(&Lua, MultiValue) -> mlua::Result<MultiValue>;
pub type Perhaps = fn(&Lua, MultiValue) -> mlua::Result<Soon>;
pub type Waiting = fn(&Lua, &Rc<Call>, MultiValue) -> mlua::Result<Pending>;

/// What a function answers that need not always wait.
pub enum Soon {
    Now(MultiValue),
    Later(Pending),
}

#[derive(Clone, Copy)]
pub enum Body {
    /// Answers at once.
    Now(Plain),
    /// Suspends the script until the answer is there.
    Later(Waiting),
    /// The same, in phases too in which scripts may not wait: what it needs is short and beside the shard.
    Always(Waiting),
    /// Answers at once if it can; else as `Later`.
    Perhaps(Perhaps),
    /// A field of a class, which `set_up` makes.
    Field,
    /// Not on this engine; the text says what to use.
    Refused(&'static str),
    /// Written in Lua, by the prelude or the family's chunk.
    Lua,
}

/// A family of functions that belong together.
pub struct Family {
    pub name: &'static str,
    pub definitions: &'static [Definition],
    /// What the definitions do not say: constants, classes, chunks of Lua.
    pub set_up: fn(&Machine) -> mlua::Result<()>,
}

/// For families without anything to set up.
pub fn nothing(_: &Machine) -> mlua::Result<()> {
    Ok(())
}

/// Puts a family's functions where scripts find them.
pub fn install(machine: &Machine, family: &Family) -> mlua::Result<()> {
    for definition in family.definitions {
        let function = match definition.body {
            Body::Now(plain) => machine.lua.create_function(plain)?,
            Body::Later(start) => later(machine, definition.name, start, false)?,
            Body::Always(start) => later(machine, definition.name, start, true)?,
            Body::Perhaps(start) => perhaps(machine, definition.name, start)?,
            Body::Refused(instead) => refused(machine, definition.name, instead)?,
            Body::Field | Body::Lua => continue,
        };
        match definition.name.split_once(':') {
            Some((class, method)) => value::methods(machine, class)?.set(method, function)?,
            None => place(machine, definition.name, Value::Function(function))?,
        }
    }
    (family.set_up)(machine)
}

pub fn later(machine: &Machine, name: &'static str, start: Waiting, always: bool) -> mlua::Result<Function> {
    let start = machine.lua.create_function(move |lua, arguments: MultiValue| {
        let call = calling(lua, name)?;
        if !always && !call.may_wait() {
            return Err(mlua::Error::runtime(format!("{name} cannot wait in this phase")));
        }
        let pending = start(lua, &call, arguments)?;
        call.pending.replace(Some(pending));
        Ok(())
    })?;
    machine.suspending(start)
}

fn perhaps(machine: &Machine, name: &'static str, start: Perhaps) -> mlua::Result<Function> {
    let start =
        machine.lua.create_function(move |lua, arguments: MultiValue| match start(lua, arguments)? {
            Soon::Now(mut values) => {
                values.push_front(Value::Boolean(true));
                Ok(values)
            }
            Soon::Later(pending) => {
                calling(lua, name)?.pending.replace(Some(pending));
                Ok(MultiValue::from_iter([Value::Boolean(false)]))
            }
        })?;
    machine.perhaps_suspending(start)
}

fn refused(machine: &Machine, name: &'static str, instead: &'static str) -> mlua::Result<Function> {
    machine.lua.create_function(move |_, _: MultiValue| -> mlua::Result<()> { Err(refusal(name, instead)) })
}

pub fn refusal(name: &str, instead: &str) -> mlua::Error {
    mlua::Error::runtime(format!("{name} is not available here, use {instead}"))
}

/// Sets `a.b.c`, making the tables on the way; tables below `msys` are what `require` answers.
pub fn place(machine: &Machine, name: &str, value: Value) -> mlua::Result<()> {
    let (path, last) = name.rsplit_once('.').unwrap_or(("", name));
    namespace(machine, path)?.set(last, value)
}

/// The table `a.b`, made if it is not there, and known to `require`.
pub fn namespace(machine: &Machine, path: &str) -> mlua::Result<Table> {
    let lua = &machine.lua;
    let loaded: Table = lua.globals().get::<Table>("package")?.get("loaded")?;
    let mut table = lua.globals();
    let mut done = String::new();
    for word in path.split('.').filter(|word| !word.is_empty()) {
        done = if done.is_empty() { word.to_owned() } else { format!("{done}.{word}") };
        table = match table.get::<Value>(word)? {
            Value::Table(found) => found,
            _ => {
                let made = lua.create_table()?;
                table.set(word, &made)?;
                loaded.set(done.as_str(), &made)?;
                made
            }
        };
    }
    Ok(table)
}
