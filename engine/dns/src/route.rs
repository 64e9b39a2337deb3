//! Where a domain's mail goes, or why it goes nowhere: the situations of spec mail-flow.md §6.1.

use mail::Reply;
use std::net::IpAddr;
use std::sync::Arc;

/// One host and its addresses, in the order to try them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// As DNS has it, or the literal.
    pub name: Arc<str>,
    /// Lower is better.
    pub preference: u16,
    /// One at least.
    pub addresses: Vec<IpAddr>,
}

/// Times to live are seconds, clamped by min_dns_ttl and max_dns_ttl.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// One host at least, best preference first, equals in random order.
    Hosts { hosts: Vec<Host>, ttl: u32 },
    /// The domain says that it takes no mail (RFC 7505).
    NullMx { ttl: u32 },
    /// There is no such domain.
    NoName { ttl: u32 },
    /// The domain has neither MX nor address.
    NoMxOrA { ttl: u32 },
    /// There are exchangers, but none has an address that may be used.
    NoUsableHost { ttl: u32 },
    /// Every address of the best preference is in prohibited_hosts.
    Prohibited { ttl: u32 },
    /// The lookup failed, which says nothing about the domain; `Attempts` counts.
    Failed,
    /// Not a domain name.
    Invalid,
}

impl Route {
    /// What becomes of the mail; none for `Hosts` (deliver) and `Failed` (keep, and look up again).
    pub fn reply(&self) -> Option<Reply> {
        todo!()
    }

    /// Seconds after which to look again.
    pub fn ttl(&self) -> u32 {
        todo!()
    }

    /// The route without skip_hosts and prohibited_hosts.
    pub fn permitted(self, _skipped: impl Fn(IpAddr) -> bool, _prohibited: impl Fn(IpAddr) -> bool) -> Route {
        todo!()
    }
}
