//! Questions and answers as bytes. Everything in an answer was written by a stranger: what does not belong
//! to our question is foreign, what belongs to it is taken only as far as the bounds here.
//!
//! hickory decodes names and record data; which records count, and for what, is decided here.

use crate::{Answer, Kind, Name, Question, Record, Trouble};
use hickory_proto::op::{Header, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{self, DNSClass, RData, RecordType};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder, Restrict};

/// Aliases followed from the name asked for to its records; one more is a loop or a mockery.
pub const ALIASES: usize = 8;
/// Records looked at in the answer section, and again in the authority section; the rest is not read.
pub const RECORDS_READ: u16 = 512;
/// Records of one answer that are kept: beyond what `Exchangers` can use, and what a TXT set sensibly has.
pub const RECORDS_KEPT: usize = 256;
/// What we take in a datagram: the smallest MTU of IPv6 less its headers, so that nothing is fragmented.
pub const DATAGRAM_OCTETS: u16 = 1232;

/// What a packet was to our question.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Not the reply to it: another's, forged, or garbage.
    Foreign,
    /// The server does not understand what we wrote; perhaps the EDNS record (RFC 6891 §7).
    NotUnderstood,
    /// The reply was cut; these are its whole records.
    Truncated(Answer),
    Whole(Answer),
}

/// The first length octet and the root, which the text form of a name leaves out.
const NAME_OVERHEAD: usize = 2;

/// The packet that asks; with a length prefix for a stream (RFC 1035 §4.2.2).
pub(crate) fn ask(question: &Question, id: u16, extended: bool, stream: bool) -> Vec<u8> {
    const RECURSION_DESIRED: u8 = 1;
    const PREFIX: usize = 2;
    let mut packet = Vec::with_capacity(PREFIX + 12 + NAME_OVERHEAD + question.name.as_str().len() + 4 + 11);
    packet.extend_from_slice(&[0; PREFIX]);
    packet.extend_from_slice(&id.to_be_bytes());
    packet.extend_from_slice(&[RECURSION_DESIRED, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(extended)]);
    for label in question.name.labels() {
        packet.push(label.len() as u8);
        packet.extend_from_slice(label.as_bytes());
    }
    packet.push(0);
    packet.extend_from_slice(&u16::from(kind_on_the_wire(question.kind)).to_be_bytes());
    packet.extend_from_slice(&u16::from(DNSClass::IN).to_be_bytes());
    if extended {
        // The OPT record: root, type, payload in the place of the class, no flags, no options.
        packet.push(0);
        packet.extend_from_slice(&u16::from(RecordType::OPT).to_be_bytes());
        packet.extend_from_slice(&DATAGRAM_OCTETS.to_be_bytes());
        packet.extend_from_slice(&[0; 6]);
    }
    if !stream {
        packet.drain(..PREFIX);
        return packet;
    }
    let length = (packet.len() - PREFIX) as u16;
    packet[..PREFIX].copy_from_slice(&length.to_be_bytes());
    packet
}

/// What `bytes` are to the question that was asked under `id`.
pub(crate) fn read(bytes: &[u8], id: u16, question: &Question) -> Reading {
    let mut decoder = BinDecoder::new(bytes);
    let Some(header) = begin(&mut decoder, id, question) else {
        return Reading::Foreign;
    };
    match header.response_code {
        ResponseCode::NoError | ResponseCode::NXDomain => {}
        ResponseCode::FormErr | ResponseCode::NotImp => return Reading::NotUnderstood,
        ResponseCode::Refused | ResponseCode::NotAuth => {
            return Reading::Whole(Answer::Failed(Trouble::Refused));
        }
        _ => return Reading::Whole(Answer::Failed(Trouble::ServerFailure)),
    }
    let mut found = Found::default();
    let whole = found.read(&mut decoder, &header, question.kind).is_some();
    match (header.truncation, whole) {
        (true, _) => Reading::Truncated(found.answer(question, &header)),
        (false, true) => Reading::Whole(found.answer(question, &header)),
        (false, false) => Reading::Whole(Answer::Failed(Trouble::Malformed)),
    }
}

/// Header and question, if they are those of a reply to us (RFC 5452 §9.1).
fn begin(decoder: &mut BinDecoder<'_>, id: u16, question: &Question) -> Option<Header> {
    let header = Header::read(decoder).ok()?;
    let ours =
        header.id == id && header.message_type == MessageType::Response && header.op_code == OpCode::Query;
    if !ours {
        return None;
    }
    match header.counts.queries {
        // Servers that could not read the question cannot repeat it.
        0 => (!is_answer(header.response_code)).then_some(header),
        1 => {
            let query = Query::read(decoder).ok()?;
            let same = query.query_type == kind_on_the_wire(question.kind)
                && query.query_class == DNSClass::IN
                && is(&query.name, &question.name);
            same.then_some(header)
        }
        _ => None,
    }
}

pub(crate) fn is_answer(code: ResponseCode) -> bool {
    matches!(code, ResponseCode::NoError | ResponseCode::NXDomain)
}

/// The records of an answer that may matter, with their owners.
#[derive(Default)]
struct Found {
    aliases: Vec<(rr::Name, Name, u32)>,
    /// A record of the kind asked for whose data we cannot use is none.
    records: Vec<(rr::Name, Option<Record>, u32)>,
    /// How long a negative answer holds (RFC 2308 §5).
    negative_ttl: Option<u32>,
    /// Name servers in the authority section: with nothing else, a referral (RFC 2308 §2.2).
    refers: bool,
}

impl Found {
    /// None: the sections are malformed. What was read before stays.
    fn read(&mut self, decoder: &mut BinDecoder<'_>, header: &Header, kind: Kind) -> Option<()> {
        let kind = kind_on_the_wire(kind);
        for _ in 0..header.counts.answers.min(RECORDS_READ) {
            match read_record(decoder, &[kind, RecordType::CNAME])? {
                (owner, ttl, Some(RData::CNAME(target))) if kind != RecordType::CNAME => {
                    self.aliases.push((owner, name_of(&target.0)?, ttl));
                }
                (owner, ttl, Some(data)) if self.records.len() < RECORDS_KEPT => {
                    self.records.push((owner, record_of(data), ttl));
                }
                _ => {}
            }
        }
        if header.counts.answers > RECORDS_READ {
            return Some(());
        }
        for _ in 0..header.counts.authorities.min(RECORDS_READ) {
            match read_record(decoder, &[RecordType::SOA, RecordType::NS])? {
                (_, ttl, Some(RData::SOA(soa))) => self.negative_ttl = Some(ttl.min(sane(soa.minimum))),
                (_, _, Some(RData::NS(_))) => self.refers = true,
                _ => {}
            }
        }
        Some(())
    }

    fn answer(self, question: &Question, header: &Header) -> Answer {
        let Some((owner, ttl)) = self.follow(&question.name) else {
            return Answer::Failed(Trouble::Malformed);
        };
        if header.response_code == ResponseCode::NXDomain {
            return Answer::NoName { ttl: ttl.min(self.negative_ttl.unwrap_or(0)) };
        }
        let mut ttl = ttl;
        let mut unusable = false;
        let mut records = Vec::new();
        for (_, record, record_ttl) in self.records.into_iter().filter(|(wire, ..)| is(wire, &owner)) {
            match record {
                Some(record) => records.push(record),
                None => unusable = true,
            }
            // Records of one set should agree (RFC 2181 §5.2); if not, the shortest holds.
            ttl = ttl.min(record_ttl);
        }
        if !records.is_empty() {
            return Answer::Records { records: records.into(), ttl };
        }
        // "No data" makes mail go to the domain itself: believed only of one who can know.
        let knows = header.authoritative || header.recursion_available;
        let referral = self.refers && self.negative_ttl.is_none() && !header.authoritative;
        match (unusable, knows && !referral) {
            (true, _) => Answer::Failed(Trouble::Malformed),
            (false, true) => Answer::NoData { ttl: ttl.min(self.negative_ttl.unwrap_or(0)) },
            (false, false) => Answer::Failed(Trouble::ServerFailure),
        }
    }

    /// Goes along the aliases to the last name and the smallest TTL on the way; none if they do not end.
    fn follow(&self, name: &Name) -> Option<(Name, u32)> {
        let mut owner = name.clone();
        let mut ttl = u32::MAX;
        for _ in 0..=ALIASES {
            let has_records = self.records.iter().any(|(wire, ..)| is(wire, &owner));
            let alias = self.aliases.iter().find(|(wire, ..)| is(wire, &owner));
            match alias {
                Some((_, target, alias_ttl)) if !has_records => {
                    owner = target.clone();
                    ttl = ttl.min(*alias_ttl);
                }
                _ => return Some((owner, ttl)),
            }
        }
        None
    }
}

/// Owner, TTL, and the data if it is of one of the `kinds` in our class; other data is skipped unread.
fn read_record(decoder: &mut BinDecoder<'_>, kinds: &[RecordType]) -> Option<(rr::Name, u32, Option<RData>)> {
    let owner = rr::Name::read(decoder).ok()?;
    let kind = RecordType::from(number(decoder)?);
    let class = number(decoder)?;
    let ttl = sane(u32::from(number(decoder)?) << 16 | u32::from(number(decoder)?));
    let length = number(decoder)?;
    if class != u16::from(DNSClass::IN) || !kinds.contains(&kind) {
        decoder.read_slice(usize::from(length)).ok()?;
        return Some((owner, ttl, None));
    }
    let data = RData::read(decoder, kind, Restrict::new(length)).ok()?;
    Some((owner, ttl, Some(data)))
}

fn number(decoder: &mut BinDecoder<'_>) -> Option<u16> {
    decoder.read_u16().ok().map(Restrict::unverified)
}

/// A TTL with the highest bit set is zero (RFC 2181 §8).
fn sane(ttl: u32) -> u32 {
    if ttl > i32::MAX as u32 { 0 } else { ttl }
}

fn record_of(data: RData) -> Option<Record> {
    Some(match data {
        RData::A(address) => Record::A(address.0),
        RData::AAAA(address) => Record::Aaaa(address.0),
        RData::MX(mx) => Record::Mx { preference: mx.preference, exchange: name_of(&mx.exchange)? },
        RData::TXT(txt) => Record::Txt(txt.txt_data.concat().into()),
        RData::PTR(target) => Record::Ptr(name_of(&target.0)?),
        RData::NS(target) => Record::Ns(name_of(&target.0)?),
        RData::CNAME(target) => Record::Cname(name_of(&target.0)?),
        _ => return None,
    })
}

pub(crate) fn kind_on_the_wire(kind: Kind) -> RecordType {
    match kind {
        Kind::A => RecordType::A,
        Kind::Aaaa => RecordType::AAAA,
        Kind::Mx => RecordType::MX,
        Kind::Txt => RecordType::TXT,
        Kind::Ptr => RecordType::PTR,
        Kind::Ns => RecordType::NS,
        Kind::Cname => RecordType::CNAME,
    }
}

/// Names compare without regard to case (RFC 4343), label by label: a dot inside one is not a border.
pub(crate) fn is(wire: &rr::Name, name: &Name) -> bool {
    let mut labels = name.labels();
    wire.iter().all(|label| labels.next().is_some_and(|own| label.eq_ignore_ascii_case(own.as_bytes())))
        && labels.next().is_none()
}

/// None if it has an octet that our names do not have.
pub(crate) fn name_of(wire: &rr::Name) -> Option<Name> {
    if wire.is_root() {
        return Some(Name::root());
    }
    let mut text = String::with_capacity(wire.len());
    for label in wire.iter() {
        if label.contains(&b'.') {
            return None;
        }
        text.push_str(std::str::from_utf8(label).ok()?);
        text.push('.');
    }
    Name::new(&text).ok()
}

#[cfg(test)]
mod tests;
