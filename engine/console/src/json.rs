//! Values as JSON (RFC 8259): names in the documented order, times as seconds since 1970.

use crate::value::{Record, Value};
use std::fmt::Write;

pub(crate) fn value(value: &Value, out: &mut String) {
    match value {
        Value::Text(text) => string(text, out),
        Value::Count(count) => display(count, out),
        Value::Real(real) if real.is_finite() => display(real, out),
        // JSON has no word for it.
        Value::Real(_) => out.push_str("null"),
        Value::Flag(flag) => display(flag, out),
        Value::Time(time) => display(&time.secs(), out),
        Value::List(values) => {
            out.push('[');
            for (index, inner) in values.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                self::value(inner, out);
            }
            out.push(']');
        }
        Value::Record(inner) => record(inner, out),
    }
}

pub(crate) fn record(record: &Record, out: &mut String) {
    out.push('{');
    members(record, out);
    out.push('}');
}

/// The members of a record without its braces.
pub(crate) fn members(record: &Record, out: &mut String) {
    for (index, (name, inner)) in record.0.iter().enumerate() {
        out.push_str(if index > 0 { "," } else { "" });
        member(name, out);
        value(inner, out);
    }
}

/// `"name":`
pub(crate) fn member(name: &str, out: &mut String) {
    string(name, out);
    out.push(':');
}

fn display(value: &dyn std::fmt::Display, out: &mut String) {
    write!(out, "{value}").expect("a string takes everything");
}

fn string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            c if u32::from(c) < 0x20 || c == '\u{7f}' => {
                display(&format_args!("\\u{:04x}", u32::from(c)), out)
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
