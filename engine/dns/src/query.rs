//! One question, asked of servers until one answers. The driver opens a new socket for each want, so that
//! the port is random (RFC 5452 §9.2), and connects it, so that only the server asked can answer.

use crate::{Answer, Question, Resolv};
use mail::Time;
use std::net::SocketAddr;

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

pub struct Query {}

impl Query {
    /// `id` is random, drawn for this question alone (RFC 5452 §9.1).
    pub fn new(_question: Question, _servers: &Resolv, _id: u16, _now: Time) -> Self {
        todo!()
    }

    pub fn want(&self) -> Want {
        todo!()
    }

    /// True: this socket has done its part, close it and ask `want` again. False: keep listening.
    pub fn received(&mut self, _bytes: &[u8], _now: Time) -> bool {
        todo!()
    }

    pub fn timed_out(&mut self, _now: Time) {
        todo!()
    }

    /// The socket could not be opened, connected, written or read, or its stream ended.
    pub fn failed(&mut self, _now: Time) {
        todo!()
    }

    /// Panics before `want` is `Done`.
    pub fn answer(&self) -> Answer {
        todo!()
    }
}
