//! Words and signs of one file (spec config-language.md §2). Only the parser knows whether a comma separates
//! and whether a slash begins a regular expression, so it says which mode holds.

use crate::fault::Fault;
use crate::{Limits, Span};
use std::borrow::Cow;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Statement,
    /// Inside ( ) and [ ]: commas separate.
    Elements,
    /// After Domain and Host: a bare word that starts with a slash is a regular expression (§7.2).
    Name,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    Word {
        text: Cow<'a, str>,
        quoted: bool,
    },
    /// One of `= { } [ ] ( ) ,`
    Sign(u8),
    End,
}

#[derive(Clone)]
pub struct Lexer<'a> {
    text: &'a str,
    at: usize,
    file: u32,
    limits: Limits,
}

impl<'a> Lexer<'a> {
    pub fn new(text: &'a str, file: u32, limits: Limits) -> Self {
        // A byte order mark is no part of the first word.
        let at = if text.starts_with('\u{FEFF}') { '\u{FEFF}'.len_utf8() } else { 0 };
        Lexer { text, at, file, limits }
    }

    pub fn position(&self) -> usize {
        self.at
    }

    pub fn return_to(&mut self, span: Span) {
        self.at = span.start as usize;
    }

    /// Where the line ends on which that position stands.
    pub fn line_end(&self, from: usize) -> usize {
        let rest = &self.text.as_bytes()[from..];
        from + memchr::memchr(b'\n', rest).unwrap_or(rest.len())
    }

    /// After a fault the lexer stands behind what it could not read.
    pub fn next(&mut self, mode: Mode) -> Result<(Token<'a>, Span), Fault> {
        self.skip_blanks()?;
        let start = self.at;
        let token = match self.text.as_bytes().get(start) {
            None => Token::End,
            Some(sign @ (b'=' | b'{' | b'}' | b'[' | b']' | b'(' | b')')) => self.sign(*sign),
            Some(b',') if mode == Mode::Elements => self.sign(b','),
            Some(quote @ (b'"' | b'\'')) => self.quoted(*quote)?,
            Some(b'/') if mode == Mode::Name => self.regex()?,
            Some(_) => self.bare(mode)?,
        };
        let span = Span::new(self.file, start, self.at);
        if self.at - start <= self.limits.token_bytes {
            return Ok((token, span));
        }
        let first = self.text[start..].chars().next().map_or(0, char::len_utf8);
        Err(Fault::error(Span::new(self.file, start, start + first), "this word is too long")
            .expected(format!("at most {} bytes", self.limits.token_bytes)))
    }

    fn sign(&mut self, sign: u8) -> Token<'a> {
        self.at += 1;
        Token::Sign(sign)
    }

    fn skip_blanks(&mut self) -> Result<(), Fault> {
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(self.at) {
                Some(byte) if is_blank(*byte) => self.at += 1,
                Some(b'#') => {
                    let rest = &bytes[self.at..];
                    self.at += memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                }
                Some(b'/') if bytes.get(self.at + 1) == Some(&b'*') => self.skip_comment()?,
                _ => return Ok(()),
            }
        }
    }

    fn skip_comment(&mut self) -> Result<(), Fault> {
        let start = self.at;
        match memchr::memmem::find(&self.text.as_bytes()[start + 2..], b"*/") {
            Some(length) => {
                self.at = start + 2 + length + 2;
                Ok(())
            }
            None => {
                self.at = self.text.len();
                Err(Fault::error(Span::new(self.file, start, start + 2), "this comment does not end")
                    .expected("*/ before the end of the file"))
            }
        }
    }

    fn bare(&mut self, mode: Mode) -> Result<Token<'a>, Fault> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            let ends = is_blank(*byte)
                || matches!(byte, b'#' | b'"' | b'\'' | b'=' | b'{' | b'}' | b'[' | b']' | b'(' | b')')
                || (*byte == b',' && mode == Mode::Elements)
                || (*byte == b'/' && bytes.get(self.at + 1) == Some(&b'*'));
            if ends {
                break;
            }
            self.at += 1;
        }
        let text = &self.text[start..self.at];
        match text.char_indices().find_map(|(at, shown)| quote_name(shown).map(|name| (at, shown, name))) {
            None => Ok(Token::Word { text: Cow::Borrowed(text), quoted: false }),
            Some((at, shown, name)) => {
                let span = Span::new(self.file, start + at, start + at + shown.len_utf8());
                let message = format!("{name} (U+{:04X}) is not a quote here", u32::from(shown));
                Err(Fault::error(span, message).expected("\" or '"))
            }
        }
    }

    /// Up to the next unescaped slash that a blank or a brace follows.
    fn regex(&mut self) -> Result<Token<'a>, Fault> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut at = start + 1;
        while let Some(byte) = bytes.get(at).filter(|byte| **byte != b'\n') {
            match byte {
                b'\\' => at += 2,
                b'/' if bytes.get(at + 1).is_none_or(|next| is_blank(*next) || *next == b'{') => {
                    self.at = at + 1;
                    return Ok(Token::Word {
                        text: Cow::Borrowed(&self.text[start..self.at]),
                        quoted: false,
                    });
                }
                _ => at += 1,
            }
        }
        self.at = at.min(bytes.len());
        while !self.text.is_char_boundary(self.at) {
            self.at += 1;
        }
        Err(Fault::error(Span::new(self.file, start, start + 1), "this regular expression does not end")
            .expected("a slash, followed by a blank or '{', on the same line"))
    }

    /// Escapes are few; any other backslash stays, for regular expressions are full of them (§2.3).
    fn quoted(&mut self, quote: u8) -> Result<Token<'a>, Fault> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut from = start + 1;
        let mut decoded = String::new();
        while let Some(length) = memchr::memchr2(quote, b'\\', bytes.get(from..).unwrap_or(&[])) {
            let special = from + length;
            if bytes[special] == quote {
                self.at = special + 1;
                let tail = &self.text[from..special];
                let text = if decoded.is_empty() { Cow::Borrowed(tail) } else { Cow::Owned(decoded + tail) };
                return Ok(Token::Word { text, quoted: true });
            }
            decoded.push_str(&self.text[from..special]);
            let escaped = match bytes.get(special + 1) {
                Some(plain @ (b'"' | b'\'' | b'\\')) => Some(char::from(*plain)),
                Some(b'n') => Some('\n'),
                Some(b'r') => Some('\r'),
                Some(b't') => Some('\t'),
                _ => None,
            };
            decoded.push(escaped.unwrap_or('\\'));
            from = special + 1 + usize::from(escaped.is_some());
        }
        self.at = self.text.len();
        Err(Fault::error(Span::new(self.file, start, start + 1), "this string does not end")
            .expected(format!("{} before the end of the file", char::from(quote))))
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b'\x0C')
}

/// Word processors turn quotes into these.
fn quote_name(shown: char) -> Option<&'static str> {
    match shown {
        '\u{2018}' => Some("a left single typographic quote"),
        '\u{2019}' => Some("a right single typographic quote"),
        '\u{201C}' => Some("a left double typographic quote"),
        '\u{201D}' => Some("a right double typographic quote"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str, mode: Mode) -> Result<Vec<String>, String> {
        let mut lexer = Lexer::new(text, 0, Limits::default());
        let mut words = Vec::new();
        loop {
            match lexer.next(mode) {
                Ok((Token::Word { text, .. }, _)) => words.push(text.into_owned()),
                Ok((Token::Sign(sign), _)) => words.push(char::from(sign).into()),
                Ok((Token::End, _)) => return Ok(words),
                Err(fault) => return Err(format!("{fault:?}")),
            }
        }
    }

    #[test]
    fn words_end_where_the_language_says() {
        for (text, expected) in [
            ("a=b", vec!["a", "=", "b"]),
            ("a # b = \" c\nd", vec!["a", "d"]),
            ("a/* x \n \" */b", vec!["a", "b"]),
            (
                "/path/x http://h//x *.example 10.0.0.0/8",
                vec!["/path/x", "http://h//x", "*.example", "10.0.0.0/8"],
            ),
            ("a,b", vec!["a,b"]),
            ("\u{FEFF}a\x0C b\r\n", vec!["a", "b"]),
            ("x{y}", vec!["x", "{", "y", "}"]),
            ("\"a\"b'c'", vec!["a", "b", "c"]),
            ("", vec![]),
        ] {
            assert_eq!(
                words(text, Mode::Statement),
                Ok(expected.iter().map(ToString::to_string).collect()),
                "{text}"
            );
        }
        assert_eq!(
            words("a,\"b\",c", Mode::Elements),
            Ok(["a", ",", "b", ",", "c"].map(String::from).into())
        );
    }

    #[test]
    fn escapes_are_decoded_and_other_backslashes_stay() {
        for (text, expected) in [
            (r#""a\"b""#, "a\"b"),
            (r#"'a\'"b'"#, "a'\"b"),
            (r#""\d\.\\w""#, r"\d\.\w"),
            (r#""x\r\n\t""#, "x\r\n\t"),
            (r#""\\n""#, r"\n"),
            ("\"two\nlines\"", "two\nlines"),
            ("\"# no comment /* none */\"", "# no comment /* none */"),
            ("\"\\é\"", "\\é"),
            ("''", ""),
        ] {
            assert_eq!(words(text, Mode::Statement), Ok(vec![expected.to_string()]), "{text}");
        }
    }

    #[test]
    fn a_bare_regular_expression_may_hold_signs() {
        for (text, expected) in [
            (r"/yahoo\.co(m|\.uk)$/ {", vec![r"/yahoo\.co(m|\.uk)$/", "{"]),
            (r"/a=[b]/{", vec!["/a=[b]/", "{"]),
            (r"/a\/b/c/ {", vec![r"/a\/b/c/", "{"]),
        ] {
            assert_eq!(
                words(text, Mode::Name),
                Ok(expected.iter().map(ToString::to_string).collect()),
                "{text}"
            );
        }
        for text in ["/a", "/a\n/ {", "/a\\", "/é\\é", "/\\"] {
            assert!(words(text, Mode::Name).is_err(), "{text}");
        }
    }

    #[test]
    fn what_does_not_end_is_a_fault() {
        for text in ["\"a", "'a\\'", "/* a", "a /*", "“a”", "a’s", "\"a\\"] {
            assert!(words(text, Mode::Statement).is_err(), "{text}");
        }
        assert!(words(&"a".repeat((64 << 10) + 1), Mode::Statement).is_err());
        assert!(words(&"a".repeat(64 << 10), Mode::Statement).is_ok());
    }
}
