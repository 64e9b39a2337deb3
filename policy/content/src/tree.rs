//! The MIME structure of a message (RFC 2046), as a tree of parts that can be changed and written back.
//!
//! The law: a tree is made of slices of the message. What nobody changes is written back octet by octet,
//! delimiters with their odd blanks included.

use crate::content::body_start;
use crate::header::{BadField, Header};
use crate::{Content, ContentType, Encoding, Place, charset};
use bytes::Bytes;
use memchr::memmem;
use std::cell::OnceCell;
use std::fmt;

/// Parts within parts; what is deeper stays one piece.
pub const DEPTH_LIMIT: usize = 32;
/// Parts of a message; what is beyond stays one piece.
pub const PART_LIMIT: usize = 1000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PartId(usize);

/// A part cannot stand there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotMoved {
    /// It stands somewhere already, or is the root.
    InUse,
    /// Only a container has children.
    NoContainer,
    /// It would stand inside of itself.
    Circle,
    /// The tree has `PART_LIMIT` parts.
    TooMany,
}

impl fmt::Display for NotMoved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NotMoved::InUse => "the part stands in the message already",
            NotMoved::NoContainer => "only a multipart has parts",
            NotMoved::Circle => "a part cannot stand inside of itself",
            NotMoved::TooMany => "the message has too many parts",
        })
    }
}

impl std::error::Error for NotMoved {}

#[derive(Clone, Debug)]
pub struct Tree {
    nodes: Vec<Node>,
}

#[derive(Clone, Debug)]
struct Node {
    /// With the empty line that ends it.
    header: Bytes,
    /// What the header says of it, once somebody has asked.
    content_type: OnceCell<ContentType>,
    payload: Payload,
    parent: Option<PartId>,
    /// The delimiter line before it, with the line end that belongs to it.
    lead: Bytes,
}

#[derive(Clone, Debug)]
enum Payload {
    Octets(Bytes),
    Container {
        boundary: Box<str>,
        preamble: Bytes,
        children: Vec<PartId>,
        close: Bytes,
    },
    /// message/rfc822: the message inside.
    Message(PartId),
}

impl Tree {
    pub(crate) fn parse(header: &Bytes, body: &Bytes) -> Tree {
        let mut tree = Tree { nodes: Vec::new() };
        tree.read(header.clone(), body.clone(), None, 0);
        tree
    }

    /// Reads one part and what is in it.
    fn read(&mut self, header: Bytes, body: Bytes, parent: Option<PartId>, depth: usize) -> PartId {
        let id = PartId(self.nodes.len());
        let payload = Payload::Octets(body.clone());
        self.nodes.push(Node { header, content_type: OnceCell::new(), payload, parent, lead: Bytes::new() });
        if depth >= DEPTH_LIMIT {
            return id;
        }
        let content_type = self.content_type(id).clone();
        if content_type.is_multipart() {
            self.read_container(id, &content_type, &body, depth);
        } else if content_type.value == "message/rfc822" && self.encoding(id) != Encoding::Base64 {
            let at = body_start(&body);
            let inner = self.read(body.slice(..at), body.slice(at..), Some(id), depth + 1);
            self.nodes[id.0].payload = Payload::Message(inner);
        }
        id
    }

    fn read_container(&mut self, id: PartId, content_type: &ContentType, body: &Bytes, depth: usize) {
        let boundary = content_type.parameter("boundary").unwrap_or("");
        let Some(cut) = cut(body, boundary, PART_LIMIT.saturating_sub(self.nodes.len())) else { return };
        let mut children = Vec::with_capacity(cut.parts.len());
        for (lead, part) in cut.parts {
            let octets = body.slice(part);
            let at = body_start(&octets);
            let child = self.read(octets.slice(..at), octets.slice(at..), Some(id), depth + 1);
            self.nodes[child.0].lead = body.slice(lead);
            children.push(child);
        }
        self.nodes[id.0].payload = Payload::Container {
            boundary: boundary.into(),
            preamble: body.slice(..cut.preamble),
            children,
            close: body.slice(cut.close..),
        };
    }

    pub fn root(&self) -> PartId {
        PartId(0)
    }

    pub fn parent(&self, part: PartId) -> Option<PartId> {
        self.nodes[part.0].parent
    }

    /// The parts of a container, or the message inside of a message/rfc822.
    pub fn children(&self, part: PartId) -> &[PartId] {
        match &self.nodes[part.0].payload {
            Payload::Octets(_) => &[],
            Payload::Container { children, .. } => children,
            Payload::Message(inner) => std::slice::from_ref(inner),
        }
    }

    /// Every part below, and itself, in the order of the message.
    pub fn walk(&self, from: PartId) -> Vec<PartId> {
        let mut found = Vec::new();
        let mut waiting = vec![from];
        while let Some(part) = waiting.pop() {
            found.push(part);
            waiting.extend(self.children(part).iter().rev());
        }
        found
    }

    /// The leaves of `text/…` that are not attachments: what a reader sees.
    pub fn texts(&self, from: PartId) -> Vec<PartId> {
        let mut found = self.walk(from);
        found.retain(|part| self.is_text(*part));
        found
    }

    fn is_text(&self, part: PartId) -> bool {
        let disposition = self.header(part).first("Content-Disposition");
        let attached =
            disposition.is_some_and(|field| ContentType::parse(&field.text()).value == "attachment");
        matches!(self.nodes[part.0].payload, Payload::Octets(_))
            && self.content_type(part).main() == "text"
            && !attached
    }

    pub fn header(&self, part: PartId) -> Header<'_> {
        Header::new(&self.nodes[part.0].header)
    }

    pub fn content_type(&self, part: PartId) -> &ContentType {
        self.nodes[part.0].content_type.get_or_init(|| {
            let field = self.header(part).first("Content-Type");
            field.map_or_else(ContentType::default, |field| ContentType::parse(&field.text()))
        })
    }

    pub fn encoding(&self, part: PartId) -> Encoding {
        let field = self.header(part).first("Content-Transfer-Encoding");
        field.map_or(Encoding::SevenBit, |field| Encoding::named(&field.text()))
    }

    /// The whole part as it stands, header included.
    pub fn raw(&self, part: PartId) -> Bytes {
        let mut out = Vec::new();
        self.write_part(part, &mut out);
        out.into()
    }

    /// What stands behind the header, as it travels.
    pub fn raw_body(&self, part: PartId) -> Bytes {
        match &self.nodes[part.0].payload {
            Payload::Octets(octets) => octets.clone(),
            _ => {
                let mut out = Vec::new();
                self.write_payload(part, &mut out);
                out.into()
            }
        }
    }

    /// The body without its transfer encoding.
    pub fn decoded(&self, part: PartId) -> Vec<u8> {
        self.encoding(part).decode(&self.raw_body(part))
    }

    /// The body as text.
    pub fn text(&self, part: PartId) -> String {
        let charset = self.content_type(part).parameter("charset").unwrap_or("us-ascii").to_owned();
        // US-ASCII with octets above 127 is wrong but common; UTF-8 is the likeliest meaning.
        let charset = if charset.eq_ignore_ascii_case("us-ascii") { "utf-8" } else { &charset };
        charset::decode(&self.decoded(part), charset)
    }

    pub fn put_field(&mut self, part: PartId, place: Place, name: &str, value: &str) -> Result<(), BadField> {
        self.edit_header(part, |content| content.put_field(place, name, value))
    }

    pub fn delete_fields(&mut self, part: PartId, name: &str) -> usize {
        self.edit_header(part, |content| content.delete_fields(name))
    }

    fn edit_header<T>(&mut self, part: PartId, edit: impl FnOnce(&mut Content) -> T) -> T {
        let mut content = Content::new(self.nodes[part.0].header.clone());
        let result = edit(&mut content);
        let node = &mut self.nodes[part.0];
        node.header = content.header_octets().clone();
        node.content_type.take();
        result
    }

    /// The body as it shall travel; the header is left alone. A container becomes a leaf.
    pub fn set_raw_body(&mut self, part: PartId, body: Bytes) {
        self.end_header(part);
        self.nodes[part.0].payload = Payload::Octets(body);
    }

    /// The body before its transfer encoding, which stays what it is unless the octets do not fit it.
    pub fn set_decoded(&mut self, part: PartId, octets: &[u8]) {
        let old = self.encoding(part);
        let encoding = old.fit_for(octets);
        if encoding != old {
            let put = self.put_field(part, Place::Instead, "Content-Transfer-Encoding", encoding.name());
            debug_assert!(put.is_ok(), "names of encodings are words");
        }
        self.set_raw_body(part, encoding.encode(octets).into());
    }

    /// Replaces a text. Its character set is kept if it has all the characters, else it becomes UTF-8.
    pub fn set_text(&mut self, part: PartId, text: &str) {
        let content_type = self.content_type(part).clone();
        let charset = content_type.parameter("charset").unwrap_or("us-ascii").to_owned();
        let kept = match charset.eq_ignore_ascii_case("us-ascii") {
            true => text.is_ascii().then(|| text.as_bytes().to_vec()),
            false => charset::encode(text, &charset),
        };
        match kept {
            Some(octets) => self.set_decoded(part, &octets),
            None => self.set_text_as(part, text, &content_type.value, "utf-8"),
        }
    }

    /// Replaces a text, its type and its character set; one that lacks a character gives way to UTF-8.
    pub fn set_text_as(&mut self, part: PartId, text: &str, kind: &str, charset: &str) {
        let (octets, charset) = match charset::encode(text, charset) {
            Some(octets) => (octets, charset),
            None => (text.as_bytes().to_vec(), "utf-8"),
        };
        let kind: String = kind.chars().filter(|c| c.is_ascii_graphic() && !matches!(c, ';' | '"')).collect();
        let charset: String =
            charset.chars().filter(|c| c.is_ascii_alphanumeric() || "-_.:".contains(*c)).collect();
        let put = self.put_field(part, Place::Instead, "Content-Type", &format!("{kind}; charset={charset}"));
        debug_assert!(put.is_ok(), "only words are left in it");
        self.set_decoded(part, &octets);
    }

    /// A leaf that stands nowhere yet. `body` is what it shall decode to.
    pub fn new_part(&mut self, kind: &str, body: &[u8], encoding: Encoding) -> Result<PartId, BadField> {
        let encoding = encoding.fit_for(body);
        let part = self.new_node(Payload::Octets(encoding.encode(body).into()));
        self.put_field(part, Place::Last, "Content-Type", kind)?;
        self.put_field(part, Place::Last, "Content-Transfer-Encoding", encoding.name())?;
        Ok(part)
    }

    /// A multipart without parts that stands nowhere yet. The boundary must not occur in what it will hold.
    pub fn new_container(&mut self, kind: &str, boundary: &str) -> Result<PartId, BadField> {
        let is_boundary = !boundary.is_empty()
            && boundary.len() <= 70
            && boundary
                .bytes()
                .all(|octet| octet.is_ascii_alphanumeric() || b"'()+_,-./:=?".contains(&octet));
        if !is_boundary {
            return Err(BadField::Name);
        }
        let close = format!("\r\n--{boundary}--\r\n").into();
        let preamble = Bytes::new();
        let part = self.new_node(Payload::Container {
            boundary: boundary.into(),
            preamble,
            children: Vec::new(),
            close,
        });
        self.put_field(part, Place::Last, "Content-Type", &format!("{kind}; boundary=\"{boundary}\""))?;
        Ok(part)
    }

    fn new_node(&mut self, payload: Payload) -> PartId {
        let header = Bytes::from_static(b"\r\n");
        self.nodes.push(Node {
            header,
            content_type: OnceCell::new(),
            payload,
            parent: None,
            lead: Bytes::new(),
        });
        PartId(self.nodes.len() - 1)
    }

    /// Puts a part that stands nowhere among the children of a container; `at` beyond the last is the end.
    pub fn insert(&mut self, container: PartId, at: usize, part: PartId) -> Result<(), NotMoved> {
        if part == self.root() || self.nodes[part.0].parent.is_some() {
            return Err(NotMoved::InUse);
        }
        if self.is_within(container, part) {
            return Err(NotMoved::Circle);
        }
        if self.nodes.len() > PART_LIMIT * 2 {
            return Err(NotMoved::TooMany);
        }
        let Payload::Container { boundary, preamble, children, .. } = &self.nodes[container.0].payload else {
            return Err(NotMoved::NoContainer);
        };
        let at = at.min(children.len());
        let fresh: Bytes = format!("\r\n--{boundary}\r\n").into();
        let (lead, follower) = match (at, children.first()) {
            // The first delimiter of a body without a preamble has no line end before it.
            (0, Some(first)) => (self.nodes[first.0].lead.clone(), Some(*first)),
            (0, None) if preamble.is_empty() => (fresh.slice(2..), None),
            _ => (fresh.clone(), None),
        };
        if let Some(first) = follower {
            self.nodes[first.0].lead = fresh;
        }
        self.nodes[part.0].lead = lead;
        self.nodes[part.0].parent = Some(container);
        if let Payload::Container { children, .. } = &mut self.nodes[container.0].payload {
            children.insert(at, part);
        }
        Ok(())
    }

    /// Where a part stands among its siblings.
    pub fn position(&self, part: PartId) -> Option<usize> {
        let parent = self.parent(part)?;
        self.children(parent).iter().position(|child| *child == part)
    }

    /// Takes a part out of its container; false if it stands in none.
    pub fn unlink(&mut self, part: PartId) -> bool {
        let (Some(parent), Some(at)) = (self.parent(part), self.position(part)) else { return false };
        let lead = std::mem::take(&mut self.nodes[part.0].lead);
        let Payload::Container { children, .. } = &mut self.nodes[parent.0].payload else {
            self.nodes[part.0].lead = lead;
            return false;
        };
        children.remove(at);
        let next_first = children.first().copied().filter(|_| at == 0);
        if let Some(first) = next_first {
            self.nodes[first.0].lead = lead;
        }
        self.nodes[part.0].parent = None;
        true
    }

    fn is_within(&self, part: PartId, ancestor: PartId) -> bool {
        let mut at = Some(part);
        while let Some(part) = at {
            if part == ancestor {
                return true;
            }
            at = self.parent(part);
        }
        false
    }

    /// The message as the tree has it.
    pub fn octets(&self) -> Bytes {
        self.raw(self.root())
    }

    fn write_part(&self, part: PartId, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.nodes[part.0].header);
        self.write_payload(part, out);
    }

    /// Recursion is bounded: read parts by `DEPTH_LIMIT`, new ones by how many were put into each other.
    fn write_payload(&self, part: PartId, out: &mut Vec<u8>) {
        match &self.nodes[part.0].payload {
            Payload::Octets(octets) => out.extend_from_slice(octets),
            Payload::Message(inner) => self.write_part(*inner, out),
            Payload::Container { preamble, children, close, .. } => {
                out.extend_from_slice(preamble);
                for child in children {
                    out.extend_from_slice(&self.nodes[child.0].lead);
                    self.write_part(*child, out);
                }
                out.extend_from_slice(close);
            }
        }
    }

    fn end_header(&mut self, part: PartId) {
        let header = &self.nodes[part.0].header;
        if !(header.ends_with(b"\r\n\r\n") || &header[..] == b"\r\n") {
            self.edit_header(part, |content| content.set_body(Bytes::new()));
        }
    }
}

/// Where a multipart body is cut: ranges of it.
struct Cut {
    preamble: usize,
    /// Delimiter line, part.
    parts: Vec<(std::ops::Range<usize>, std::ops::Range<usize>)>,
    /// From here on: the closing delimiter and the epilogue.
    close: usize,
}

/// None if the boundary does not occur.
fn cut(body: &[u8], boundary: &str, most: usize) -> Option<Cut> {
    if boundary.is_empty() || most == 0 {
        return None;
    }
    let delimiter = [b"--", boundary.as_bytes()].concat();
    let finder = memmem::Finder::new(&delimiter);
    let mut cut: Option<Cut> = None;
    let mut from = 0;
    while let Some(at) = finder.find(&body[from..]) {
        let at = from + at;
        from = at + delimiter.len();
        let is_line_start = at == 0 || body[at - 1] == b'\n';
        let line_end = memchr::memchr(b'\n', &body[from..]).map_or(body.len(), |end| from + end + 1);
        let rest = &body[from..line_end];
        let is_close = rest.starts_with(b"--");
        let is_delimiter = is_close || rest.trim_ascii().is_empty();
        if !is_line_start || !is_delimiter {
            continue;
        }
        // The line end before a delimiter is part of it (RFC 2046 §5.1.1).
        let lead = match &body[..at] {
            [.., b'\r', b'\n'] => at - 2,
            [.., b'\n'] => at - 1,
            _ => at,
        };
        match &mut cut {
            None if is_close => return None,
            None => {
                cut = Some(Cut {
                    preamble: lead,
                    parts: vec![(lead..line_end, line_end..body.len())],
                    close: body.len(),
                })
            }
            Some(cut) => {
                let (_, last) = cut.parts.last_mut()?;
                // An empty part: its delimiter's line end is the next one's, too.
                last.end = lead.max(last.start);
                let lead = last.end;
                if is_close || cut.parts.len() == most {
                    cut.close = lead;
                    return Some(Cut {
                        close: lead,
                        preamble: cut.preamble,
                        parts: std::mem::take(&mut cut.parts),
                    });
                }
                cut.parts.push((lead..line_end, line_end..body.len()));
            }
        }
        from = line_end;
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LETTER: &str = "Subject: s\r\nContent-Type: multipart/mixed; boundary=\"b\"\r\n\r\npreamble\r\n\
        --b  \r\nContent-Type: multipart/alternative; boundary=in\r\n\r\n--in\r\n\r\nplain\r\n--in\r\n\
        Content-Type: text/html; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
        <p>gr=FCn</p>\r\n--in--\r\n--b\r\nContent-Type: text/plain\r\nContent-Disposition: attachment\r\n\
        Content-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n--b--\r\nepilogue\r\n";

    fn content(text: &str) -> Content {
        Content::new(Bytes::copy_from_slice(text.as_bytes()))
    }

    #[test]
    fn the_structure_is_found_and_decoded() {
        let tree = content(LETTER).tree();
        let kinds: Vec<_> =
            tree.walk(tree.root()).into_iter().map(|part| tree.content_type(part).value.clone()).collect();
        assert_eq!(
            kinds,
            ["multipart/mixed", "multipart/alternative", "text/plain", "text/html", "text/plain"]
        );
        let texts: Vec<_> = tree.texts(tree.root()).into_iter().map(|part| tree.text(part)).collect();
        assert_eq!(texts, ["plain", "<p>gr\u{fc}n</p>"]);
        let attachment = tree.children(tree.root())[1];
        assert_eq!(tree.decoded(attachment), b"hello");
        assert_eq!(tree.position(attachment), Some(1));
        assert_eq!(tree.octets(), LETTER.as_bytes());
    }

    #[test]
    fn a_change_leaves_every_other_octet_alone() {
        let mut message = content(LETTER);
        let mut tree = message.tree();
        let html = tree.texts(tree.root())[1];
        tree.set_text(html, "<p>bl\u{e4}u</p>");
        message.adopt(&tree);
        assert_eq!(message.octets(), LETTER.replace("gr=FCn", "bl=E4u").as_bytes());
        let mut tree = message.tree();
        let plain = tree.texts(tree.root())[0];
        tree.set_text(plain, "\u{30c6}");
        assert!(tree.content_type(plain).parameter("charset").is_some_and(|set| set == "utf-8"));
        assert_eq!((tree.text(plain), tree.encoding(plain)), ("\u{30c6}".into(), Encoding::QuotedPrintable));
        tree.put_field(html, Place::Last, "X-Seen", "yes").unwrap();
        assert_eq!(tree.delete_fields(html, "content-type"), 1);
        let again = Content::new(tree.octets()).tree();
        let html = again.children(again.children(again.root())[0])[1];
        assert_eq!(again.header(html).first("x-seen").map(|field| field.text()).as_deref(), Some("yes"));
    }

    #[test]
    fn parts_are_put_in_and_taken_out() {
        let mut tree =
            content("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b--\r\n").tree();
        let root = tree.root();
        let one = tree.children(root)[0];
        let first = tree.new_part("text/plain", b"zero", Encoding::SevenBit).unwrap();
        let last = tree.new_part("application/x", b"\0\xff", Encoding::Base64).unwrap();
        tree.insert(root, 0, first).unwrap();
        tree.insert(root, 99, last).unwrap();
        let shown = tree.octets();
        let again = Content::new(shown.clone()).tree();
        let bodies: Vec<_> = again.children(again.root()).iter().map(|part| again.decoded(*part)).collect();
        assert_eq!(bodies, [&b"zero"[..], b"one", b"\0\xff"], "{}", String::from_utf8_lossy(&shown));
        assert!(shown.starts_with(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"));
        assert!(tree.unlink(first) && tree.unlink(one) && tree.unlink(last) && !tree.unlink(last));
        assert!(Content::new(tree.octets()).tree().children(PartId(0)).is_empty());
        assert_eq!(tree.insert(one, 0, last), Err(NotMoved::NoContainer));
        assert_eq!(tree.insert(root, 0, root), Err(NotMoved::InUse));
        let container = tree.new_container("multipart/alternative", "q").unwrap();
        tree.insert(container, 0, one).unwrap();
        assert_eq!(tree.insert(container, 0, container), Err(NotMoved::Circle));
        assert_eq!(tree.insert(root, 0, one), Err(NotMoved::InUse));
        tree.insert(root, 0, container).unwrap();
        assert_eq!(Content::new(tree.octets()).tree().texts(PartId(0)).len(), 1);
        assert!(tree.new_container("multipart/mixed", "a b\r\n").is_err());
    }

    #[test]
    fn odd_structures_stay_as_they_are() {
        for body in [
            "no delimiter at all",
            "--b--\r\nclosed at once",
            "--b\r\n--b\r\n--b--",
            "--b\r\n\r\nnever closed",
            "--b\nbare\n--b--\n",
            "--bb\r\n\r\nanother\r\n--b\r\n\r\nx\r\n--b--",
            "--b trailing\r\n\r\nx",
            "",
        ] {
            let text = format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{body}");
            assert_eq!(content(&text).tree().octets(), text.as_bytes(), "{body:?}");
        }
        for text in [
            "Content-Type: multipart/mixed\r\n\r\n--\r\n\r\nx\r\n----\r\n",
            "",
            "\r\n",
            "Content-Type: message/rfc822\r\n\r\n",
        ] {
            assert_eq!(content(text).tree().octets(), text.as_bytes());
        }
    }

    #[test]
    fn nesting_and_numbers_are_bounded() {
        let deep: String = (0..200)
            .map(|level| format!("Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n"))
            .collect();
        let tree = content(&deep).tree();
        assert_eq!((tree.octets().len(), tree.walk(tree.root()).len()), (deep.len(), DEPTH_LIMIT + 1));
        let wide =
            format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{}", "--b\r\n\r\nx\r\n".repeat(5000));
        let tree = content(&wide).tree();
        assert!(tree.walk(tree.root()).len() <= PART_LIMIT);
        assert_eq!(tree.octets(), wide.as_bytes());
        let inner = "Content-Type: message/rfc822\r\n\r\n".repeat(100);
        assert_eq!(content(&inner).tree().octets(), inner.as_bytes());
    }

    proptest! {
        #[test]
        fn whatever_comes_in_goes_out(pieces in prop::collection::vec(prop::sample::select(vec![
            "--b\r\n", "--b--\r\n", "--c\r\n", "\r\n", "\n", "\r", "--b", "text", " ", "Content-Type: multipart/x; boundary=c\r\n\r\n",
            "Content-Type: message/rfc822\r\n\r\n",
        ]), 0..30)) {
            let text = format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{}", pieces.concat());
            prop_assert_eq!(content(&text).tree().octets(), text.as_bytes());
        }
    }
}
