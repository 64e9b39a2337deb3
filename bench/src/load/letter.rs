//! The content of the messages: made once for each size, the token patched in place.
//!
//! Law: what is sent is exactly as long as was asked for (without the final dot), and never needs stuffing.

use crate::token::{FIELD, TOKEN_BYTES, Token};
use bytes::{Bytes, BytesMut};

/// So much of a message is each connection's own; what follows is shared by all.
const OWN_BYTES: usize = 16 << 10;
const LINE: &[u8; 78] = b"The quick brown fox jumps over the lazy dog, and then it rests for a while. \r\n";
const DOT: &[u8] = b".\r\n";

/// A message of one size.
#[derive(Clone)]
pub struct Letter {
    head: Bytes,
    /// Of the token in Message-ID and in X-Bench-Id.
    places: [usize; 2],
    tail: Bytes,
    /// The head that was sent last; patched again when nobody else holds it.
    sent: Option<Bytes>,
    bytes: usize,
}

impl Letter {
    /// `bytes` counts header and body; at least the header and one line. `date` is the Date field.
    pub fn new(bytes: usize, sender: &str, date: &str) -> Letter {
        let mut text = Vec::with_capacity(bytes + LINE.len() + DOT.len());
        let blank = [b'0'; TOKEN_BYTES];
        text.extend_from_slice(format!("From: <{sender}>\r\nTo: undisclosed-recipients:;\r\n").as_bytes());
        text.extend_from_slice(format!("Subject: load\r\nDate: {date}\r\nMessage-ID: <").as_bytes());
        let first = text.len();
        text.extend_from_slice(&blank);
        text.extend_from_slice(b"@bench.example>\r\n");
        text.extend_from_slice(FIELD);
        let second = text.len();
        text.extend_from_slice(&blank);
        text.extend_from_slice(
            b"\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n",
        );
        let bytes = bytes.max(text.len() + LINE.len());
        fill(&mut text, bytes);
        text.extend_from_slice(DOT);
        let mut head = Bytes::from(text);
        let tail = head.split_off(head.len().min(OWN_BYTES));
        Letter { head, places: [first, second], tail, sent: None, bytes }
    }

    /// Header and body, without the final dot.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The message that carries this token, up to and with the final dot.
    pub fn carrying(&mut self, token: Token) -> Vec<Bytes> {
        let mine = self.sent.take().and_then(|sent| sent.try_into_mut().ok());
        let mut head = mine.unwrap_or_else(|| BytesMut::from(&self.head[..]));
        let token = token.bytes();
        for place in self.places {
            head[place..place + TOKEN_BYTES].copy_from_slice(&token);
        }
        let head = head.freeze();
        self.sent = Some(head.clone());
        if self.tail.is_empty() { vec![head] } else { vec![head, self.tail.clone()] }
    }
}

/// Whole lines, then one that ends where `bytes` wants it; a rest of one byte lengthens the last line.
fn fill(text: &mut Vec<u8>, bytes: usize) {
    while bytes - text.len() >= LINE.len() {
        text.extend_from_slice(LINE);
    }
    match bytes - text.len() {
        0 => {}
        1 => {
            text.truncate(text.len() - 2);
            text.extend_from_slice(b".\r\n");
        }
        rest => {
            text.extend_from_slice(&LINE[..rest - 2]);
            text.extend_from_slice(b"\r\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(blocks: &[Bytes]) -> Vec<u8> {
        blocks.concat()
    }

    #[test]
    fn a_letter_is_as_long_as_asked_and_ends_with_the_dot() {
        let shortest = Letter::new(0, "a@b.example", "today").bytes();
        for bytes in (shortest..shortest + 200).chain([OWN_BYTES - 1, OWN_BYTES, OWN_BYTES + 1, 100_000]) {
            let mut letter = Letter::new(bytes, "a@b.example", "today");
            let text = text(&letter.carrying(Token { run: 1, number: 2 }));
            assert_eq!(text.len(), bytes + DOT.len());
            assert!(text.ends_with(b"\r\n.\r\n"), "{bytes}");
            assert_eq!(memchr::memmem::find_iter(&text, b"\r\n.").count(), 1, "{bytes}");
            let lines = text.split(|byte| *byte == b'\n');
            assert!(lines.clone().all(|line| line.len() < 998));
            assert!(lines.clone().take(lines.count() - 1).all(|line| line.ends_with(b"\r")));
        }
    }

    #[test]
    fn each_message_carries_its_own_token_and_the_last_one_is_untouched() {
        let mut letter = Letter::new(2048, "a@b.example", "today");
        let first = letter.carrying(Token { run: 1, number: 1 });
        let second = letter.carrying(Token { run: 1, number: 2 });
        for (blocks, number) in [(&first, "00000001-0000000001"), (&second, "00000001-0000000002")] {
            let text = String::from_utf8(text(blocks)).unwrap();
            assert!(text.contains(&format!("\r\nX-Bench-Id: {number}\r\n")));
            assert!(text.contains(&format!("\r\nMessage-ID: <{number}@bench.example>\r\n")));
        }
    }

    #[test]
    fn a_message_that_has_gone_out_lends_its_memory_to_the_next() {
        let mut letter = Letter::new(2048, "a@b.example", "today");
        let first = letter.carrying(Token { run: 1, number: 1 });
        let memory = first[0].as_ptr();
        drop(first);
        assert_eq!(letter.carrying(Token { run: 1, number: 2 })[0].as_ptr(), memory);
    }
}
