//! Pieces of lines: numbers, ids, addresses and foreign text, appended by hand.
//!
//! The law: whatever comes from outside goes through `free`, so that no line holds a raw CR, LF or NUL.

use crate::Style;
use mail::{Address, MessageId, Reply, Time};
use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Twenty digits hold every u64.
const DIGITS: usize = 20;

/// Decimal digits, padded with zeros to at least `width` (at most 20).
fn padded(out: &mut Vec<u8>, mut number: u64, width: usize) {
    let mut digits = [b'0'; DIGITS];
    let mut start = DIGITS;
    while number > 0 {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
    }
    out.extend_from_slice(&digits[start.min(DIGITS - width)..]);
}

pub fn number(out: &mut Vec<u8>, number: u64) {
    padded(out, number, 1);
}

pub fn timestamp(out: &mut Vec<u8>, at: Time, style: &Style) {
    number(out, if style.hires_timestamp { at.micros() } else { at.secs() });
}

/// Seconds with `places` decimals (at most 6), cut and not rounded: a time that passed entirely.
pub fn seconds(out: &mut Vec<u8>, duration: Duration, places: usize) {
    number(out, duration.as_secs());
    out.push(b'.');
    padded(out, u64::from(duration.subsec_micros()) / 10_u64.pow(6 - places as u32), places);
}

/// `XX/YY-PPPPP-TTTTTTTT`, the digits of counter and second reversed (spec mail-flow.md §1.1).
pub fn id(out: &mut Vec<u8>, id: MessageId) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |value: u32, place: u32| HEX[(value >> (4 * place) & 15) as usize];
    let counter = u32::from(id.counter);
    let pairs = [digit(counter, 0), digit(counter, 1), b'/', digit(counter, 2), digit(counter, 3), b'-'];
    out.extend_from_slice(&pairs);
    padded(out, u64::from(id.process), 5);
    out.push(b'-');
    out.extend_from_slice(&[0, 1, 2, 3, 4, 5, 6, 7].map(|place| digit(id.second, place)));
}

/// An IPv4 address by hand; the rarer IPv6 through its canonical form (RFC 5952) in the standard library.
pub fn ip(out: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => {
            let [first, rest @ ..] = address.octets();
            number(out, first.into());
            for octet in rest {
                out.push(b'.');
                number(out, octet.into());
            }
        }
        IpAddr::V6(address) => {
            // Writing into memory cannot fail.
            let _ = write!(out, "{address}");
        }
    }
}

/// `ip:port`, an IPv6 address in brackets.
pub fn endpoint(out: &mut Vec<u8>, endpoint: SocketAddr) {
    let brackets = endpoint.is_ipv6();
    out.extend(brackets.then_some(b'['));
    ip(out, endpoint.ip());
    out.extend(brackets.then_some(b']'));
    out.push(b':');
    number(out, endpoint.port().into());
}

/// Foreign text: CR, LF and NUL become blanks, since they would end the line or hide its rest.
pub fn free(out: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    while let Some(at) = memchr::memchr3(b'\r', b'\n', 0, rest) {
        out.extend_from_slice(&rest[..at]);
        out.push(b' ');
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

/// `local@domain` as two fields; the local part with `log_escape`.
pub fn address(out: &mut Vec<u8>, address: &Address, style: &Style) {
    local_part(out, address.local(), style);
    out.push(b'@');
    free(out, address.domain());
}

fn local_part(out: &mut Vec<u8>, local: &str, style: &Style) {
    let mut rest = local;
    while let Some(at) = rest.find(['@', '%']).filter(|_| style.escape) {
        free(out, &rest[..at]);
        out.extend_from_slice(if rest.as_bytes()[at] == b'@' { b"%40" } else { b"%25" });
        rest = &rest[at + 1..];
    }
    free(out, rest);
}

/// Code, enhanced code and text on one line; line ends of the reply become single blanks.
pub fn reply(out: &mut Vec<u8>, reply: &Reply) {
    number(out, reply.code.into());
    if let Some((class, subject, detail)) = reply.enhanced {
        for (separator, part) in [(b' ', class.into()), (b'.', subject), (b'.', detail)] {
            out.push(separator);
            number(out, part.into());
        }
    }
    out.push(b' ');
    reply_text(out, reply);
}

/// The text of a reply alone, its lines joined by blanks.
pub fn reply_text(out: &mut Vec<u8>, reply: &Reply) {
    for (index, line) in reply.text.split('\n').enumerate() {
        out.extend((index > 0).then_some(b' '));
        free(out, line.trim_end_matches('\r'));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Debug;

    fn written<T: Debug>(write: impl Fn(&mut Vec<u8>, T), value: T) -> String {
        let mut out = Vec::new();
        write(&mut out, value);
        String::from_utf8(out).expect("ours is text")
    }

    #[test]
    fn numbers_and_identities_are_written_as_the_standard_library_would() {
        for value in [0, 1, 9, 10, 99, 100, 1_770_244_190, u64::MAX] {
            assert_eq!(written(number, value), value.to_string());
        }
        let ids = [
            MessageId::NONE,
            MessageId { second: 0x702B_41E6, process: 30_911, counter: 0x401A },
            MessageId { second: u32::MAX, process: u32::MAX, counter: u16::MAX },
        ];
        for value in ids {
            assert_eq!(written(id, value), value.to_string());
        }
        for value in ["192.0.2.10:25", "255.255.255.255:65535", "0.0.0.0:0", "[2001:db8::1]:2525", "[::]:0"] {
            assert_eq!(written(endpoint, value.parse().expect("an endpoint")), value);
        }
    }

    #[test]
    fn seconds_are_cut_to_their_places() {
        for (micros, places, text) in [
            (1_102_000, 3, "1.102"),
            (1_102_999, 3, "1.102"),
            (30_410_000, 2, "30.41"),
            (809_209_999, 2, "809.20"),
            (0, 2, "0.00"),
            (7, 6, "0.000007"),
        ] {
            assert_eq!(
                written(|out, value| seconds(out, value, places), Duration::from_micros(micros)),
                text
            );
        }
    }

    #[test]
    fn no_control_byte_that_ends_a_line_survives() {
        for (foreign, text) in [
            ("plain", "plain"),
            ("", ""),
            ("a\r\nb\0c", "a  b c"),
            ("\n", " "),
            ("grüße\nan@alle", "grüße an@alle"),
        ] {
            assert_eq!(written(free, foreign), text);
        }
        let lines = Reply::verbatim(550, "5.1.1 no such user\r\nask the postmaster");
        assert_eq!(written(reply, &lines), "550 5.1.1 no such user ask the postmaster");
        let own = Reply::fixed(451, (4, 4, 2), "[internal] no banner");
        assert_eq!(written(reply, &own), own.to_string());
    }

    #[test]
    fn the_at_sign_of_a_local_part_is_escaped_if_asked_for() {
        let quoted = Address::new("\"a@50%\"", "b.example");
        let style = |escape| Style { escape, ..Style::default() };
        for (escape, text) in [(false, "\"a@50%\"@b.example"), (true, "\"a%4050%25\"@b.example")] {
            assert_eq!(written(|out, value| address(out, value, &style(escape)), &quoted), text);
        }
    }
}
