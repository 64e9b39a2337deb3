//! What the journal keeps with a copy that is put off: where it waits, if an order has moved it, and what was
//! said of it last.

use std::fmt;

/// The note of a deferral. To the spool it is bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Note {
    /// The queue, where it is another one than that of the envelope.
    pub place: Option<QueueName>,
    /// The last reply, or what we said in its place.
    pub reply: String,
}

/// A queue by its names; the domain is folded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueName {
    pub binding: Box<str>,
    pub domain: Box<str>,
}

/// Octets of a reply that are kept.
pub const REPLY_OCTETS: usize = 200;

/// Stands before, between and behind the names: no name holds a zero byte, and none is taken from a reply.
const MARK: char = '\0';

impl Note {
    pub fn encode(&self) -> Vec<u8> {
        let reply: String = self.reply.chars().filter(|character| *character != MARK).collect();
        let reply = &reply[..reply.floor_char_boundary(REPLY_OCTETS)];
        match &self.place {
            Some(QueueName { binding, domain }) => format!("\0{binding}\0{domain}\0{reply}").into_bytes(),
            None => reply.as_bytes().to_vec(),
        }
    }

    /// The reverse; a note without the marks, as earlier versions wrote it, is a reply.
    pub fn decode(bytes: &[u8]) -> Note {
        let text = String::from_utf8_lossy(bytes);
        let mut parts = text.splitn(4, MARK);
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(""), Some(binding), Some(domain), Some(reply)) => Note {
                place: Some(QueueName { binding: binding.into(), domain: domain.into() }),
                reply: reply.to_owned(),
            },
            _ => Note { place: None, reply: text.replace(MARK, "") },
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(QueueName { binding, domain }) = &self.place {
            write!(f, "moved to {binding} {domain}; ")?;
        }
        f.write_str(&self.reply)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_comes_back_with_its_place_and_a_bounded_reply() {
        let place = || Some(QueueName { binding: "out-a".into(), domain: "relay.example".into() });
        for (place, reply, back) in [
            (None, "451 4.7.1 later", "451 4.7.1 later"),
            (None, "", ""),
            (place(), "451 4.7.1 later", "451 4.7.1 later"),
            (place(), "", ""),
            (place(), "4\u{0}5\0\0", "45"),
            (None, "\0a\0b\0c", "abc"),
        ] {
            let note = Note { place: place.clone(), reply: reply.into() };
            assert_eq!(Note::decode(&note.encode()), Note { place, reply: back.into() }, "{reply:?}");
        }
        let long = Note { place: place(), reply: "\u{fc}".repeat(500) };
        assert_eq!(Note::decode(&long.encode()).reply.len(), REPLY_OCTETS);
    }

    #[test]
    fn what_is_no_note_of_ours_is_a_reply() {
        for (bytes, reply) in [
            (&b"451 later"[..], "451 later"),
            (b"\0only-one\0", "only-one"),
            (b"\xff", "\u{fffd}"),
            (b"", ""),
        ] {
            assert_eq!(Note::decode(bytes), Note { place: None, reply: reply.into() });
        }
    }
}
