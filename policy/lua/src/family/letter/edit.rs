//! PCRE over the raw message, its body, its texts, and over parts.

use super::content::canonical;
use super::part::{Held, held};
use super::{may, of};
use crate::pattern::{compiled, matched, replaced};
use crate::value::{Octets, Text, one};
use bytes::Bytes;
use mlua::{FromLuaMulti, Lua, MultiValue, Value};

/// The table of captures, or false.
fn search<'s>(
    lua: &Lua,
    rest: MultiValue,
    unicode: bool,
    subjects: impl Iterator<Item = &'s [u8]>,
) -> mlua::Result<MultiValue> {
    let pattern = Text::from_lua_multi(rest, lua)?.0;
    let regex = compiled(lua, &pattern, unicode)?;
    for subject in subjects {
        if let Some(table) = matched(lua, &regex, subject)? {
            return one(lua, table);
        }
    }
    one(lua, Value::Boolean(false))
}

/// Each subject with all matches replaced, where there is one.
fn substitute<'s>(
    lua: &Lua,
    rest: MultiValue,
    unicode: bool,
    subjects: impl Iterator<Item = &'s [u8]>,
) -> mlua::Result<Vec<Option<Vec<u8>>>> {
    let (pattern, replacement) = <(Text, Octets)>::from_lua_multi(rest, lua)?;
    let regex = compiled(lua, &pattern.0, unicode)?;
    subjects.map(|subject| replaced(&regex, subject, &replacement.0)).collect()
}

fn changed(lua: &Lua, made: &[Option<Vec<u8>>]) -> mlua::Result<MultiValue> {
    one(lua, made.iter().any(Option::is_some))
}

pub fn body_match(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (letter, rest) = of(arguments, "msg:body_match")?;
    letter.flush();
    let body = letter.message.borrow().content.body().clone();
    search(lua, rest, false, std::iter::once(&body[..]))
}

pub fn body_replace(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (letter, rest) = of(arguments, "msg:body_replace")?;
    may(lua, &letter, "msg:body_replace", |rights| rights.content)?;
    letter.close_tree();
    let body = letter.message.borrow().content.body().clone();
    let mut made = substitute(lua, rest, false, std::iter::once(&body[..]))?;
    let answer = changed(lua, &made);
    if let Some(octets) = made.pop().flatten() {
        letter.message.borrow_mut().content.set_body(canonical(octets)?);
    }
    answer
}

pub fn raw_match(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (letter, rest) = of(arguments, "msg:raw_match")?;
    letter.flush();
    let octets = letter.message.borrow().content.octets();
    search(lua, rest, false, std::iter::once(&octets[..]))
}

pub fn raw_replace(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (letter, rest) = of(arguments, "msg:raw_replace")?;
    may(lua, &letter, "msg:raw_replace", |rights| rights.content)?;
    letter.close_tree();
    let octets = letter.message.borrow().content.octets();
    let mut made = substitute(lua, rest, false, std::iter::once(&octets[..]))?;
    let answer = changed(lua, &made);
    if let Some(octets) = made.pop().flatten() {
        letter.message.borrow_mut().content.replace(canonical(octets)?);
    }
    answer
}

pub fn text_match(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (letter, rest) = of(arguments, "msg:text_match")?;
    let texts: Vec<String> =
        letter.with_tree(|tree| tree.texts(tree.root()).into_iter().map(|part| tree.text(part)).collect());
    search(lua, rest, true, texts.iter().map(String::as_bytes))
}

pub fn text_replace(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (letter, rest) = of(arguments, "msg:text_replace")?;
    may(lua, &letter, "msg:text_replace", |rights| rights.content)?;
    let parts = letter.with_tree(|tree| tree.texts(tree.root()));
    let texts: Vec<String> = letter.with_tree(|tree| parts.iter().map(|part| tree.text(*part)).collect());
    let made = substitute(lua, rest, true, texts.iter().map(String::as_bytes))?;
    letter.with_tree(|tree| {
        for (part, text) in parts.iter().zip(&made) {
            if let Some(text) = text {
                letter.tree_changed.set(true);
                tree.set_text(*part, &String::from_utf8_lossy(text));
            }
        }
    });
    changed(lua, &made)
}

pub fn part_body_match(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (held, rest) = held(arguments, "msgpart:body_match")?;
    let body = held.read(|tree, id| tree.raw_body(id));
    search(lua, rest, false, std::iter::once(&body[..]))
}

pub fn part_raw_match(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (held, rest) = held(arguments, "msgpart:raw_match")?;
    let raw = held.read(|tree, id| tree.raw(id));
    search(lua, rest, false, std::iter::once(&raw[..]))
}

pub fn part_text_match(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (held, rest) = held(arguments, "msgpart:text_match")?;
    let text = held.read(|tree, id| tree.text(id));
    search(lua, rest, true, std::iter::once(text.as_bytes()))
}

/// Replaces in what `subject` is of the part, and has `put` write it back.
fn in_part(
    lua: &Lua,
    held: Held,
    rest: MultiValue,
    name: &str,
    subject: (bool, Bytes),
    put: impl FnOnce(&mut content::Tree, content::PartId, Vec<u8>) -> mlua::Result<()>,
) -> mlua::Result<MultiValue> {
    let (unicode, subject) = subject;
    let mut made = substitute(lua, rest, unicode, std::iter::once(&subject[..]))?;
    let answer = changed(lua, &made);
    if let Some(octets) = made.pop().flatten() {
        held.write(lua, name, |tree, id| put(tree, id, octets))?;
    }
    answer
}

pub fn part_body_replace(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    const NAME: &str = "msgpart:body_replace";
    let (held, rest) = held(arguments, NAME)?;
    let body = held.read(|tree, id| tree.raw_body(id));
    in_part(lua, held, rest, NAME, (false, body), |tree, id, octets| {
        tree.set_raw_body(id, octets.into());
        Ok(())
    })
}

pub fn part_raw_replace(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    const NAME: &str = "msgpart:raw_replace";
    let (held, rest) = held(arguments, NAME)?;
    let raw = held.read(|tree, id| tree.raw(id));
    in_part(lua, held, rest, NAME, (false, raw), |tree, id, octets| {
        // The header is written field by field, so that what is no field cannot come in.
        let new = content::Content::new(canonical(octets)?);
        let names: Vec<String> = tree.header(id).fields().map(|field| field.name().to_owned()).collect();
        for name in names {
            tree.delete_fields(id, &name);
        }
        for field in new.header().fields().filter(|field| !field.name().is_empty()) {
            tree.put_field(id, content::Place::Last, field.name(), &String::from_utf8_lossy(&field.value()))
                .map_err(|error| mlua::Error::runtime(error.to_string()))?;
        }
        tree.set_raw_body(id, new.body().clone());
        Ok(())
    })
}

pub fn part_text_replace(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    const NAME: &str = "msgpart:text_replace";
    let (held, rest) = held(arguments, NAME)?;
    let (main, text) = held.read(|tree, id| (tree.content_type(id).main().to_owned(), tree.text(id)));
    if main != "text" && !main.is_empty() {
        return Err(mlua::Error::runtime("msgpart:text_replace works on parts of type text/* only"));
    }
    in_part(lua, held, rest, NAME, (true, text.into_bytes().into()), |tree, id, octets| {
        tree.set_text(id, &String::from_utf8_lossy(&octets));
        Ok(())
    })
}
