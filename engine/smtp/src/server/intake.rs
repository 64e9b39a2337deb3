//! Reading a message: finds its end, removes dot-stuffing, notes what is wrong with its lines.
//!
//! The end of the data is CRLF.CRLF and nothing else (RFC 5321 §4.1.1.4): a bare CR or LF never counts as
//! the end of a line here, so that two servers cannot disagree where a message ends.

use super::{BareLineEnds, Body, LineLength, Settings, replies};
use crate::limits;
use mail::Reply;

/// What the octets read so far leave open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Edge {
    /// Behind CRLF, or at the very beginning.
    LineStart,
    /// A dot at the start of a line, withheld: stuffing or the end.
    Dot,
    /// A dot and a CR, both withheld.
    DotCr,
    Text,
    /// A CR, withheld until the next octet tells whether it is bare.
    Cr,
}

/// The reading of one message. The verdict on its lines is given at its end; what is refused before is
/// read on and thrown away.
#[derive(Debug)]
pub(super) struct Intake {
    edge: Edge,
    /// Octets of the current line that are in the body.
    line: usize,
    in_headers: bool,
    /// Octets of the longest line so far.
    longest_line: usize,
    eight_bit: bool,
    /// Octets as received, and as stored if nothing were refused.
    received: u64,
    size: u64,
    largest: u64,
    trouble: Option<Reply>,
    headers: BareLineEnds,
    body: BareLineEnds,
    refused_length: usize,
}

/// How far `Intake::read` has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    More,
    /// The final dot; so many octets of the chunk belong to the message.
    Ended {
        used: usize,
    },
    /// Far beyond what may be refused politely.
    Flooded,
}

impl Intake {
    pub fn new(settings: &Settings) -> Self {
        Intake {
            edge: Edge::LineStart,
            line: 0,
            in_headers: true,
            longest_line: 0,
            eight_bit: false,
            received: 0,
            size: 0,
            largest: settings.largest_message(),
            trouble: None,
            headers: settings.bare_line_ends_in_headers,
            body: settings.bare_line_ends_in_body,
            refused_length: match settings.rfc2822_max_line_length {
                LineLength::Refuse(longest) => longest,
                LineLength::Ignore | LineLength::Fold(_) => usize::MAX,
            },
        }
    }

    /// Why the message will be refused, as far as its lines and its size are concerned.
    pub fn trouble(&self) -> Option<&Reply> {
        self.trouble.as_ref()
    }

    pub fn eight_bit(&self) -> bool {
        self.eight_bit
    }

    pub fn longest_line(&self) -> usize {
        self.longest_line
    }

    pub fn read(&mut self, chunk: &[u8], body: &mut Body) -> Progress {
        if self.trouble.is_none() {
            body.reserve(chunk.len());
        }
        let mut at = 0;
        let mut progress = Progress::More;
        while let Some(&octet) = chunk.get(at) {
            match (self.edge, octet) {
                (Edge::LineStart, b'.') => self.edge = Edge::Dot,
                (Edge::Dot, b'\r') => self.edge = Edge::DotCr,
                (Edge::DotCr, b'\n') => {
                    progress = Progress::Ended { used: at + 1 };
                    break;
                }
                (Edge::Cr, b'\n') => {
                    self.keep(b"\r\n", body);
                    self.line_ended(self.line);
                    self.edge = Edge::LineStart;
                }
                (Edge::Cr | Edge::DotCr, _) => {
                    self.bare(b'\r', body);
                    self.edge = Edge::Text;
                    continue;
                }
                // A withheld dot was stuffing and is dropped (RFC 5321 §4.5.2).
                (Edge::LineStart | Edge::Dot | Edge::Text, _) => {
                    at += self.read_lines(&chunk[at..], body);
                    continue;
                }
            }
            at += 1;
        }
        let taken = if let Progress::Ended { used } = progress { &chunk[..used] } else { chunk };
        self.account(taken, body);
        if self.received > self.largest.saturating_mul(limits::OVERSIZE_FACTOR) + limits::OVERSIZE_SLACK {
            return Progress::Flooded;
        }
        progress
    }

    /// From within a line: whole lines in one piece, up to what only the next octets can tell.
    fn read_lines(&mut self, chunk: &[u8], body: &mut Body) -> usize {
        let mut line_start = 0;
        let mut from = 0;
        self.edge = Edge::Text;
        while let Some(found) = memchr::memchr2(b'\r', b'\n', &chunk[from..]) {
            let end = from + found;
            match (chunk[end], chunk.get(end + 1)) {
                (b'\r', Some(b'\n')) => {
                    self.line_ended(self.line + (end - line_start));
                    from = end + 2;
                    line_start = from;
                    if matches!(chunk.get(from), None | Some(b'.')) {
                        self.keep(&chunk[..from], body);
                        self.edge = Edge::LineStart;
                        return from;
                    }
                }
                (b'\r', None) => {
                    self.keep(&chunk[..end], body);
                    self.line += end - line_start;
                    self.edge = Edge::Cr;
                    return end + 1;
                }
                (bare, _) => {
                    self.keep(&chunk[..end], body);
                    self.line += end - line_start;
                    self.bare(bare, body);
                    return end + 1;
                }
            }
        }
        self.keep(chunk, body);
        self.line += chunk.len() - line_start;
        chunk.len()
    }

    fn keep(&mut self, octets: &[u8], body: &mut Body) {
        self.size += octets.len() as u64;
        if self.trouble.is_none() {
            body.push(octets);
        }
    }

    fn line_ended(&mut self, length: usize) {
        self.longest_line = length.max(self.longest_line);
        if length > self.refused_length {
            let reply =
                if self.in_headers { replies::HEADER_LINE_TOO_LONG } else { replies::BODY_LINE_TOO_LONG };
            self.trouble.get_or_insert(reply);
        }
        self.in_headers &= length > 0;
        self.line = 0;
    }

    fn bare(&mut self, octet: u8, body: &mut Body) {
        let (choice, reply) = if self.in_headers {
            (self.headers, replies::BARE_LINE_END_IN_HEADERS)
        } else {
            (self.body, replies::BARE_LINE_END_IN_BODY)
        };
        match choice {
            BareLineEnds::Refuse => {
                self.trouble.get_or_insert(reply);
            }
            BareLineEnds::Accept if octet == b'\r' => {
                self.keep(b"\r", body);
                self.line += 1;
            }
            BareLineEnds::Accept => {
                self.keep(b"\n", body);
                self.line_ended(self.line);
            }
            BareLineEnds::Fix => {
                self.keep(b"\r\n", body);
                self.line_ended(self.line);
            }
        }
    }

    fn account(&mut self, taken: &[u8], body: &mut Body) {
        self.received = self.received.saturating_add(taken.len() as u64);
        self.eight_bit |= !taken.is_ascii();
        if self.size > self.largest {
            // Whatever else is wrong: the verdict must not depend on how the octets were divided.
            self.trouble = Some(replies::TOO_LARGE);
        }
        if self.trouble.is_some() && body.capacity() > 0 {
            *body = Body::default();
        }
    }
}
