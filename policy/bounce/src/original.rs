//! The third part of a notice: the mail that failed, or as much of it as may be returned.
//!
//! The law: what leaves here has CRLF line ends, no NUL and no line of more than 998 bytes.

use memchr::{memchr, memchr_iter};
use std::borrow::Cow;

/// `bounces_inline_original`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Original {
    #[default]
    Headers,
    None,
    /// The whole message; its header alone if it could not travel as 8-bit text (RFC 2046 §5.2.1 allows
    /// a message no encoding that would help).
    All,
}

/// Header bytes that a notice returns at most; what lies beyond is left out, from a whole line on.
pub const HEADERS_LIMIT: usize = 64 * 1024;

/// Longest line of mail without its line end, in bytes (RFC 5322 §2.1.1).
const LINE_LIMIT: usize = 998;

/// The content type of the part and its content; nothing if nothing is returned.
pub(crate) fn part(original: Original, message: &[u8]) -> Option<(&'static str, Cow<'_, [u8]>)> {
    match original {
        Original::None => None,
        Original::All if is_text(message) => Some(("message/rfc822", Cow::Borrowed(message))),
        Original::All | Original::Headers => Some(("text/rfc822-headers", Cow::Owned(headers(message)))),
    }
}

/// Every line is short enough and ends with CRLF; the last may end with the message.
fn is_text(message: &[u8]) -> bool {
    let mut start = 0;
    let lines_are_fine = memchr_iter(b'\n', message).all(|end| {
        let line = &message[start..end];
        start = end + 1;
        line.strip_suffix(b"\r").is_some_and(is_line)
    });
    lines_are_fine && is_line(&message[start..])
}

fn is_line(line: &[u8]) -> bool {
    line.len() <= LINE_LIMIT && memchr::memchr2(b'\r', 0, line).is_none()
}

fn headers(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(2048);
    let mut rest = message;
    while !rest.is_empty() {
        let end = memchr(b'\n', rest).unwrap_or(rest.len());
        let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
        if line.is_empty() || out.len() + line.len() > HEADERS_LIMIT {
            break;
        }
        header_line(line, &mut out);
        rest = rest.get(end + 1..).unwrap_or(&[]);
    }
    out
}

/// A line too long is folded where it must be: a blank more is better than no header at all.
fn header_line(line: &[u8], out: &mut Vec<u8>) {
    for (index, piece) in line.chunks(LINE_LIMIT - 1).enumerate() {
        out.extend((index > 0).then_some(b' '));
        out.extend(piece.iter().map(|byte| if matches!(byte, b'\r' | 0) { b' ' } else { *byte }));
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn returned(original: Original, message: &str) -> Option<(&'static str, String)> {
        let (kind, content) = part(original, message.as_bytes())?;
        Some((kind, String::from_utf8(content.into_owned()).expect("text")))
    }

    #[test]
    fn each_setting_returns_its_share() {
        let message = "A: 1\r\nB: 2\r\n\r\nbody\r\n";
        assert_eq!(returned(Original::None, message), None);
        assert_eq!(returned(Original::All, message), Some(("message/rfc822", message.to_owned())));
        let headers = Some(("text/rfc822-headers", "A: 1\r\nB: 2\r\n".to_owned()));
        assert_eq!(returned(Original::Headers, message), headers);
        let long = "x".repeat(LINE_LIMIT + 1);
        for body in ["bare\nline feed", "bare\rreturn", "a\0b", &long] {
            assert_eq!(returned(Original::All, &format!("{message}{body}")), headers, "{body:?}");
        }
        assert!(returned(Original::All, &long[1..]).is_some_and(|(kind, _)| kind == "message/rfc822"));
    }

    #[test]
    fn headers_come_out_clean_folded_and_bounded() {
        for (message, expected) in [
            ("", ""),
            ("\r\nbody", ""),
            ("A: 1", "A: 1\r\n"),
            ("A: 1\nB: \r2\0\n\nbody", "A: 1\r\nB:  2 \r\n"),
        ] {
            assert_eq!(headers(message.as_bytes()), expected.as_bytes(), "{message:?}");
        }
        let long = headers(&[b'x'; 3 * LINE_LIMIT]);
        assert!(long.split(|byte| *byte == b'\n').all(|line| line.len() <= LINE_LIMIT + 1));
        assert_eq!(long.iter().filter(|byte| **byte == b'x').count(), 3 * LINE_LIMIT);
        let endless = headers("Received: from nowhere\r\n".repeat(10_000).as_bytes());
        assert!(endless.len() <= HEADERS_LIMIT + 1024 && endless.ends_with(b"nowhere\r\n"));
    }
}
