//! acctlog: who came to a console, and what they did (spec logs.md §5).
//!
//! The law: a backslash stands before every `@` and backslash of a value; other control characters are blanks.

use super::{Format, Style};
use crate::event::{Accounted, Accounting, Event, Kind, Kinds};
use crate::text;
use mail::Time;
use std::time::Duration;

pub const FORMAT: Format = Format {
    name: "acctlog",
    default_file: "/var/log/ecelerity/acctlog.ec",
    kinds: Kinds::of(&[Kind::Accounting]),
    // What was ordered may be the last thing that the process does.
    linger: Duration::ZERO,
    write,
};

fn write(event: &Event<'_>, at: Time, style: &Style, out: &mut Vec<u8>) {
    let Event::Accounting(Accounting { listener, peer, user, what }) = event else { return };
    text::timestamp(out, at, style);
    let letter = match what {
        Accounted::Authentication { .. } => "@N@",
        Accounted::AuthenticationTimedOut => "@T@",
        Accounted::Command { .. } => "@Z@",
    };
    out.extend_from_slice(letter.as_bytes());
    escaped(out, listener);
    out.push(b'@');
    if let Some(peer) = peer {
        text::endpoint(out, *peer);
    }
    out.push(b'@');
    escaped(out, user);
    match what {
        Accounted::Authentication { succeeded } => verdict(out, *succeeded),
        Accounted::AuthenticationTimedOut => verdict(out, false),
        Accounted::Command { allowed, line, role } => {
            verdict(out, *allowed);
            for field in [Some(*line), role.filter(|_| *allowed)].into_iter().flatten() {
                out.push(b'@');
                escaped(out, field);
            }
        }
    }
    out.push(b'\n');
}

fn verdict(out: &mut Vec<u8>, good: bool) {
    out.extend_from_slice(if good { b"@1" } else { b"@0" });
}

fn escaped(out: &mut Vec<u8>, value: &str) {
    for c in value.chars() {
        out.extend(matches!(c, '@' | '\\').then_some(b'\\'));
        let c = if c.is_control() { ' ' } else { c };
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_says_where_who_and_what() {
        let peer = Some("192.0.2.60:51902".parse().expect("an endpoint"));
        let command = |allowed, line, role| Accounted::Command { allowed, line, role };
        for (listener, peer, user, what, line) in [
            (
                "*:2025",
                peer,
                "ops",
                Accounted::Authentication { succeeded: true },
                "5@N@*:2025@192.0.2.60:51902@ops@1",
            ),
            (
                "*:2025",
                peer,
                "a@b",
                Accounted::Authentication { succeeded: false },
                "5@N@*:2025@192.0.2.60:51902@a\\@b@0",
            ),
            ("*:2025", peer, "", Accounted::AuthenticationTimedOut, "5@T@*:2025@192.0.2.60:51902@@0"),
            (
                "*:2025",
                peer,
                "ops",
                command(true, "summary", Some("users")),
                "5@Z@*:2025@192.0.2.60:51902@ops@1@summary@users",
            ),
            (
                "/tmp/2025",
                None,
                "root",
                command(false, "shutdown", Some("users")),
                "5@Z@/tmp/2025@@root@0@shutdown",
            ),
            (
                "/tmp/2025",
                None,
                "root",
                command(true, "fail a\\b@c\nd", None),
                "5@Z@/tmp/2025@@root@1@fail a\\\\b\\@c d",
            ),
        ] {
            let mut out = Vec::new();
            let event = Event::Accounting(Accounting { listener, peer, user, what });
            write(&event, Time::from_secs(5), &Style::default(), &mut out);
            assert_eq!(String::from_utf8(out).expect("text"), format!("{line}\n"));
        }
    }
}
