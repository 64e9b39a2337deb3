//! Finds the end of a message and the token in its header; keeps neither.
//!
//! Law: chunks are cut anywhere: what a cut may hide is looked for across it.

use crate::token::{FIELD, TOKEN_BYTES, Token};
use memchr::memmem::{self, Finder};
use std::sync::LazyLock;

/// A header is looked through this far for the token.
const HEADER_BYTES: usize = 64 << 10;
const SEAM: usize = END.len() - 1;
const END: &[u8] = b"\r\n.\r\n";
/// Of the end, what is no part of the message.
const DOT_BYTES: u64 = 3;

static FIND_END: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(END));
static FIND_FIELD: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(FIELD));

/// One message as it arrives.
pub struct Content {
    /// The last bytes before the next chunk.
    tail: [u8; SEAM],
    received: u64,
    token: Option<Token>,
    /// The header so far, if the first chunk did not hold the token.
    header: Vec<u8>,
    searched: bool,
}

impl Content {
    pub fn new() -> Content {
        // DATA's own line end counts: a message may be nothing but the final dot.
        Content { tail: *b"\0\0\r\n", received: 0, token: None, header: Vec::new(), searched: false }
    }

    /// How many of the bytes belong to this message, if it ends among them.
    pub fn feed(&mut self, chunk: &[u8]) -> Option<usize> {
        let end = self.end(chunk);
        let mine = &chunk[..end.unwrap_or(chunk.len())];
        if !self.searched {
            self.search(mine);
        }
        self.received += mine.len() as u64;
        match mine.len().checked_sub(SEAM) {
            Some(start) => self.tail.copy_from_slice(&mine[start..]),
            None => {
                self.tail.rotate_left(mine.len());
                self.tail[SEAM - mine.len()..].copy_from_slice(mine);
            }
        }
        end
    }

    /// Without the final dot; of a message that has ended.
    pub fn bytes(&self) -> u64 {
        self.received - DOT_BYTES
    }

    pub fn token(&self) -> Option<Token> {
        self.token
    }

    fn end(&self, chunk: &[u8]) -> Option<usize> {
        let mut seam = [0; 2 * SEAM];
        let some = chunk.len().min(SEAM);
        seam[..SEAM].copy_from_slice(&self.tail);
        seam[SEAM..SEAM + some].copy_from_slice(&chunk[..some]);
        if chunk[..some].contains(&b'\n')
            && let Some(at) = memmem::find(&seam[..SEAM + some], END)
        {
            return Some(at + END.len() - SEAM);
        }
        FIND_END.find(chunk).map(|at| at + END.len())
    }

    fn search(&mut self, mine: &[u8]) {
        if self.header.is_empty() {
            self.token = token_in(mine);
            self.searched = self.token.is_some();
            if self.searched {
                return;
            }
        }
        self.header.extend_from_slice(mine);
        self.token = token_in(&self.header);
        let over = memmem::find(&self.header, b"\r\n\r\n").is_some();
        self.searched = self.token.is_some() || over || self.header.len() > HEADER_BYTES;
        if self.searched {
            self.header = Vec::new();
        }
    }
}

/// A whole token at the start of a line of the header; one in the body is quoted mail.
fn token_in(text: &[u8]) -> Option<Token> {
    let at = FIND_FIELD.find(text)?;
    let line = text[..at].last().is_none_or(|byte| *byte == b'\n');
    if !line || memmem::find(&text[..at], b"\r\n\r\n").is_some() {
        return None;
    }
    Token::parse(text[at + FIELD.len()..].get(..TOKEN_BYTES)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: Token = Token { run: 0xab, number: 42 };
    const HEAD: &str = "Received: from a\r\n\tby b\r\nX-Bench-Id: 000000ab-0000000042\r\n";

    /// Fed in two cuts, at every pair of places.
    fn every_cut(text: &str, ends: usize, bytes: u64, token: Option<Token>) {
        let text = text.as_bytes();
        for one in 0..=text.len() {
            for two in (one..=text.len()).step_by(7) {
                let mut content = Content::new();
                let mut consumed = 0;
                for part in [&text[..one], &text[one..two], &text[two..]] {
                    match content.feed(part) {
                        Some(length) => {
                            consumed += length;
                            break;
                        }
                        None => consumed += part.len(),
                    }
                }
                assert_eq!((consumed, content.bytes(), content.token()), (ends, bytes, token), "{one} {two}");
            }
        }
    }

    #[test]
    fn the_end_and_the_token_are_found_however_the_bytes_are_cut() {
        for (text, rest, token) in [
            (format!("{HEAD}\r\nhello\r\n.\r\n"), "QUIT\r\n", Some(TOKEN)),
            (format!("{HEAD}\r\n..\r\n.hidden\r\n.\r\n"), "", Some(TOKEN)),
            (".\r\n".to_owned(), "MAIL\r\n", None),
            (format!("Subject: bounce\r\n\r\n{HEAD}\r\n.\r\n"), "", None),
            ("Subject: about X-Bench-Id: 000000ab-0000000042\r\n\r\n.\r\n".to_owned(), "", None),
        ] {
            every_cut(&format!("{text}{rest}"), text.len(), text.len() as u64 - DOT_BYTES, token);
        }
    }

    #[test]
    fn byte_by_byte_is_a_cut_too() {
        let text = format!("{HEAD}\r\nhello\r\n.\r\n");
        let mut content = Content::new();
        let ends: Vec<_> = text.bytes().map(|byte| content.feed(&[byte])).collect();
        assert_eq!(ends.iter().position(Option::is_some), Some(text.len() - 1));
        assert_eq!(content.token(), Some(TOKEN));
    }

    #[test]
    fn a_header_without_end_is_not_kept() {
        let mut content = Content::new();
        for _ in 0..1000 {
            assert_eq!(content.feed(&[b'x'; 1000]), None);
            assert!(content.header.len() <= HEADER_BYTES + 1000);
        }
        assert!(content.searched && content.header.is_empty());
    }
}
