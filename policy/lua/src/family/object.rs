//! Objects of the host seen otherwise: classes, casts, dictionaries.

use crate::function::tier2::{lua, now};
use crate::function::{Family, namespace};
use crate::machine::Machine;
use crate::value::{Text, methods, one, type_of};
use mlua::{Error, FromLuaMulti, Lua, MultiValue, Value};

pub static FAMILY: Family = Family {
    name: "objects",
    definitions: &[
        now(
            "msys.cast",
            "msys.cast(object, class)",
            "The object, if it is of that class; else an error.",
            cast,
        ),
        now(
            "msys.getClassMetaTable",
            "msys.getClassMetaTable(class)",
            "A table whose __index holds the methods of a class, to be added to.",
            class_table,
        ),
        lua("msys.core.dict_iter2", "msys.core.dict_iter2(dict)", "Begins to iterate a dictionary."),
        lua(
            "msys.core.dict_next",
            "msys.core.dict_next(dict, iterator)",
            "1 and the next key and value; 0 at the end.",
        ),
        lua("msys.core.dict_iter2_free", "msys.core.dict_iter2_free(dict, iterator)", "Ends the iteration."),
    ],
    set_up,
};

/// The classes of the C API, as `msys.core:_ec_message` names them.
const CLASSES: [(&str, &str); 6] = [
    ("ec_message", "msg"),
    ("ec_message_part", "msgpart"),
    ("accept_construct", "ac"),
    ("validate_context", "vctx"),
    ("message_construct", "message_construct"),
    ("ec_string", "ec_string"),
];

const OURS: [&str; 9] =
    ["msg", "msgpart", "ac", "vctx", "message_construct", "ec_string", "mutex", "counter", "client"];

const CHUNK: &str = r#"
local core = ...
function core.dict_iter2(dict)
  if type(dict) ~= "table" then error("bad argument #1 to 'dict_iter2' (a dictionary expected)", 2) end
  return { key = nil }
end
function core.dict_next(dict, iterator)
  if type(dict) ~= "table" or type(iterator) ~= "table" then
    error("bad argument to 'dict_next' (a dictionary and its iterator expected)", 2)
  end
  if iterator.over then return 0 end
  local key, value = next(dict, iterator.key)
  if key == nil then
    iterator.over = true
    return 0
  end
  iterator.key = key
  return 1, key, value
end
function core.dict_iter2_free(dict, iterator)
  if type(iterator) == "table" then iterator.over = true end
end
"#;

fn set_up(machine: &Machine) -> mlua::Result<()> {
    let core = namespace(machine, "msys.core")?;
    machine.lua.load(CHUNK).set_name("=prelude").call::<()>(core)
}

fn class(name: &str) -> mlua::Result<&'static str> {
    let plain = name.rsplit([':', '.']).next().unwrap_or(name).trim_start_matches('_');
    let known = CLASSES.iter().find(|(theirs, _)| *theirs == plain).map(|(_, ours)| *ours);
    known.or_else(|| OURS.iter().find(|ours| **ours == plain).copied()).ok_or_else(|| {
        let shown: String = name.chars().take(64).collect();
        Error::runtime(format!("there is no class '{}'", shown.escape_debug()))
    })
}

fn cast(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (object, name) = <(Value, Text)>::from_lua_multi(arguments, lua)?;
    let wanted = class(&name.0)?;
    let found = type_of(&object);
    if found != wanted {
        return Err(Error::runtime(format!("msys.cast: a {found} is no {wanted}")));
    }
    one(lua, object)
}

fn class_table(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let name = Text::from_lua_multi(arguments, lua)?;
    let methods = methods(&*Machine::of(lua)?, class(&name.0)?)?;
    let table = lua.create_table()?;
    table.raw_set("__index", methods)?;
    one(lua, table)
}
