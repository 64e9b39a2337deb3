//! One question, asked of servers until one answers. The driver opens a new socket for each want, so that
//! the port is random (RFC 5452 §9.2), and connects it, so that only the server asked can answer.

use crate::packet::{self, Reading};
use crate::{Answer, Question, Resolv, Trouble};
use mail::Time;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Datagrams that are not the reply, after which a socket is given up: somebody is guessing at us.
pub const FOREIGN_DATAGRAMS: u32 = 32;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Want {
    /// Send the packet from a new socket connected to `server`, then tell `received` for each datagram until
    /// it returns true, `timed_out` at the deadline, or `failed`.
    Datagram { server: SocketAddr, packet: Vec<u8>, deadline: Time },
    /// Connect, write the packet (its length prefix is in it), then tell `received` with **all** bytes read
    /// so far after each read, until it returns true; `failed` at the end of the stream.
    Stream { server: SocketAddr, packet: Vec<u8>, deadline: Time },
    /// `answer` may be asked.
    Done,
}

#[derive(Debug)]
pub struct Query {
    question: Question,
    id: u16,
    servers: Arc<[SocketAddr]>,
    /// The server of the first try, counted from there.
    first: usize,
    tries: usize,
    most_tries: usize,
    timeout: Duration,
    fallback_to_tcp: bool,
    /// Whether our packets carry the EDNS record; not after a server choked on it.
    extended: bool,
    foreign: u32,
    step: Step,
}

#[derive(Debug)]
enum Step {
    Datagram { deadline: Time },
    Stream { deadline: Time },
    Done(Answer),
}

impl Query {
    /// `id` is random, drawn for this question alone (RFC 5452 §9.1).
    pub fn new(question: Question, servers: &Resolv, id: u16, now: Time) -> Self {
        assert!(!servers.servers.is_empty(), "there is always a server to ask");
        Query {
            question,
            id,
            servers: servers.servers.clone(),
            first: if servers.rotate { usize::from(id) } else { 0 },
            tries: 0,
            most_tries: servers.servers.len() * usize::from(servers.attempts.max(1)),
            timeout: servers.timeout,
            fallback_to_tcp: servers.fallback_to_tcp,
            extended: true,
            foreign: 0,
            step: Step::Datagram { deadline: now + servers.timeout },
        }
    }

    pub fn want(&self) -> Want {
        match self.step {
            Step::Datagram { deadline } => {
                Want::Datagram { server: self.server(), packet: self.packet(false), deadline }
            }
            Step::Stream { deadline } => {
                Want::Stream { server: self.server(), packet: self.packet(true), deadline }
            }
            Step::Done(_) => Want::Done,
        }
    }

    /// True: this socket has done its part, close it and ask `want` again. False: keep listening.
    pub fn received(&mut self, bytes: &[u8], now: Time) -> bool {
        match self.step {
            Step::Datagram { .. } => self.received_datagram(bytes, now),
            Step::Stream { .. } => self.received_stream(bytes, now),
            Step::Done(_) => panic!("a question that is answered hears nothing more"),
        }
    }

    pub fn timed_out(&mut self, now: Time) {
        self.try_failed(Trouble::Timeout, now);
    }

    /// The socket could not be opened, connected, written or read, or its stream ended.
    pub fn failed(&mut self, now: Time) {
        self.try_failed(Trouble::Timeout, now);
    }

    /// Panics before `want` is `Done`.
    pub fn answer(&self) -> Answer {
        match &self.step {
            Step::Done(answer) => answer.clone(),
            _ => panic!("the question is not answered yet"),
        }
    }

    pub fn question(&self) -> &Question {
        &self.question
    }

    fn server(&self) -> SocketAddr {
        self.servers[(self.first + self.tries) % self.servers.len()]
    }

    fn packet(&self, stream: bool) -> Vec<u8> {
        packet::ask(&self.question, self.id, self.extended, stream)
    }

    fn received_datagram(&mut self, bytes: &[u8], now: Time) -> bool {
        match packet::read(bytes, self.id, &self.question) {
            Reading::Foreign => {
                self.foreign += 1;
                if self.foreign < FOREIGN_DATAGRAMS {
                    return false;
                }
                self.try_failed(Trouble::Malformed, now);
            }
            Reading::NotUnderstood => self.not_understood(now),
            Reading::Truncated(_) if self.fallback_to_tcp => {
                self.step = Step::Stream { deadline: now + self.timeout };
            }
            // Without TCP, whole records of a cut answer are the best there is; their absence tells nothing.
            Reading::Truncated(answer @ Answer::Records { .. }) => self.step = Step::Done(answer),
            Reading::Truncated(_) => self.try_failed(Trouble::Malformed, now),
            Reading::Whole(answer) => self.heard(answer, now),
        }
        true
    }

    fn received_stream(&mut self, bytes: &[u8], now: Time) -> bool {
        let Some((prefix, rest)) = bytes.split_first_chunk::<2>() else {
            return false;
        };
        let Some(message) = rest.get(..usize::from(u16::from_be_bytes(*prefix))) else {
            return false;
        };
        match packet::read(message, self.id, &self.question) {
            Reading::Foreign | Reading::Truncated(_) => self.try_failed(Trouble::Malformed, now),
            Reading::NotUnderstood => self.not_understood(now),
            Reading::Whole(answer) => self.heard(answer, now),
        }
        true
    }

    fn heard(&mut self, answer: Answer, now: Time) {
        match answer {
            Answer::Failed(trouble) => self.try_failed(trouble, now),
            answer => self.step = Step::Done(answer),
        }
    }

    /// The same server again without EDNS (RFC 6891 §7), once; after that it is a failing server.
    fn not_understood(&mut self, now: Time) {
        if !self.extended {
            return self.try_failed(Trouble::ServerFailure, now);
        }
        self.extended = false;
        self.foreign = 0;
        self.step = Step::Datagram { deadline: now + self.timeout };
    }

    fn try_failed(&mut self, trouble: Trouble, now: Time) {
        assert!(!matches!(self.step, Step::Done(_)), "a question that is answered hears nothing more");
        self.tries += 1;
        self.foreign = 0;
        self.step = if self.tries < self.most_tries {
            Step::Datagram { deadline: now + self.timeout }
        } else {
            Step::Done(Answer::Failed(trouble))
        };
    }
}

#[cfg(test)]
mod tests;
