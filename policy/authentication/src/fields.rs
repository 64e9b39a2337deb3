//! The header of a message as octets: where each field starts and ends, and where the body starts.

use memchr::memchr;
use std::collections::HashMap;
use std::ops::Range;

/// One field with its folding and its final CRLF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// Without the white space that obsolete syntax allows before the colon.
    pub name: &'a [u8],
    /// All octets of the field.
    pub raw: &'a [u8],
    /// What follows the colon, with the final CRLF.
    pub value: &'a [u8],
}

impl<'a> Field<'a> {
    /// Reads a field that stands alone; a line without a colon has no name.
    pub fn new(raw: &'a [u8]) -> Self {
        match memchr(b':', raw) {
            Some(colon) => Field { name: raw[..colon].trim_ascii_end(), raw, value: &raw[colon + 1..] },
            None => Field { name: b"", raw, value: raw },
        }
    }

    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    pub(crate) fn text(&self) -> Option<&'a str> {
        std::str::from_utf8(self.value).ok()
    }
}

/// The fields of a header in order, and where the body is. Lines end in CRLF.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    spans: Vec<Range<usize>>,
    body: usize,
}

impl Fields {
    pub fn of(message: &[u8]) -> Self {
        let mut fields = Fields { spans: Vec::new(), body: message.len() };
        let mut at = 0;
        while at < message.len() {
            let end = memchr(b'\n', &message[at..]).map_or(message.len(), |found| at + found + 1);
            let line = &message[at..end];
            match (line.first(), fields.spans.last_mut()) {
                _ if matches!(line, b"\r\n" | b"\n") => {
                    fields.body = end;
                    break;
                }
                (Some(b' ' | b'\t'), Some(previous)) => previous.end = end,
                _ => fields.spans.push(at..end),
            }
            at = end;
        }
        fields
    }

    pub fn len(&self) -> usize {
        self.spans.len()
    }

    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Where the body starts in the message.
    pub fn body(&self) -> usize {
        self.body
    }

    pub fn get<'a>(&self, message: &'a [u8], index: usize) -> Field<'a> {
        Field::new(&message[self.spans[index].clone()])
    }

    pub fn iter<'a>(
        &'a self,
        message: &'a [u8],
    ) -> impl DoubleEndedIterator<Item = Field<'a>> + ExactSizeIterator {
        self.spans.iter().map(|span| Field::new(&message[span.clone()]))
    }
}

/// Picks fields by name from the bottom up, each once (RFC 6376 §5.4.2).
pub(crate) struct Picker<'a> {
    by_name: HashMap<Vec<u8>, Vec<Field<'a>>>,
}

impl<'a> Picker<'a> {
    pub(crate) fn new(fields: impl Iterator<Item = Field<'a>>) -> Self {
        let mut by_name: HashMap<Vec<u8>, Vec<Field<'a>>> = HashMap::new();
        for field in fields {
            by_name.entry(field.name.to_ascii_lowercase()).or_default().push(field);
        }
        Picker { by_name }
    }

    pub(crate) fn take(&mut self, name: &str) -> Option<Field<'a>> {
        self.by_name.get_mut(name.to_ascii_lowercase().as_bytes())?.pop()
    }

    pub(crate) fn count(&self, name: &str) -> usize {
        self.by_name.get(name.to_ascii_lowercase().as_bytes()).map_or(0, Vec::len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_their_folding_and_end_at_the_empty_line() {
        let message = b"A: 1\r\n 2\r\nb :x\r\nno colon\r\nA:3\r\n\r\nbody: no\r\n";
        let fields = Fields::of(message);
        let raw: Vec<&[u8]> = fields.iter(message).map(|field| field.raw).collect();
        assert_eq!(raw, [b"A: 1\r\n 2\r\n".as_slice(), b"b :x\r\n", b"no colon\r\n", b"A:3\r\n"]);
        assert!(fields.get(message, 1).is("B") && fields.get(message, 2).name.is_empty());
        assert_eq!(&message[fields.body()..], b"body: no\r\n");
        let mut picker = Picker::new(fields.iter(message));
        let taken = [picker.take("a"), picker.take("A"), picker.take("a")]
            .map(|field| field.map(|field| field.value));
        assert_eq!(taken, [Some(b"3\r\n".as_slice()), Some(b" 1\r\n 2\r\n".as_slice()), None]);
    }

    #[test]
    fn messages_without_a_body_or_without_a_header_are_read() {
        assert_eq!(Fields::of(b"A: 1\r\n").body(), 6);
        assert_eq!(Fields::of(b"\r\nbody").body(), 2);
        assert!(Fields::of(b"").is_empty());
        assert_eq!(Fields::of(b" folded first\r\nA:1").len(), 2);
    }
}
