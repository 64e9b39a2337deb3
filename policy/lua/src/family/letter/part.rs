//! `msgpart`: one part of the MIME tree.

use super::content::{addresses_in, canonical, component, place};
use super::{may, of};
use crate::call::Letter;
use crate::family::context::alive;
use crate::machine::Machine;
use crate::value::{Octets, Text, class, one, this};
use bytes::Bytes;
use content::{Encoding, PART_LIMIT, PartId, Tree};
use mlua::{
    Error, FromLua as _, FromLuaMulti, Lua, MultiValue, UserDataFields as _, UserDataMethods as _, Value,
};
use std::rc::Rc;

/// A part of the tree with this number.
pub struct Part {
    letter: Rc<Letter>,
    number: u32,
    id: PartId,
    writable: bool,
}

/// A part in hand: its tree is there.
pub struct Held {
    pub letter: Rc<Letter>,
    pub id: PartId,
    writable: bool,
}

impl Held {
    pub fn read<R>(&self, with: impl FnOnce(&Tree, PartId) -> R) -> R {
        self.letter.with_tree(|tree| with(tree, self.id))
    }

    pub fn write<R>(
        &self,
        lua: &Lua,
        name: &str,
        with: impl FnOnce(&mut Tree, PartId) -> mlua::Result<R>,
    ) -> mlua::Result<R> {
        if !self.writable {
            return Err(Error::runtime(format!(
                "{name}: the part is read-only, msg:mime(false) gives changeable ones"
            )));
        }
        may(lua, &self.letter, name, |rights| rights.content)?;
        self.letter.tree_changed.set(true);
        self.letter.with_tree(|tree| with(tree, self.id))
    }

    fn to_lua(&self, lua: &Lua, id: PartId) -> mlua::Result<Value> {
        make(lua, &self.letter, id, self.writable)
    }
}

fn make(lua: &Lua, letter: &Rc<Letter>, id: PartId, writable: bool) -> mlua::Result<Value> {
    let part = Part { letter: letter.clone(), number: letter.tree_number.get(), id, writable };
    lua.create_any_userdata(part).map(Value::UserData)
}

fn hold(part: &Part, name: &str) -> mlua::Result<Held> {
    alive(&part.letter, name)?;
    if part.number != part.letter.tree_number.get() {
        return Err(Error::runtime(format!("{name}: the content was replaced since the part was taken")));
    }
    Ok(Held { letter: part.letter.clone(), id: part.id, writable: part.writable })
}

pub fn held(arguments: MultiValue, name: &str) -> mlua::Result<(Held, MultiValue)> {
    let (held, rest) = this::<Part, _>(arguments, name, |part| hold(part, name))?;
    Ok((held?, rest))
}

fn other(value: Value, name: &str) -> mlua::Result<Held> {
    this::<Part, _>(MultiValue::from_iter([value]), name, |part| hold(part, name))?.0
}

pub fn set_up(machine: &Machine) -> mlua::Result<()> {
    class::<Part>(machine, "msgpart", |registry| {
        registry.add_field_method_get("thread", |lua, part| {
            let held = hold(part, "msgpart.thread")?;
            let next = held.read(|tree, id| {
                let all = tree.walk(tree.root());
                all.iter().position(|part| *part == id).and_then(|at| all.get(at + 1).copied())
            });
            next.map_or(Ok(Value::Nil), |next| held.to_lua(lua, next))
        });
        registry.add_field_method_get("parent", |lua, part| {
            let held = hold(part, "msgpart.parent")?;
            held.read(|tree, id| tree.parent(id)).map_or(Ok(Value::Nil), |id| held.to_lua(lua, id))
        });
        registry.add_field_method_get("children", |lua, part| {
            let held = hold(part, "msgpart.children")?;
            let children = held.read(|tree, id| tree.children(id).to_vec());
            let list =
                children.into_iter().map(|id| held.to_lua(lua, id)).collect::<mlua::Result<Vec<_>>>()?;
            lua.create_sequence_from(list)
        });
        registry.add_meta_function("__eq", |_, (a, b): (mlua::AnyUserData, mlua::AnyUserData)| {
            let (a, b) = (a.borrow::<Part>()?, b.borrow::<Part>()?);
            Ok(Rc::ptr_eq(&a.letter, &b.letter) && a.number == b.number && a.id == b.id)
        });
    })
}

pub fn mime(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (letter, rest) = of(arguments, "msg:mime")?;
    let readonly = Option::<bool>::from_lua_multi(rest, lua)?.unwrap_or(true);
    if !readonly {
        may(lua, &letter, "msg:mime(false)", |rights| rights.content)?;
    }
    let root = letter.with_tree(|tree| tree.root());
    one(lua, make(lua, &letter, root, !readonly)?)
}

pub fn header(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    const NAME: &str = "msgpart:header";
    let (held, rest) = held(arguments, NAME)?;
    let writes = rest.len() > 1;
    let (name, value, mode) = <(Text, Option<Text>, Option<Text>)>::from_lua_multi(rest, lua)?;
    if !writes {
        let values: Vec<String> =
            held.read(|tree, id| tree.header(id).named(&name.0).map(|field| field.text()).collect());
        return one(lua, lua.create_sequence_from(values)?);
    }
    let mode = place(mode.as_ref().map(|mode| mode.0.as_str()))?;
    let done = held.write(lua, NAME, |tree, id| match value {
        None => Ok(tree.delete_fields(id, &name.0) > 0),
        Some(value) if value.0.is_empty() => Ok(tree.delete_fields(id, &name.0) > 0),
        Some(value) => {
            tree.put_field(id, mode, &name.0, &value.0).map_err(|error| Error::runtime(error.to_string()))?;
            Ok(true)
        }
    })?;
    one(lua, done)
}

pub fn address_header(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (held, rest) = held(arguments, "msgpart:address_header")?;
    let (name, wanted) = <(Text, Option<Text>)>::from_lua_multi(rest, lua)?;
    let wanted = component(wanted.as_ref().map(|text| text.0.as_str()))?;
    let found = held.read(|tree, id| addresses_in(tree.header(id), &name.0, wanted));
    one(lua, lua.create_sequence_from(found)?)
}

pub fn content_type(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (held, _) = held(arguments, "msgpart:content_type")?;
    let (kind, encoding, disposition) = held.read(|tree, id| {
        let disposition = tree.header(id).first("Content-Disposition").map(|field| field.text());
        (tree.content_type(id).clone(), tree.encoding(id), disposition)
    });
    let disposition = disposition.map(|text| content::ContentType::parse(&text));
    let filename = disposition.as_ref().and_then(|disposition| disposition.parameter("filename"));
    let filename = filename.or(kind.parameter("name")).map(str::to_owned);
    let table = lua.create_table()?;
    table.set("mimetype", kind.value.to_string())?;
    table.set("charset", kind.parameter("charset").map(str::to_owned))?;
    table.set("encoding", encoding.name())?;
    table.set("is_attachment", filename.is_some())?;
    table.set("filename", filename)?;
    one(lua, table)
}

pub fn text(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    const NAME: &str = "msgpart:text";
    let (held, rest) = held(arguments, NAME)?;
    let (text, kind, charset) = <(Option<Text>, Option<Text>, Option<Text>)>::from_lua_multi(rest, lua)?;
    let Some(text) = text else {
        let text = held.read(|tree, id| tree.children(id).is_empty().then(|| tree.text(id)));
        return one(lua, text);
    };
    let text = String::from_utf8_lossy(&canonical(text.0.into_bytes())?).into_owned();
    held.write(lua, NAME, |tree, id| {
        match (kind, charset) {
            (None, None) => tree.set_text(id, &text),
            (kind, charset) => {
                let old = tree.content_type(id).value.to_string();
                let kind = kind.map_or(old, |kind| kind.0);
                tree.set_text_as(id, &text, &kind, charset.as_ref().map_or("utf-8", |charset| &charset.0));
            }
        }
        Ok(())
    })?;
    one(lua, true)
}

/// Parts that a script has made of one message.
fn room(letter: &Letter) -> mlua::Result<()> {
    let made = letter.parts_made.get() + 1;
    letter.parts_made.set(made);
    match made < 2 * PART_LIMIT {
        true => Ok(()),
        false => Err(Error::runtime("the script has made too many parts")),
    }
}

pub fn make_boundary(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (letter, _) = of(arguments, "msg:makeBoundary")?;
    one(lua, boundary(&letter))
}

/// Does not occur in the message, nor does what it begins with: it is numbered by what does.
pub fn boundary(letter: &Letter) -> String {
    letter.flush();
    let message = letter.message.borrow();
    let octets = message.content.octets();
    let id = message.id.to_string().replace(['/', '-'], "_");
    let taken = memchr::memmem::find_iter(&octets, b"=_impetus_").count();
    let made = letter.next_boundary();
    (0..)
        .map(|round: usize| format!("=_impetus_{id}_{}_{}", made, taken + round))
        .find(|boundary| memchr::memmem::find(&octets, boundary.as_bytes()).is_none())
        .unwrap_or_default()
}

pub fn make_container(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (letter, rest) = of(arguments, "msg:makeContainer")?;
    let (kind, wanted, _terminator) = <(Text, Option<Text>, Option<bool>)>::from_lua_multi(rest, lua)?;
    may(lua, &letter, "msg:makeContainer", |rights| rights.content)?;
    let wanted = wanted.map_or_else(|| boundary(&letter), |text| text.0);
    room(&letter)?;
    let made = letter.with_tree(|tree| {
        tree.new_container(&kind.0, &wanted).map_err(|error| Error::runtime(error.to_string()))
    })?;
    one(lua, make(lua, &letter, made, true)?)
}

pub fn encoding(number: Option<f64>) -> mlua::Result<Encoding> {
    Ok(match number.unwrap_or(0.0) as i64 {
        0 => Encoding::SevenBit,
        1 => Encoding::EightBit,
        2 => Encoding::Binary,
        3 => Encoding::QuotedPrintable,
        4 => Encoding::Base64,
        _ => return Err(Error::runtime("the encoding is one of msys.core.EC_MIME_TE_*")),
    })
}

pub fn make_part(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (letter, rest) = of(arguments, "msg:makePart")?;
    let (kind, body, wanted) = <(Text, Option<Octets>, Option<f64>)>::from_lua_multi(rest, lua)?;
    may(lua, &letter, "msg:makePart", |rights| rights.content)?;
    let wanted = encoding(wanted)?;
    let body = body.unwrap_or_default().0;
    room(&letter)?;
    let made = letter.with_tree(|tree| {
        // The body is raw: it is in that encoding already.
        let part = tree.new_part(&kind.0, b"", wanted).map_err(|error| Error::runtime(error.to_string()))?;
        tree.set_raw_body(part, Bytes::from(body));
        Ok::<_, Error>(part)
    })?;
    one(lua, make(lua, &letter, made, true)?)
}

fn join(
    lua: &Lua,
    name: &str,
    held: &Held,
    child: PartId,
    container: PartId,
    at: usize,
) -> mlua::Result<MultiValue> {
    held.write(lua, name, |tree, _| {
        tree.insert(container, at, child).map_err(|error| Error::runtime(format!("{name}: {error}")))
    })?;
    one(lua, true)
}

fn child(lua: &Lua, arguments: MultiValue, name: &str, at: usize) -> mlua::Result<MultiValue> {
    let (held, rest) = held(arguments, name)?;
    let child = other(Value::from_lua_multi(rest, lua)?, name)?;
    join(lua, name, &held, child.id, held.id, at)
}

pub fn add_first_child(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    child(lua, arguments, "msgpart:addFirstChild", 0)
}

pub fn add_last_child(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    child(lua, arguments, "msgpart:addLastChild", usize::MAX)
}

fn beside(lua: &Lua, arguments: MultiValue, name: &str, offset: usize) -> mlua::Result<MultiValue> {
    let (held, rest) = held(arguments, name)?;
    let sibling = other(Value::from_lua(rest.front().cloned().unwrap_or(Value::Nil), lua)?, name)?;
    let place = sibling.read(|tree, id| Some((tree.parent(id)?, tree.position(id)?)));
    let (container, at) =
        place.ok_or_else(|| Error::runtime(format!("{name}: the other part stands in no container")))?;
    join(lua, name, &held, held.id, container, at + offset)
}

pub fn insert_after(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    beside(lua, arguments, "msgpart:insertAfter", 1)
}

pub fn insert_before(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    beside(lua, arguments, "msgpart:insertBefore", 0)
}

pub fn unlink(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (held, _) = held(arguments, "msgpart:unlink")?;
    let gone = held.write(lua, "msgpart:unlink", |tree, id| Ok(tree.unlink(id)))?;
    one(lua, gone)
}
