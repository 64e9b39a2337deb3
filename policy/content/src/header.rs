//! A header block: its fields as they stand, and new fields written so that they are lines of it.

use crate::encoded_word;
use memchr::memchr;
use std::borrow::Cow;
use std::fmt;

/// Octets of a line that a new field is folded at (RFC 5322 §2.1.1).
const LINE_WISHED: usize = 78;

/// The fields of a block, in order. The empty line that ends the block is no field.
#[derive(Clone, Copy, Debug)]
pub struct Header<'a>(&'a [u8]);

/// One field, with all its lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    raw: &'a [u8],
    name_length: usize,
    value_start: usize,
}

/// A field that cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadField {
    /// A name is printable ASCII without a colon (RFC 5322 §2.2), and not empty.
    Name,
    /// A line end in the value that no blank follows would begin another field.
    LineEnd,
    /// NUL is in no field.
    Nul,
}

impl fmt::Display for BadField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadField::Name => "a field's name is printable ASCII without blanks and colons",
            BadField::LineEnd => "a field's value has a line end that would begin another field",
            BadField::Nul => "a field's value has a NUL",
        })
    }
}

impl std::error::Error for BadField {}

impl<'a> Header<'a> {
    pub fn new(block: &'a [u8]) -> Self {
        Header(block)
    }

    /// All fields; a line that is none comes as one without a name.
    pub fn fields(self) -> impl Iterator<Item = Field<'a>> {
        self.lines().map(Field::new)
    }

    /// Fields as octets, with their further lines.
    fn lines(self) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            if rest.is_empty() || rest == b"\r\n" || rest == b"\n" {
                return None;
            }
            let end = field_end(rest);
            let (field, after) = rest.split_at(end);
            rest = after;
            Some(field)
        })
    }

    /// The fields of a name, in any case.
    pub fn named(self, name: &str) -> impl Iterator<Item = Field<'a>> {
        self.lines()
            .filter(move |line| begins_with(line, name))
            .map(Field::new)
            .filter(|field| field.is_named(name))
    }

    /// Of several names; in the order of the block.
    pub fn named_one_of(self, names: &[impl AsRef<str>]) -> impl Iterator<Item = Field<'a>> {
        let is_one = move |line: &&[u8]| names.iter().any(|name| begins_with(line, name.as_ref()));
        let lines = self.lines().filter(is_one).map(Field::new);
        lines.filter(move |field| names.iter().any(|name| field.is_named(name.as_ref())))
    }

    pub fn first(self, name: &str) -> Option<Field<'a>> {
        self.named(name).next()
    }

    /// Where the field starts in the block; it must be one of this block's.
    pub fn offset_of(self, field: Field<'_>) -> usize {
        field.raw.as_ptr() as usize - self.0.as_ptr() as usize
    }
}

/// Whether it may be a field of that name: what is behind it is not looked at.
fn begins_with(line: &[u8], name: &str) -> bool {
    line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
}

/// Behind the last line of the field that `block` begins with.
fn field_end(block: &[u8]) -> usize {
    let mut end = 0;
    while let Some(at) = memchr(b'\n', &block[end..]) {
        end += at + 1;
        if !matches!(block.get(end), Some(b' ' | b'\t')) {
            return end;
        }
    }
    block.len()
}

impl<'a> Field<'a> {
    fn new(raw: &'a [u8]) -> Self {
        let first_line = memchr(b'\n', raw).unwrap_or(raw.len());
        let colon = memchr(b':', &raw[..first_line]);
        let name_length = colon.map_or(0, |colon| raw[..colon].trim_ascii_end().len());
        let is_name = name_length > 0 && raw[..name_length].iter().all(u8::is_ascii_graphic);
        match colon.filter(|_| is_name) {
            Some(colon) => Field { raw, name_length, value_start: colon + 1 },
            None => Field { raw, name_length: 0, value_start: 0 },
        }
    }

    /// Empty for a line that is no field.
    pub fn name(&self) -> &'a str {
        std::str::from_utf8(&self.raw[..self.name_length]).unwrap_or("")
    }

    pub fn is_named(&self, name: &str) -> bool {
        self.name_length > 0 && self.raw[..self.name_length].eq_ignore_ascii_case(name.as_bytes())
    }

    /// The whole field with its line ends.
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// What stands behind the colon, with inner line ends, without the last one.
    pub fn raw_value(&self) -> &'a [u8] {
        let value = &self.raw[self.value_start..];
        let value = value.strip_suffix(b"\n").unwrap_or(value);
        value.strip_suffix(b"\r").unwrap_or(value)
    }

    /// The value on one line (RFC 5322 §2.2.3): line ends go, the blanks behind them stay; outer blanks go.
    pub fn value(&self) -> Cow<'a, [u8]> {
        let raw = self.raw_value();
        if memchr(b'\n', raw).is_none() {
            return Cow::Borrowed(raw.trim_ascii());
        }
        let unfolded: Vec<u8> = raw.iter().copied().filter(|octet| !matches!(octet, b'\r' | b'\n')).collect();
        Cow::Owned(unfolded.trim_ascii().to_vec())
    }

    /// The value as text: encoded words are decoded (RFC 2047), other octets are UTF-8 or Latin-1.
    pub fn text(&self) -> String {
        encoded_word::decode(&self.value())
    }
}

/// Writes a field with its line end. Non-ASCII words become encoded words; long lines are folded at blanks.
/// A value that is folded already keeps its folds.
pub fn write_field(name: &str, value: &str) -> Result<Vec<u8>, BadField> {
    let is_name = !name.is_empty() && name.bytes().all(|octet| octet.is_ascii_graphic() && octet != b':');
    if !is_name {
        return Err(BadField::Name);
    }
    if value.contains('\0') {
        return Err(BadField::Nul);
    }
    let value = value.trim_end_matches(['\r', '\n']);
    let value = encoded_word::encode_words(value);
    let mut field = format!("{name}: ").into_bytes();
    let mut lines = value.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    fold(&mut field, name.len() + 2, lines.next().unwrap_or("").trim_start());
    for line in lines {
        let is_continued = line.starts_with([' ', '\t']) && !line.trim().is_empty();
        if !is_continued || line.contains('\r') {
            return Err(BadField::LineEnd);
        }
        field.extend_from_slice(b"\r\n");
        field.extend_from_slice(line.as_bytes());
    }
    if memchr(b'\r', value.split('\n').next().unwrap_or("").trim_end_matches('\r').as_bytes()).is_some() {
        return Err(BadField::LineEnd);
    }
    field.extend_from_slice(b"\r\n");
    Ok(field)
}

/// Appends a line, broken before blanks so that its pieces are as short as wished where that can be.
fn fold(field: &mut Vec<u8>, mut column: usize, line: &str) {
    let mut rest = line;
    while column + rest.len() > LINE_WISHED {
        let room = LINE_WISHED.saturating_sub(column);
        let bytes = rest.as_bytes();
        // A blank at the very start would leave an empty line behind.
        let is_break =
            |at: &usize| matches!(bytes[*at], b' ' | b'\t') && !bytes[..*at].trim_ascii().is_empty();
        let inside = (1..room.min(bytes.len())).rev().find(is_break);
        let Some(at) = inside.or_else(|| (room.max(1)..bytes.len()).find(is_break)) else { break };
        if bytes[at..].trim_ascii().is_empty() {
            break;
        }
        field.extend_from_slice(&bytes[..at]);
        field.extend_from_slice(b"\r\n");
        rest = &rest[at..];
        column = 0;
    }
    field.extend_from_slice(rest.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: &[u8] =
        b"Received: from a\r\n by b\r\nFrom : A <a@x.example>\r\nnot a field\r\nSubject:  hello\r\n\t world \r\nX-Empty:\r\n\r\n";

    #[test]
    fn fields_come_in_order_with_all_their_lines() {
        let fields: Vec<_> = Header::new(BLOCK).fields().collect();
        let names: Vec<_> = fields.iter().map(Field::name).collect();
        assert_eq!(names, ["Received", "From", "", "Subject", "X-Empty"]);
        let values: Vec<_> = fields.iter().map(|field| field.value().into_owned()).collect();
        assert_eq!(values, [&b"from a by b"[..], b"A <a@x.example>", b"not a field", b"hello\t world", b""]);
        let joined: Vec<u8> = fields.iter().flat_map(|field| field.raw().to_vec()).collect();
        assert_eq!([&joined[..], b"\r\n"].concat(), BLOCK);
        assert_eq!(
            Header::new(BLOCK).first("SUBJECT").map(|field| field.raw_value()),
            Some(&b"  hello\r\n\t world "[..])
        );
    }

    #[test]
    fn a_block_may_end_anywhere() {
        for (block, count) in [(&b""[..], 0), (b"\r\n", 0), (b"A: b", 1), (b"A: b\r\n c", 1), (b": x\r\n", 1)]
        {
            assert_eq!(Header::new(block).fields().count(), count, "{block:?}");
        }
    }

    #[test]
    fn written_fields_are_folded_encoded_and_never_two() {
        let long = "word ".repeat(40);
        for (name, value, expected) in [
            ("X-A", "short", Ok("X-A: short\r\n")),
            ("X-A", "", Ok("X-A: \r\n")),
            ("X-A", "kept\r\n folds", Ok("X-A: kept\r\n folds\r\n")),
            ("X-A", "ends\r\n", Ok("X-A: ends\r\n")),
            ("X-A", "in\r\nX-B: jected", Err(BadField::LineEnd)),
            ("X-A", "in\nX-B: jected", Err(BadField::LineEnd)),
            ("X-A", "bare\rreturn", Err(BadField::LineEnd)),
            ("X-A", "empty\r\n \r\n line", Err(BadField::LineEnd)),
            ("X-A", "n\0l", Err(BadField::Nul)),
            ("", "x", Err(BadField::Name)),
            ("X A", "x", Err(BadField::Name)),
            ("X:A", "x", Err(BadField::Name)),
            ("Subject", "gr\u{fc}\u{df}e", Ok("Subject: =?UTF-8?B?Z3LDvMOfZQ==?=\r\n")),
        ] {
            let written = write_field(name, value);
            assert_eq!(written, expected.map(|text: &str| text.as_bytes().to_vec()), "{name} {value:?}");
        }
        let folded = write_field("X-Long", &long).unwrap();
        assert!(folded.split(|octet| *octet == b'\n').all(|line| line.len() <= LINE_WISHED + 1));
        assert_eq!(*Field::new(&folded).value(), *long.trim_end().as_bytes());
        let unbreakable = "x".repeat(300);
        assert_eq!(write_field("X", &unbreakable).unwrap().len(), 300 + 5);
    }
}
