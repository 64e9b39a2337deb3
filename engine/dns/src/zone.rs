//! A tiny name server for tests, simulation and demo: text in, packets answered, nothing else.
//!
//! One record a line: `NAME TTL TYPE DATA`, names complete, `;` or `#` begins a comment. Types are A, AAAA,
//! MX, TXT, PTR, CNAME, NS, and three misfortunes, `SERVFAIL`, `REFUSED` and `SILENT`, whose data may name
//! the one type that they strike. `*.example` stands for every name below that has no line of its own.

use crate::Name;
use crate::packet::{self, ALIASES};
use hickory_proto::op::{Edns, Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, MX, NS, PTR, SOA, TXT};
use hickory_proto::rr::{self, RData, RecordType};
use std::collections::HashMap;

mod master;

/// Seconds that a negative answer of a zone may be kept.
pub const NEGATIVE_TTL: u32 = 60;
/// What an asker takes who does not say (RFC 1035 §4.2.1).
const PLAIN_OCTETS: usize = 512;
const STREAM_OCTETS: usize = u16::MAX as usize;
/// Octets of one character string in a TXT record (RFC 1035 §3.3).
const STRING_OCTETS: usize = 255;

/// How a question came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// Answers are cut at what the asker can take.
    Datagram,
    /// Messages go without their length prefix, both ways.
    Stream,
}

#[derive(Debug, Default)]
pub struct Zone {
    names: HashMap<Name, Vec<Entry>>,
}

/// The line of the zone text that is not `NAME TTL TYPE DATA`, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAZone {
    pub line: usize,
    pub why: &'static str,
}

impl std::fmt::Display for NotAZone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {} of the zone: {}", self.line, self.why)
    }
}

impl std::error::Error for NotAZone {}

#[derive(Debug)]
enum Entry {
    Record { ttl: u32, data: RData },
    Misfortune { fate: Fate, strikes: Option<RecordType> },
}

#[derive(Clone, Copy, Debug)]
enum Fate {
    Code(ResponseCode),
    Silent,
}

impl Zone {
    pub fn parse(text: &str) -> Result<Zone, NotAZone> {
        let mut zone = Zone::default();
        for (line, text) in (1..).zip(text.lines()) {
            let text = without_comment(text).trim();
            if !text.is_empty() {
                let (name, entry) = parse_line(text).map_err(|why| NotAZone { line, why })?;
                zone.names.entry(name).or_default().push(entry);
            }
        }
        Ok(zone)
    }

    /// None: the zone is told to stay silent, or the packet is not a question.
    pub fn answer(&self, packet: &[u8], carrier: Carrier) -> Option<Vec<u8>> {
        let asked = Message::from_vec(packet).ok()?;
        let [query] = &asked.queries[..] else {
            return None;
        };
        if asked.metadata.message_type != MessageType::Query || asked.metadata.op_code != OpCode::Query {
            return None;
        }
        let mut reply = Message::response(asked.metadata.id, OpCode::Query);
        reply.metadata.recursion_desired = asked.metadata.recursion_desired;
        reply.metadata.recursion_available = true;
        reply.metadata.authoritative = true;
        reply.metadata.response_code =
            self.look_up(packet::name_of(&query.name)?, query.query_type, &mut reply.answers)?;
        reply.queries.push(query.clone());
        let found = reply.answers.iter().any(|record| record.record_type() == query.query_type);
        if !found && packet::is_answer(reply.metadata.response_code) {
            reply.authorities.push(start_of_authority());
        }
        if asked.edns.is_some() {
            reply.edns = Some(Edns::new());
        }
        let most = match (carrier, &asked.edns) {
            (Carrier::Stream, _) => STREAM_OCTETS,
            (Carrier::Datagram, None) => PLAIN_OCTETS,
            (Carrier::Datagram, Some(edns)) => usize::from(edns.max_payload()),
        };
        cut(reply, most)
    }

    /// Goes along the aliases of this zone; none is silence.
    fn look_up(
        &self,
        mut name: Name,
        kind: RecordType,
        answers: &mut Vec<rr::Record>,
    ) -> Option<ResponseCode> {
        // One hop more than an asker may follow, so that loops are there to be noticed.
        for _ in 0..=ALIASES + 1 {
            let Some(entries) = self.entries(&name) else {
                return Some(if self.exists(&name) { ResponseCode::NoError } else { ResponseCode::NXDomain });
            };
            let mut alias = None;
            for entry in entries {
                match entry {
                    Entry::Misfortune { fate, strikes } if strikes.is_none_or(|struck| struck == kind) => {
                        return match fate {
                            Fate::Code(code) => Some(*code),
                            Fate::Silent => None,
                        };
                    }
                    Entry::Record { ttl, data } if data.record_type() == kind => {
                        answers.push(rr::Record::from_rdata(on_the_wire(&name), *ttl, data.clone()));
                    }
                    Entry::Record { ttl, data: data @ RData::CNAME(target) } => {
                        answers.push(rr::Record::from_rdata(on_the_wire(&name), *ttl, data.clone()));
                        alias = packet::name_of(&target.0);
                    }
                    _ => {}
                }
            }
            match alias {
                Some(target) => name = target,
                None => return Some(ResponseCode::NoError),
            }
        }
        Some(ResponseCode::NoError)
    }

    /// Those of the name, or of the nearest wildcard above it (RFC 4592, for names that do not exist).
    fn entries(&self, name: &Name) -> Option<&[Entry]> {
        if let Some(entries) = self.names.get(name) {
            return Some(entries);
        }
        if self.exists(name) {
            return None;
        }
        let mut rest = name.as_str();
        while let Some((_, parent)) = rest.split_once('.') {
            let wildcard = Name::new(&format!("*.{parent}")).ok();
            if let Some(entries) = wildcard.and_then(|wildcard| self.names.get(&wildcard)) {
                return Some(entries);
            }
            rest = parent;
        }
        None
    }

    /// A name above another exists, though it may have no records (RFC 8020 §2).
    fn exists(&self, name: &Name) -> bool {
        let below = |known: &Name| {
            known
                .as_str()
                .strip_suffix(name.as_str())
                .is_some_and(|front| front.is_empty() || front.ends_with('.'))
        };
        name.is_root() || self.names.keys().any(below)
    }
}

/// Drops answers until the packet fits, and says so.
fn cut(mut reply: Message, most: usize) -> Option<Vec<u8>> {
    loop {
        let packet = reply.to_vec().ok()?;
        if packet.len() <= most || (reply.answers.is_empty() && reply.authorities.is_empty()) {
            return Some(packet);
        }
        reply.metadata.truncation = true;
        reply.authorities.clear();
        reply.answers.truncate(reply.answers.len() / 2);
    }
}

fn start_of_authority() -> rr::Record {
    let root = rr::Name::root;
    let soa = SOA::new(root(), root(), 1, 3600, 600, 86_400, NEGATIVE_TTL);
    rr::Record::from_rdata(root(), NEGATIVE_TTL, RData::SOA(soa))
}

/// A comment begins at `;` or `#` outside of quotes.
fn without_comment(text: &str) -> &str {
    let mut quoted = false;
    let end = text.find(|character| {
        quoted ^= character == '"';
        !quoted && matches!(character, ';' | '#')
    });
    &text[..end.unwrap_or(text.len())]
}

fn parse_line(text: &str) -> Result<(Name, Entry), &'static str> {
    let mut rest = text;
    let mut word = || {
        let (word, after) = rest.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((rest, ""));
        rest = after.trim_start();
        word
    };
    let name = Name::new(word()).map_err(|_| "the first word is no domain name")?;
    let ttl = word().parse::<u32>().map_err(|_| "the second word is no number of seconds")?;
    let kind = word().to_ascii_uppercase();
    let data = rest;
    let entry = parse_fate(&kind, data);
    Ok((name, entry.unwrap_or_else(|| Ok(Entry::Record { ttl, data: parse_data(&kind, data)? }))?))
}

/// None: no misfortune is named so.
fn parse_fate(kind: &str, data: &str) -> Option<Result<Entry, &'static str>> {
    let fate = match kind {
        "SERVFAIL" => Fate::Code(ResponseCode::ServFail),
        "REFUSED" => Fate::Code(ResponseCode::Refused),
        "SILENT" => Fate::Silent,
        _ => return None,
    };
    let strikes = match data {
        "" => Ok(None),
        kind => kind.to_ascii_uppercase().parse().map(Some).map_err(|_| "no such record type"),
    };
    Some(strikes.map(|strikes| Entry::Misfortune { fate, strikes }))
}

fn parse_data(kind: &str, data: &str) -> Result<RData, &'static str> {
    let name = |text: &str| Name::new(text).map(|name| on_the_wire(&name)).map_err(|_| "the data is no name");
    Ok(match kind {
        "A" => RData::A(A(data.parse().map_err(|_| "the data is no IPv4 address")?)),
        "AAAA" => RData::AAAA(AAAA(data.parse().map_err(|_| "the data is no IPv6 address")?)),
        "CNAME" => RData::CNAME(CNAME(name(data)?)),
        "NS" => RData::NS(NS(name(data)?)),
        "PTR" => RData::PTR(PTR(name(data)?)),
        "MX" => {
            const WRONG: &str = "the data is no preference and name";
            let (preference, exchange) = data.split_once(' ').ok_or(WRONG)?;
            RData::MX(MX::new(preference.parse().map_err(|_| WRONG)?, name(exchange.trim())?))
        }
        "TXT" => {
            // Quoted strings stand alone, as in `"v=spf1 " "-all"`; a bare text is one.
            let strings = data.split('"').skip(1).step_by(2);
            let strings: Vec<&str> = if data.starts_with('"') { strings.collect() } else { vec![data] };
            let pieces = strings.iter().flat_map(|string| string.as_bytes().chunks(STRING_OCTETS));
            RData::TXT(TXT::from_bytes(pieces.collect()))
        }
        _ => return Err("no such record type"),
    })
}

fn on_the_wire(name: &Name) -> rr::Name {
    let labels = rr::Name::from_labels(name.labels().map(str::as_bytes));
    labels.unwrap_or_else(|_| unreachable!("a checked name fits on the wire"))
}

#[cfg(test)]
mod tests;
