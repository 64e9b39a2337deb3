//! bouncelog: every failure with its class (spec logs.md §3), sixteen fields.
//!
//! `B` is final, in band or out of band; `T` will be tried again.

use super::{Format, LINGER, Style, mainlog};
use crate::event::{Event, Failure, Kind, Kinds};
use crate::text;
use mail::Time;

pub const FORMAT: Format = Format {
    name: "bouncelog",
    default_file: "/var/log/ecelerity/bouncelog.ec",
    kinds: Kinds::of(&[Kind::Transient, Kind::Permanent, Kind::OutOfBand, Kind::Heartbeat]),
    linger: LINGER,
    write,
};

fn write(event: &Event<'_>, at: Time, style: &Style, out: &mut Vec<u8>) {
    match event {
        Event::Permanent(failure) | Event::OutOfBand(failure) => write_failure(b'B', failure, at, style, out),
        Event::Transient(failure) => write_failure(b'T', failure, at, style, out),
        Event::Heartbeat => mainlog::heartbeat(at, style, out),
        Event::Reception(_)
        | Event::Delivery(_)
        | Event::Rejection(_)
        | Event::GenerationRejection(_)
        | Event::Panic(_)
        | Event::Accounting(_) => return,
    }
    out.push(b'\n');
}

fn write_failure(letter: u8, failure: &Failure<'_>, at: Time, style: &Style, out: &mut Vec<u8>) {
    let copy = &failure.copy;
    mainlog::opening(letter, [copy.id, copy.batch, failure.connection], at, style, out);
    text::address(out, copy.recipient, style);
    out.push(b'@');
    match copy.sender {
        Some(sender) => text::address(out, sender, style),
        None => out.push(b'@'),
    }
    mainlog::binding(copy.binding_group, copy.binding, out);
    for value in [failure.stage.code().into(), failure.class.into(), copy.size] {
        out.push(b'@');
        text::number(out, value);
    }
    mainlog::peer(failure.peer, out);
    out.push(b'@');
    text::reply(out, failure.reply);
}
