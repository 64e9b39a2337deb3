//! `ac` and `mc`: the connection.

use super::constants::PROTOCOLS;
use super::context::alive;
use crate::call::{Call, Pending};
use crate::function::{Body, Definition, Family, namespace};
use crate::machine::Machine;
use crate::value::{Accept, Construct, Msg, Shown, Text, Vctx, class, none, one, over, this};
use ipnet::IpNet;
use mail::Protocol;
use mlua::{Error, FromLuaMulti, Lua, MultiValue, UserDataFields as _, UserDataMethods as _, Value};
use policy_api::Origin;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

pub static FAMILY: Family = Family {
    name: "ac",
    definitions: &[
        Definition {
            name: "ac:esmtp_capability_add",
            signature: "ac:esmtp_capability_add(name)",
            tier: 1,
            doc: "Offers one more extension to EHLO.",
            body: Body::Now(add),
        },
        Definition {
            name: "ac:esmtp_capability_remove",
            signature: "ac:esmtp_capability_remove(name)",
            tier: 1,
            doc: "Withdraws an extension from EHLO.",
            body: Body::Now(remove),
        },
        Definition {
            name: "ac:inbound_session_count",
            signature: "ac:inbound_session_count([cidr], [service])",
            tier: 1,
            doc: "Open sessions of the client's address or a network.",
            body: Body::Later(sessions),
        },
        Definition {
            name: "ac.protocol",
            signature: "ac.protocol",
            tier: 1,
            doc: "A number of msys.core.P_*.",
            body: Body::Field,
        },
        Definition {
            name: "ac.remote_addr",
            signature: "ac.remote_addr",
            tier: 1,
            doc: "The client's address; tostring gives ip:port.",
            body: Body::Field,
        },
        Definition {
            name: "ac.conn_id",
            signature: "ac.conn_id",
            tier: 1,
            doc: "The identity of the connection.",
            body: Body::Field,
        },
        Definition {
            name: "msys.core.accept_construct_get_message_construct",
            signature: "msys.core.accept_construct_get_message_construct(ac)",
            tier: 1,
            doc: "The session's message and context: .message and .ctx.",
            body: Body::Now(construct),
        },
    ],
    set_up,
};

/// Prints as `ip:port`, an IPv6 address as `ip.port`.
pub struct Socket(pub SocketAddr);

pub fn socket_text(address: SocketAddr) -> String {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => format!("{ip}:{}", address.port()),
        IpAddr::V6(ip) => format!("{ip}.{}", address.port()),
    }
}

pub fn protocol(call: &Call) -> i64 {
    let name = match (call.letter.message.borrow().origin, call.client.protocol) {
        (Origin::Http, _) => "P_HTTP",
        (Origin::Internal, _) => "P_INTERNAL",
        (_, Protocol::Internal) => "P_INTERNAL",
        _ => "P_ESMTP",
    };
    PROTOCOLS.iter().find(|(known, _)| *known == name).map_or(0, |(_, number)| *number)
}

fn set_up(machine: &Machine) -> mlua::Result<()> {
    class::<Socket>(machine, "sockaddr", |registry| {
        registry.add_meta_method("__tostring", |_, this, ()| Ok(socket_text(this.0)));
        registry.add_field_method_get("ip", |_, this| Ok(this.0.ip().to_canonical().to_string()));
        registry.add_field_method_get("port", |_, this| Ok(this.0.port()));
    })?;
    class::<Accept>(machine, "ac", |registry| {
        registry.add_field_method_get("protocol", |_, this| Ok(protocol(&*this.0.shown("ac.protocol")?)));
        registry
            .add_field_method_get("conn_id", |_, this| Ok(this.0.shown("ac.conn_id")?.client.id.to_string()));
        registry.add_field_method_get("remote_addr", |lua, this| {
            socket(lua, this.0.shown("ac.remote_addr")?.client.peer)
        });
        registry.add_field_method_get("local_addr", |lua, this| {
            socket(lua, this.0.shown("ac.local_addr")?.client.local)
        });
    })?;
    class::<Construct>(machine, "message_construct", |registry| {
        registry.add_field_method_get("message", |lua, this| {
            lua.create_any_userdata(Msg(Shown::new(this.0.shown("mc.message")?.letter.clone())))
        });
        registry.add_field_method_get("ctx", |lua, this| {
            lua.create_any_userdata(Vctx(Shown::new(this.0.shown("mc.ctx")?)))
        });
    })?;
    let core = namespace(machine, "msys.core")?;
    core.set(
        "ec_sockaddr_family",
        machine.lua.create_function(|_, address: mlua::AnyUserData| {
            Ok(if address.borrow::<Socket>()?.0.ip().to_canonical().is_ipv4() { 2 } else { 10 })
        })?,
    )
}

fn socket(lua: &Lua, address: Option<SocketAddr>) -> mlua::Result<Value> {
    address.map_or(Ok(Value::Nil), |address| lua.create_any_userdata(Socket(address)).map(Value::UserData))
}

fn of(arguments: MultiValue, name: &str) -> mlua::Result<(Rc<Call>, MultiValue)> {
    let (call, rest) = this::<Accept, _>(arguments, name, |accept| accept.0.get())?;
    let call = call.ok_or_else(|| over(name))?;
    alive(&call.letter, name)?;
    Ok((call, rest))
}

fn capability(lua: &Lua, arguments: MultiValue, name: &str) -> mlua::Result<(Rc<Call>, Box<str>)> {
    let (call, rest) = of(arguments, name)?;
    let keyword = Text::from_lua_multi(rest, lua)?.0;
    if !call.rights.capabilities {
        return Err(Error::runtime(format!("{name} works in connect and ehlo of an SMTP session only")));
    }
    let right = !keyword.is_empty()
        && keyword.len() < 500
        && keyword.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    if !right {
        return Err(Error::runtime(format!("{name}: an extension is a line of printable characters")));
    }
    if call.session.borrow().capabilities_added.len() >= 64 {
        return Err(Error::runtime(format!("{name}: at most 64 extensions")));
    }
    Ok((call, keyword.into()))
}

fn add(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (call, keyword) = capability(lua, arguments, "ac:esmtp_capability_add")?;
    call.session.borrow_mut().capabilities_added.push(keyword);
    none()
}

fn remove(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (call, keyword) = capability(lua, arguments, "ac:esmtp_capability_remove")?;
    call.session.borrow_mut().capabilities_removed.push(keyword);
    none()
}

/// `/n` is a mask over the client's address; `addr/n` and `addr` say themselves.
pub fn network(call: &Call, text: Option<&str>) -> mlua::Result<Option<IpNet>> {
    let peer = call.client.peer.map(|peer| peer.ip().to_canonical());
    let wrong = |text: &str| {
        Error::runtime(format!(
            "'{}' is no network of the form /n, address or address/n",
            text.escape_debug()
        ))
    };
    match text {
        None => Ok(peer.map(IpNet::from)),
        Some(text) => {
            let net = match text.strip_prefix('/') {
                Some(length) => match (peer, length.parse()) {
                    (Some(peer), Ok(length)) => IpNet::new(peer, length).ok(),
                    _ => None,
                },
                None => text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from)),
            };
            net.map(|net| Some(net.trunc())).ok_or_else(|| wrong(text))
        }
    }
}

fn sessions(lua: &Lua, _: &Rc<Call>, arguments: MultiValue) -> mlua::Result<Pending> {
    let (call, rest) = of(arguments, "ac:inbound_session_count")?;
    let (cidr, _service) = <(Option<Text>, Option<Text>)>::from_lua_multi(rest, lua)?;
    let count = call.host.sessions(network(&call, cidr.as_ref().map(|text| text.0.as_str()))?);
    Ok(Box::pin(async move { Ok(MultiValue::from_iter([Value::Number(count.await as f64)])) }))
}

fn construct(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (call, _) = of(arguments, "msys.core.accept_construct_get_message_construct")?;
    one(lua, lua.create_any_userdata(Construct(Shown::new(call)))?)
}
