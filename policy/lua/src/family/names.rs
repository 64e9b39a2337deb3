//! Questions about names.

use crate::call::{Call, Pending};
use crate::function::{Body, Definition, Family, nothing};
use crate::value::Text;
use mlua::{Error, FromLuaMulti, Lua, MultiValue, Table, Value};
use policy_api::{Question, Record, RecordKind};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

pub static FAMILY: Family = Family {
    name: "dns",
    definitions: &[Definition {
        name: "msys.dnsLookup",
        signature: "msys.dnsLookup(name, [type=\"A\"], [{priority=false, server=…}])",
        tier: 1,
        doc: "Records of A, AAAA, TXT, MX, PTR, NS or CNAME; nil and the reason if there are none.",
        body: Body::Later(lookup),
    }],
    set_up: nothing,
};

const KINDS: [(&str, RecordKind); 7] = [
    ("A", RecordKind::A),
    ("AAAA", RecordKind::Aaaa),
    ("TXT", RecordKind::Txt),
    ("MX", RecordKind::Mx),
    ("PTR", RecordKind::Ptr),
    ("NS", RecordKind::Ns),
    ("CNAME", RecordKind::Cname),
];

fn lookup(lua: &Lua, call: &Rc<Call>, arguments: MultiValue) -> mlua::Result<Pending> {
    let (name, kind, options) = <(Text, Option<Text>, Option<Table>)>::from_lua_multi(arguments, lua)?;
    let kind = kind.map_or("A".to_owned(), |text| text.0.to_ascii_uppercase());
    let Some((_, kind)) = KINDS.iter().find(|(name, _)| *name == kind) else {
        return Err(Error::runtime(format!(
            "msys.dnsLookup: '{kind}' is none of A, AAAA, TXT, MX, PTR, NS, CNAME"
        )));
    };
    // The PTR question of an address may be asked by the address.
    let question = match (kind, name.0.parse::<IpAddr>()) {
        (RecordKind::Ptr, Ok(address)) => Question::reverse(address),
        _ => Question::new(name.0, *kind),
    };
    let priority = options.as_ref().map_or(Ok(false), |options| options.get::<bool>("priority"))?;
    let server = options.map_or(Ok(None), |options| options.get::<Option<Text>>("server"))?;
    let server = server.map(|server| server_address(&server.0)).transpose()?;
    let (lua, answers) = (lua.clone(), call.host.lookup(Question { server, ..question }));
    Ok(Box::pin(async move {
        let answers = match answers.await {
            Ok(answers) => answers,
            Err(fault) => {
                let reason = lua.create_string(fault.name())?;
                return Ok(MultiValue::from_iter([Value::Nil, Value::String(reason)]));
            }
        };
        let list = lua.create_table()?;
        for record in answers.records {
            list.push(shown(&lua, record, priority)?)?;
        }
        Ok(MultiValue::from_iter([Value::Table(list)]))
    }))
}

fn server_address(text: &str) -> mlua::Result<SocketAddr> {
    let plain = text.parse::<IpAddr>().map(|address| SocketAddr::new(address, 53));
    plain
        .or_else(|_| text.parse())
        .map_err(|_| Error::runtime(format!("'{text}' is no address of a name server")))
}

fn shown(lua: &Lua, record: Record, priority: bool) -> mlua::Result<Value> {
    let text = match record {
        Record::A(address) => address.to_string().into_bytes(),
        Record::Aaaa(address) => address.to_string().into_bytes(),
        Record::Txt(octets) => octets.to_vec(),
        Record::Mx { preference, exchange } if priority => {
            let table = lua.create_table()?;
            table.set("pref", preference)?;
            table.set("value", exchange)?;
            return Ok(Value::Table(table));
        }
        Record::Mx { exchange, .. } => exchange.into_bytes(),
        Record::Ptr(name) | Record::Ns(name) | Record::Cname(name) => name.into_bytes(),
    };
    lua.create_string(&text).map(Value::String)
}
