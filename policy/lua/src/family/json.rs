//! `json`: texts to tables and back. An object keeps what it was read as, and prints as JSON.

use crate::function::tier2::now;
use crate::function::{Family, namespace};
use crate::machine::Machine;
use crate::value::{Octets, none, number, one};
use mlua::{Error, FromLuaMulti, Lua, MultiValue, Table, Value};
use serde_json::{Map, Number, Value as Json};

pub static FAMILY: Family = Family {
    name: "json",
    definitions: &[
        now(
            "json.decode",
            "json.decode(text)",
            "The object of a text; nil, a code and its message if it is none.",
            decode,
        ),
        now(
            "json.encode",
            "json.encode(value)",
            "A value as a JSON object; tostring gives the text.",
            encode,
        ),
        now("json.new", "json.new()", "An empty JSON object.", new),
        now("json.strerror", "json.strerror(code)", "The message of a code.", strerror),
    ],
    set_up,
};

/// Octets of a text that is read or written at a stretch.
const LARGEST: usize = 4 << 20;
/// As of the reader; what is deeper is refused.
const DEPTH: usize = 100;

const CODES: [(&str, &str); 4] = [
    ("SUCCESS", "success"),
    ("ERROR_PARSE_EOF", "unexpected end of the text"),
    ("ERROR_PARSE_UNEXPECTED", "the text is no JSON"),
    ("ERROR_DEPTH", "nesting too deep"),
];

/// Marks tables that were objects and arrays, so that empty ones stay what they are.
const OBJECT: &str = "impetus json object";
const ARRAY: &str = "impetus json array";

fn set_up(machine: &Machine) -> mlua::Result<()> {
    let lua = &machine.lua;
    let json = namespace(machine, "json")?;
    for (number, (name, _)) in CODES.iter().enumerate() {
        json.set(*name, number)?;
    }
    for name in [OBJECT, ARRAY] {
        let meta = lua.create_table()?;
        meta.set(
            "__tostring",
            lua.create_function(|lua, value: Value| lua.create_string(written(&value, 0)?.to_string()))?,
        )?;
        meta.set("__type", "json")?;
        meta.set("array", name == ARRAY)?;
        lua.set_named_registry_value(name, meta)?;
    }
    Ok(())
}

fn made(lua: &Lua, kind: &str) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    table.set_metatable(Some(lua.named_registry_value(kind)?))?;
    Ok(table)
}

fn new(lua: &Lua, _: MultiValue) -> mlua::Result<MultiValue> {
    one(lua, made(lua, OBJECT)?)
}

fn strerror(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let code = arguments.front().and_then(number).unwrap_or(-1.0);
    match CODES.get(code as usize).filter(|_| code >= 0.0) {
        Some((_, text)) => one(lua, *text),
        None => none(),
    }
}

fn decode(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let text = Octets::from_lua_multi(arguments, lua)?.0;
    if text.len() > LARGEST {
        return Err(Error::runtime("json.decode: the text is larger than 4 MiB"));
    }
    match serde_json::from_slice::<Json>(&text) {
        Ok(value) => one(lua, read(lua, &value)?),
        Err(error) => {
            let code = if error.is_eof() { 1 } else { 2 };
            Ok(MultiValue::from_iter([
                Value::Nil,
                Value::Number(f64::from(code)),
                Value::String(lua.create_string(error.to_string())?),
            ]))
        }
    }
}

fn read(lua: &Lua, value: &Json) -> mlua::Result<Value> {
    Ok(match value {
        Json::Null => Value::Nil,
        Json::Bool(truth) => Value::Boolean(*truth),
        Json::Number(number) => Value::Number(number.as_f64().unwrap_or(f64::NAN)),
        Json::String(text) => Value::String(lua.create_string(text)?),
        Json::Array(list) => {
            let table = made(lua, ARRAY)?;
            for (at, item) in list.iter().enumerate() {
                table.raw_set(at + 1, read(lua, item)?)?;
            }
            Value::Table(table)
        }
        Json::Object(map) => {
            let table = made(lua, OBJECT)?;
            for (name, item) in map {
                table.raw_set(name.as_str(), read(lua, item)?)?;
            }
            Value::Table(table)
        }
    })
}

fn written(value: &Value, depth: usize) -> mlua::Result<Json> {
    if depth > DEPTH {
        return Err(Error::runtime("json: nesting too deep, or a table that contains itself"));
    }
    Ok(match value {
        Value::Nil => Json::Null,
        Value::Boolean(truth) => Json::Bool(*truth),
        Value::Integer(_) | Value::Number(_) => {
            let number = number(value).unwrap_or_default();
            let whole = number.fract() == 0.0 && number.abs() < 9e15;
            let shown = if whole { Some(Number::from(number as i64)) } else { Number::from_f64(number) };
            shown.map_or(Json::Null, Json::Number)
        }
        Value::String(text) => Json::String(text.to_string_lossy()),
        Value::Table(table) => return composed(table, depth),
        other => return Err(Error::runtime(format!("json: a {} has no JSON", other.type_name()))),
    })
}

/// A table with index 1 is an array.
fn composed(table: &Table, depth: usize) -> mlua::Result<Json> {
    let was_array = table
        .metatable()
        .is_some_and(|meta| meta.get::<Option<bool>>("array").ok().flatten().unwrap_or(false));
    if was_array || table.raw_len() > 0 {
        let list = table.clone();
        let items = list.sequence_values::<Value>().map(|item| written(&item?, depth + 1));
        return Ok(Json::Array(items.collect::<mlua::Result<_>>()?));
    }
    let mut map = Map::new();
    for pair in table.pairs::<Value, Value>() {
        let (name, item) = pair?;
        map.insert(name.to_string()?, written(&item, depth + 1)?);
    }
    Ok(Json::Object(map))
}

fn encode(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let value = arguments.front().cloned().unwrap_or(Value::Nil);
    let json = written(&value, 0)?;
    one(lua, read(lua, &json)?)
}
