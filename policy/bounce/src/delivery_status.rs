//! The second part of a notice, for machines: message/delivery-status (RFC 3464 §2).
//!
//! The law: it is US-ASCII (RFC 3464 §2.1); what is not becomes `?`, or the escapes of RFC 6533 in addresses.

use crate::fold::folded;
use crate::report::{Action, Failure, Notice};
use crate::status::status;
use mail::Address;

pub fn delivery_status(notice: &Notice<'_>, action: Action) -> Vec<u8> {
    let mut out = Vec::with_capacity(128 + 512 * notice.failures.len());
    field(&mut out, "Reporting-MTA: dns;", notice.host);
    field(&mut out, "Arrival-Date:", &notice.arrival.to_string());
    for failure in notice.failures {
        out.extend_from_slice(b"\r\n");
        recipient(&mut out, failure, action);
    }
    out
}

fn recipient(out: &mut Vec<u8>, failure: &Failure<'_>, action: Action) {
    if let Some(original) = failure.original_recipient {
        field(out, "Original-Recipient:", original);
    }
    match failure.recipient.as_str() {
        plain if plain.is_ascii() => field(out, "Final-Recipient: rfc822;", plain),
        _ => field(out, "Final-Recipient: utf-8;", &escaped(failure.recipient)),
    }
    field(out, "Action:", action.name());
    let (class, subject, detail) = status(failure.reply);
    field(out, "Status:", &format!("{class}.{subject}.{detail}"));
    if let Some((host, address)) = failure.remote {
        field(out, "Remote-MTA: dns;", &format!("{host} ({address})"));
    }
    field(out, "Diagnostic-Code: smtp;", &failure.reply.to_string());
    field(out, "Last-Attempt-Date:", &failure.last_attempt.to_string());
}

fn field(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(name.as_bytes());
    out.push(b' ');
    if value.is_ascii() {
        folded(out, value, name.len() + 1, "    ");
    } else {
        let ascii: String = value.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect();
        folded(out, &ascii, name.len() + 1, "    ");
    }
    out.extend_from_slice(b"\r\n");
}

/// utf-8-addr-xtext (RFC 6533 §3): `\x{HEX}` for what is not ASCII and for what the escape is made of.
fn escaped(address: &Address) -> String {
    let mut out = String::with_capacity(2 * address.as_str().len());
    for c in address.as_str().chars() {
        if c.is_ascii_graphic() && !matches!(c, '\\' | '+' | '=') {
            out.push(c);
        } else {
            out.push_str(&format!("\\x{{{:02X}}}", u32::from(c)));
        }
    }
    out
}
