//! `msys.cidr`: tables of address blocks, which scripts define in init() and all of the shard's policy may ask.

use crate::call::{Call, Pending};
use crate::function::{Body, Definition, Family, nothing};
use crate::machine::{Machine, current};
use crate::value::{Text, none};
use data::CidrTables;
use mlua::{Error, FromLua as _, FromLuaMulti, Lua, MultiValue, Value};
use std::net::IpAddr;
use std::rc::Rc;

pub static FAMILY: Family = Family {
    name: "cidr",
    definitions: &[
        Definition {
            name: "msys.cidr.define",
            signature: "msys.cidr.define(name, {type=…, …}|type)",
            tier: 2,
            doc: "Defines a table that is filled from a data source, a file of rbldnsd, or not at all.",
            body: Body::Now(define),
        },
        Definition {
            name: "msys.cidr.query",
            signature: "msys.cidr.query(name, [address])",
            tier: 2,
            doc: "The value of the block that an address, or the client's, lies in; else the default value.",
            body: Body::Later(query),
        },
        Definition {
            name: "msys.cidr.reload",
            signature: "msys.cidr.reload(name)",
            tier: 2,
            doc: "Reads a table anew.",
            body: Body::Later(reload),
        },
    ],
    set_up: nothing,
};

fn tables(lua: &Lua) -> mlua::Result<CidrTables> {
    let services = Machine::of(lua)?.services.borrow().clone();
    services.map(|services| CidrTables::of(&services)).ok_or_else(|| Error::runtime("there are no tables"))
}

fn define(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (name, options) = <(Text, Value)>::from_lua_multi(arguments, lua)?;
    if current(lua).is_some() {
        return Err(Error::runtime("msys.cidr.define: tables are defined by init()"));
    }
    let pairs = match options {
        Value::Table(options) => options
            .pairs::<Text, Text>()
            .map(|pair| pair.map(|(key, value)| (key.0, value.0)))
            .collect::<mlua::Result<Vec<_>>>()?,
        other => vec![("type".to_owned(), Text::from_lua(other, lua)?.0)],
    };
    let definition =
        data::cidr::Definition::of(pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    let definition =
        definition.map_err(|wrong| Error::runtime(format!("msys.cidr.define '{}': {wrong}", name.0)))?;
    tables(lua)?.define(&name.0, definition);
    none()
}

/// The value, true for a block without one, and what stands for those who are not listed: nil if nothing does.
fn query(lua: &Lua, call: &Rc<Call>, arguments: MultiValue) -> mlua::Result<Pending> {
    let (name, address) = <(Text, Option<Text>)>::from_lua_multi(arguments, lua)?;
    let address = match address {
        Some(text) => text.0.trim().parse::<IpAddr>().ok(),
        None => call.client.peer.map(|peer| peer.ip().to_canonical()),
    };
    let address = address.ok_or_else(|| Error::runtime("msys.cidr.query: an IP address is needed"))?;
    let (lua, asked) = (lua.clone(), tables(lua)?.query(&call.host, &name.0, address));
    Ok(Box::pin(async move {
        let listing = asked.await.map_err(|fault| Error::runtime(format!("msys.cidr.query: {fault}")))?;
        let value = match listing.value {
            Some(value) => Value::String(lua.create_string(value)?),
            None if listing.is_listed => Value::Boolean(true),
            None => Value::Nil,
        };
        Ok(MultiValue::from_iter([value]))
    }))
}

fn reload(lua: &Lua, call: &Rc<Call>, arguments: MultiValue) -> mlua::Result<Pending> {
    let name = Text::from_lua_multi(arguments, lua)?.0;
    let done = tables(lua)?.reload(&call.host, &name);
    Ok(Box::pin(async move {
        done.await.map_err(|fault| Error::runtime(format!("msys.cidr.reload: {fault}")))?;
        none()
    }))
}
