//! mainlog: what became of every recipient's copy (spec logs.md §2).
//!
//! The law: the number of fields is fixed per type of line; an absent value is nothing between separators.

use super::{Format, LINGER, Style};
use crate::event::{Delivery, Event, Failure, Kind, Kinds, Reception};
use crate::text;
use mail::{MessageId, Time};
use std::net::IpAddr;

pub const FORMAT: Format = Format {
    name: "mainlog",
    default_file: "/var/log/ecelerity/mainlog.ec",
    kinds: Kinds::of(&[Kind::Reception, Kind::Delivery, Kind::Transient, Kind::Permanent, Kind::Heartbeat]),
    linger: LINGER,
    write,
};

/// Decimals of the seconds in queue; the samples differ by type, and so do we.
const DELIVERY_PLACES: usize = 3;
const FAILURE_PLACES: usize = 2;

fn write(event: &Event<'_>, at: Time, style: &Style, out: &mut Vec<u8>) {
    match event {
        Event::Reception(reception) => write_reception(reception, at, style, out),
        Event::Delivery(delivery) => write_delivery(delivery, at, style, out),
        Event::Transient(failure) => write_failure(b'T', failure, at, style, out),
        Event::Permanent(failure) => write_failure(b'P', failure, at, style, out),
        Event::Heartbeat => heartbeat(at, style, out),
        Event::OutOfBand(_)
        | Event::Rejection(_)
        | Event::GenerationRejection(_)
        | Event::Panic(_)
        | Event::Accounting(_) => return,
    }
    out.push(b'\n');
}

fn write_reception(reception: &Reception<'_>, at: Time, style: &Style, out: &mut Vec<u8>) {
    let copy = &reception.copy;
    opening(b'R', [copy.id, copy.batch, reception.connection], at, style, out);
    text::address(out, copy.recipient, style);
    out.push(b'@');
    match copy.sender {
        Some(sender) => text::address(out, sender, style),
        None => out.push(b'@'),
    }
    out.push(b'@');
    match reception.source {
        Some(source) => text::ip(out, source),
        None => out.extend_from_slice(b"unknown"),
    }
    out.push(b'@');
    text::number(out, copy.size);
    out.push(b'@');
    out.extend_from_slice(reception.protocol.name().as_bytes());
    binding(copy.binding_group, copy.binding, out);
}

fn write_delivery(delivery: &Delivery<'_>, at: Time, style: &Style, out: &mut Vec<u8>) {
    let copy = &delivery.copy;
    opening(b'D', [copy.id, copy.batch, delivery.connection], at, style, out);
    text::free(out, delivery.domain);
    out.push(b'@');
    text::number(out, delivery.sent);
    binding(copy.binding_group, copy.binding, out);
    out.push(b'@');
    text::number(out, delivery.retries.into());
    out.push(b'@');
    text::seconds(out, at.since(copy.received), DELIVERY_PLACES);
    peer(delivery.peer, out);
}

fn write_failure(letter: u8, failure: &Failure<'_>, at: Time, style: &Style, out: &mut Vec<u8>) {
    let copy = &failure.copy;
    opening(letter, [copy.id, copy.batch, failure.connection], at, style, out);
    text::free(out, failure.domain);
    out.push(b'@');
    text::number(out, failure.sent);
    binding(copy.binding_group, copy.binding, out);
    out.push(b'@');
    text::number(out, failure.stage.code().into());
    out.push(b'@');
    text::number(out, failure.retries.into());
    out.push(b'@');
    text::seconds(out, at.since(copy.received), FAILURE_PLACES);
    peer(failure.peer, out);
    out.push(b'@');
    text::reply(out, failure.reply);
}

/// `ts@mid@batch@conn@LETTER@`, the same in mainlog and bouncelog.
pub(super) fn opening(letter: u8, ids: [MessageId; 3], at: Time, style: &Style, out: &mut Vec<u8>) {
    text::timestamp(out, at, style);
    for id in ids {
        out.push(b'@');
        text::id(out, id);
    }
    out.extend_from_slice(&[b'@', letter, b'@']);
}

/// `ts@@@@M1`: four separators, so that the type stands where it stands in every line.
pub(super) fn heartbeat(at: Time, style: &Style, out: &mut Vec<u8>) {
    text::timestamp(out, at, style);
    out.extend_from_slice(b"@@@@");
    out.extend_from_slice(style.heartbeat_type.as_bytes());
}

/// `@binding_group@binding`
pub(super) fn binding(group: &str, binding: &str, out: &mut Vec<u8>) {
    for name in [group, binding] {
        out.push(b'@');
        text::free(out, name);
    }
}

/// `@ip`
pub(super) fn peer(peer: Option<IpAddr>, out: &mut Vec<u8>) {
    out.push(b'@');
    if let Some(peer) = peer {
        text::ip(out, peer);
    }
}
