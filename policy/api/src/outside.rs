//! What a module exchanges with the outside through its host: names, connections, work on other threads.

use bytes::Bytes;
use std::any::Any;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordKind {
    A,
    Aaaa,
    Txt,
    Mx,
    Ptr,
    Ns,
    Cname,
}

/// A question to a name server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Question {
    pub name: String,
    pub kind: RecordKind,
    /// None: the configured servers. The answers of another one are not cached.
    pub server: Option<SocketAddr>,
}

impl Question {
    pub fn new(name: impl Into<String>, kind: RecordKind) -> Self {
        Question { name: name.into(), kind, server: None }
    }

    /// The PTR question of an address (RFC 1035 §3.5, RFC 3596 §2.5).
    pub fn reverse(address: IpAddr) -> Self {
        Question::new(format!("{}{}", reversed(address), reverse_zone(address)), RecordKind::Ptr)
    }
}

/// The labels of an address in the order of reverse zones and block lists, with a final dot: `1.2.0.192.`.
pub fn reversed(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.octets().iter().rev().map(|octet| format!("{octet}.")).collect(),
        IpAddr::V6(address) => {
            let nibbles = address.octets().into_iter().rev().flat_map(|octet| [octet & 15, octet >> 4]);
            nibbles.map(|nibble| format!("{nibble:x}.")).collect()
        }
    }
}

fn reverse_zone(address: IpAddr) -> &'static str {
    if address.to_canonical().is_ipv4() { "in-addr.arpa" } else { "ip6.arpa" }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    A(Ipv4Addr),
    Aaaa(Ipv6Addr),
    /// The strings of one record, put together (RFC 7208 §3.3, RFC 6376 §3.6.2.2).
    Txt(Bytes),
    Mx {
        preference: u16,
        exchange: String,
    },
    /// Names are without a final dot.
    Ptr(String),
    Ns(String),
    Cname(String),
}

/// The records of the kind that was asked for, behind all aliases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    pub records: Vec<Record>,
    /// Seconds.
    pub ttl: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookupFault {
    /// The name does not exist.
    NxDomain,
    /// The name exists, but has no such record.
    NoData,
    ServFail,
    Timeout,
    /// The text is no domain name.
    BadName,
}

impl LookupFault {
    /// As `dns_status` and scripts name it.
    pub const fn name(self) -> &'static str {
        match self {
            LookupFault::NxDomain => "NXDOMAIN",
            LookupFault::NoData => "NODATA",
            LookupFault::ServFail => "SERVFAIL",
            LookupFault::Timeout => "TIMEOUT",
            LookupFault::BadName => "FORMERR",
        }
    }

    /// Whether another attempt may end otherwise.
    pub const fn is_transient(self) -> bool {
        matches!(self, LookupFault::ServFail | LookupFault::Timeout)
    }
}

impl fmt::Display for LookupFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::error::Error for LookupFault {}

/// Where a module connects to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    Inet(SocketAddr),
    Unix(PathBuf),
}

/// A stream, closed when dropped. At most one operation at a time.
pub trait Connection {
    /// Some bytes that have arrived; none is the end. `TimedOut` after `within`.
    fn read<'a>(&'a mut self, within: Duration) -> Pin<Box<dyn Future<Output = io::Result<Bytes>> + 'a>>;

    /// Sends all of it, or fails.
    fn write<'a>(
        &'a mut self,
        bytes: Bytes,
        within: Duration,
    ) -> Pin<Box<dyn Future<Output = io::Result<()>> + 'a>>;
}

/// Which of the side threads do a job; each pool has a bounded queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pool {
    /// May wait for disks, and for the network where a library knows no other way.
    Io,
    /// Computes.
    Cpu,
}

/// Runs on another thread, so it takes and gives only what may be sent.
pub type Job = Box<dyn FnOnce() -> Box<dyn Any + Send> + Send>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkFault {
    /// The queue is full.
    Busy,
    /// The job panicked.
    Panicked(String),
    /// The engine stops.
    Stopping,
}

impl fmt::Display for WorkFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WorkFault::Busy => f.write_str("too much work is waiting for the side threads"),
            WorkFault::Panicked(text) => write!(f, "a job on a side thread panicked: {text}"),
            WorkFault::Stopping => f.write_str("the engine is stopping"),
        }
    }
}

impl std::error::Error for WorkFault {}

/// Why a new message was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InjectFault {
    NoRecipients,
    /// The spool cannot take it now.
    Refused(mail::Reply),
}

impl fmt::Display for InjectFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InjectFault::NoRecipients => f.write_str("a new message needs a recipient"),
            InjectFault::Refused(reply) => write!(f, "the message was not taken: {reply}"),
        }
    }
}

impl std::error::Error for InjectFault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_asked_for_backwards() {
        for (address, name) in [
            ("192.0.2.1", "1.2.0.192.in-addr.arpa"),
            ("::ffff:192.0.2.1", "1.2.0.192.in-addr.arpa"),
            ("2001:db8::1", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"),
        ] {
            let question = Question::reverse(address.parse().unwrap());
            assert_eq!((question.name.as_str(), question.kind), (name, RecordKind::Ptr));
        }
    }
}
