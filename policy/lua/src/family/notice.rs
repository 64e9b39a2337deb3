//! `msys.bounce` and `msys.rfc3464`: what bounces mean, and reports of our own.

use super::letter::of;
use crate::call::{Call, Letter, Pending};
use crate::function::tier2::{later, now};
use crate::function::{Family, namespace};
use crate::machine::{Machine, calling};
use crate::value::{Msg, Shown, Text, number, one};
use bounce::{Action, Category, Class, Failure, Notice, Original, delivery_status, status_fields};
use content::{Content, Header};
use mail::{Address, MessageId, Reply};
use mlua::{Error, FromLuaMulti, Lua, MultiValue, Table, Value};
use policy_api::{Message, NewMessage, Origin};
use std::rc::Rc;

pub static FAMILY: Family = Family {
    name: "bounces",
    definitions: &[
        now(
            "msys.bounce.classify",
            "msys.bounce.classify(msg)",
            "Class of a bounce: its code, BC_* name, description, and the original recipient.",
            classify,
        ),
        now(
            "msys.bounce.classify_smtp_response",
            "msys.bounce.classify_smtp_response(text, [domain])",
            "Class of a reply: its code, BC_* name and description.",
            classify_reply,
        ),
        now(
            "msys.rfc3464.compute_delivery_status",
            "msys.rfc3464.compute_delivery_status(msg, action)",
            "The fields that a report about the message would have, by name.",
            compute,
        ),
        now(
            "msys.rfc3464.compute_delivery_status_string",
            "msys.rfc3464.compute_delivery_status_string(reply)",
            "Action, Status and Diagnostic-Code of a reply, as lines.",
            compute_string,
        ),
        now(
            "msys.rfc3464.create_mdn",
            "msys.rfc3464.create_mdn(msg, action)",
            "A new message: a report about the message to its sender.",
            create,
        ),
        now(
            "msys.rfc3464.extract_delivery_status",
            "msys.rfc3464.extract_delivery_status(msg)",
            "The fields of a report; nil if the message is none.",
            extract,
        ),
        later(
            "msys.rfc3464.send_mdn",
            "msys.rfc3464.send_mdn(msg, action)",
            "Sends a report about the message to its sender: 1, or 0 if it could not.",
            send,
        ),
    ],
    set_up,
};

/// Numbers of `action`, in their order: 0 to 4.
const ACTIONS: [&str; 5] = ["FAILED", "DELAYED", "DELIVERED", "RELAYED", "EXPANDED"];

fn set_up(machine: &Machine) -> mlua::Result<()> {
    let space = namespace(machine, "msys.rfc3464")?;
    for (number, name) in ACTIONS.into_iter().enumerate() {
        space.set(name, number)?;
    }
    Ok(())
}

/// `BC_`, the category and the name: BC_SOFT_TIMEOUT.
fn name_of(class: Class) -> String {
    let category = match class.category() {
        Category::Undetermined => "",
        Category::Hard => "HARD_",
        Category::Soft => "SOFT_",
        Category::Block => "BLOCK_",
        Category::Admin => "ADMIN_",
    };
    let words = class.name().split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let name = words.map(str::to_ascii_uppercase).collect::<Vec<_>>().join("_");
    let name = name.strip_prefix(category).unwrap_or(&name);
    format!("BC_{category}{name}")
}

fn described(lua: &Lua, class: Class) -> mlua::Result<Vec<Value>> {
    Ok(vec![
        Value::Number(f64::from(class.code())),
        Value::String(lua.create_string(name_of(class))?),
        Value::String(lua.create_string(class.name())?),
    ])
}

fn classify(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (letter, _) = of(arguments, "msys.bounce.classify")?;
    letter.flush();
    let reports = bounce::read(&letter.message.borrow().content, |_| false);
    let report = reports.first().ok_or_else(|| Error::runtime("the message says nothing"))?;
    let mut values = described(lua, report.class)?;
    values.push(match &report.recipient {
        Some(recipient) => Value::String(lua.create_string(recipient)?),
        None => Value::Nil,
    });
    Ok(values.into_iter().collect())
}

/// `550 5.1.1 no such user`; without a code it is one of failure.
fn reply(text: &str) -> Reply {
    let text = text.trim();
    let code = text.get(..3).and_then(|digits| digits.parse().ok());
    match code.filter(|code| (200..600).contains(code)) {
        Some(code) => Reply::verbatim(code, text[3..].trim_start_matches([' ', '-'])),
        None => Reply::verbatim(550, text),
    }
}

fn classify_reply(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (text, _domain) = <(Text, Option<Text>)>::from_lua_multi(arguments, lua)?;
    Ok(described(lua, bounce::classify(&reply(&text.0)))?.into_iter().collect())
}

fn action(value: &Value) -> mlua::Result<Action> {
    let found = number(value).and_then(|number| Action::ALL.get(number as usize).filter(|_| number >= 0.0));
    found.copied().ok_or_else(|| {
        Error::runtime("the action is one of msys.rfc3464.FAILED, DELAYED, DELIVERED, RELAYED, EXPANDED")
    })
}

/// What the message says of itself, and what is missing: a reply that fits the action.
struct About {
    letter: Rc<Letter>,
    action: Action,
    recipient: Address,
    reply: Reply,
}

impl About {
    fn read(lua: &Lua, arguments: MultiValue, name: &str) -> mlua::Result<About> {
        let (letter, rest) = of(arguments, name)?;
        let action = action(&Value::from_lua_multi(rest, lua)?)?;
        letter.flush();
        let message = letter.message.borrow();
        let recipient = message.recipient.clone().or_else(|| message.recipients.first().cloned());
        let recipient =
            recipient.ok_or_else(|| Error::runtime(format!("{name}: the message has no recipient")))?;
        let fits = |reply: &&Reply| match action {
            Action::Failed => reply.is_permanent(),
            Action::Delayed => reply.is_transient(),
            _ => reply.is_success(),
        };
        let reply = message.code.as_ref().filter(fits).cloned().unwrap_or_else(|| match action {
            Action::Failed => Reply::verbatim(550, "5.0.0 undeliverable"),
            Action::Delayed => Reply::verbatim(450, "4.0.0 not delivered yet"),
            _ => Reply::verbatim(250, "2.0.0 done"),
        });
        drop(message);
        Ok(About { letter, action, recipient, reply })
    }

    /// Has `write` made of the notice about the message.
    fn notice<R>(
        &self,
        lua: &Lua,
        call: &Call,
        to: &Address,
        write: impl FnOnce(&Notice<'_>, Action) -> R,
    ) -> mlua::Result<R> {
        let (now, chance) = (call.host.now(), call.host.chance());
        let host = Machine::of(lua)?.hostname.borrow().clone();
        let octets = self.letter.message.borrow().content.octets();
        let failures = [Failure {
            recipient: &self.recipient,
            original_recipient: None,
            reply: &self.reply,
            remote: None,
            last_attempt: now,
        }];
        let id =
            MessageId { second: now.secs() as u32, process: (chance >> 16) as u32, counter: chance as u16 };
        let notice = Notice {
            id,
            host: &host,
            mailer_daemon: None,
            to,
            now,
            arrival: now,
            failures: &failures,
            original: Original::Headers,
            message: &octets,
        };
        Ok(write(&notice, self.action))
    }

    /// Whom a report may be sent to: not to the null sender (RFC 5321 §4.5.5).
    fn sender(&self) -> Option<Address> {
        self.letter.message.borrow().sender.clone()
    }
}

fn fields<'f>(table: &Table, fields: impl Iterator<Item = (&'f str, String)>) -> mlua::Result<()> {
    for (name, text) in fields.filter(|(name, _)| !name.is_empty()) {
        table.raw_set(name, text)?;
    }
    Ok(())
}

fn compute(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    const NAME: &str = "msys.rfc3464.compute_delivery_status";
    let about = About::read(lua, arguments, NAME)?;
    let call = calling(lua, NAME)?;
    let octets = about.notice(lua, &call, &about.recipient, delivery_status)?;
    let table = lua.create_table()?;
    // The blank line between the groups ends a header; one table has both.
    let middle = memchr::memmem::find(&octets, b"\r\n\r\n").map_or(octets.len(), |at| at + 2);
    for group in [&octets[..middle], octets[middle..].trim_ascii_start()] {
        fields(&table, Header::new(group).fields().map(|field| (field.name(), field.text())))?;
    }
    one(lua, table)
}

fn compute_string(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let reply = reply(&Text::from_lua_multi(arguments, lua)?.0);
    let (class, subject, detail) = bounce::status(&reply);
    let action = match class {
        2 => Action::Delivered,
        4 => Action::Delayed,
        _ => Action::Failed,
    };
    let text: String = reply.to_string().split(['\r', '\n']).collect::<Vec<_>>().join(" ");
    one(
        lua,
        format!(
            "Action: {}\r\nStatus: {class}.{subject}.{detail}\r\nDiagnostic-Code: smtp; {text}\r\n",
            action.name()
        ),
    )
}

fn create(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    const NAME: &str = "msys.rfc3464.create_mdn";
    let about = About::read(lua, arguments, NAME)?;
    let call = calling(lua, NAME)?;
    let to = about.sender().ok_or_else(|| {
        Error::runtime(format!("{NAME}: the message has no sender that a report could be sent to"))
    })?;
    let octets = about.notice(lua, &call, &to, bounce::report)?;
    let message = Message {
        content: Content::new(octets.into()),
        recipient: Some(to),
        origin: Origin::Internal,
        ..Message::default()
    };
    let letter = Letter { message: message.into(), ..Letter::default() };
    one(lua, lua.create_any_userdata(Msg(Shown::new(Rc::new(letter))))?)
}

fn send(lua: &Lua, call: &Rc<Call>, arguments: MultiValue) -> mlua::Result<Pending> {
    let about = About::read(lua, arguments, "msys.rfc3464.send_mdn")?;
    let answer = |success: bool| MultiValue::from_iter([Value::Number(f64::from(u8::from(success)))]);
    let Some(to) = about.sender() else { return Ok(Box::pin(std::future::ready(Ok(answer(false))))) };
    let content = about.notice(lua, call, &to, bounce::report)?.into();
    let injected = call.host.inject(NewMessage { recipients: vec![to], content, ..NewMessage::default() });
    Ok(Box::pin(async move { Ok(answer(injected.await.is_ok())) }))
}

/// The fields of the message and of its first recipient; those of every recipient stand at 1, 2, ….
fn extract(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (letter, _) = of(arguments, "msys.rfc3464.extract_delivery_status")?;
    letter.flush();
    let Some(groups) = status_fields(&letter.message.borrow().content) else { return one(lua, Value::Nil) };
    let table = lua.create_table()?;
    for (at, group) in groups.into_iter().enumerate() {
        let named = || group.iter().map(|(name, text)| (name.as_str(), text.clone()));
        if at <= 1 {
            fields(&table, named())?;
        }
        if at > 0 {
            let recipient = lua.create_table()?;
            fields(&recipient, named())?;
            table.raw_set(at, recipient)?;
        }
    }
    one(lua, table)
}
