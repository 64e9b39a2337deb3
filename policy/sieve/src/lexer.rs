//! Text into tokens (spec sieve.md §1, RFC 5228 §2). Faults are reported to the script and passed over.

use crate::script::{Mark, Script};
use crate::syntax::{Segment, Text};

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Word(String),
    Tag(String),
    /// Decimal text; suffixes K, M, G are multiplied out.
    Number(String),
    Text(Text),
    Variable(String),
    /// One of `; , ( ) [ ] { } =`
    Sign(char),
    End,
}

#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub kind: Kind,
    pub mark: Mark,
}

impl Token {
    /// As complaints name it.
    pub fn shown(&self) -> String {
        match &self.kind {
            Kind::Word(name) => format!("'{name}'"),
            Kind::Tag(name) => format!("':{name}'"),
            Kind::Number(text) => format!("the number {text}"),
            Kind::Text(_) => "a string".into(),
            Kind::Variable(name) => format!("'${name}'"),
            Kind::Sign(sign) => format!("'{sign}'"),
            Kind::End => "the end of the script".into(),
        }
    }
}

/// The tokens, and whether nothing was cut off by the end of the script.
pub(crate) fn tokens(script: &Script<'_>) -> (Vec<Token>, bool) {
    let mut lexer = Lexer { script, text: script.text, at: 0, tokens: Vec::new(), is_whole: true };
    // A byte order mark is no part of the script.
    lexer.at = if script.text.starts_with('\u{feff}') { 3 } else { 0 };
    while !script.is_hopeless() && lexer.step() {}
    let end = script.text.len();
    lexer.tokens.push(Token { kind: Kind::End, mark: Mark::new(end, end) });
    (lexer.tokens, lexer.is_whole)
}

struct Lexer<'s, 't> {
    script: &'s Script<'t>,
    text: &'t str,
    at: usize,
    tokens: Vec<Token>,
    is_whole: bool,
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn starts_name(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

impl Lexer<'_, '_> {
    fn peek(&self, ahead: usize) -> u8 {
        self.text.as_bytes().get(self.at + ahead).copied().unwrap_or(0)
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn push(&mut self, kind: Kind, start: usize) {
        self.tokens.push(Token { kind, mark: Mark::new(start, self.at) });
    }

    /// Takes bytes while they fit and returns them.
    fn take(&mut self, fits: impl Fn(u8) -> bool) -> String {
        let length = self.rest().bytes().take_while(|byte| fits(*byte)).count();
        self.at += length;
        self.text[self.at - length..self.at].to_owned()
    }

    /// One token, comment or space; false at the end.
    fn step(&mut self) -> bool {
        let start = self.at;
        let Some(first) = self.rest().bytes().next() else { return false };
        match first {
            b' ' | b'\t' | b'\r' | b'\n' => self.at += 1,
            b'#' => self.at += self.rest().find('\n').unwrap_or(self.rest().len()),
            b'/' if self.peek(1) == b'*' => self.comment(),
            b'"' => self.string(),
            b';' | b',' | b'(' | b')' | b'[' | b']' | b'{' | b'}' | b'=' => {
                self.at += 1;
                self.push(Kind::Sign(first as char), start);
            }
            b':' if starts_name(self.peek(1)) => {
                self.at += 1;
                let name = self.take(is_name);
                self.push(Kind::Tag(name.to_ascii_lowercase()), start);
            }
            b'$' if starts_name(self.peek(1)) => {
                self.at += 1;
                let name = self.take(is_name);
                self.push(Kind::Variable(name), start);
            }
            b'0'..=b'9' => self.number(),
            b'-' if self.peek(1).is_ascii_digit() => self.number(),
            _ if starts_name(first) => self.word(),
            _ => self.stray(),
        }
        true
    }

    fn comment(&mut self) {
        match self.rest()[2..].find("*/") {
            Some(length) => self.at += length + 4,
            None => {
                let mark = Mark::new(self.at, self.at + 2);
                self.is_whole = false;
                self.script.error(mark, "this comment has no end", Some("'*/' after it"));
                self.at = self.text.len();
            }
        }
    }

    fn stray(&mut self) {
        let width = self.rest().chars().next().map_or(1, char::len_utf8);
        let mark = Mark::new(self.at, self.at + width);
        let stray = &self.rest()[..width];
        let shown = if stray == "'" { stray.to_owned() } else { stray.escape_debug().to_string() };
        let hint = match shown.as_str() {
            "$" => Some("a name after it, as in $sender"),
            ":" => Some("a name after it, as in :contains"),
            "'" => Some("a string in double quotes"),
            _ => None,
        };
        self.script.error(mark, format!("'{shown}' means nothing here"), hint);
        self.at += width;
    }

    fn word(&mut self) {
        let start = self.at;
        let name = self.take(is_name);
        if name.eq_ignore_ascii_case("text") && self.peek(0) == b':' {
            self.at += 1;
            return self.multi_line(start);
        }
        self.push(Kind::Word(name.to_ascii_lowercase()), start);
    }

    /// `-?digits[.digits]`, or digits with K, M or G (RFC 5228 §2.4.1).
    fn number(&mut self) {
        let start = self.at;
        self.at += usize::from(self.peek(0) == b'-');
        self.take(|byte| byte.is_ascii_digit());
        let is_whole = !(self.peek(0) == b'.' && self.peek(1).is_ascii_digit());
        if !is_whole {
            self.at += 1;
            self.take(|byte| byte.is_ascii_digit());
        }
        let digits = self.text[start..self.at].to_owned();
        let suffix = self.take(is_name);
        let mark = Mark::new(start, self.at);
        let shift = match suffix.to_ascii_lowercase().as_str() {
            "" => None,
            "k" => Some(10),
            "m" => Some(20),
            "g" => Some(30),
            _ => {
                let message = format!("'{suffix}' is no unit of a number");
                self.script.error(mark, message, Some("K, M or G, or a space"));
                None
            }
        };
        let multiplied = |shift: u32| {
            digits
                .parse::<i64>()
                .ok()
                .and_then(|number| number.checked_mul(1 << shift))
                .map(|n| n.to_string())
        };
        let text = match shift {
            None => Some(digits.clone()),
            Some(shift) => multiplied(shift),
        };
        if text.is_none() {
            self.script.error(mark, "this number is too large", Some("a whole number below 2^63"));
        }
        self.push(Kind::Number(text.unwrap_or_else(|| "0".into())), start);
    }

    /// A backslash quotes the next character, whatever it is; newlines may stand as they are.
    fn string(&mut self) {
        let start = self.at;
        self.at += 1;
        let mut text = TextBuilder::default();
        loop {
            let Some(next) = self.rest().chars().next() else {
                let mark = Mark::new(start, start + 1);
                self.is_whole = false;
                self.script.error(mark, "this string has no end", Some("'\"' after it"));
                break;
            };
            match next {
                '"' => {
                    self.at += 1;
                    break;
                }
                '\\' => {
                    self.at += 1;
                    let quoted = self.rest().chars().next();
                    self.at += quoted.map_or(0, char::len_utf8);
                    text.plain.extend(quoted);
                }
                '$' | '%' if self.peek(1) == b'{' => self.reference(&mut text, '"'),
                _ => {
                    self.at += next.len_utf8();
                    text.plain.push(next);
                }
            }
        }
        self.push(Kind::Text(text.finish()), start);
    }

    /// `${name}` or `%{macro}`; what is neither stays as it is.
    fn reference(&mut self, text: &mut TextBuilder, end: char) {
        let inside = &self.rest()[2..];
        let length = inside.find(['}', '\n', end]).filter(|length| inside[*length..].starts_with('}'));
        let name = length.map(|length| &inside[..length]);
        let is_variable = self.peek(0) == b'$';
        let known = name.filter(|name| match is_variable {
            true => name.bytes().next().is_some_and(starts_name) && name.bytes().all(is_name),
            false => name.bytes().next().is_some_and(|first| first.is_ascii_alphabetic()),
        });
        let Some(name) = known.map(str::to_owned) else {
            let mark = Mark::new(self.at, self.at + 2 + length.map_or(0, |length| length + 1));
            let what = if is_variable { "a variable ${name}" } else { "a macro %{name}" };
            self.script.warning(mark, format!("this is not {what}; it stays as text"));
            text.plain.push_str(&self.text[self.at..self.at + 2]);
            self.at += 2;
            return;
        };
        let mark = Mark::new(self.at, self.at + name.len() + 3);
        self.at += name.len() + 3;
        text.push(if is_variable { Segment::Variable(name, mark) } else { Segment::Macro(name, mark) });
    }

    /// `text:` … a line with one dot (RFC 5228 §2.4.2): dot-stuffed, nothing quoted.
    fn multi_line(&mut self, start: usize) {
        let mark = Mark::new(start, self.at);
        let head = self.rest().find('\n').map(|length| &self.rest()[..length]);
        let after = head.unwrap_or(self.rest()).trim();
        if !after.is_empty() && !after.starts_with('#') {
            self.script.error(mark, "text after 'text:'", Some("the end of the line"));
        }
        self.at += head.map_or(self.rest().len(), |head| head.len() + 1);
        let mut text = TextBuilder::default();
        loop {
            if self.rest().is_empty() {
                self.is_whole = false;
                self.script.error(mark, "this text has no end", Some("a line with a single dot"));
                break;
            }
            let line = self.rest().split('\n').next().unwrap_or("");
            let bare = line.strip_suffix('\r').unwrap_or(line);
            if let Some(after) = bare.strip_prefix('.')
                && after.bytes().next().is_none_or(|next| matches!(next, b' ' | b'\t' | b';' | b','))
            {
                // Further arguments may follow the dot.
                self.at += 1;
                break;
            }
            self.line(&mut text);
        }
        self.push(Kind::Text(text.finish()), start);
    }

    /// One line of a multi-line text, with its end.
    fn line(&mut self, text: &mut TextBuilder) {
        if self.rest().starts_with("..") {
            self.at += 1;
        }
        while let Some(next) = self.rest().chars().next() {
            if matches!(next, '$' | '%') && self.peek(1) == b'{' {
                self.reference(text, '\n');
                continue;
            }
            self.at += next.len_utf8();
            text.plain.push(next);
            if next == '\n' {
                return;
            }
        }
    }
}

#[derive(Default)]
struct TextBuilder {
    segments: Text,
    plain: String,
}

impl TextBuilder {
    fn push(&mut self, segment: Segment) {
        if !self.plain.is_empty() {
            self.segments.push(Segment::Plain(std::mem::take(&mut self.plain)));
        }
        self.segments.push(segment);
    }

    fn finish(mut self) -> Text {
        if !self.plain.is_empty() {
            self.segments.push(Segment::Plain(self.plain));
        }
        self.segments
    }
}
