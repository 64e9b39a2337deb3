//! Replies of the peer, found in the bytes that have come so far and lent from them.
//!
//! Law: what a reply is does not depend on how its bytes were cut, and no peer makes us keep more than
//! `MAX_LINES * MAX_LINE_BYTES` of it.

use mail::Reply;

/// Longest line of a reply, in bytes with its line end; RFC 5321 §4.5.3.1.5 asks for 512.
pub const MAX_LINE_BYTES: usize = 1024;

/// Most lines of one reply.
pub const MAX_LINES: usize = 100;

/// A whole reply.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer<'a> {
    /// That of the last line, 200 to 599; the lines before should have the same (RFC 5321 §4.2.1).
    pub code: u16,
    raw: &'a [u8],
}

#[derive(Debug)]
pub(super) enum Heard<'a> {
    Whole(Answer<'a>),
    /// The bytes may become a reply.
    Partial,
    /// They never will, or it is beyond the limits.
    Garbage,
}

/// The reply at the start of `bytes`.
pub(super) fn hear(bytes: &[u8]) -> Heard<'_> {
    let mut length = 0;
    for _ in 0..MAX_LINES {
        let rest = &bytes[length..];
        let Some(feed) = memchr::memchr(b'\n', &rest[..rest.len().min(MAX_LINE_BYTES)]) else {
            return if rest.len() < MAX_LINE_BYTES { Heard::Partial } else { Heard::Garbage };
        };
        length += feed + 1;
        match code_of(without_line_end(&rest[..feed])) {
            Some((_, true)) => {}
            Some((code, false)) => return Heard::Whole(Answer { code, raw: &bytes[..length] }),
            None => return Heard::Garbage,
        }
    }
    Heard::Garbage
}

/// The code of a line, and whether more lines follow.
fn code_of(line: &[u8]) -> Option<(u16, bool)> {
    let (digits, rest) = line.split_at_checked(3)?;
    let continued = match rest.first() {
        None | Some(b' ') => false,
        Some(b'-') => true,
        Some(_) => return None,
    };
    let all_digits = digits.iter().all(u8::is_ascii_digit);
    let code = digits.iter().fold(0, |code, digit| code * 10 + u16::from(digit.wrapping_sub(b'0')));
    (all_digits && (200..600).contains(&code)).then_some((code, continued))
}

/// A bare LF ends a line too: what a peer says is only read, never passed on as lines.
fn without_line_end(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

impl<'a> Answer<'a> {
    /// Bytes that the reply took.
    pub fn length(self) -> usize {
        self.raw.len()
    }

    /// The texts of the lines, after code and separator.
    pub fn lines(self) -> impl Iterator<Item = &'a [u8]> {
        let raw = self.raw.strip_suffix(b"\n").unwrap_or(self.raw);
        raw.split(|byte| *byte == b'\n').map(|line| without_line_end(line).get(4..).unwrap_or_default())
    }

    /// As a value that outlives the bytes. Control characters would forge lines of logs and notices.
    pub fn reply(self) -> Reply {
        let mut text = String::with_capacity(self.raw.len());
        for (number, line) in self.lines().enumerate() {
            if number > 0 {
                text.push('\n');
            }
            let line = String::from_utf8_lossy(line);
            text.extend(line.chars().map(|c| if c.is_control() && c != '\t' { '?' } else { c }));
        }
        Reply::verbatim(self.code, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_the_same_with_every_line_end_and_separator_in_use() {
        for (wire, code, text) in [
            ("250 2.1.0 fine\r\n", 250, "2.1.0 fine"),
            ("250\r\n", 250, ""),
            ("250 \n", 250, ""),
            ("550-5.1.1 no such\r\n550-\r\n550 user\r\n", 550, "5.1.1 no such\n\nuser"),
            ("250-mixed\n451 codes\n", 451, "mixed\ncodes"),
            ("554 a\u{7}b\rc \u{e9}\r\n", 554, "a?b?c \u{e9}"),
        ] {
            let followed = format!("{wire}220 next\r\n");
            let Heard::Whole(answer) = hear(followed.as_bytes()) else { panic!("{wire:?} is a reply") };
            assert_eq!(answer.length(), wire.len());
            assert_eq!(answer.reply(), Reply::verbatim(code, text), "{wire:?}");
            for cut in 0..wire.len() {
                assert!(matches!(hear(&wire.as_bytes()[..cut]), Heard::Partial), "{wire:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn what_cannot_become_a_reply_is_garbage() {
        for wire in ["\r\n", "25\r\n", "2x0 a\r\n", "250_a\r\n", "199 a\r\n", "600 a\r\n", "250-a\r\nb\r\n"] {
            assert!(matches!(hear(wire.as_bytes()), Heard::Garbage), "{wire:?}");
        }
    }

    #[test]
    fn lines_and_their_number_are_limited() {
        let line = |length: usize| format!("250 {}\r\n", "x".repeat(length - 6));
        assert!(matches!(hear(line(MAX_LINE_BYTES).as_bytes()), Heard::Whole(_)));
        assert!(matches!(hear(line(MAX_LINE_BYTES + 1).as_bytes()), Heard::Garbage));
        assert!(matches!(hear(&vec![b'2'; MAX_LINE_BYTES]), Heard::Garbage));
        let lines = |count: usize| format!("{}250 end\r\n", "250-more\r\n".repeat(count - 1));
        assert!(matches!(hear(lines(MAX_LINES).as_bytes()), Heard::Whole(_)));
        assert!(matches!(hear(lines(MAX_LINES + 1).as_bytes()), Heard::Garbage));
    }
}
