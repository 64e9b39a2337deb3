//! Where a domain's mail goes, or why it goes nowhere: the situations of spec mail-flow.md §6.1.

use mail::Reply;
use std::net::IpAddr;
use std::sync::Arc;

/// The texts of §6.1, byte for byte.
pub const NULL_MX: Reply = Reply::fixed(550, (5, 4, 4), "[internal] NULL MX domain does not accept mail");
pub const NO_MX_OR_A: Reply = Reply::fixed(454, (4, 4, 4), "[internal] no MX or A for domain");
pub const NO_VALID_HOSTS: Reply = Reply::fixed(451, (4, 4, 1), "[internal] No valid hosts");
/// Hosts are known, none could be reached: said by who dials.
pub const NONE_REACHABLE: Reply =
    Reply::fixed(451, (4, 4, 1), "[internal] No valid hosts (unable to make any connections)");
pub const PROHIBITED: Reply = Reply::fixed(551, (5, 4, 6), "[internal] Private/Loopback Address");
pub const NO_VALID_DOMAIN: Reply = Reply::plain(554, "No Valid Domain");
/// dns_failures_to_purge lookups failed: said by `Attempts`.
pub const LOOKUP_FAILED: Reply = Reply::fixed(554, (5, 4, 4), "[internal] Domain Lookup Failed");

/// Seconds after which a failed lookup is worth repeating; `Attempts::pause` grows beyond it.
pub const FAILURE_TTL: u32 = 10;

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
        match self {
            Route::Hosts { .. } | Route::Failed => None,
            Route::NullMx { .. } => Some(NULL_MX),
            Route::NoName { .. } | Route::NoMxOrA { .. } => Some(NO_MX_OR_A),
            Route::NoUsableHost { .. } => Some(NO_VALID_HOSTS),
            Route::Prohibited { .. } => Some(PROHIBITED),
            Route::Invalid => Some(NO_VALID_DOMAIN),
        }
    }

    /// Seconds after which to look again.
    pub fn ttl(&self) -> u32 {
        match self {
            Route::Hosts { ttl, .. }
            | Route::NullMx { ttl }
            | Route::NoName { ttl }
            | Route::NoMxOrA { ttl }
            | Route::NoUsableHost { ttl }
            | Route::Prohibited { ttl } => *ttl,
            Route::Failed => FAILURE_TTL,
            Route::Invalid => u32::MAX,
        }
    }

    /// The route without skip_hosts and prohibited_hosts. One prohibited address among others is left out;
    /// the domain is denied if the best preference has none but prohibited ones (§6.1, decided there).
    pub fn permitted(self, skipped: impl Fn(IpAddr) -> bool, prohibited: impl Fn(IpAddr) -> bool) -> Route {
        let Route::Hosts { hosts, ttl } = self else {
            return self;
        };
        let hosts = without(hosts, skipped);
        let Some(best) = hosts.iter().map(|host| host.preference).min() else {
            return Route::NoUsableHost { ttl };
        };
        let hosts = without(hosts, prohibited);
        if hosts.iter().any(|host| host.preference == best) {
            Route::Hosts { hosts, ttl }
        } else {
            Route::Prohibited { ttl }
        }
    }
}

/// Drops addresses, and hosts that have none left.
fn without(mut hosts: Vec<Host>, unwanted: impl Fn(IpAddr) -> bool) -> Vec<Host> {
    hosts.retain_mut(|host| {
        host.addresses.retain(|address| !unwanted(*address));
        !host.addresses.is_empty()
    });
    hosts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_situation_has_the_text_of_the_specification() {
        let ttl = 60;
        for (route, text) in [
            (Route::NullMx { ttl }, "550 5.4.4 [internal] NULL MX domain does not accept mail"),
            (Route::NoName { ttl }, "454 4.4.4 [internal] no MX or A for domain"),
            (Route::NoMxOrA { ttl }, "454 4.4.4 [internal] no MX or A for domain"),
            (Route::NoUsableHost { ttl }, "451 4.4.1 [internal] No valid hosts"),
            (Route::Prohibited { ttl }, "551 5.4.6 [internal] Private/Loopback Address"),
            (Route::Invalid, "554 No Valid Domain"),
        ] {
            assert_eq!(route.reply().map(|reply| reply.to_string()).as_deref(), Some(text));
        }
        assert_eq!(Route::Failed.reply(), None);
        assert_eq!(Route::Hosts { hosts: vec![], ttl }.reply(), None);
        assert_eq!(LOOKUP_FAILED.to_string(), "554 5.4.4 [internal] Domain Lookup Failed");
        assert_eq!(
            NONE_REACHABLE.to_string(),
            "451 4.4.1 [internal] No valid hosts (unable to make any connections)"
        );
    }

    /// Hosts with addresses by their last octet.
    fn hosts(hosts: &[(u16, &[u8])]) -> Route {
        let host = |(preference, octets): &(u16, &[u8])| Host {
            name: "mx.example".into(),
            preference: *preference,
            addresses: octets.iter().map(|octet| IpAddr::from([192, 0, 2, *octet])).collect(),
        };
        Route::Hosts { hosts: hosts.iter().map(host).collect(), ttl: 60 }
    }

    /// Below 10 good, 10 to 19 skipped, above prohibited.
    fn permitted(of: &[(u16, &[u8])]) -> Route {
        let last = |address: IpAddr| match address {
            IpAddr::V4(address) => address.octets()[3],
            IpAddr::V6(_) => 0,
        };
        hosts(of).permitted(|address| (10..20).contains(&last(address)), |address| last(address) >= 20)
    }

    #[test]
    fn skipped_addresses_vanish_and_prohibited_ones_deny_only_as_the_whole_best_preference() {
        type Hosts<'a> = &'a [(u16, &'a [u8])];
        let kept: [(Hosts<'_>, Hosts<'_>); 4] = [
            (&[(1, &[1, 2])], &[(1, &[1, 2])]),
            (&[(1, &[1, 10, 20])], &[(1, &[1])]),
            (&[(1, &[20]), (1, &[2])], &[(1, &[2])]),
            (&[(1, &[10]), (2, &[2, 21])], &[(2, &[2])]),
        ];
        for (hosts, expected) in kept {
            assert_eq!(permitted(hosts), permitted(expected), "{hosts:?}");
            assert!(matches!(permitted(hosts), Route::Hosts { .. }), "{hosts:?}");
        }
        assert_eq!(permitted(&[(1, &[10]), (2, &[11])]), Route::NoUsableHost { ttl: 60 });
        assert_eq!(permitted(&[(1, &[20, 10]), (2, &[2])]), Route::Prohibited { ttl: 60 });
        assert_eq!(permitted(&[(1, &[10]), (2, &[20])]), Route::Prohibited { ttl: 60 });
        let null = Route::NullMx { ttl: 1 };
        assert_eq!(null.clone().permitted(|_| true, |_| true), null);
    }
}
