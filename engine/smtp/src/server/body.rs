//! The content of one message: contiguous, growing behind, with room in front for trace fields.

use crate::limits::BODY_ROOM;
use bytes::Bytes;
use std::fmt;

/// Content begins at `start`; what lies before it is room. Nothing is allocated before the first octet.
#[derive(Default)]
pub struct Body {
    raw: Vec<u8>,
    start: usize,
}

impl Body {
    pub fn content(&self) -> &[u8] {
        &self.raw[self.start..]
    }

    pub fn len(&self) -> usize {
        self.raw.len() - self.start
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Octets of memory that it holds.
    pub fn capacity(&self) -> usize {
        self.raw.capacity()
    }

    /// Makes place for `more` octets of content.
    pub fn reserve(&mut self, more: usize) {
        if self.raw.capacity() == 0 {
            self.raw.reserve_exact(BODY_ROOM + more);
            self.raw.resize(BODY_ROOM, 0);
            self.start = BODY_ROOM;
        } else {
            self.raw.reserve(more);
        }
    }

    pub fn push(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len());
        self.raw.extend_from_slice(bytes);
    }

    /// Puts bytes in front: without moving the content while the room lasts.
    pub fn prepend(&mut self, bytes: &[u8]) {
        if bytes.len() > self.start {
            let mut grown = Body::default();
            grown.reserve(bytes.len() + self.len());
            grown.raw.extend_from_slice(bytes);
            grown.raw.extend_from_slice(self.content());
            *self = grown;
            return;
        }
        let start = self.start - bytes.len();
        self.raw[start..self.start].copy_from_slice(bytes);
        self.start = start;
    }

    /// Other content instead, with fresh room in front.
    pub fn replace(&mut self, content: &[u8]) {
        *self = Body::default();
        self.push(content);
    }

    /// The content, shared from now on; nothing is copied.
    pub fn freeze(self) -> Bytes {
        Bytes::from(self.raw).slice(self.start..)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} octets", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trace_fields_go_in_front_without_moving_the_content() {
        let mut body = Body::default();
        body.push(b"Subject: x\r\n\r\nhello\r\n");
        let address = body.content().as_ptr();
        body.prepend(b"Date: now\r\n");
        body.prepend(&[b'r'; 500]);
        assert_eq!(body.content()[511..].as_ptr(), address);
        assert_eq!(body.len(), 500 + 11 + 21);
        let frozen = body.freeze();
        assert_eq!(frozen[511..].as_ptr(), address, "freezing copies nothing either");
        assert!(frozen.ends_with(b"rrrDate: now\r\nSubject: x\r\n\r\nhello\r\n"));
    }

    #[test]
    fn more_than_the_room_is_copied_once_and_leaves_new_room() {
        let mut body = Body::default();
        body.push(b"content");
        body.prepend(&[b'x'; BODY_ROOM + 1]);
        assert_eq!(body.len(), BODY_ROOM + 8);
        assert!(body.content().ends_with(b"xcontent"));
        let address = body.content().as_ptr();
        body.prepend(b"y");
        assert_eq!(body.content()[1..].as_ptr(), address);
    }

    #[test]
    fn an_empty_body_holds_no_memory_and_can_still_be_prepended_to() {
        let mut body = Body::default();
        assert_eq!(body.capacity(), 0);
        body.prepend(b"Date: now\r\n");
        assert_eq!(body.content(), b"Date: now\r\n");
        assert_eq!(Body::default().freeze(), Bytes::new());
    }
}
