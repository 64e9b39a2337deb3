//! Tokens of Threaded Lua (spec policy.md §7), with the text that the virtual machine reads instead.
//!
//! The law: a token never changes the number of line ends, so that line numbers of errors stay true.

use super::SyntaxError;
use std::borrow::Cow;
use std::ops::Range;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Name,
    Keyword,
    Number,
    Text,
    Operator,
    End,
}

/// One token: where it stands, and what is written in its place if that differs.
#[derive(Clone, Debug)]
pub struct Token {
    pub kind: Kind,
    pub range: Range<usize>,
    pub line: usize,
    pub written: Option<String>,
}

const KEYWORDS: [&str; 21] = [
    "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "if", "in", "local", "nil",
    "not", "or", "repeat", "return", "then", "true", "until", "while",
];

/// Longest first.
const OPERATORS: [&str; 37] = [
    "...", "..", "==", "~=", "!=", "<=", ">=", "<<", ">>", "^^", "+", "-", "*", "/", "%", "^", "#", "&", "|",
    "~", "<", ">", "=", "(", ")", "{", "}", "[", "]", ";", ":", ",", ".", "\\", "!", "?", "@",
];

/// All tokens of a source, the last one being `End`.
pub fn tokens(source: &str) -> Result<Vec<Token>, SyntaxError> {
    let mut lexer = Lexer { source, at: 0, line: 1 };
    if source.starts_with('#') {
        lexer.at = source.find('\n').unwrap_or(source.len());
    }
    let mut tokens = Vec::new();
    loop {
        let token = lexer.token()?;
        let end = token.kind == Kind::End;
        tokens.push(token);
        if end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'s> {
    source: &'s str,
    at: usize,
    line: usize,
}

impl Lexer<'_> {
    fn byte(&self, ahead: usize) -> u8 {
        self.source.as_bytes().get(self.at + ahead).copied().unwrap_or(0)
    }

    fn error(&self, line: usize, what: impl Into<Cow<'static, str>>) -> SyntaxError {
        SyntaxError { line, what: what.into() }
    }

    fn token(&mut self) -> Result<Token, SyntaxError> {
        self.skip_blanks_and_comments()?;
        let (start, line) = (self.at, self.line);
        let first = self.byte(0);
        let (kind, written) = if start == self.source.len() {
            (Kind::End, None)
        } else if first.is_ascii_alphabetic() || first == b'_' {
            self.skip_while(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            let keyword = KEYWORDS.contains(&&self.source[start..self.at]);
            (if keyword { Kind::Keyword } else { Kind::Name }, None)
        } else if first.is_ascii_digit() || first == b'.' && self.byte(1).is_ascii_digit() {
            (Kind::Number, self.number()?)
        } else if first == b'"' || first == b'\'' {
            (Kind::Text, Some(self.quoted(first)?))
        } else if let Some(level) = self.long_bracket() {
            self.skip_long(level, "string")?;
            (Kind::Text, None)
        } else {
            (Kind::Operator, self.operator()?)
        };
        Ok(Token { kind, range: start..self.at, line, written })
    }

    fn skip_while(&mut self, is: impl Fn(u8) -> bool) {
        while self.at < self.source.len() && is(self.byte(0)) {
            self.at += 1;
        }
    }

    fn skip_blanks_and_comments(&mut self) -> Result<(), SyntaxError> {
        while self.at < self.source.len() {
            match self.byte(0) {
                b'\n' => {
                    self.line += 1;
                    self.at += 1;
                }
                b' ' | b'\t' | b'\r' | 0x0b | 0x0c => self.at += 1,
                b'-' if self.byte(1) == b'-' => {
                    self.at += 2;
                    match self.long_bracket() {
                        Some(level) => self.skip_long(level, "comment")?,
                        None => self.skip_while(|byte| byte != b'\n'),
                    }
                }
                _ => break,
            }
        }
        Ok(())
    }

    /// The number of `=` of a long bracket that opens here.
    fn long_bracket(&self) -> Option<usize> {
        if self.byte(0) != b'[' {
            return None;
        }
        let level = self.source.as_bytes()[self.at + 1..].iter().take_while(|byte| **byte == b'=').count();
        (self.byte(level + 1) == b'[').then_some(level)
    }

    fn skip_long(&mut self, level: usize, what: &'static str) -> Result<(), SyntaxError> {
        let (line, close) = (self.line, format!("]{}]", "=".repeat(level)));
        let rest = &self.source[self.at..];
        let end = rest.find(&close).ok_or_else(|| self.error(line, format!("unfinished long {what}")))?;
        self.line += rest[..end].matches('\n').count();
        self.at += end + close.len();
        Ok(())
    }

    /// Octal numbers become decimal ones; what the machine would read as more than Lua does is refused.
    fn number(&mut self) -> Result<Option<String>, SyntaxError> {
        let start = self.at;
        loop {
            let exponent = matches!(self.byte(0), b'e' | b'E') && !self.source[start..].starts_with("0x");
            if self.byte(0).is_ascii_alphanumeric() || matches!(self.byte(0), b'_' | b'.') {
                self.at += 1 + usize::from(exponent && matches!(self.byte(1), b'+' | b'-'));
            } else {
                break;
            }
        }
        let text = &self.source[start..self.at];
        let malformed = || self.error(self.line, format!("malformed number near '{text}'"));
        if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            let hexadecimal = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            return if hexadecimal { Ok(None) } else { Err(malformed()) };
        }
        if text.len() > 1 && text.starts_with('0') && text.bytes().all(|digit| digit.is_ascii_digit()) {
            let value = u64::from_str_radix(text, 8).map_err(|_| {
                self.error(self.line, format!("malformed number near '{text}': a leading 0 makes it octal"))
            })?;
            return Ok(Some(value.to_string()));
        }
        let decimal =
            text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
        if decimal && text.parse::<f64>().is_ok() { Ok(None) } else { Err(malformed()) }
    }

    /// A quoted string, its escapes checked and rewritten to those that the machine reads the same way.
    fn quoted(&mut self, quote: u8) -> Result<String, SyntaxError> {
        let line = self.line;
        let mut out = String::from(quote as char);
        self.at += 1;
        loop {
            let rest = &self.source[self.at..];
            let Some(next) = rest.chars().next() else { return Err(self.error(line, "unfinished string")) };
            match next {
                '\n' => return Err(self.error(line, "unfinished string")),
                '\\' => self.escape(&mut out)?,
                _ => {
                    out.push(next);
                    self.at += next.len_utf8();
                    if next == quote as char {
                        return Ok(out);
                    }
                }
            }
        }
    }

    fn escape(&mut self, out: &mut String) -> Result<(), SyntaxError> {
        let rest = &self.source[self.at + 1..];
        let Some(letter) = rest.chars().next() else {
            return Err(self.error(self.line, "unfinished string"));
        };
        let count = |is: fn(&u8) -> bool, from: usize, most: usize| {
            rest.bytes().skip(from).take(most).take_while(is).count()
        };
        let length = match letter {
            'a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '\\' | '"' | '\'' => {
                out.push('\\');
                out.push(letter);
                1
            }
            '\r' | '\n' => {
                self.line += 1;
                out.push_str("\\\n");
                if rest.starts_with("\r\n") { 2 } else { 1 }
            }
            '0'..='9' => {
                let length = count(u8::is_ascii_digit, 0, 3);
                let value: u8 =
                    rest[..length].parse().map_err(|_| self.error(self.line, "escape sequence too large"))?;
                out.push_str(&format!("\\{value:03}"));
                length
            }
            'x' => {
                let digits = count(u8::is_ascii_hexdigit, 1, 2);
                if digits != 2 {
                    return Err(self.error(self.line, "expected two hex digits after \\x"));
                }
                out.push_str(&rest[..3].replacen('x', "\\x", 1));
                3
            }
            'u' => {
                let digits = count(u8::is_ascii_hexdigit, 1, 8);
                let code = u32::from_str_radix(&rest[1..1 + digits], 16).ok().and_then(char::from_u32);
                let Some(code) = code.filter(|_| [4, 6, 8].contains(&digits)) else {
                    return Err(self
                        .error(self.line, "expected 4, 6 or 8 hex digits of a Unicode character after \\u"));
                };
                let mut bytes = [0; 4];
                code.encode_utf8(&mut bytes).bytes().for_each(|byte| out.push_str(&format!("\\{byte:03}")));
                1 + digits
            }
            // Lua 5.1 takes any other character as itself.
            other => {
                out.push(other);
                other.len_utf8()
            }
        };
        self.at += 1 + length;
        Ok(())
    }

    fn operator(&mut self) -> Result<Option<String>, SyntaxError> {
        let rest = &self.source[self.at..];
        let Some(operator) = OPERATORS.iter().find(|operator| rest.starts_with(**operator)) else {
            let unknown = rest.chars().next().unwrap_or(' ');
            return Err(self.error(self.line, format!("unexpected character '{unknown}'")));
        };
        self.at += operator.len();
        Ok((*operator == "!=").then(|| "~=".to_owned()))
    }
}
