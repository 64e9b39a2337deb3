//! resolv.conf: which servers we ask, how long and how often. What is not understood is named, not fatal.

use crate::Name;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolv {
    /// Never empty.
    pub servers: Arc<[SocketAddr]>,
    pub search: Vec<Name>,
    pub ndots: u8,
    /// Patience for one try.
    pub timeout: Duration,
    /// Rounds over all servers.
    pub attempts: u8,
    /// Start with any server instead of the first.
    pub rotate: bool,
    /// Ask again over TCP when an answer was truncated (option dns_fallback_to_tcp).
    pub fallback_to_tcp: bool,
}

/// A line that has no effect, for `check` and the panic log to name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// From 1.
    pub line: usize,
    pub text: String,
    pub why: &'static str,
}

impl Resolv {
    pub fn parse(_text: &str) -> (Resolv, Vec<Ignored>) {
        todo!()
    }

    /// The names to ask for, in order, for a host name that the operator wrote (`search`, `ndots`).
    pub fn candidates(&self, _text: &str) -> Vec<Name> {
        todo!()
    }
}
