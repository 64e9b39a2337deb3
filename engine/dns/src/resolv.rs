//! resolv.conf: which servers we ask, how long and how often. What is not understood is named, not fatal.
//!
//! Format: resolv.conf(5), Momentum's aliases retrans and retry, and ours: a server may have a port.

use crate::Name;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

/// Servers used; more are ignored.
pub const SERVERS: usize = 8;
/// Domains of the search list used, as resolv.conf(5) has it.
pub const SEARCH_DOMAINS: usize = 6;
const PORT: u16 = 53;
/// Seconds for one try, tries on each server, dots that make a name complete: values beyond are clamped.
const TIMEOUT_SECS: RangeInclusive<u8> = 1..=30;
const ATTEMPTS: RangeInclusive<u8> = 1..=5;
const NDOTS: RangeInclusive<u8> = 0..=15;

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
    /// Ask again over TCP when an answer was truncated (option dns_fallback_to_tcp; true until told).
    pub fallback_to_tcp: bool,
}

/// A line, or a word of it, that has no effect, for `check` and the panic log to name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// From 1.
    pub line: usize,
    pub text: String,
    pub why: &'static str,
}

impl Default for Resolv {
    fn default() -> Self {
        Resolv {
            servers: [SocketAddr::new(Ipv4Addr::LOCALHOST.into(), PORT)].into(),
            search: Vec::new(),
            ndots: 1,
            timeout: Duration::from_secs(5),
            attempts: 2,
            rotate: false,
            fallback_to_tcp: true,
        }
    }
}

impl Resolv {
    pub fn parse(text: &str) -> (Resolv, Vec<Ignored>) {
        let mut resolv = Resolv::default();
        let mut servers = Vec::new();
        let mut ignored = Vec::new();
        for (line, text) in (1..).zip(text.lines()) {
            let mut words = text.split(['#', ';']).next().unwrap_or("").split_ascii_whitespace();
            let Some(keyword) = words.next() else { continue };
            let mut ignore =
                |text: &str, why| ignored.push(Ignored { line, text: text.trim().to_string(), why });
            match keyword {
                "nameserver" => match words.next().and_then(server) {
                    Some(_) if servers.len() == SERVERS => ignore(text, "eight servers are enough"),
                    Some(server) => servers.push(server),
                    None => ignore(text, "expected an address, or address:port"),
                },
                // The last of these two counts (resolv.conf(5)).
                "search" | "domain" => {
                    resolv.search.clear();
                    for word in words {
                        match Name::new(word) {
                            Ok(_) if resolv.search.len() == SEARCH_DOMAINS => {
                                ignore(word, "six search domains are enough");
                            }
                            Ok(name) => resolv.search.push(name),
                            Err(_) => ignore(word, "expected a domain name"),
                        }
                    }
                }
                "options" => {
                    words.filter(|word| !resolv.set(word)).for_each(|word| ignore(word, "unknown option"));
                }
                "lookup" => ignore(text, "names are looked up in DNS alone"),
                "sortlist" => ignore(text, "addresses are not sorted by network"),
                _ => ignore(text, "unknown keyword"),
            }
        }
        if !servers.is_empty() {
            resolv.servers = servers.into();
        }
        (resolv, ignored)
    }

    /// False if there is no such option.
    fn set(&mut self, option: &str) -> bool {
        /// Words of other resolvers that ask for nothing that we could do differently.
        const WITHOUT_EFFECT: [&str; 10] = [
            "debug",
            "edns0",
            "inet6",
            "no-aaaa",
            "no-check-names",
            "no-reload",
            "no-tld-query",
            "single-request",
            "single-request-reopen",
            "trust-ad",
        ];
        let (key, value) = option.split_once(':').unwrap_or((option, ""));
        let number = value.parse::<u32>().ok();
        match (key, number) {
            ("ndots", Some(number)) => self.ndots = clamp(number, NDOTS),
            ("timeout" | "retrans", Some(number)) => {
                self.timeout = Duration::from_secs(clamp(number, TIMEOUT_SECS).into());
            }
            ("attempts" | "retry", Some(number)) => self.attempts = clamp(number, ATTEMPTS),
            ("rotate", None) => self.rotate = true,
            _ => return WITHOUT_EFFECT.contains(&option),
        }
        true
    }

    /// The names to ask for, in order, for a host name that the operator wrote (`search`, `ndots`).
    /// The domains of recipients are complete and never pass here.
    pub fn candidates(&self, text: &str) -> Vec<Name> {
        let Ok(whole) = Name::new(text) else {
            return Vec::new();
        };
        if text.ends_with('.') {
            return vec![whole];
        }
        let dots = whole.as_str().bytes().filter(|octet| *octet == b'.').count();
        let extended = self.search.iter().filter_map(|domain| Name::new(&format!("{whole}.{domain}")).ok());
        let mut names: Vec<Name> = extended.collect();
        let place = if dots >= usize::from(self.ndots) { 0 } else { names.len() };
        names.insert(place, whole);
        names
    }
}

fn clamp(number: u32, range: RangeInclusive<u8>) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX).clamp(*range.start(), *range.end())
}

/// `192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:5353`.
fn server(text: &str) -> Option<SocketAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let bracketed = bare.and_then(|text| text.parse::<Ipv6Addr>().ok()).map(IpAddr::V6);
    let address = text.parse::<IpAddr>().ok().or(bracketed);
    address.map(|address| SocketAddr::new(address, PORT)).or_else(|| text.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_as_systems_write_it_is_understood() {
        let (resolv, ignored) = Resolv::parse(
            "# made by hand\n\
             domain old.example\n\
             nameserver 192.0.2.53   ; the near one\n\
             nameserver 127.0.0.1:5353\n\
             nameserver 2001:db8::53\n\
             nameserver [::1]\n\
             nameserver [::1]:5353\n\
             search Corp.Example example.\n\
             options ndots:2 timeout:3 attempts:4 rotate edns0 trust-ad\n",
        );
        assert_eq!(ignored, []);
        let servers: Vec<String> = resolv.servers.iter().map(SocketAddr::to_string).collect();
        let expected = ["192.0.2.53:53", "127.0.0.1:5353", "[2001:db8::53]:53", "[::1]:53", "[::1]:5353"];
        assert_eq!(servers, expected);
        assert_eq!(resolv.search, ["corp.example", "example"].map(|name| Name::new(name).unwrap()));
        assert_eq!((resolv.ndots, resolv.attempts, resolv.rotate), (2, 4, true));
        assert_eq!(resolv.timeout, Duration::from_secs(3));
    }

    #[test]
    fn an_empty_file_asks_the_local_server() {
        let (resolv, ignored) = Resolv::parse("\n \t\n#\n");
        assert_eq!((resolv, ignored), (Resolv::default(), vec![]));
        assert_eq!(Resolv::default().servers[0].to_string(), "127.0.0.1:53");
    }

    #[test]
    fn aliases_and_clamps_hold() {
        for (options, timeout, attempts, ndots) in [
            ("retrans:7 retry:1", 7, 1, 1),
            ("timeout:0 attempts:0 ndots:0", 1, 1, 0),
            ("timeout:4000000000 attempts:99 ndots:300", 30, 5, 15),
        ] {
            let (resolv, ignored) = Resolv::parse(&format!("options {options}"));
            assert_eq!(ignored, [], "{options}");
            assert_eq!(resolv.timeout.as_secs(), timeout, "{options}");
            assert_eq!((resolv.attempts, resolv.ndots), (attempts, ndots), "{options}");
        }
    }

    #[test]
    fn what_has_no_effect_is_named_with_its_line() {
        let many = "nameserver 192.0.2.1\n".repeat(SERVERS + 1);
        for (text, line, named) in [
            ("lookup bf\n", 1, "lookup bf"),
            ("\nsortlist 10.0.0.0\n", 2, "sortlist 10.0.0.0"),
            ("nameserver fe80::1%eth0\n", 1, "nameserver fe80::1%eth0"),
            ("nameserver\n", 1, "nameserver"),
            ("options timeout:x\n", 1, "timeout:x"),
            ("options use-vc rotate\n", 1, "use-vc"),
            ("search a..b good.example\n", 1, "a..b"),
            ("search a b c d e f g\n", 1, "g"),
            ("server 192.0.2.1\n", 1, "server 192.0.2.1"),
            (&many, SERVERS + 1, "nameserver 192.0.2.1"),
        ] {
            let (_, ignored) = Resolv::parse(text);
            assert_eq!(ignored.len(), 1, "{text}");
            assert_eq!((ignored[0].line, &*ignored[0].text), (line, named));
        }
    }

    #[test]
    fn short_names_are_searched_and_long_ones_taken_as_they_are_first() {
        let (resolv, _) = Resolv::parse("search corp.example example");
        for (text, expected) in [
            ("relay", &["relay.corp.example", "relay.example", "relay"][..]),
            ("relay.", &["relay"]),
            ("mx.relay", &["mx.relay", "mx.relay.corp.example", "mx.relay.example"]),
            ("not a name", &[]),
        ] {
            let names = resolv.candidates(text);
            assert_eq!(names.iter().map(Name::as_str).collect::<Vec<_>>(), expected);
        }
    }
}
