//! Lines and replies as bytes: what both sides of the protocol share. Nothing here keeps state, so that a
//! session alone decides how much it buffers.

use mail::Reply;

/// A line that has arrived with its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Without the line's end.
    pub text: &'a [u8],
    /// With the line's end: where the next line begins.
    pub length: usize,
    /// Ended by CRLF, and not by LF alone (RFC 5321 §2.3.8).
    pub proper: bool,
}

/// The first line of `input`, if its end is there.
pub fn first_line(input: &[u8]) -> Option<Line<'_>> {
    let end = memchr::memchr(b'\n', input)?;
    let text = &input[..end];
    Some(match text.strip_suffix(b"\r") {
        Some(text) => Line { text, length: end + 1, proper: true },
        None => Line { text, length: end + 1, proper: false },
    })
}

/// One line of a reply (RFC 5321 §4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyLine<'a> {
    pub code: u16,
    /// No further line belongs to this reply.
    pub last: bool,
    pub text: &'a [u8],
}

/// Reads a line without its end. None: no server that speaks SMTP says this.
pub fn reply_line(line: &[u8]) -> Option<ReplyLine<'_>> {
    let (digits, rest) = line.split_first_chunk::<3>()?;
    let [b'2'..=b'5', b'0'..=b'9', b'0'..=b'9'] = digits else { return None };
    let code = digits.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    match rest.split_first() {
        None => Some(ReplyLine { code, last: true, text: rest }),
        Some((b' ', text)) => Some(ReplyLine { code, last: true, text }),
        Some((b'-', text)) => Some(ReplyLine { code, last: false, text }),
        Some(_) => None,
    }
}

/// Appends the wire form of a reply: each line with the code and, if offered, the enhanced code.
/// Same octets as `Reply::write_to`, without its formatting machinery.
pub fn write_reply(out: &mut Vec<u8>, reply: &Reply, enhanced_offered: bool) {
    let enhanced = reply.enhanced.filter(|_| enhanced_offered);
    let mut lines = reply.text.split('\n').peekable();
    while let Some(line) = lines.next() {
        write_number(out, reply.code);
        out.push(if lines.peek().is_some() { b'-' } else { b' ' });
        if let Some((class, subject, detail)) = enhanced {
            write_number(out, u16::from(class));
            out.push(b'.');
            write_number(out, subject);
            out.push(b'.');
            write_number(out, detail);
            out.push(b' ');
        }
        out.extend_from_slice(line.trim_end_matches('\r').as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

fn write_number(out: &mut Vec<u8>, number: u16) {
    if number >= 10 {
        write_number(out, number / 10);
    }
    out.push(b'0' + (number % 10) as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_complete_with_its_line_feed_and_proper_with_crlf() {
        assert_eq!(first_line(b"NOOP\r"), None);
        let proper = Line { text: b"NOOP", length: 6, proper: true };
        assert_eq!(first_line(b"NOOP\r\nQUIT\r\n"), Some(proper));
        assert_eq!(first_line(b"NOOP\nx"), Some(Line { length: 5, proper: false, ..proper }));
        assert_eq!(first_line(b"\n"), Some(Line { text: b"", length: 1, proper: false }));
    }

    #[test]
    fn reply_lines_have_a_code_a_separator_and_a_text() {
        let line = |code, last, text| Some(ReplyLine { code, last, text });
        for (input, expected) in [
            (&b"250 2.0.0 OK"[..], line(250, true, &b"2.0.0 OK"[..])),
            (b"250-SIZE 100", line(250, false, b"SIZE 100")),
            (b"354", line(354, true, b"")),
            (b"250 ", line(250, true, b"")),
            (b"2500 x", None),
            (b"25", None),
            (b"199 x", None),
            (b"600 x", None),
            (b"2x0 x", None),
            (b"", None),
        ] {
            assert_eq!(reply_line(input), expected, "{}", input.escape_ascii());
        }
    }

    #[test]
    fn replies_are_written_as_the_shared_word_writes_them() {
        for reply in [
            Reply::fixed(250, (2, 0, 0), "OK"),
            Reply::fixed(550, (5, 7, 1), "relaying denied\r\nask the postmaster"),
            Reply::with(554, (5, 10, 65535), ""),
            Reply::plain(354, "go\n\nahead"),
            Reply::verbatim(5, "x"),
        ] {
            for offered in [true, false] {
                let (mut ours, mut shared) = (Vec::new(), Vec::new());
                write_reply(&mut ours, &reply, offered);
                reply.write_to(&mut shared, offered);
                assert_eq!(ours, shared);
            }
        }
    }
}
