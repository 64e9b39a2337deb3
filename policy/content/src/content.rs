//! The octets of a message, header and body apart, shared by all who hold a copy until one changes it.

use crate::header::{BadField, Field, Header, write_field};
use crate::tree::Tree;
use bytes::Bytes;
use memchr::memmem;

/// A message's content: lines end in CRLF. Cloning shares the octets.
#[derive(Clone, Debug, Default, Eq)]
pub struct Content {
    /// With the empty line that ends it, if there is one.
    header: Bytes,
    body: Bytes,
    /// Both in one piece, as long as nothing was changed.
    whole: Option<Bytes>,
    edited: bool,
}

/// The same octets; copies that nobody has changed are not compared octet by octet.
impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        let same = |a: &Bytes, b: &Bytes| std::ptr::eq(&a[..], &b[..]) || a == b;
        same(&self.header, &other.header) && same(&self.body, &other.body)
    }
}

/// Where a field goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Before all others.
    First,
    /// Behind all others.
    Last,
    /// In the place of the first one of its name, the others of that name go; behind all others without one.
    Instead,
}

impl Content {
    pub fn new(octets: Bytes) -> Self {
        let at = body_start(&octets);
        Content { header: octets.slice(..at), body: octets.slice(at..), whole: Some(octets), edited: false }
    }

    /// Header and body in one piece: shared if nothing was changed, else put together.
    pub fn octets(&self) -> Bytes {
        match &self.whole {
            Some(whole) => whole.clone(),
            None => self.behind(b""),
        }
    }

    /// Whether something was changed since `new` or `settle`.
    pub fn is_edited(&self) -> bool {
        self.edited && !self.is_empty()
    }

    /// What it is now is what it was.
    pub fn settle(&mut self) {
        self.edited = false;
    }

    /// Something before the header and the body, all in one piece.
    pub fn behind(&self, first: &[u8]) -> Bytes {
        [first, &self.header, &self.body].concat().into()
    }

    pub fn len(&self) -> usize {
        self.header.len() + self.body.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The fields, in order.
    pub fn header(&self) -> Header<'_> {
        Header::new(&self.header)
    }

    /// The header as it stands, with the empty line behind it.
    pub fn header_octets(&self) -> &Bytes {
        &self.header
    }

    pub fn body(&self) -> &Bytes {
        &self.body
    }

    pub fn set_body(&mut self, body: impl Into<Bytes>) {
        self.end_header();
        self.body = body.into();
        self.touch();
    }

    /// Everything anew; counts as a change.
    pub fn replace(&mut self, octets: Bytes) {
        *self = Content { edited: true, ..Content::new(octets) };
    }

    /// The first field of a name.
    pub fn field(&self, name: &str) -> Option<Field<'_>> {
        self.header().first(name)
    }

    /// Writes a field; non-ASCII words are encoded, long lines folded.
    pub fn put_field(&mut self, place: Place, name: &str, value: &str) -> Result<(), BadField> {
        self.put_written(place, name, &write_field(name, value)?);
        Ok(())
    }

    /// Puts fields that are written already, line ends included, before all others (trace fields, signatures).
    pub fn prepend_written(&mut self, field: &[u8]) {
        self.put_written(Place::First, "", field);
    }

    /// How many there were.
    pub fn delete_fields(&mut self, name: &str) -> usize {
        let header = self.header.clone();
        let count = Header::new(&header).named(name).count();
        if count > 0 {
            let kept = Header::new(&header).fields().filter(|field| !field.is_named(name));
            self.rebuild(kept.map(|field| field.raw()).collect());
        }
        count
    }

    /// The MIME structure as it is now. Changes of the tree come back with `adopt`.
    pub fn tree(&self) -> Tree {
        Tree::parse(&self.header, &self.body)
    }

    /// The content becomes what the tree says.
    pub fn adopt(&mut self, tree: &Tree) {
        self.replace(tree.octets());
    }

    fn put_written(&mut self, place: Place, name: &str, written: &[u8]) {
        let header = self.header.clone();
        if place == Place::First && header.ends_with(b"\r\n\r\n") {
            // Its end is where it is looked for, and stays there.
            self.header = [written, &header].concat().into();
            self.touch();
            return;
        }
        let mut is_placed = place == Place::First;
        let mut pieces: Vec<&[u8]> = if is_placed { vec![written] } else { Vec::new() };
        for field in Header::new(&header).fields() {
            if place == Place::Instead && field.is_named(name) {
                pieces.extend((!is_placed).then_some(written));
                is_placed = true;
            } else {
                pieces.push(field.raw());
            }
        }
        pieces.extend((!is_placed).then_some(written));
        self.rebuild(pieces);
    }

    /// It is not what it was.
    fn touch(&mut self) {
        self.whole = None;
        self.edited = true;
    }

    fn rebuild(&mut self, fields: Vec<&[u8]>) {
        let mut header = Vec::with_capacity(self.header.len() + 128);
        for field in fields {
            // An empty line that was none, behind a lone LF, must not become the end of the header.
            let would_end = header.is_empty() || header.ends_with(b"\r\n");
            let line = field.strip_prefix(b"\r\n").filter(|_| would_end).unwrap_or(field);
            header.extend_from_slice(line);
            if !line.is_empty() && !line.ends_with(b"\n") {
                header.extend_from_slice(b"\r\n");
            }
        }
        // A lone LF does not end the last line: the empty line behind it would be none.
        if header.ends_with(b"\n") && !header.ends_with(b"\r\n") {
            header.pop();
            if !(header.is_empty() || header.ends_with(b"\r\n")) {
                header.extend_from_slice(b"\r\n");
            }
        }
        header.extend_from_slice(b"\r\n");
        self.header = header.into();
        self.touch();
    }

    /// A body needs the empty line before it.
    fn end_header(&mut self) {
        if !(self.header.ends_with(b"\r\n\r\n") || &self.header[..] == b"\r\n") {
            let header = self.header.clone();
            self.rebuild(Header::new(&header).fields().map(|field| field.raw()).collect());
        }
    }
}

/// Behind the empty line that ends the header; the end if there is none.
pub(crate) fn body_start(octets: &[u8]) -> usize {
    if octets.starts_with(b"\r\n") {
        return 2;
    }
    memmem::find(octets, b"\r\n\r\n").map_or(octets.len(), |at| at + 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(text: &str) -> Content {
        Content::new(Bytes::copy_from_slice(text.as_bytes()))
    }

    #[test]
    fn header_and_body_are_told_apart_and_stay_one_piece() {
        for (text, header, body) in [
            ("A: b\r\n\r\nbody\r\n", "A: b\r\n\r\n", "body\r\n"),
            ("\r\nonly body", "\r\n", "only body"),
            ("A: b\r\n", "A: b\r\n", ""),
            ("", "", ""),
        ] {
            let content = content(text);
            assert_eq!(
                (&content.header_octets()[..], &content.body()[..]),
                (header.as_bytes(), body.as_bytes())
            );
            assert_eq!(content.octets(), text.as_bytes());
            assert!(!content.is_edited());
        }
    }

    #[test]
    fn a_field_goes_where_it_is_put() {
        const TEXT: &str = "A: 1\r\nB: 2\r\na: 3\r\n\r\nbody";
        for (place, name, expected) in [
            (Place::First, "A", "A: x\r\nA: 1\r\nB: 2\r\na: 3\r\n\r\nbody"),
            (Place::Last, "A", "A: 1\r\nB: 2\r\na: 3\r\nA: x\r\n\r\nbody"),
            (Place::Instead, "A", "A: x\r\nB: 2\r\n\r\nbody"),
            (Place::Instead, "C", "A: 1\r\nB: 2\r\na: 3\r\nC: x\r\n\r\nbody"),
        ] {
            let mut content = content(TEXT);
            let shared = content.clone();
            content.put_field(place, name, "x").unwrap();
            assert_eq!(content.octets(), expected.as_bytes());
            assert!(content.is_edited());
            assert_eq!(shared.octets(), TEXT.as_bytes());
        }
    }

    #[test]
    fn an_edited_header_ends_where_it_is_read_to_end() {
        for text in [
            "A: 1\n\n",
            "A: 1\n\r\nB: 2\r\n\r\nbody",
            "A: 1\n\r\n C: 3\r\n\r\nbody",
            "A: 1\r",
            "",
            "\n\r\n\r\n",
        ] {
            for edit in [
                |content: &mut Content| content.set_body("new"),
                |content: &mut Content| assert!(content.delete_fields("A") <= 1),
                |content: &mut Content| content.put_field(Place::First, "B", "x").unwrap(),
                |content: &mut Content| content.put_field(Place::Last, "B", "x").unwrap(),
            ] {
                let mut edited = content(text);
                edit(&mut edited);
                let again = Content::new(edited.octets());
                assert_eq!(
                    (again.header_octets(), again.body()),
                    (edited.header_octets(), edited.body()),
                    "{text:?}"
                );
            }
        }
    }

    #[test]
    fn fields_are_deleted_and_bodies_replaced() {
        let mut message = content("A: 1\r\nB: 2\r\na: 3\r\n\r\nbody");
        assert_eq!((message.delete_fields("a"), message.delete_fields("a")), (2, 0));
        message.set_body("other");
        assert_eq!(message.octets(), &b"B: 2\r\n\r\nother"[..]);
        let mut message = content("A: 1\r\n");
        message.set_body("new");
        assert_eq!(message.octets(), &b"A: 1\r\n\r\nnew"[..]);
        let mut message = content("A: 1");
        message.put_field(Place::Last, "B", "2").unwrap();
        assert_eq!(message.octets(), &b"A: 1\r\nB: 2\r\n\r\n"[..]);
    }
}
