//! `msys.audit`: what the module inbound_audit has counted.

use super::accept::network;
use crate::call::{Call, Pending};
use crate::function::tier2::later;
use crate::function::{Family, nothing};
use crate::machine::Machine;
use crate::value::{Text, number};
use mlua::{Error, FromLua as _, FromLuaMulti, Lua, MultiValue, Value};
use policy_api::audit::{Counted, Monitors, count};
use std::rc::Rc;

pub static FAMILY: Family = Family {
    name: "audit",
    definitions: &[
        later(
            "msys.audit.connections",
            "msys.audit.connections(monitor, [cidr|{cidr=…, startv=0, endv=0}])",
            "Connections of a network in the windows of a monitor; 0 is the newest.",
            connections,
        ),
        later(
            "msys.audit.receptions",
            "msys.audit.receptions(monitor, [cidr|{cidr=…, startv=0, endv=0}])",
            "Messages taken from a network.",
            receptions,
        ),
        later(
            "msys.audit.rejections",
            "msys.audit.rejections(monitor, [cidr|{cidr=…, startv=0, endv=0}])",
            "Refusals that a network has met.",
            rejections,
        ),
        later(
            "msys.audit.inbound_session_count",
            "msys.audit.inbound_session_count([cidr], [service])",
            "Open sessions of the client's address or a network.",
            sessions,
        ),
    ],
    set_up: nothing,
};

fn ask(lua: &Lua, call: &Rc<Call>, arguments: MultiValue, what: Counted) -> mlua::Result<Pending> {
    let (monitor, given) = <(Text, Value)>::from_lua_multi(arguments, lua)?;
    let (cidr, start, end) = match given {
        Value::Table(options) => {
            let window = |name: &str| -> mlua::Result<u32> {
                Ok(number(&options.get::<Value>(name)?).unwrap_or(0.0).clamp(0.0, 10_000.0) as u32)
            };
            (options.get::<Value>("cidr")?, window("startv")?, window("endv")?)
        }
        other => (other, 0, 0),
    };
    let cidr = if cidr.is_nil() { None } else { Some(Text::from_lua(cidr, lua)?.0) };
    let network =
        network(call, cidr.as_deref())?.ok_or_else(|| Error::runtime("the client has no address"))?;
    let services = Machine::of(lua)?.services.borrow().clone();
    let monitors = services.and_then(|services| services.find::<Monitors>("inbound_audit"));
    let monitors = monitors.ok_or_else(|| Error::runtime("msys.audit needs the module inbound_audit"))?;
    let monitor = monitors.find(&monitor.0).map_err(Error::runtime)?;
    let counted = count(&call.host, &monitor.tally(what), network, (start, end.max(start)));
    let counted = counted.map_err(Error::runtime)?;
    Ok(Box::pin(async move { Ok(MultiValue::from_iter([Value::Number(counted.await as f64)])) }))
}

fn connections(lua: &Lua, call: &Rc<Call>, arguments: MultiValue) -> mlua::Result<Pending> {
    ask(lua, call, arguments, Counted::Connections)
}

fn receptions(lua: &Lua, call: &Rc<Call>, arguments: MultiValue) -> mlua::Result<Pending> {
    ask(lua, call, arguments, Counted::Receptions)
}

fn rejections(lua: &Lua, call: &Rc<Call>, arguments: MultiValue) -> mlua::Result<Pending> {
    ask(lua, call, arguments, Counted::Rejections)
}

fn sessions(lua: &Lua, call: &Rc<Call>, arguments: MultiValue) -> mlua::Result<Pending> {
    let (cidr, _service) = <(Option<Text>, Option<Text>)>::from_lua_multi(arguments, lua)?;
    let count = call.host.sessions(network(call, cidr.as_ref().map(|text| text.0.as_str()))?);
    Ok(Box::pin(async move { Ok(MultiValue::from_iter([Value::Number(count.await as f64)])) }))
}
