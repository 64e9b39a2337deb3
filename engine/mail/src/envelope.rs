//! A reception as the journal keeps it: what was promised, to whom, with which contexts.
//!
//! One MAIL FROM … end of data with n recipients is one `Reception` with n envelopes; each envelope is a
//! message of its own to everything downstream (spec mail-flow.md §1). The bodies are kept beside the
//! encoded head, so that they move as they are.

use crate::{Address, Contexts, Dictionary, MessageId, Time};
use bytes::Bytes;
use std::net::{IpAddr, SocketAddr};

/// How a message came to us; the names are those of the mainlog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Protocol {
    Esmtp = 0,
    Rest = 1,
    Internal = 2,
}

impl Protocol {
    pub const fn name(self) -> &'static str {
        match self {
            Protocol::Esmtp => "esmtp",
            Protocol::Rest => "rest",
            Protocol::Internal => "internal",
        }
    }
}

/// What all recipients of a transaction share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reception {
    pub batch: MessageId,
    pub connection: MessageId,
    pub received: Time,
    pub protocol: Protocol,
    /// The client; none for internal mail.
    pub source: Option<SocketAddr>,
    /// None is the null sender `<>`.
    pub sender: Option<Address>,
    pub eight_bit: bool,
    /// Contexts of every copy that has none of its own.
    pub contexts: Contexts,
    pub envelopes: Vec<Envelope>,
    /// Bodies as they will be sent, trace header included; an envelope names its body by index.
    pub bodies: Vec<Bytes>,
}

/// One recipient: the unit that is queued, tried, delivered or bounced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    pub id: MessageId,
    pub recipient: Address,
    pub binding: Box<str>,
    /// The routing domain: the name of the queue (spec mail-flow.md §5.1).
    pub domain: Box<str>,
    pub priority: bool,
    pub body: u16,
    /// Only where policy changed them for this recipient.
    pub contexts: Option<Contexts>,
}

/// The bytes are not a head that this version wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAHead;

impl std::fmt::Display for NotAHead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the record's head is not in a format that this version reads")
    }
}

impl std::error::Error for NotAHead {}

const VERSION: u8 = 1;

impl Reception {
    /// Everything but the bodies' bytes; their lengths are in it.
    pub fn encode_head(&self) -> Vec<u8> {
        let mut out = Writer(Vec::with_capacity(256 + 96 * self.envelopes.len()));
        out.byte(VERSION);
        out.raw(&self.batch.encode());
        out.raw(&self.connection.encode());
        out.number(self.received.micros());
        out.byte(self.protocol as u8);
        out.source(self.source);
        out.optional(self.sender.as_ref(), |out, sender| out.text(sender.as_str()));
        out.byte(u8::from(self.eight_bit));
        out.contexts(&self.contexts);
        out.number(self.bodies.len() as u64);
        self.bodies.iter().for_each(|body| out.number(body.len() as u64));
        out.number(self.envelopes.len() as u64);
        for envelope in &self.envelopes {
            out.raw(&envelope.id.encode());
            out.text(envelope.recipient.as_str());
            out.text(&envelope.binding);
            out.text(&envelope.domain);
            out.byte(u8::from(envelope.priority));
            out.number(u64::from(envelope.body));
            out.optional(envelope.contexts.as_ref(), Writer::contexts);
        }
        out.0
    }

    /// The reverse. `bodies` are the bytes that follow the head in the record: shared, not copied.
    /// With `bodies` empty the reception comes back without bodies (a queue that keeps none in memory).
    pub fn decode(head: &[u8], bodies: &Bytes) -> Result<Reception, NotAHead> {
        let mut input = Reader(head);
        if input.byte()? != VERSION {
            return Err(NotAHead);
        }
        let batch = input.id()?;
        let connection = input.id()?;
        let received = Time::from_micros(input.number()?);
        let protocol = match input.byte()? {
            0 => Protocol::Esmtp,
            1 => Protocol::Rest,
            2 => Protocol::Internal,
            _ => return Err(NotAHead),
        };
        let source = input.source()?;
        let sender = input.optional(|input| Ok(Address::from_checked(input.text()?)))?;
        let eight_bit = input.byte()? != 0;
        let contexts = input.contexts()?;
        let lengths = input.list(|input| Ok(input.number()? as usize))?;
        let envelopes = input.list(|input| {
            Ok(Envelope {
                id: input.id()?,
                recipient: Address::from_checked(input.text()?),
                binding: input.text()?.into(),
                domain: input.text()?.into(),
                priority: input.byte()? != 0,
                body: u16::try_from(input.number()?).map_err(|_| NotAHead)?,
                contexts: input.optional(Reader::contexts)?,
            })
        })?;
        if !input.0.is_empty() || envelopes.iter().any(|copy| usize::from(copy.body) >= lengths.len()) {
            return Err(NotAHead);
        }
        let bodies = if bodies.is_empty() { Vec::new() } else { cut(bodies, &lengths)? };
        Ok(Reception {
            batch,
            connection,
            received,
            protocol,
            source,
            sender,
            eight_bit,
            contexts,
            envelopes,
            bodies,
        })
    }

    /// The contexts that hold for one copy.
    pub fn contexts_of<'a>(&'a self, envelope: &'a Envelope) -> &'a Contexts {
        envelope.contexts.as_ref().unwrap_or(&self.contexts)
    }
}

fn cut(bodies: &Bytes, lengths: &[usize]) -> Result<Vec<Bytes>, NotAHead> {
    let mut start: usize = 0;
    let pieces = lengths.iter().map(|length| {
        let end = start.checked_add(*length).filter(|end| *end <= bodies.len()).ok_or(NotAHead)?;
        let piece = bodies.slice(start..end);
        start = end;
        Ok(piece)
    });
    let pieces = pieces.collect::<Result<Vec<_>, _>>()?;
    if start == bodies.len() { Ok(pieces) } else { Err(NotAHead) }
}

/// Numbers are LEB128, texts are counted, options have a flag byte.
struct Writer(Vec<u8>);

impl Writer {
    fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.byte(number as u8 | 0x80);
            number >>= 7;
        }
        self.byte(number as u8);
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.raw(text.as_bytes());
    }

    fn optional<T>(&mut self, value: Option<&T>, write: impl Fn(&mut Self, &T)) {
        self.byte(u8::from(value.is_some()));
        if let Some(value) = value {
            write(self, value);
        }
    }

    fn source(&mut self, source: Option<SocketAddr>) {
        match source.map(|source| (source.ip(), source.port())) {
            None => self.byte(0),
            Some((IpAddr::V4(address), port)) => {
                self.byte(4);
                self.raw(&address.octets());
                self.number(u64::from(port));
            }
            Some((IpAddr::V6(address), port)) => {
                self.byte(6);
                self.raw(&address.octets());
                self.number(u64::from(port));
            }
        }
    }

    fn contexts(&mut self, contexts: &Contexts) {
        for dictionary in [&contexts.connection, &contexts.message] {
            self.number(dictionary.len() as u64);
            for (key, value) in dictionary.iter() {
                self.text(key);
                self.text(value);
            }
        }
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn raw(&mut self, length: usize) -> Result<&'a [u8], NotAHead> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(NotAHead)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], NotAHead> {
        self.raw(LENGTH)?.try_into().map_err(|_| NotAHead)
    }

    fn byte(&mut self) -> Result<u8, NotAHead> {
        Ok(self.array::<1>()?[0])
    }

    fn number(&mut self) -> Result<u64, NotAHead> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(NotAHead)
    }

    fn text(&mut self) -> Result<&'a str, NotAHead> {
        let length = usize::try_from(self.number()?).map_err(|_| NotAHead)?;
        std::str::from_utf8(self.raw(length)?).map_err(|_| NotAHead)
    }

    fn id(&mut self) -> Result<MessageId, NotAHead> {
        Ok(MessageId::decode(self.array()?))
    }

    fn optional<T>(
        &mut self,
        read: impl Fn(&mut Self) -> Result<T, NotAHead>,
    ) -> Result<Option<T>, NotAHead> {
        match self.byte()? {
            0 => Ok(None),
            1 => read(self).map(Some),
            _ => Err(NotAHead),
        }
    }

    fn list<T>(&mut self, read: impl Fn(&mut Self) -> Result<T, NotAHead>) -> Result<Vec<T>, NotAHead> {
        let count = self.number()?;
        // An element takes at least one byte: a count beyond that is damage, not a reason to allocate.
        if count > self.0.len() as u64 {
            return Err(NotAHead);
        }
        (0..count).map(|_| read(self)).collect()
    }

    fn source(&mut self) -> Result<Option<SocketAddr>, NotAHead> {
        let address: IpAddr = match self.byte()? {
            0 => return Ok(None),
            4 => self.array::<4>()?.into(),
            6 => self.array::<16>()?.into(),
            _ => return Err(NotAHead),
        };
        let port = u16::try_from(self.number()?).map_err(|_| NotAHead)?;
        Ok(Some(SocketAddr::new(address, port)))
    }

    fn dictionary(&mut self) -> Result<Dictionary, NotAHead> {
        let mut dictionary = Dictionary::default();
        for (key, value) in self.list(|input| Ok((input.text()?, input.text()?)))? {
            dictionary.set(key, value);
        }
        Ok(dictionary)
    }

    fn contexts(&mut self) -> Result<Contexts, NotAHead> {
        Ok(Contexts { connection: self.dictionary()?, message: self.dictionary()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Reception {
        let mut contexts = Contexts::default();
        contexts.connection.set("pathway", "default");
        let mut own = contexts.clone();
        own.message.set("vip", "");
        let envelope = |counter, contexts| Envelope {
            id: MessageId { second: 7, process: 9, counter },
            recipient: Address::new("bob", "alpha.example"),
            binding: "out-a".into(),
            domain: "alpha.example".into(),
            priority: counter == 2,
            body: counter - 1,
            contexts,
        };
        Reception {
            batch: MessageId { second: 7, process: 9, counter: 1 },
            connection: MessageId { second: 6, process: 9, counter: 0 },
            received: Time::from_micros(1_770_244_190_123_456),
            protocol: Protocol::Esmtp,
            source: Some("[2001:db8::1]:40122".parse().unwrap()),
            sender: None,
            eight_bit: true,
            contexts,
            envelopes: vec![envelope(1, None), envelope(2, Some(own))],
            bodies: vec![Bytes::from_static(b"one\r\n"), Bytes::from_static(b"two and more\r\n")],
        }
    }

    #[test]
    fn a_reception_comes_back_from_its_record() {
        let reception = sample();
        let joined: Bytes = reception.bodies.concat().into();
        assert_eq!(Reception::decode(&reception.encode_head(), &joined), Ok(reception.clone()));
        let bare = Reception::decode(&reception.encode_head(), &Bytes::new()).unwrap();
        assert_eq!(bare.envelopes, reception.envelopes);
        assert!(bare.bodies.is_empty());
        assert_eq!(bare.contexts_of(&bare.envelopes[1]).message.get("vip"), Some(""));
    }

    #[test]
    fn no_shortened_or_altered_head_is_taken_for_a_whole_one() {
        let head = sample().encode_head();
        for length in 0..head.len() {
            assert_eq!(Reception::decode(&head[..length], &Bytes::new()), Err(NotAHead), "{length}");
        }
        for position in 0..head.len() {
            let mut altered = head.clone();
            altered[position] ^= 0xFF;
            let _ = Reception::decode(&altered, &Bytes::from_static(b"x"));
        }
        let joined: Bytes = sample().bodies.concat().into();
        assert_eq!(Reception::decode(&head, &joined.slice(1..)), Err(NotAHead));
    }
}
