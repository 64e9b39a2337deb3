//! Header, body and texts of a message. While its tree is open, the header is that of the tree's root.

use super::{may, of};
use crate::call::Letter;
use crate::value::{Octets, Text, one};
use bytes::Bytes;
use content::address::{Component, parse_list};
use content::{Header, Place};
use mlua::{Error, FromLua as _, FromLuaMulti, Lua, MultiValue, Value};

/// Octets of a content that a script makes.
const LARGEST: usize = 128 << 20;

pub fn size(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (letter, _) = of(arguments, "msg:get_message_size")?;
    letter.flush();
    let length = letter.message.borrow().content.len();
    one(lua, length as f64)
}

fn with_header<R>(letter: &Letter, read: impl FnOnce(Header<'_>) -> R) -> R {
    match &*letter.tree.borrow() {
        Some(tree) => read(tree.header(tree.root())),
        None => read(letter.message.borrow().content.header()),
    }
}

fn put(letter: &Letter, place: Place, name: &str, value: &str) -> mlua::Result<()> {
    let put = match &mut *letter.tree.borrow_mut() {
        Some(tree) => {
            letter.tree_changed.set(true);
            let root = tree.root();
            tree.put_field(root, place, name, value)
        }
        None => letter.message.borrow_mut().content.put_field(place, name, value),
    };
    put.map_err(|error| Error::runtime(error.to_string()))
}

fn delete(letter: &Letter, name: &str) -> usize {
    match &mut *letter.tree.borrow_mut() {
        Some(tree) => {
            letter.tree_changed.set(true);
            let root = tree.root();
            tree.delete_fields(root, name)
        }
        None => letter.message.borrow_mut().content.delete_fields(name),
    }
}

pub fn place(mode: Option<&str>) -> mlua::Result<Place> {
    match mode.unwrap_or("replace") {
        "replace" => Ok(Place::Instead),
        "append" => Ok(Place::Last),
        "prepend" => Ok(Place::First),
        other => Err(Error::runtime(format!("'{other}' is none of replace, append, prepend"))),
    }
}

pub fn header(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (letter, rest) = of(arguments, "msg:header")?;
    let (name, value, mode) = <(Text, Value, Option<Text>)>::from_lua_multi(rest, lua)?;
    if value.is_nil() {
        return with_header(&letter, |header| {
            one(lua, lua.create_sequence_from(header.named(&name.0).map(|field| field.text()))?)
        });
    }
    may(lua, &letter, "msg:header", |rights| rights.content)?;
    let mode = place(mode.as_ref().map(|mode| mode.0.as_str()))?;
    let mut values: Vec<String> = match value {
        Value::Table(list) => {
            list.sequence_values::<Text>().map(|text| text.map(|text| text.0)).collect::<mlua::Result<_>>()?
        }
        other => vec![Text::from_lua(other, lua)?.0],
    };
    values.retain(|value| !value.is_empty());
    if mode == Place::Instead && values.len() != 1 {
        let gone = delete(&letter, &name.0);
        if values.is_empty() {
            return one(lua, gone > 0);
        }
    }
    let mode = if mode == Place::Instead && values.len() > 1 { Place::Last } else { mode };
    if mode == Place::First {
        values.reverse();
    }
    for value in &values {
        put(&letter, mode, &name.0, value)?;
    }
    one(lua, !values.is_empty())
}

pub fn component(name: Option<&str>) -> mlua::Result<Component> {
    let name = name.unwrap_or("all");
    Component::named(name)
        .ok_or_else(|| Error::runtime(format!("'{name}' is none of all, localpart, user, detail, domain")))
}

/// One component of every address of the fields of a name.
pub fn addresses_in(header: Header<'_>, name: &str, component: Component) -> Vec<String> {
    let fields = header.named(name);
    let lists = fields.flat_map(|field| parse_list(&String::from_utf8_lossy(&field.value())));
    lists.filter_map(|mailbox| mailbox.component(component)).collect()
}

pub fn address_header(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (letter, rest) = of(arguments, "msg:address_header")?;
    let (name, wanted) = <(Text, Option<Text>)>::from_lua_multi(rest, lua)?;
    let wanted = component(wanted.as_ref().map(|text| text.0.as_str()))?;
    let found = with_header(&letter, |header| addresses_in(header, &name.0, wanted));
    one(lua, lua.create_sequence_from(found)?)
}

/// Without the end-of-data marker that scripts append, with CRLF at every line end.
pub fn canonical(octets: Vec<u8>) -> mlua::Result<Bytes> {
    if octets.len() > LARGEST {
        return Err(Error::runtime("a message is at most 128 MiB"));
    }
    let mut octets = octets;
    if octets.ends_with(b"\r\n.\r\n") {
        octets.truncate(octets.len() - 3);
    }
    let lone = octets.iter().enumerate().any(|(at, byte)| match byte {
        b'\n' => at == 0 || octets[at - 1] != b'\r',
        b'\r' => octets.get(at + 1) != Some(&b'\n'),
        _ => false,
    });
    if !lone {
        return Ok(octets.into());
    }
    let mut out = Vec::with_capacity(octets.len() + octets.len() / 32);
    for (at, byte) in octets.iter().enumerate() {
        match byte {
            b'\n' if at > 0 && octets[at - 1] == b'\r' => out.push(b'\n'),
            b'\n' => out.extend_from_slice(b"\r\n"),
            b'\r' if octets.get(at + 1) != Some(&b'\n') => out.extend_from_slice(b"\r\n"),
            other => out.push(*other),
        }
    }
    Ok(out.into())
}

/// What the tree says is written back before the content is read or replaced as a whole.
pub fn body(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (letter, rest) = of(arguments, "msg:body")?;
    letter.close_tree();
    if let Some(octets) = Option::<Octets>::from_lua_multi(rest, lua)? {
        may(lua, &letter, "msg:body", |rights| rights.content)?;
        letter.message.borrow_mut().content.set_body(canonical(octets.0)?);
    }
    let body = letter.message.borrow().content.body().clone();
    one(lua, lua.create_string(&body)?)
}

pub fn raw(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (letter, rest) = of(arguments, "msg:raw")?;
    letter.close_tree();
    if let Some(octets) = Option::<Octets>::from_lua_multi(rest, lua)? {
        may(lua, &letter, "msg:raw", |rights| rights.content)?;
        letter.message.borrow_mut().content.replace(canonical(octets.0)?);
    }
    let octets = letter.message.borrow().content.octets();
    one(lua, lua.create_string(&octets)?)
}

pub fn text(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (letter, rest) = of(arguments, "msg:text")?;
    let (text, kind, charset) = <(Option<Text>, Option<Text>, Option<Text>)>::from_lua_multi(rest, lua)?;
    if let Some(text) = text {
        may(lua, &letter, "msg:text", |rights| rights.content)?;
        let text = String::from_utf8_lossy(&canonical(text.0.into_bytes())?).into_owned();
        return letter.with_tree(|tree| {
            letter.tree_changed.set(true);
            let root = tree.root();
            let kind = kind.map_or("text/plain".to_owned(), |kind| kind.0);
            tree.set_text_as(root, &text, &kind, charset.as_ref().map_or("utf-8", |charset| &charset.0));
            one(lua, true)
        });
    }
    let texts: Vec<String> =
        letter.with_tree(|tree| tree.texts(tree.root()).into_iter().map(|part| tree.text(part)).collect());
    match texts.len() {
        0 => one(lua, ""),
        1 => one(lua, texts.into_iter().next()),
        _ => one(lua, lua.create_sequence_from(texts)?),
    }
}
