//! `msys.idn`: domains in ASCII and in their own letters (RFC 5891, by the mapping of UTS 46).

use crate::function::{Body, Definition, Family, nothing};
use crate::value::{Text, one};
use mlua::{Error, FromLuaMulti, Lua, MultiValue};

pub static FAMILY: Family = Family {
    name: "idn",
    definitions: &[
        Definition {
            name: "msys.idn.to_idn",
            signature: "msys.idn.to_idn(name)",
            tier: 2,
            doc: "A domain in ASCII (punycode); an error if it is none.",
            body: Body::Now(to_idn),
        },
        Definition {
            name: "msys.idn.to_utf8",
            signature: "msys.idn.to_utf8(name)",
            tier: 2,
            doc: "A domain in its own letters; an error if it is none.",
            body: Body::Now(to_utf8),
        },
    ],
    set_up: nothing,
};

/// Longer texts are no domains, and mapping them would take its time.
const LONGEST: usize = 1024;

fn domain(lua: &Lua, arguments: MultiValue) -> mlua::Result<String> {
    let name = Text::from_lua_multi(arguments, lua)?.0;
    if name.len() > LONGEST { Err(wrong(&name)) } else { Ok(name) }
}

fn wrong(name: &str) -> Error {
    let shown: String = name.chars().take(64).collect();
    Error::runtime(format!("'{}' is no domain name", shown.escape_debug()))
}

fn to_idn(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let name = domain(lua, arguments)?;
    one(lua, idna::domain_to_ascii(&name).map_err(|_| wrong(&name))?)
}

fn to_utf8(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let name = domain(lua, arguments)?;
    let (text, known) = idna::domain_to_unicode(&name);
    known.map_err(|_| wrong(&name))?;
    one(lua, text)
}
