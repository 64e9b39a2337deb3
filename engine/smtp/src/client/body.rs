//! Content as it goes over the wire: dots stuffed, line ended, final dot (RFC 5321 §4.5.2).
//!
//! Law: content is shared, not copied, except where bit 8 is cleared or dots are legion.

use bytes::Bytes;
use memchr::memmem;

/// Blocks that share the content; what is left after so many stuffed dots is copied, so that content
/// made of dots does not become millions of blocks.
const MAX_SHARED_BLOCKS: usize = 64;

/// Octets of the message as SIZE counts them: with its last line ended, before dots (RFC 1870 §4).
pub(super) fn octets(body: &[u8]) -> u64 {
    let unended = !body.is_empty() && !body.ends_with(b"\r\n");
    body.len() as u64 + if unended { 2 } else { 0 }
}

/// Appends the blocks to send after 354 and returns their octets.
pub(super) fn wrap(body: &Bytes, blocks: &mut Vec<Bytes>) -> u64 {
    let before = blocks.len();
    stuff(body, blocks);
    let unended = octets(body) != body.len() as u64;
    blocks.push(Bytes::from_static(if unended { b"\r\n.\r\n" } else { b".\r\n" }));
    blocks[before..].iter().map(|block| block.len() as u64).sum()
}

/// A line begins after any LF, not only after CRLF: a peer that is lax about line ends must not find an
/// end of data in the content.
fn stuff(body: &Bytes, blocks: &mut Vec<Bytes>) {
    let limit = blocks.len() + MAX_SHARED_BLOCKS;
    let first = body.first().filter(|byte| **byte == b'.').map(|_| 0);
    let dots = first.into_iter().chain(memmem::find_iter(body, b"\n.").map(|feed| feed + 1));
    let mut start = 0;
    for dot in dots {
        if blocks.len() == limit {
            blocks.push(stuffed_copy(&body[start..]));
            return;
        }
        // The dot ends this block and begins the next one: doubled without a byte written.
        blocks.push(body.slice(start..=dot));
        start = dot;
    }
    if start < body.len() {
        blocks.push(body.slice(start..));
    }
}

/// `rest` begins within a line or with a dot that was doubled before.
fn stuffed_copy(rest: &[u8]) -> Bytes {
    let mut copy = Vec::with_capacity(rest.len() + rest.len() / 8);
    let mut start = 0;
    for feed in memmem::find_iter(rest, b"\n.") {
        copy.extend_from_slice(&rest[start..=feed + 1]);
        start = feed + 1;
    }
    copy.extend_from_slice(&rest[start..]);
    Bytes::from(copy)
}

/// Octets above 127 lose their eighth bit. Where that would leave a control character (a line end made of
/// a piece of UTF-8 could end the data) a question mark stands instead.
pub(super) fn without_bit_8(body: &Bytes) -> Bytes {
    if body.is_ascii() {
        return body.clone();
    }
    let cleared = |byte: u8| match byte & 0x7F {
        _ if byte.is_ascii() => byte,
        control if control.is_ascii_control() => b'?',
        kept => kept,
    };
    body.iter().map(|byte| cleared(*byte)).collect::<Vec<_>>().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn on_the_wire(body: &[u8]) -> Vec<u8> {
        let mut blocks = Vec::new();
        let sent = wrap(&Bytes::copy_from_slice(body), &mut blocks);
        let wire = blocks.concat();
        assert_eq!(wire.len() as u64, sent);
        assert!(blocks.len() <= MAX_SHARED_BLOCKS + 2);
        wire
    }

    /// Reads as RFC 5321 §4.5.2 says a server does, a line at a time.
    fn received(wire: &[u8]) -> Vec<u8> {
        let mut content = Vec::new();
        let mut lines = wire.split_inclusive(|byte| *byte == b'\n');
        for line in lines.by_ref() {
            if line == b".\r\n" {
                break;
            }
            content.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
        }
        assert_eq!(lines.next(), None, "the data end at the end of the content, not within it");
        content
    }

    #[test]
    fn content_arrives_as_it_was_with_its_last_line_ended() {
        for (body, wire) in [
            (&b""[..], &b".\r\n"[..]),
            (b"a\r\n", b"a\r\n.\r\n"),
            (b"a", b"a\r\n.\r\n"),
            (b"a\n", b"a\n\r\n.\r\n"),
            (b".", b"..\r\n.\r\n"),
            (b"..\r\n", b"...\r\n.\r\n"),
            (b".\r\n.\r\n", b"..\r\n..\r\n.\r\n"),
            (b"a.\r\n.b\r\nc\r\n", b"a.\r\n..b\r\nc\r\n.\r\n"),
            (b"a\n.\r\nb\r\n", b"a\n..\r\nb\r\n.\r\n"),
        ] {
            assert_eq!(on_the_wire(body), wire, "{:?}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn content_without_dotted_lines_is_not_copied() {
        let body = Bytes::from_static(b"Subject: x\r\n\r\nhello.\r\n");
        let mut blocks = Vec::new();
        wrap(&body, &mut blocks);
        assert_eq!(blocks.len(), 2);
        assert_eq!(blocks[0].as_ptr(), body.as_ptr());
    }

    #[test]
    fn content_made_of_dots_becomes_few_blocks() {
        let body = b".\r\n".repeat(10_000);
        assert_eq!(received(&on_the_wire(&body)), body);
    }

    #[test]
    fn clearing_bit_8_makes_neither_line_ends_nor_an_end_of_data() {
        let body = Bytes::from_static(b"\xC3\xA9\r\n\xAE\r\nx\x8D\x8A\xAE\x8D\x8Ay\xFF\r\n");
        let cleared = without_bit_8(&body);
        assert_eq!(cleared, &b"C)\r\n.\r\nx??.??y?\r\n"[..]);
        assert_eq!(received(&on_the_wire(&cleared)), cleared);
        let plain = Bytes::from_static(b"plain\r\n");
        assert_eq!(without_bit_8(&plain).as_ptr(), plain.as_ptr());
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            rng_seed: proptest::test_runner::RngSeed::Fixed(1),
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn any_content_is_received_as_it_was(pieces in proptest::collection::vec(
            proptest::sample::select(vec![".", "\n", "\r\n", "\r", "a", "..", "\r\n.", "\r\n.\r\n"]), 0..200)
        ) {
            let body = pieces.concat().into_bytes();
            let mut ended = body.clone();
            if octets(&body) != body.len() as u64 {
                ended.extend_from_slice(b"\r\n");
            }
            prop_assert_eq!(received(&on_the_wire(&body)), ended);
        }
    }
}
