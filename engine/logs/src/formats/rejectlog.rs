//! rejectlog: what we refused, with all that policy knew (spec logs.md §4).
//!
//! The law: the reply text is last and unquoted; everything before it is `KEY=value`.

use super::{Format, LINGER, Style};
use crate::event::{Event, Kind, Kinds, Rejection};
use crate::text;
use mail::{Dictionary, Time};
use std::net::SocketAddr;

pub const FORMAT: Format = Format {
    name: "rejectlog",
    default_file: "/var/log/ecelerity/rejectlog.ec",
    kinds: Kinds::of(&[Kind::Rejection, Kind::GenerationRejection, Kind::Heartbeat]),
    linger: LINGER,
    write,
};

fn write(event: &Event<'_>, at: Time, style: &Style, out: &mut Vec<u8>) {
    match event {
        Event::Rejection(rejection) | Event::GenerationRejection(rejection) => {
            text::timestamp(out, at, style);
            write_rejection(rejection, out);
        }
        Event::Heartbeat => {
            text::timestamp(out, at, style);
            out.extend_from_slice(b": Marker 1");
        }
        _ => return,
    }
    out.push(b'\n');
}

fn write_rejection(rejection: &Rejection<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b": R=\"");
    endpoint(rejection.remote, out);
    out.extend_from_slice(b"\" L=\"");
    endpoint(rejection.local, out);
    out.extend_from_slice(b"\" C=\"");
    text::id(out, rejection.connection);
    for (key, value) in [
        (" PATH=\"", rejection.pathway),
        (" PATH_GRP=\"", rejection.pathway_group),
        (" P=\"", rejection.place),
    ] {
        out.push(b'"');
        out.extend_from_slice(key.as_bytes());
        escaped(value, out);
    }
    out.extend_from_slice(b"\" E=");
    text::number(out, rejection.reply.code.into());
    out.extend_from_slice(b" M=");
    text::free(out, rejection.module);
    dictionary(" CTXCONN=[", &rejection.contexts.connection, out);
    dictionary(" CTXMESS=[", &rejection.contexts.message, out);
    out.push(b' ');
    text::reply_text(out, rejection.reply);
}

fn endpoint(endpoint: Option<SocketAddr>, out: &mut Vec<u8>) {
    if let Some(endpoint) = endpoint {
        text::endpoint(out, endpoint);
    }
}

fn dictionary(opening: &str, dictionary: &Dictionary, out: &mut Vec<u8>) {
    out.extend_from_slice(opening.as_bytes());
    for (index, (key, value)) in dictionary.iter().enumerate() {
        out.extend((index > 0).then_some(b','));
        word(key, out);
        out.push(b'=');
        word(value, out);
    }
    out.push(b']');
}

/// Bare if a reader cannot mistake where it ends, else quoted.
fn word(word: &str, out: &mut Vec<u8>) {
    let is_special = |byte: u8| byte <= b' ' || byte == 0x7F || b",=[]\"\\".contains(&byte);
    if word.bytes().any(is_special) {
        out.push(b'"');
        escaped(word, out);
        out.push(b'"');
    } else {
        out.extend_from_slice(word.as_bytes());
    }
}

/// The inside of quotes: a backslash before quote and backslash.
fn escaped(value: &str, out: &mut Vec<u8>) {
    let mut rest = value;
    while let Some(at) = memchr::memchr2(b'"', b'\\', rest.as_bytes()) {
        text::free(out, &rest[..at]);
        out.extend_from_slice(&[b'\\', rest.as_bytes()[at]]);
        rest = &rest[at + 1..];
    }
    text::free(out, rest);
}
