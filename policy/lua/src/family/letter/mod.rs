//! `msg` and `msgpart`: the message, its envelope, its content, its parts.

mod build;
mod content;

mod edit;
mod envelope;
mod part;

pub use content::component;
pub use part::held;

use super::context::alive;
use crate::call::{Call, Letter};
use crate::function::tier1::{later, now};
use crate::function::{Body, Definition, Family};
use crate::machine::{Machine, current};
use crate::value::{Msg, class, number, over, this};
use mlua::{Error, Lua, MultiValue, UserDataFields as _, Value};
use policy_api::Rights;
use std::rc::Rc;

const fn field(name: &'static str, doc: &'static str) -> Definition {
    Definition { name, signature: name, tier: 1, doc, body: Body::Field }
}

pub static FAMILY: Family = Family {
    name: "msg",
    definitions: &[
        field("msg.id", "The identity of the message, as logged."),
        field("msg.batch_id", "The identity that the copies of a transaction share."),
        field("msg.conn_id", "The identity of the connection."),
        field("msg.priority", "1 lets the message leave its queue first."),
        now(
            "msg:mailfrom",
            "msg:mailfrom([address])",
            "The envelope sender; rewrites it.",
            envelope::mailfrom,
        ),
        now(
            "msg:rcptto",
            "msg:rcptto([address])",
            "The envelope recipient; rewrites it from data_spool_each_rcpt on.",
            envelope::rcptto,
        ),
        now(
            "msg:get_envelope2",
            "msg:get_envelope2(flags, local, domain)",
            "Copies sender or recipient into two ec_strings.",
            envelope::get_envelope2,
        ),
        now(
            "msg:routing_domain",
            "msg:routing_domain([domain])",
            "The queue that the message goes to.",
            envelope::routing_domain,
        ),
        now("msg:binding", "msg:binding([name])", "The binding; sets it in set_binding.", envelope::binding),
        now(
            "msg:binding_group",
            "msg:binding_group([name])",
            "The binding group; sets it in set_binding.",
            envelope::binding_group,
        ),
        now(
            "msg:reception_peer",
            "msg:reception_peer([ip|port|all])",
            "The client's address.",
            envelope::reception_peer,
        ),
        now(
            "msg:listener_addr",
            "msg:listener_addr([ip|port|all])",
            "The address that the message came in at.",
            envelope::listener_addr,
        ),
        Definition {
            name: "msg:get_delivery_method",
            signature: "msg:get_delivery_method()",
            tier: 2,
            doc: "smtp: the only channel that mail leaves by here.",
            body: Body::Now(envelope::get_delivery_method),
        },
        now("msg:code", "msg:code([number], [text])", "The status that the message carries.", envelope::code),
        now("msg:get_code", "msg:get_code()", "The status that the message carries.", envelope::get_code),
        now(
            "msg:set_code",
            "msg:set_code(number, text)",
            "Sets the status that the message carries.",
            envelope::code,
        ),
        now(
            "msg:discard",
            "msg:discard([reason])",
            "Answers success and drops the message.",
            envelope::discard,
        ),
        now("msg:get_message_size", "msg:get_message_size()", "Octets of the content.", content::size),
        now(
            "msg:context_get",
            "msg:context_get(type, key)",
            "A context variable; empty if it is not set.",
            envelope::context_get,
        ),
        now(
            "msg:context_set",
            "msg:context_set(type, key, value)",
            "Sets a context variable, as a string.",
            envelope::context_set,
        ),
        now(
            "msg:context_exists",
            "msg:context_exists(type, key)",
            "1 if the variable is set, else 0.",
            envelope::context_exists,
        ),
        now(
            "msg:context_exists_and_get",
            "msg:context_exists_and_get(type, key)",
            "1 and the value, or 0.",
            envelope::context_exists_and_get,
        ),
        now(
            "msg:context_delete",
            "msg:context_delete(type, key)",
            "1 if the variable was set, else 0.",
            envelope::context_delete,
        ),
        now(
            "msys.core.ec_message_context_get",
            "msys.core.ec_message_context_get(msg, type, key)",
            "As msg:context_get.",
            envelope::context_get,
        ),
        now(
            "msg:header",
            "msg:header(name, [value|table], [replace|append|prepend])",
            "The values of a header field; sets, adds or (with \"\") deletes it.",
            content::header,
        ),
        now(
            "msg:address_header",
            "msg:address_header(name, [all|localpart|user|detail|domain])",
            "The addresses of a header field.",
            content::address_header,
        ),
        now("msg:body", "msg:body([octets])", "The body as it travels; replaces it.", content::body),
        now("msg:raw", "msg:raw([octets])", "Header and body as they travel; replaces them.", content::raw),
        now(
            "msg:text",
            "msg:text([text], [type], [charset])",
            "The decoded text parts; replaces the body by a text.",
            content::text,
        ),
        Definition::perhaps(
            "msg:body_match",
            "msg:body_match(pattern)",
            "PCRE search in the body.",
            edit::body_match,
        ),
        Definition::perhaps(
            "msg:body_replace",
            "msg:body_replace(pattern, replacement)",
            "PCRE substitution in the body.",
            edit::body_replace,
        ),
        Definition::perhaps(
            "msg:raw_match",
            "msg:raw_match(pattern)",
            "PCRE search in header and body.",
            edit::raw_match,
        ),
        Definition::perhaps(
            "msg:raw_replace",
            "msg:raw_replace(pattern, replacement)",
            "PCRE substitution in header and body.",
            edit::raw_replace,
        ),
        Definition::perhaps(
            "msg:text_match",
            "msg:text_match(pattern)",
            "PCRE search in the decoded text parts.",
            edit::text_match,
        ),
        Definition::perhaps(
            "msg:text_replace",
            "msg:text_replace(pattern, replacement)",
            "PCRE substitution in the decoded text parts.",
            edit::text_replace,
        ),
        now(
            "msg:mime",
            "msg:mime([readonly])",
            "The top of the MIME tree; false makes it changeable.",
            part::mime,
        ),
        now(
            "msg:makeBoundary",
            "msg:makeBoundary([part, …])",
            "A boundary that occurs nowhere in the message.",
            part::make_boundary,
        ),
        now(
            "msg:makeContainer",
            "msg:makeContainer(type, [boundary], [terminator])",
            "A multipart that stands nowhere yet.",
            part::make_container,
        ),
        now(
            "msg:makePart",
            "msg:makePart(type, [body], [encoding])",
            "A leaf that stands nowhere yet.",
            part::make_part,
        ),
        now(
            "msg:build",
            "msg:build(headers, parts, attachments)",
            "Fills a message from headers, alternative parts and attachments.",
            build::build,
        ),
        now("msg:copy", "msg:copy()", "An independent duplicate.", build::copy),
        later("msg:inject", "msg:inject(from, to)", "Queues this message as a new one.", build::inject),
        now(
            "msg:forward",
            "msg:forward(sender, recipients, text, [subject], [charset])",
            "Sends a new message with this one attached.",
            build::forward,
        ),
        now("msys.core.ec_message_new", "msys.core.ec_message_new(now)", "An empty message.", build::new),
        now(
            "msgpart:header",
            "msgpart:header(name, [value], [replace|append|prepend])",
            "The values of a field of the part; sets or (with nil) deletes it.",
            part::header,
        ),
        now(
            "msgpart:address_header",
            "msgpart:address_header(name, [component])",
            "The addresses of a field of the part.",
            part::address_header,
        ),
        now(
            "msgpart:content_type",
            "msgpart:content_type()",
            "Type, charset, encoding, file name.",
            part::content_type,
        ),
        now(
            "msgpart:text",
            "msgpart:text([text], [type], [charset])",
            "The decoded text of the part; replaces it.",
            part::text,
        ),
        Definition::perhaps(
            "msgpart:body_match",
            "msgpart:body_match(pattern)",
            "PCRE search in the part's body.",
            edit::part_body_match,
        ),
        Definition::perhaps(
            "msgpart:body_replace",
            "msgpart:body_replace(pattern, replacement)",
            "PCRE substitution in the part's body.",
            edit::part_body_replace,
        ),
        Definition::perhaps(
            "msgpart:raw_match",
            "msgpart:raw_match(pattern)",
            "PCRE search in the whole part.",
            edit::part_raw_match,
        ),
        Definition::perhaps(
            "msgpart:raw_replace",
            "msgpart:raw_replace(pattern, replacement)",
            "PCRE substitution in the whole part.",
            edit::part_raw_replace,
        ),
        Definition::perhaps(
            "msgpart:text_match",
            "msgpart:text_match(pattern)",
            "PCRE search in the part's text.",
            edit::part_text_match,
        ),
        Definition::perhaps(
            "msgpart:text_replace",
            "msgpart:text_replace(pattern, replacement)",
            "PCRE substitution in the part's text.",
            edit::part_text_replace,
        ),
        now(
            "msgpart:addFirstChild",
            "msgpart:addFirstChild(part)",
            "Puts a part first into a container.",
            part::add_first_child,
        ),
        now(
            "msgpart:addLastChild",
            "msgpart:addLastChild(part)",
            "Puts a part last into a container.",
            part::add_last_child,
        ),
        now(
            "msgpart:insertAfter",
            "msgpart:insertAfter(part)",
            "Puts this part behind another.",
            part::insert_after,
        ),
        now(
            "msgpart:insertBefore",
            "msgpart:insertBefore(part)",
            "Puts this part before another.",
            part::insert_before,
        ),
        now("msgpart:unlink", "msgpart:unlink()", "Takes the part out of the message.", part::unlink),
    ],
    set_up,
};

fn set_up(machine: &Machine) -> mlua::Result<()> {
    part::set_up(machine)?;
    class::<Msg>(machine, "msg", |registry| {
        registry.add_field_method_get("id", |_, this| {
            Ok(this.0.shown("msg.id")?.message.borrow().id.to_string())
        });
        registry.add_field_method_get("batch_id", |_, this| {
            Ok(this.0.shown("msg.batch_id")?.message.borrow().batch.to_string())
        });
        registry.add_field_method_get("conn_id", |lua, _| {
            Ok(current(lua).map(|call| call.client.id.to_string()))
        });
        registry.add_field_method_get("recv_method", |lua, this| {
            let letter = this.0.shown("msg.recv_method")?;
            let own = current(lua).filter(|call| Rc::ptr_eq(&call.letter, &letter));
            Ok(own.map_or(3, |call| super::accept::protocol(&call)))
        });
        registry.add_field_method_get("priority", |_, this| {
            Ok(i64::from(this.0.shown("msg.priority")?.message.borrow().priority))
        });
        registry.add_field_method_set("priority", |lua, this, value: Value| {
            let letter = this.0.shown("msg.priority")?;
            may(lua, &letter, "msg.priority", |rights| rights.binding)?;
            letter.message.borrow_mut().priority = number(&value).is_some_and(|number| number != 0.0);
            Ok(())
        });
    })
}

/// The message that a method was called on, while it lasts, and the other arguments.
pub fn of(arguments: MultiValue, name: &str) -> mlua::Result<(Rc<Letter>, MultiValue)> {
    let (letter, rest) = this::<Msg, _>(arguments, name, |msg| msg.0.get())?;
    let letter = letter.ok_or_else(|| over(name))?;
    alive(&letter, name)?;
    Ok((letter, rest))
}

/// A message of the script's own may be changed at any time, that of the call as the phase allows.
fn may(lua: &Lua, letter: &Rc<Letter>, name: &str, right: impl Fn(&Rights) -> bool) -> mlua::Result<()> {
    let call: Option<Rc<Call>> = current(lua).filter(|call| Rc::ptr_eq(&call.letter, letter));
    if call.is_none_or(|call| right(&call.rights)) {
        return Ok(());
    }
    Err(Error::runtime(format!("{name} cannot change this in this phase")))
}
