//! `msys.db`: questions to a `Datasource`, and statements. Scripts share its cache with the modules of their shard.

use crate::call::{Call, Pending};
use crate::function::tier1::later;
use crate::function::{Family, nothing};
use crate::machine::Machine;
use crate::value::{Text, number};
use data::{Cell, DataFault, Datasource, Datasources, Parameters, Rows};
use mlua::{Error, FromLuaMulti, Lua, MultiValue, Table, Value};
use policy_api::Host;
use std::rc::Rc;

pub static FAMILY: Family = Family {
    name: "database",
    definitions: &[
        later(
            "msys.db.query",
            "msys.db.query(datasource, query, [parameters], [{nocache, raise_error=true}])",
            "An iterator over the rows, each a table by column.",
            query,
        ),
        later(
            "msys.db.fetch_row",
            "msys.db.fetch_row(datasource, query, [parameters], [{nocache, raise_error=true}])",
            "The first row, or nil.",
            fetch_row,
        ),
        later(
            "msys.db.execute",
            "msys.db.execute(datasource, query, [parameters], [{raise_error=true}])",
            "Runs a statement that answers no rows.",
            execute,
        ),
    ],
    set_up: nothing,
};

fn cell(value: Value, lua: &Lua) -> mlua::Result<Cell> {
    Ok(match value {
        Value::Nil => Cell::Null,
        Value::Boolean(truth) => Cell::Integer(i64::from(truth)),
        Value::Integer(_) | Value::Number(_) => {
            let number = number(&value).unwrap_or_default();
            if number.fract() == 0.0 && number.abs() < 9e15 {
                Cell::Integer(number as i64)
            } else {
                Cell::Real(number)
            }
        }
        other => Cell::Text(Text::from_lua_multi(MultiValue::from_iter([other]), lua)?.0),
    })
}

fn parameters(table: Option<Table>, lua: &Lua) -> mlua::Result<Parameters> {
    let Some(table) = table else { return Ok(Parameters::Ordered(Vec::new())) };
    if table.raw_len() > 0 {
        let cells = table.sequence_values::<Value>().map(|value| cell(value?, lua));
        return Ok(Parameters::Ordered(cells.collect::<mlua::Result<_>>()?));
    }
    let named = table.pairs::<Text, Value>().map(|pair| {
        let (name, value) = pair?;
        Ok((name.0, cell(value, lua)?))
    });
    Ok(Parameters::Named(named.collect::<mlua::Result<_>>()?))
}

fn source(lua: &Lua, name: &str) -> Result<Rc<Datasource>, DataFault> {
    let services = Machine::of(lua).ok().and_then(|machine| machine.services.borrow().clone());
    let sources = services.map_or_else(Datasources::default, |services| Datasources::of(&services));
    sources.named(name).cloned().ok_or_else(|| DataFault::Unknown(name.into()))
}

/// The options behind the parameters.
struct Terms {
    fresh: bool,
    raises: bool,
}

impl Terms {
    fn of(table: Option<Table>) -> mlua::Result<Terms> {
        let get = |name: &str, default: bool| match &table {
            Some(table) => Ok(table.get::<Option<bool>>(name)?.unwrap_or(default)),
            None => mlua::Result::Ok(default),
        };
        Ok(Terms { fresh: get("nocache", false)?, raises: get("raise_error", true)? })
    }
}

type Ask = fn(&Rc<Datasource>, &Rc<dyn Host>, &str, Parameters, &Terms) -> data::Answering;
type Shape = fn(&Lua, Rc<Rows>) -> mlua::Result<Value>;

/// `none` is what a failure answers beside its text, if it is not raised.
fn start(
    lua: &Lua,
    call: &Rc<Call>,
    arguments: MultiValue,
    ask: Ask,
    shape: Shape,
    none: Value,
) -> mlua::Result<Pending> {
    let (name, text, given, options) =
        <(Text, Text, Option<Table>, Option<Table>)>::from_lua_multi(arguments, lua)?;
    let terms = Terms::of(options)?;
    let parameters = parameters(given, lua)?;
    let answer: data::Answering = match source(lua, &name.0) {
        Ok(source) => ask(&source, &call.host, &text.0, parameters, &terms),
        Err(fault) => Box::pin(std::future::ready(Err(fault))),
    };
    let lua = lua.clone();
    Ok(Box::pin(async move {
        match answer.await {
            Ok(rows) => Ok(MultiValue::from_iter([shape(&lua, rows)?])),
            Err(fault) if terms.raises => Err(Error::runtime(format!("{}: {fault}", name.0))),
            Err(fault) => {
                Ok(MultiValue::from_iter([none, Value::String(lua.create_string(fault.to_string())?)]))
            }
        }
    }))
}

fn remembered(
    source: &Rc<Datasource>,
    host: &Rc<dyn Host>,
    query: &str,
    parameters: Parameters,
    terms: &Terms,
) -> data::Answering {
    source.query(host, query, parameters, terms.fresh)
}

fn row(lua: &Lua, columns: &[String], cells: &[Cell]) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    for (at, (name, cell)) in columns.iter().zip(cells).enumerate() {
        let value = match cell {
            Cell::Null => Value::Nil,
            Cell::Integer(number) => Value::Number(*number as f64),
            Cell::Real(number) => Value::Number(*number),
            Cell::Text(text) => Value::String(lua.create_string(text)?),
            Cell::Octets(octets) => Value::String(lua.create_string(octets)?),
        };
        if name.is_empty() { table.raw_set(at + 1, value)? } else { table.raw_set(name.as_str(), value)? }
    }
    Ok(table)
}

fn query(lua: &Lua, call: &Rc<Call>, arguments: MultiValue) -> mlua::Result<Pending> {
    let shape: Shape = |lua, answer| {
        let mut at = 0;
        let next = lua.create_function_mut(move |lua, _: MultiValue| {
            at += 1;
            answer.rows.get(at - 1).map(|cells| row(lua, &answer.columns, cells)).transpose()
        })?;
        Ok(Value::Function(next))
    };
    start(lua, call, arguments, remembered, shape, Value::Nil)
}

fn fetch_row(lua: &Lua, call: &Rc<Call>, arguments: MultiValue) -> mlua::Result<Pending> {
    let shape: Shape = |lua, answer| {
        let first = answer.rows.first().map(|cells| row(lua, &answer.columns, cells)).transpose()?;
        Ok(first.map_or(Value::Nil, Value::Table))
    };
    start(lua, call, arguments, remembered, shape, Value::Nil)
}

fn execute(lua: &Lua, call: &Rc<Call>, arguments: MultiValue) -> mlua::Result<Pending> {
    let ask: Ask = |source, host, query, parameters, _| source.execute(host, query, parameters);
    start(lua, call, arguments, ask, |_, _| Ok(Value::Boolean(true)), Value::Boolean(false))
}
