//! paniclog: what went wrong on our side (spec logs.md §8). Normally empty; hence no heartbeat.

use super::{Format, Style};
use crate::event::{Event, Kind, Kinds};
use crate::text;
use mail::Time;
use std::time::Duration;

pub const FORMAT: Format = Format {
    name: "paniclog",
    default_file: "/var/log/ecelerity/paniclog.ec",
    kinds: Kinds::of(&[Kind::Panic]),
    // Somebody may be waiting for it, and the process may be about to end.
    linger: Duration::ZERO,
    write,
};

fn write(event: &Event<'_>, at: Time, style: &Style, out: &mut Vec<u8>) {
    if let Event::Panic(text) = event {
        text::timestamp(out, at, style);
        out.push(b':');
        text::free(out, text);
        out.push(b'\n');
    }
}
