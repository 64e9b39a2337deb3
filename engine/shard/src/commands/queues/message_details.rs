//! `message details`

use super::one_message::{Answer, look, only, read_id};
use crate::parcel::Kept;
use crate::{Shard, fetch};
use bindings::Place;
use console::{Command, Document, Record, Refused, Request, record};
use mail::{Contexts, MessageId, Note, Protocol, Time};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command = Command::new(
    "message details",
    "[full|body] <mid>",
    "Shows a queued message; with full also its contexts, with body its headers and body.",
);

/// Octets of a body that are shown.
const BODY_SHOWN: usize = 1 << 20;

/// Labels are right aligned in 22 columns.
const LAYOUT: &str = "\
Message: {id}
Message Type: {type}
               Created: {created:date}
          Next Attempt: {next_attempt:date}
               Retries: {retries}
          Received Via: {received_via}
                Sender: {sender}
             Recipient: {recipient}
                  Code: {code}
                  Size: {size}
               Binding: {binding}
                Domain: {domain}
                 Queue: {queue}";

/// What is known of the message, as it is posted.
pub struct Details {
    content: Arc<Kept>,
    copy: u32,
    retries: u16,
    next_attempt: Time,
    place: Place,
    binding: String,
    domain: String,
    note: Note,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    Plain,
    Full,
    Body,
}

fn operands(request: &Request) -> Result<(Depth, MessageId), Refused> {
    let words = request.operands().rest()?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match *words {
        [id] => Ok((Depth::Plain, read_id(id)?)),
        ["full", id] => Ok((Depth::Full, read_id(id)?)),
        ["body", id] => Ok((Depth::Body, read_id(id)?)),
        _ => Err(request.usage()),
    }
}

pub async fn ask<W: World>(shard: Rc<Shard<W>>, request: Arc<Request>) -> Result<Answer<Details>, Refused> {
    let (_, id) = operands(&request)?;
    let found = match look(&shard, id).await {
        Answer::Here(found) => found,
        Answer::NotHere => return Ok(Answer::NotHere),
        Answer::UnderWay => return Ok(Answer::UnderWay),
    };
    let note = fetch::note_of(&shard, &found.parcel).await;
    let (binding, domain) = {
        let schedule = shard.schedule.borrow();
        if !schedule.exists(found.queue) {
            return Ok(Answer::NotHere);
        }
        let (binding, domain) = schedule.names(found.queue);
        (binding.to_string(), domain.to_string())
    };
    Ok(Answer::Here(Details {
        copy: found.parcel.copy,
        content: found.content,
        retries: found.info.attempts,
        next_attempt: found.info.next_attempt,
        place: found.place,
        binding,
        domain,
        note,
    }))
}

pub async fn merge<W: World>(
    _: Rc<Shard<W>>,
    request: Arc<Request>,
    parts: Vec<Answer<Details>>,
) -> Result<Document, Refused> {
    let (depth, id) = operands(&request)?;
    let details = only(id, parts)?;
    let envelope = &details.content.envelopes[details.copy as usize];
    let document = Document::new().record("", LAYOUT, details.record());
    Ok(match depth {
        Depth::Plain => document,
        Depth::Full => in_contexts(document, details.content.contexts_of(envelope)),
        Depth::Body => {
            let body = &details.content.bodies[usize::from(envelope.body)];
            let shown = String::from_utf8_lossy(&body[..body.len().min(BODY_SHOWN)]).replace('\r', "");
            let document = document.text("").text(shown.as_str()).data("body", shown);
            match body.len() {
                ..=BODY_SHOWN => document,
                all => document.say(format!("{BODY_SHOWN} of {all} octets are shown")),
            }
        }
    })
}

impl Details {
    fn record(&self) -> Record {
        let content = &self.content;
        let envelope = &content.envelopes[self.copy as usize];
        let size = content.bodies[usize::from(envelope.body)].len();
        let is_known = !self.note.reply.is_empty();
        record! {
            id: envelope.id.to_string(),
            type: "full message",
            created: content.received,
            next_attempt: self.next_attempt,
            retries: self.retries,
            received_via: received_via(content),
            sender: content.sender.as_ref().map_or("<>", |sender| sender.as_str()),
            recipient: envelope.recipient.as_str(),
        }
        .with_some("code", is_known.then(|| self.note.reply.replace('\n', " ")))
        .with("size", size)
        .with("binding", self.binding.as_str())
        .with("domain", self.domain.as_str())
        .with("queue", if self.place == Place::Active { "active" } else { "delayed" })
    }
}

fn received_via(content: &Kept) -> String {
    let family = |address: IpAddr| if address.is_ipv4() { "IPv4" } else { "IPv6" };
    match (content.protocol, content.source) {
        (Protocol::Esmtp, Some(source)) => format!("SMTP {} ({})", source.ip(), family(source.ip())),
        (protocol, Some(source)) => format!("{} {}", protocol.name(), source.ip()),
        (protocol, None) => protocol.name().to_owned(),
    }
}

fn in_contexts(document: Document, contexts: &Contexts) -> Document {
    const ROW: &str = "  {key} = {value}";
    let rows = |dictionary: &mail::Dictionary| -> Vec<Record> {
        dictionary.iter().map(|(key, value)| record! { key: key, value: value }).collect()
    };
    document
        .text("Connection context:")
        .rows("connection_context", ROW, rows(&contexts.connection))
        .text("Message context:")
        .rows("message_context", ROW, rows(&contexts.message))
}
