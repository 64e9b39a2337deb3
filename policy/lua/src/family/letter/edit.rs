//! PCRE over the raw message, its body, its texts, and over parts.

use super::content::canonical;
use super::part::{Held, held};
use super::{may, of};
use crate::call::Letter;
use crate::function::Soon;
use crate::pattern::{compiled, matched, replaced, searching};
use crate::value::{Octets, Text, one};
use bytes::Bytes;
use content::{Content, PartId, Place, Tree};
use mlua::{Error, FromLuaMulti, Lua, MultiValue, Value};

/// What is searched: octets as they are, or parts whose texts are decoded by whoever searches them.
enum Subject {
    Octets(Bytes),
    Texts(Tree, Vec<PartId>),
}

impl Subject {
    fn texts_of(letter: &Letter) -> Subject {
        letter.with_tree(|tree| Subject::Texts(tree.clone(), tree.texts(tree.root())))
    }

    fn text_of(held: &Held) -> Subject {
        held.read(|tree, id| Subject::Texts(tree.clone(), vec![id]))
    }

    fn len(&self) -> usize {
        match self {
            Subject::Octets(octets) => octets.len(),
            Subject::Texts(tree, parts) => parts.iter().map(|part| tree.raw_body(*part).len()).sum(),
        }
    }

    fn is_text(&self) -> bool {
        matches!(self, Subject::Texts(..))
    }

    fn pieces(&self) -> impl Iterator<Item = Bytes> {
        let (octets, texts) = match self {
            Subject::Octets(octets) => (Some(octets.clone()), None),
            Subject::Texts(tree, parts) => {
                (None, Some(parts.iter().map(|part| Bytes::from(tree.text(*part)))))
            }
        };
        octets.into_iter().chain(texts.into_iter().flatten())
    }
}

/// The table of captures, or false.
fn search(lua: &Lua, name: &'static str, rest: MultiValue, subject: Subject) -> mlua::Result<Soon> {
    let pattern = Text::from_lua_multi(rest, lua)?.0;
    let (regex, length) = (compiled(lua, &pattern, subject.is_text())?, subject.len());
    let look = move || {
        let found = subject.pieces().find_map(|piece| matched(&regex, &piece).transpose());
        found.transpose()
    };
    searching(lua, name, length, look, |lua, found| match found {
        Some(found) => one(lua, found.table(lua)?),
        None => one(lua, Value::Boolean(false)),
    })
}

/// Pieces with all matches replaced, and none where there was no match; `put` writes them back.
fn substitute(
    lua: &Lua,
    name: &'static str,
    rest: MultiValue,
    subject: Subject,
    put: impl FnOnce(&Lua, Vec<Option<Vec<u8>>>) -> mlua::Result<()> + 'static,
) -> mlua::Result<Soon> {
    let (pattern, replacement) = <(Text, Octets)>::from_lua_multi(rest, lua)?;
    let (regex, length) = (compiled(lua, &pattern.0, subject.is_text())?, subject.len());
    let make = move || subject.pieces().map(|piece| replaced(&regex, &piece, &replacement.0)).collect();
    searching(lua, name, length, make, |lua, made: Vec<Option<Vec<u8>>>| {
        let any = made.iter().any(Option::is_some);
        if any {
            put(lua, made)?;
        }
        one(lua, any)
    })
}

fn first(made: Vec<Option<Vec<u8>>>) -> Vec<u8> {
    made.into_iter().flatten().next().unwrap_or_default()
}

pub fn body_match(lua: &Lua, arguments: MultiValue) -> mlua::Result<Soon> {
    let (letter, rest) = of(arguments, "msg:body_match")?;
    letter.flush();
    let body = letter.message.borrow().content.body().clone();
    search(lua, "msg:body_match", rest, Subject::Octets(body))
}

/// Replaces in what `subject` is of the content, and has `put` write it back.
fn in_content(
    lua: &Lua,
    name: &'static str,
    arguments: MultiValue,
    subject: fn(&Content) -> Bytes,
    put: fn(&mut Content, Bytes),
) -> mlua::Result<Soon> {
    let (letter, rest) = of(arguments, name)?;
    may(lua, &letter, name, |rights| rights.content)?;
    letter.close_tree();
    let octets = subject(&letter.message.borrow().content);
    substitute(lua, name, rest, Subject::Octets(octets), move |_, made| {
        let octets = canonical(first(made))?;
        put(&mut letter.message.borrow_mut().content, octets);
        Ok(())
    })
}

pub fn body_replace(lua: &Lua, arguments: MultiValue) -> mlua::Result<Soon> {
    let body = |content: &Content| content.body().clone();
    in_content(lua, "msg:body_replace", arguments, body, |content, octets| content.set_body(octets))
}

pub fn raw_match(lua: &Lua, arguments: MultiValue) -> mlua::Result<Soon> {
    let (letter, rest) = of(arguments, "msg:raw_match")?;
    letter.flush();
    let octets = letter.message.borrow().content.octets();
    search(lua, "msg:raw_match", rest, Subject::Octets(octets))
}

pub fn raw_replace(lua: &Lua, arguments: MultiValue) -> mlua::Result<Soon> {
    in_content(lua, "msg:raw_replace", arguments, Content::octets, Content::replace)
}

pub fn text_match(lua: &Lua, arguments: MultiValue) -> mlua::Result<Soon> {
    let (letter, rest) = of(arguments, "msg:text_match")?;
    search(lua, "msg:text_match", rest, Subject::texts_of(&letter))
}

pub fn text_replace(lua: &Lua, arguments: MultiValue) -> mlua::Result<Soon> {
    const NAME: &str = "msg:text_replace";
    let (letter, rest) = of(arguments, NAME)?;
    may(lua, &letter, NAME, |rights| rights.content)?;
    let subject = Subject::texts_of(&letter);
    let parts = letter.with_tree(|tree| tree.texts(tree.root()));
    substitute(lua, NAME, rest, subject, move |_, made| {
        letter.tree_changed.set(true);
        letter.with_tree(|tree| {
            for (part, text) in parts.iter().zip(&made) {
                if let Some(text) = text {
                    tree.set_text(*part, &String::from_utf8_lossy(text));
                }
            }
        });
        Ok(())
    })
}

pub fn part_body_match(lua: &Lua, arguments: MultiValue) -> mlua::Result<Soon> {
    let (held, rest) = held(arguments, "msgpart:body_match")?;
    let body = held.read(|tree, id| tree.raw_body(id));
    search(lua, "msgpart:body_match", rest, Subject::Octets(body))
}

pub fn part_raw_match(lua: &Lua, arguments: MultiValue) -> mlua::Result<Soon> {
    let (held, rest) = held(arguments, "msgpart:raw_match")?;
    let raw = held.read(|tree, id| tree.raw(id));
    search(lua, "msgpart:raw_match", rest, Subject::Octets(raw))
}

pub fn part_text_match(lua: &Lua, arguments: MultiValue) -> mlua::Result<Soon> {
    let (held, rest) = held(arguments, "msgpart:text_match")?;
    let subject = Subject::text_of(&held);
    search(lua, "msgpart:text_match", rest, subject)
}

/// Replaces in what `subject` is of the part, and has `put` write it back.
fn in_part(
    lua: &Lua,
    held: Held,
    rest: MultiValue,
    name: &'static str,
    subject: Subject,
    put: fn(&mut Tree, PartId, Vec<u8>) -> mlua::Result<()>,
) -> mlua::Result<Soon> {
    substitute(lua, name, rest, subject, move |lua, made| {
        held.write(lua, name, |tree, id| put(tree, id, first(made)))
    })
}

pub fn part_body_replace(lua: &Lua, arguments: MultiValue) -> mlua::Result<Soon> {
    const NAME: &str = "msgpart:body_replace";
    let (held, rest) = held(arguments, NAME)?;
    let body = held.read(|tree, id| tree.raw_body(id));
    in_part(lua, held, rest, NAME, Subject::Octets(body), |tree, id, octets| {
        tree.set_raw_body(id, octets.into());
        Ok(())
    })
}

pub fn part_raw_replace(lua: &Lua, arguments: MultiValue) -> mlua::Result<Soon> {
    const NAME: &str = "msgpart:raw_replace";
    let (held, rest) = held(arguments, NAME)?;
    let raw = held.read(|tree, id| tree.raw(id));
    in_part(lua, held, rest, NAME, Subject::Octets(raw), |tree, id, octets| {
        // The header is written field by field, so that what is no field cannot come in.
        let new = Content::new(canonical(octets)?);
        let names: Vec<String> = tree.header(id).fields().map(|field| field.name().to_owned()).collect();
        for name in names {
            tree.delete_fields(id, &name);
        }
        for field in new.header().fields().filter(|field| !field.name().is_empty()) {
            tree.put_field(id, Place::Last, field.name(), &String::from_utf8_lossy(&field.value()))
                .map_err(|error| Error::runtime(error.to_string()))?;
        }
        tree.set_raw_body(id, new.body().clone());
        Ok(())
    })
}

pub fn part_text_replace(lua: &Lua, arguments: MultiValue) -> mlua::Result<Soon> {
    const NAME: &str = "msgpart:text_replace";
    let (held, rest) = held(arguments, NAME)?;
    let main = held.read(|tree, id| tree.content_type(id).main().to_owned());
    if main != "text" && !main.is_empty() {
        return Err(Error::runtime("msgpart:text_replace works on parts of type text/* only"));
    }
    let subject = Subject::text_of(&held);
    in_part(lua, held, rest, NAME, subject, |tree, id, octets| {
        tree.set_text(id, &String::from_utf8_lossy(&octets));
        Ok(())
    })
}
