//! `vctx`: both dictionaries, the disposition, the list of recipients.

use super::constants::{CONNECTION_CONTEXT, MESSAGE_CONTEXT};
use crate::call::{Call, Letter};
use crate::function::{Body, Definition, Family};
use crate::machine::Machine;
use crate::value::{Text, Vctx, addresses, class, none, number, one, over, this};
use mail::{Contexts, Dictionary};
use mlua::{Error, FromLuaMulti, Lua, MultiValue, UserDataFields as _, Value};
use std::rc::Rc;
use std::time::Duration;

const fn method(
    name: &'static str,
    signature: &'static str,
    tier: u8,
    doc: &'static str,
    body: crate::function::Plain,
) -> Definition {
    Definition { name, signature, tier, doc, body: Body::Now(body) }
}

pub static FAMILY: Family = Family {
    name: "vctx",
    definitions: &[
        method("vctx:get", "vctx:get(type, key)", 1, "A context variable; empty if it is not set.", get),
        method("vctx:set", "vctx:set(type, key, value)", 1, "Sets a context variable, as a string.", set),
        method("vctx:exists", "vctx:exists(type, key)", 1, "1 if the variable is set, else 0.", exists),
        method("vctx:delete", "vctx:delete(type, key)", 1, "1 if the variable was set, else 0.", delete),
        method("vctx:set_code", "vctx:set_code(code, text)", 1, "The reply of this phase.", set_code),
        method(
            "vctx:disconnect",
            "vctx:disconnect([code], [text])",
            1,
            "The reply, then the end of the session.",
            disconnect,
        ),
        method("vctx:tarpit", "vctx:tarpit(seconds)", 1, "Delays the reply; delays add up.", tarpit),
        method(
            "vctx:add_recipient",
            "vctx:add_recipient(address|table)",
            1,
            "Adds to the recipients of the transaction.",
            add_recipient,
        ),
        method(
            "vctx:remove_recipient",
            "vctx:remove_recipient(address|table)",
            1,
            "Takes from the recipients of the transaction.",
            remove_recipient,
        ),
        method(
            "vctx:recipient_list",
            "vctx:recipient_list([address|table])",
            1,
            "The recipients of the transaction; replaces them.",
            recipient_list,
        ),
    ],
    set_up,
};

fn set_up(machine: &Machine) -> mlua::Result<()> {
    class::<Vctx>(machine, "vctx", |registry| {
        registry.add_field_method_get("code", |_, this| {
            Ok(this.0.shown("vctx.code")?.disposition.borrow().reply.as_ref().map_or(250, |reply| reply.code))
        });
        registry.add_field_method_get("note", |_, this| {
            let call = this.0.shown("vctx.note")?;
            Ok(call.disposition.borrow().reply.as_ref().map_or(String::new(), |reply| reply.text.to_string()))
        });
        // `vctx.disconnect = 1` of vendor samples; reading it answers the method.
        registry.add_field_method_set("disconnect", |_, this, value: Value| {
            let on = !matches!(value, Value::Nil | Value::Boolean(false) | Value::Integer(0))
                && number(&value) != Some(0.0);
            this.0.shown("vctx.disconnect")?.disposition.borrow_mut().disconnect = on;
            Ok(())
        });
    })
}

/// The call that a vctx belongs to, while it lasts, and the other arguments.
fn of(arguments: MultiValue, name: &str) -> mlua::Result<(Rc<Call>, MultiValue)> {
    let (call, rest) = this::<Vctx, _>(arguments, name, |vctx| vctx.0.get())?;
    let call = call.ok_or_else(|| over(name))?;
    alive(&call.letter, name)?;
    Ok((call, rest))
}

pub fn alive(letter: &Letter, name: &str) -> mlua::Result<()> {
    if letter.over.get() { Err(over(name)) } else { Ok(()) }
}

pub fn dictionary<'c>(contexts: &'c mut Contexts, kind: &Value) -> mlua::Result<&'c mut Dictionary> {
    match number(kind).map(|number| number as i64) {
        Some(CONNECTION_CONTEXT) => Ok(&mut contexts.connection),
        Some(MESSAGE_CONTEXT) => Ok(&mut contexts.message),
        // Samples use a global of which stock Lua knows nothing.
        None if kind.is_nil() => Ok(&mut contexts.message),
        _ => Err(Error::runtime("the first argument is msys.core.VCTX_MESS or msys.core.VCTX_CONN")),
    }
}

/// Keys and values of a dictionary may come from scripts without end; both are bounded.
pub const LARGEST_VALUE: usize = 1 << 20;
pub const MOST_KEYS: usize = 4096;

pub fn put(dictionary: &mut Dictionary, key: &str, value: &str) -> mlua::Result<()> {
    if key.len() + value.len() > LARGEST_VALUE
        || dictionary.len() >= MOST_KEYS && dictionary.get(key).is_none()
    {
        return Err(Error::runtime("a context holds at most 4096 variables of 1 MiB"));
    }
    dictionary.set(key, value);
    Ok(())
}

type Key = (Value, Option<Text>);

fn get(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (call, rest) = of(arguments, "vctx:get")?;
    let (kind, key) = Key::from_lua_multi(rest, lua)?;
    let mut contexts = call.letter.contexts.borrow_mut();
    let value = dictionary(&mut contexts, &kind)?.get(&key.unwrap_or_default().0).unwrap_or_default();
    one(lua, value)
}

fn set(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (call, rest) = of(arguments, "vctx:set")?;
    let (kind, key, value) = <(Value, Text, Option<Text>)>::from_lua_multi(rest, lua)?;
    let mut contexts = call.letter.contexts.borrow_mut();
    put(dictionary(&mut contexts, &kind)?, &key.0, &value.unwrap_or_default().0)?;
    none()
}

fn exists(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (call, rest) = of(arguments, "vctx:exists")?;
    let (kind, key) = Key::from_lua_multi(rest, lua)?;
    let mut contexts = call.letter.contexts.borrow_mut();
    let found = dictionary(&mut contexts, &kind)?.get(&key.unwrap_or_default().0).is_some();
    one(lua, i64::from(found))
}

fn delete(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (call, rest) = of(arguments, "vctx:delete")?;
    let (kind, key) = Key::from_lua_multi(rest, lua)?;
    let mut contexts = call.letter.contexts.borrow_mut();
    let found = dictionary(&mut contexts, &kind)?.remove(&key.unwrap_or_default().0);
    one(lua, i64::from(found))
}

/// A reply code, as a number or as text.
pub fn code(value: &Value) -> mlua::Result<u16> {
    let code = match value {
        Value::String(text) => text.to_str().ok().and_then(|text| text.trim().parse().ok()),
        other => number(other).map(|number| number as u16),
    };
    code.filter(|code| (200..600).contains(code))
        .ok_or_else(|| Error::runtime("a reply code is a number from 200 to 599"))
}

fn may_decide(call: &Call, name: &str) -> mlua::Result<()> {
    if call.rights.code {
        Ok(())
    } else {
        Err(Error::runtime(format!("{name} cannot be used in this phase")))
    }
}

/// Lines of a reply end in LF alone; anything else that controls a terminal goes.
pub fn reply_text(text: &str) -> String {
    text.replace("\r\n", "\n").chars().filter(|c| *c == '\n' || *c == '\t' || !c.is_control()).collect()
}

fn set_code(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (call, rest) = of(arguments, "vctx:set_code")?;
    let (number, text) = <(Value, Option<Text>)>::from_lua_multi(rest, lua)?;
    may_decide(&call, "vctx:set_code")?;
    call.disposition.borrow_mut().set_code(code(&number)?, reply_text(&text.unwrap_or_default().0));
    none()
}

fn disconnect(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (call, rest) = of(arguments, "vctx:disconnect")?;
    let (number, text) = <(Value, Option<Text>)>::from_lua_multi(rest, lua)?;
    may_decide(&call, "vctx:disconnect")?;
    let mut disposition = call.disposition.borrow_mut();
    match number {
        Value::Nil => disposition.disconnect = true,
        number => disposition.disconnect(code(&number)?, reply_text(&text.unwrap_or_default().0)),
    }
    none()
}

fn tarpit(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (call, rest) = of(arguments, "vctx:tarpit")?;
    let seconds = f64::from_lua_multi(rest, lua)?;
    may_decide(&call, "vctx:tarpit")?;
    let cost = Duration::try_from_secs_f64(seconds)
        .map_err(|_| Error::runtime("a tarpit is a number of seconds"))?;
    call.disposition.borrow_mut().tarpit(cost.min(Duration::from_secs(86_400)));
    none()
}

fn may_change_recipients(call: &Call, name: &str) -> mlua::Result<()> {
    if call.rights.recipients {
        return Ok(());
    }
    Err(Error::runtime(format!("{name} cannot be used in this phase: the list of recipients is final")))
}

/// What a script can make of a transaction's recipients.
const MOST_RECIPIENTS: usize = 100_000;

fn add_recipient(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (call, rest) = of(arguments, "vctx:add_recipient")?;
    let added = addresses(&Value::from_lua_multi(rest, lua)?, lua)?;
    may_change_recipients(&call, "vctx:add_recipient")?;
    let mut message = call.letter.message.borrow_mut();
    for address in added {
        if message.recipients.len() >= MOST_RECIPIENTS {
            return Err(Error::runtime("a transaction has at most 100000 recipients"));
        }
        if !message.recipients.contains(&address) {
            message.recipients.push(address);
        }
    }
    none()
}

fn remove_recipient(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (call, rest) = of(arguments, "vctx:remove_recipient")?;
    let removed = addresses(&Value::from_lua_multi(rest, lua)?, lua)?;
    may_change_recipients(&call, "vctx:remove_recipient")?;
    call.letter.message.borrow_mut().recipients.retain(|address| !removed.contains(address));
    none()
}

fn recipient_list(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (call, rest) = of(arguments, "vctx:recipient_list")?;
    let wanted = Value::from_lua_multi(rest, lua)?;
    if call.phase == Some(mail::Phase::Rcptto) {
        return Err(Error::runtime("vctx:recipient_list cannot be used in rcptto"));
    }
    if !wanted.is_nil() {
        may_change_recipients(&call, "vctx:recipient_list")?;
        call.letter.message.borrow_mut().recipients = addresses(&wanted, lua)?;
    }
    let message = call.letter.message.borrow();
    one(lua, lua.create_sequence_from(message.recipients.iter().map(|address| address.as_str()))?)
}
