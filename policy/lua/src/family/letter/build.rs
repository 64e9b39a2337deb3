//! New messages: built, copied, forwarded, injected.

use super::content::canonical;
use super::part::boundary;
use super::{may, of};
use crate::call::{Call, Letter, Pending};
use crate::machine::calling;
use crate::value::{Msg, Octets, Shown, Text, address, addresses, none, one};
use content::{Content, Encoding, Place, Tree};
use mlua::{Error, FromLua as _, FromLuaMulti, Lua, MultiValue, Table, Value};
use policy_api::{Message, NewMessage, Origin};
use std::rc::Rc;

/// New messages that one message may bring about.
const MOST: usize = 1000;

pub fn new(lua: &Lua, _: MultiValue) -> mlua::Result<MultiValue> {
    let message = Message { origin: Origin::Internal, ..Message::default() };
    let letter = Letter { message: message.into(), ..Letter::default() };
    one(lua, lua.create_any_userdata(Msg(Shown::new(Rc::new(letter))))?)
}

pub fn copy(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (letter, _) = of(arguments, "msg:copy")?;
    letter.flush();
    let old = letter.message.borrow();
    let message = Message {
        sender: old.sender.clone(),
        recipient: old.recipient.clone(),
        recipients: old.recipients.clone(),
        content: old.content.clone(),
        origin: Origin::Internal,
        ..Message::default()
    };
    let contexts = letter.contexts.borrow().clone();
    let letter = Letter { message: message.into(), contexts: contexts.into(), ..Letter::default() };
    one(lua, lua.create_any_userdata(Msg(Shown::new(Rc::new(letter))))?)
}

fn wrong(error: impl std::fmt::Display) -> Error {
    Error::runtime(error.to_string())
}

fn entries<V: mlua::FromLua>(table: Option<Table>) -> mlua::Result<Vec<(Text, V)>> {
    table.map_or(Ok(Vec::new()), |table| table.pairs::<Text, V>().collect())
}

/// Header fields, then the alternatives, then attachments around both.
pub fn build(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (letter, rest) = of(arguments, "msg:build")?;
    let (headers, parts, attachments) = <(Table, Option<Table>, Option<Table>)>::from_lua_multi(rest, lua)?;
    may(lua, &letter, "msg:build", |rights| rights.content)?;
    let mut content = Content::new(b"\r\n".as_slice().into());
    for pair in headers.pairs::<Text, Value>() {
        let (name, value) = pair?;
        let values = match value {
            Value::Table(list) => list.sequence_values::<Text>().collect::<mlua::Result<Vec<_>>>()?,
            other => vec![Text::from_lua(other, lua)?],
        };
        for value in values {
            content.put_field(Place::Last, &name.0, &value.0).map_err(wrong)?;
        }
    }
    let mut texts: Vec<(String, String)> = Vec::new();
    for (kind, text) in entries::<Text>(parts)? {
        texts.push((kind.0, text.0));
    }
    // The richest alternative last (RFC 2046 §5.1.4): plain text comes first.
    texts.sort_by_key(|(kind, _)| (!kind.starts_with("text/plain"), kind.clone()));
    let attached: Vec<Table> = match attachments {
        Some(list) => list.sequence_values().collect::<mlua::Result<_>>()?,
        None => Vec::new(),
    };
    content.put_field(Place::Instead, "MIME-Version", "1.0").map_err(wrong)?;
    write(lua, &letter, &mut content, texts, attached)?;
    letter.close_tree();
    letter.message.borrow_mut().content = content;
    none()
}

fn write(
    lua: &Lua,
    letter: &Letter,
    content: &mut Content,
    texts: Vec<(String, String)>,
    attached: Vec<Table>,
) -> mlua::Result<()> {
    let single = texts.len() == 1 && attached.is_empty();
    if single || texts.is_empty() && attached.is_empty() {
        let (kind, text) = texts.into_iter().next().unwrap_or_default();
        let kind = if kind.is_empty() { "text/plain".to_owned() } else { kind };
        let mut tree = content.tree();
        let root = tree.root();
        tree.set_text_as(root, &crlf(&text)?, &kind, "utf-8");
        content.adopt(&tree);
        return Ok(());
    }
    let (outer, inner) = (boundary(letter), format!("{}_a", boundary(letter)));
    let mixed = !attached.is_empty();
    let kind = if mixed { "multipart/mixed" } else { "multipart/alternative" };
    content
        .put_field(Place::Instead, "Content-Type", &format!("{kind}; boundary=\"{outer}\""))
        .map_err(wrong)?;
    content.set_body(format!("--{outer}\r\n\r\n\r\n--{outer}--\r\n").into_bytes());
    let mut tree = content.tree();
    let root = tree.root();
    let placeholder = tree.children(root).to_vec();
    let holder = if mixed && texts.len() > 1 {
        let holder = tree.new_container("multipart/alternative", &inner).map_err(wrong)?;
        tree.insert(root, usize::MAX, holder).map_err(wrong)?;
        holder
    } else {
        root
    };
    for (kind, text) in texts {
        let part = tree.new_part("text/plain", b"", Encoding::SevenBit).map_err(wrong)?;
        tree.set_text_as(part, &crlf(&text)?, &kind, "utf-8");
        tree.insert(holder, usize::MAX, part).map_err(wrong)?;
    }
    for table in attached {
        attach(lua, &mut tree, &table)?;
    }
    for part in placeholder {
        tree.unlink(part);
    }
    content.adopt(&tree);
    Ok(())
}

fn crlf(text: &str) -> mlua::Result<String> {
    Ok(String::from_utf8_lossy(&canonical(text.as_bytes().to_vec())?).into_owned())
}

/// `{ type, name, headers, content }`
fn attach(lua: &Lua, tree: &mut Tree, table: &Table) -> mlua::Result<()> {
    let kind =
        table.get::<Option<Text>>("type")?.map_or("application/octet-stream".to_owned(), |kind| kind.0);
    let octets = table.get::<Option<Octets>>("content")?.unwrap_or_default().0;
    let part = tree.new_part(&kind, &octets, Encoding::Base64).map_err(wrong)?;
    if let Some(name) = table.get::<Option<Text>>("name")? {
        let name: String = name.0.chars().filter(|c| !c.is_control() && !"\"\\".contains(*c)).collect();
        tree.put_field(part, Place::Last, "Content-Disposition", &format!("attachment; filename=\"{name}\""))
            .map_err(wrong)?;
    }
    for (name, value) in entries::<Value>(table.get("headers")?)? {
        tree.put_field(part, Place::Instead, &name.0, &Text::from_lua(value, lua)?.0).map_err(wrong)?;
    }
    let root = tree.root();
    tree.insert(root, usize::MAX, part).map_err(wrong)
}

/// This message, as new mail; its dictionaries go with it.
pub fn inject(lua: &Lua, _: &Rc<Call>, arguments: MultiValue) -> mlua::Result<Pending> {
    let (letter, rest) = of(arguments, "msg:inject")?;
    let (sender, recipients) = <(Text, Value)>::from_lua_multi(rest, lua)?;
    letter.flush();
    let new = NewMessage {
        sender: address(&sender.0)?,
        recipients: addresses(&recipients, lua)?,
        content: letter.message.borrow().content.octets(),
        contexts: letter.contexts.borrow().clone(),
        binding: letter.message.borrow().binding.clone(),
    };
    let injected = calling(lua, "msg:inject")?.host.inject(new);
    Ok(Box::pin(async move {
        match injected.await {
            Ok(_) => Ok(MultiValue::from_iter([Value::Boolean(true)])),
            Err(fault) => Err(Error::runtime(fault.to_string())),
        }
    }))
}

/// A text and the original as message/rfc822, admitted together with the message.
pub fn forward(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (letter, rest) = of(arguments, "msg:forward")?;
    let (sender, recipients, text, subject, charset) =
        <(Text, Value, Option<Text>, Option<Text>, Option<Text>)>::from_lua_multi(rest, lua)?;
    may(lua, &letter, "msg:forward", |rights| rights.outgoing)?;
    let call = calling(lua, "msg:forward")?;
    letter.flush();
    let recipients = addresses(&recipients, lua)?;
    if recipients.is_empty() {
        return Err(Error::runtime("msg:forward needs a recipient"));
    }
    let original = letter.message.borrow().content.clone();
    let old = original.field("Subject").map(|field| field.text()).unwrap_or_default();
    let subject = subject.map_or_else(|| format!("Fwd: {old}"), |text| text.0);
    let to: Vec<&str> = recipients.iter().map(|address| address.as_str()).collect();
    let edge = boundary(&letter);
    let mut content = Content::new(b"\r\n".as_slice().into());
    let fields = [
        ("From", sender.0.clone()),
        ("To", to.join(", ")),
        ("Subject", subject),
        ("MIME-Version", "1.0".to_owned()),
        ("Content-Type", format!("multipart/mixed; boundary=\"{edge}\"")),
    ];
    for (name, value) in fields {
        content.put_field(Place::Last, name, &value).map_err(wrong)?;
    }
    content.set_body(format!("--{edge}\r\n\r\n\r\n--{edge}--\r\n").into_bytes());
    let mut tree = content.tree();
    let root = tree.root();
    let placeholder = tree.children(root).to_vec();
    let note = tree.new_part("text/plain", b"", Encoding::SevenBit).map_err(wrong)?;
    let charset = charset.map_or("utf-8".to_owned(), |text| text.0);
    tree.set_text_as(note, &crlf(&text.unwrap_or_default().0)?, "text/plain", &charset);
    tree.insert(root, usize::MAX, note).map_err(wrong)?;
    let inner = tree.new_part("message/rfc822", b"", Encoding::EightBit).map_err(wrong)?;
    tree.set_raw_body(inner, original.octets());
    tree.insert(root, usize::MAX, inner).map_err(wrong)?;
    for part in placeholder {
        tree.unlink(part);
    }
    let new = NewMessage {
        sender: address(&sender.0)?,
        recipients,
        content: tree.octets(),
        contexts: letter.contexts.borrow().clone(),
        binding: Box::default(),
    };
    let mut message = call.letter.message.borrow_mut();
    if message.outgoing.len() >= MOST {
        return Err(Error::runtime("one message brings about at most 1000 new ones"));
    }
    message.outgoing.push(new);
    none()
}
