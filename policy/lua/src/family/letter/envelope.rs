//! Envelope, queue, status and dictionaries of a message.

use super::super::accept::socket_text;
use super::super::constants::{ENVELOPE_COMPLETE, ENVELOPE_FROM, ENVELOPE_TO};
use super::super::context::{code as reply_code, dictionary, put, reply_text};
use super::{may, of};
use crate::machine::calling;
use crate::value::{EcString, Text, address, none, number, one, shown};
use mail::Reply;
use mlua::{Error, FromLuaMulti, Lua, MultiValue, UserDataRef, Value};
use std::net::SocketAddr;

pub fn mailfrom(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (letter, rest) = of(arguments, "msg:mailfrom")?;
    if let Some(wanted) = Option::<Text>::from_lua_multi(rest, lua)? {
        may(lua, &letter, "msg:mailfrom", |rights| rights.sender)?;
        letter.message.borrow_mut().sender = address(&wanted.0)?;
    }
    one(lua, shown(letter.message.borrow().sender.as_ref()))
}

pub fn rcptto(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (letter, rest) = of(arguments, "msg:rcptto")?;
    if let Some(wanted) = Option::<Text>::from_lua_multi(rest, lua)? {
        may(lua, &letter, "msg:rcptto", |rights| rights.recipient)?;
        let wanted = address(&wanted.0)?.ok_or_else(|| Error::runtime("a recipient cannot be empty"))?;
        letter.message.borrow_mut().recipient = Some(wanted);
    }
    let message = letter.message.borrow();
    one(lua, shown(message.recipient.as_ref().or(message.recipients.first())))
}

pub fn get_envelope2(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (letter, rest) = of(arguments, "msg:get_envelope2")?;
    let (flags, local, domain) =
        <(f64, Option<UserDataRef<EcString>>, Option<UserDataRef<EcString>>)>::from_lua_multi(rest, lua)?;
    let flags = flags as i64;
    let message = letter.message.borrow();
    let found = match (flags & ENVELOPE_FROM != 0, flags & ENVELOPE_TO != 0) {
        (true, false) => message.sender.as_ref(),
        (false, true) => message.recipient.as_ref().or(message.recipients.first()),
        _ => return Err(Error::runtime("either msys.core.EC_MSG_ENV_FROM or msys.core.EC_MSG_ENV_TO")),
    };
    let complete = flags & ENVELOPE_COMPLETE != 0;
    let first = found.map(|address| if complete { address.as_str() } else { address.local() });
    let second = found.filter(|_| !complete).map(|address| address.domain());
    for (string, text) in [(local, first), (domain, second)] {
        if let Some(string) = string {
            string.0.replace(text.unwrap_or_default().as_bytes().to_vec());
        }
    }
    none()
}

pub fn routing_domain(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (letter, rest) = of(arguments, "msg:routing_domain")?;
    if let Some(wanted) = Option::<Text>::from_lua_multi(rest, lua)? {
        may(lua, &letter, "msg:routing_domain", |rights| rights.routing_domain)?;
        let wanted = wanted.0.to_ascii_lowercase();
        let right =
            wanted.len() <= 255 && wanted.chars().all(|c| c.is_alphanumeric() || "-._[]:".contains(c));
        if !right {
            return Err(Error::runtime(format!("'{}' is no domain", wanted.escape_debug())));
        }
        letter.message.borrow_mut().routing_domain = (!wanted.is_empty()).then(|| wanted.into());
    }
    let message = letter.message.borrow();
    let own = || message.recipient.as_ref().map(|recipient| recipient.folded_domain());
    one(
        lua,
        message.routing_domain.as_ref().map(|domain| domain.to_string()).or_else(own).unwrap_or_default(),
    )
}

pub fn binding(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (letter, rest) = of(arguments, "msg:binding")?;
    if let Some(wanted) = Option::<Text>::from_lua_multi(rest, lua)? {
        may(lua, &letter, "msg:binding", |rights| rights.binding)?;
        // The engine knows the names; an unknown one leaves the message as it is (policy_api::Message).
        let mut message = letter.message.borrow_mut();
        message.binding = wanted.0.into();
        message.binding_group = "".into();
    }
    let message = letter.message.borrow();
    one(lua, (!message.binding.is_empty()).then(|| message.binding.to_string()))
}

pub fn binding_group(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (letter, rest) = of(arguments, "msg:binding_group")?;
    if let Some(wanted) = Option::<Text>::from_lua_multi(rest, lua)? {
        may(lua, &letter, "msg:binding_group", |rights| rights.binding)?;
        letter.message.borrow_mut().binding_group = wanted.0.into();
    }
    let message = letter.message.borrow();
    one(lua, (!message.binding_group.is_empty()).then(|| message.binding_group.to_string()))
}

fn end(lua: &Lua, rest: MultiValue, socket: Option<SocketAddr>) -> mlua::Result<MultiValue> {
    let flag = Option::<Text>::from_lua_multi(rest, lua)?.map(|text| text.0);
    let Some(socket) = socket else { return one(lua, "") };
    match flag.as_deref().unwrap_or("all") {
        "ip" => one(lua, socket.ip().to_canonical().to_string()),
        "port" => one(lua, socket.port().to_string()),
        "all" => one(lua, socket_text(socket)),
        other => Err(Error::runtime(format!("'{other}' is none of ip, port, all"))),
    }
}

pub fn reception_peer(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (_, rest) = of(arguments, "msg:reception_peer")?;
    end(lua, rest, calling(lua, "msg:reception_peer")?.client.peer)
}

pub fn listener_addr(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (_, rest) = of(arguments, "msg:listener_addr")?;
    end(lua, rest, calling(lua, "msg:listener_addr")?.client.local)
}

pub fn get_delivery_method(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    of(arguments, "msg:get_delivery_method")?;
    one(lua, "smtp")
}

pub fn get_code(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (letter, _) = of(arguments, "msg:get_code")?;
    one(lua, status(&letter.message.borrow().code))
}

fn status(code: &Option<Reply>) -> String {
    code.as_ref().map(|reply| reply.to_string()).unwrap_or_default()
}

pub fn code(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (letter, rest) = of(arguments, "msg:code")?;
    let (given, text) = <(Value, Option<Text>)>::from_lua_multi(rest, lua)?;
    if !given.is_nil() {
        let text = reply_text(&text.unwrap_or_default().0);
        let reply = if number(&given) == Some(0.0) {
            let (digits, rest) = text.split_at_checked(3).unwrap_or(("", ""));
            let wrong = || Error::runtime("with 0 the text begins with the code");
            Reply::verbatim(digits.parse().map_err(|_| wrong())?, rest.trim_start())
        } else {
            Reply::verbatim(reply_code(&given)?, text)
        };
        letter.message.borrow_mut().code = Some(reply);
    }
    one(lua, status(&letter.message.borrow().code))
}

pub fn discard(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (letter, rest) = of(arguments, "msg:discard")?;
    let reason = Option::<Text>::from_lua_multi(rest, lua)?.map(|text| reply_text(&text.0));
    may(lua, &letter, "msg:discard", |rights| rights.discard)?;
    let reply = match reason {
        None => Some(Reply::verbatim(550, "5.7.0 discarded by policy")),
        Some(text) => text.split_at_checked(3).and_then(|(digits, rest)| {
            let code = digits.parse().ok().filter(|code| (200..600).contains(code))?;
            Some(Reply::verbatim(code, rest.trim_start()))
        }),
    };
    calling(lua, "msg:discard")?.disposition.borrow_mut().discard(reply);
    none()
}

pub fn context_get(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (letter, rest) = of(arguments, "msg:context_get")?;
    let (kind, key) = <(Value, Option<Text>)>::from_lua_multi(rest, lua)?;
    let mut contexts = letter.contexts.borrow_mut();
    one(lua, dictionary(&mut contexts, &kind)?.get(&key.unwrap_or_default().0).unwrap_or_default())
}

pub fn context_set(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (letter, rest) = of(arguments, "msg:context_set")?;
    let (kind, key, value) = <(Value, Text, Option<Text>)>::from_lua_multi(rest, lua)?;
    let mut contexts = letter.contexts.borrow_mut();
    put(dictionary(&mut contexts, &kind)?, &key.0, &value.unwrap_or_default().0)?;
    none()
}

pub fn context_exists(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (letter, rest) = of(arguments, "msg:context_exists")?;
    let (kind, key) = <(Value, Option<Text>)>::from_lua_multi(rest, lua)?;
    let mut contexts = letter.contexts.borrow_mut();
    one(lua, i64::from(dictionary(&mut contexts, &kind)?.get(&key.unwrap_or_default().0).is_some()))
}

pub fn context_exists_and_get(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (letter, rest) = of(arguments, "msg:context_exists_and_get")?;
    let (kind, key) = <(Value, Option<Text>)>::from_lua_multi(rest, lua)?;
    let mut contexts = letter.contexts.borrow_mut();
    let value = dictionary(&mut contexts, &kind)?.get(&key.unwrap_or_default().0);
    let (found, value) =
        (i64::from(value.is_some()), value.map(|value| lua.create_string(value)).transpose()?);
    Ok(MultiValue::from_iter([Value::Number(found as f64), value.map_or(Value::Nil, Value::String)]))
}

pub fn context_delete(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (letter, rest) = of(arguments, "msg:context_delete")?;
    let (kind, key) = <(Value, Option<Text>)>::from_lua_multi(rest, lua)?;
    let mut contexts = letter.contexts.borrow_mut();
    one(lua, i64::from(dictionary(&mut contexts, &kind)?.remove(&key.unwrap_or_default().0)))
}
