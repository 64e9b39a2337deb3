//! `gateway` and `routes`: next hops that the operator names instead of the domain's exchangers
//! (mail-flow.md §6.3).

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// Longest name in the DNS, in text form (RFC 1035 §2.3.4).
const NAME_AT_MOST: usize = 253;

/// `gateway`: mail is queued under this name, and its exchangers or addresses are looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gateway {
    Name(Box<str>),
    Address(IpAddr),
}

/// One item of `routes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    pub target: Target,
    pub scheme: Scheme,
    /// Lower is better; equal ones are used evenly.
    pub rank: u16,
    /// None is `remote_smtp_port`.
    pub port: Option<u16>,
    /// How long the answer for this hop may be kept; none is what the DNS says.
    pub ttl: Option<Duration>,
    pub lookup: HopLookup,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Name(Box<str>),
    Address(IpAddr),
    /// `__mx__`: the ordinary exchangers of the domain.
    Exchangers,
}

/// Which records of a hop's name are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HopLookup {
    /// `type=mx`: its exchangers.
    Exchangers,
    /// `type=a`, and the default: its addresses.
    Addresses,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    Smtp,
    Apn,
    Gcm,
    Mm7,
    Http,
}

const SCHEMES: [(&str, Scheme); 5] = [
    ("smtp", Scheme::Smtp),
    ("apn", Scheme::Apn),
    ("gcm", Scheme::Gcm),
    ("mm7", Scheme::Mm7),
    ("http", Scheme::Http),
];

impl Hop {
    /// One address and port, whatever the DNS says.
    pub fn to(target: SocketAddr) -> Hop {
        Hop {
            target: Target::Address(target.ip()),
            scheme: Scheme::Smtp,
            rank: 0,
            port: Some(target.port()),
            ttl: None,
            lookup: HopLookup::Addresses,
        }
    }

    /// The preference of a candidate of this hop: exchangers keep theirs, behind the hop's rank.
    pub fn preference(&self, exchanger: u16) -> u32 {
        u32::from(self.rank) << 16 | u32::from(exchanger)
    }
}

/// The hops of a domain, in the order written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routes(pub Vec<Hop>);

/// An item that is no route, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotARoute {
    pub item: Box<str>,
    pub problem: Problem,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    NotAHost,
    UnknownScheme,
    UnknownKey,
    WrongValue,
}

impl Problem {
    /// Completes the sentence "expected …".
    pub const fn expected(self) -> &'static str {
        match self {
            Problem::NotAHost => "a host name, an address, [IPv6] or __mx__",
            Problem::UnknownScheme => "one of the schemes smtp, apn, gcm, mm7, http",
            Problem::UnknownKey => "one of the keys pref, ttl, port, type",
            Problem::WrongValue => "pref and port up to 65535, ttl in seconds, type mx or a",
        }
    }
}

impl fmt::Display for NotARoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no next hop: expected {}", self.item, self.problem.expected())
    }
}

impl std::error::Error for NotARoute {}

impl Gateway {
    pub fn parse(text: &str) -> Result<Gateway, NotARoute> {
        match target(text) {
            Ok(Target::Name(name)) => Ok(Gateway::Name(name)),
            Ok(Target::Address(address)) => Ok(Gateway::Address(address)),
            _ => Err(NotARoute { item: text.into(), problem: Problem::NotAHost }),
        }
    }

    /// The routing domain of mail that goes through it.
    pub fn domain(&self) -> String {
        match self {
            Gateway::Name(name) => name.to_string(),
            Gateway::Address(address) => address.to_string(),
        }
    }
}

impl Routes {
    /// An item without `pref` ranks directly behind the item before it, so that a list without any is its
    /// own order of preference.
    pub fn parse<'a>(items: impl IntoIterator<Item = &'a str>) -> Result<Routes, NotARoute> {
        let mut hops: Vec<Hop> = Vec::new();
        for item in items {
            let rank = hops.last().map_or(0, |hop| hop.rank.saturating_add(1));
            hops.push(parse_item(item, rank).map_err(|problem| NotARoute { item: item.into(), problem })?);
        }
        Ok(Routes(hops))
    }
}

fn parse_item(item: &str, rank: u16) -> Result<Hop, Problem> {
    let plain = |target| Hop {
        target,
        scheme: Scheme::Smtp,
        rank,
        port: None,
        ttl: None,
        lookup: HopLookup::Addresses,
    };
    let Some((scheme, rest)) = item.split_once("://") else {
        return target(item).map(plain);
    };
    let (_, scheme) =
        SCHEMES.iter().find(|(name, _)| scheme.eq_ignore_ascii_case(name)).ok_or(Problem::UnknownScheme)?;
    let (place, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let (place, port) = split_port(place)?;
    let mut hop = Hop { scheme: *scheme, port, ..plain(target(place)?) };
    for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
        let (key, value) = parameter.split_once('=').ok_or(Problem::WrongValue)?;
        set(&mut hop, key, value)?;
    }
    Ok(hop)
}

fn set(hop: &mut Hop, key: &str, value: &str) -> Result<(), Problem> {
    let number = || value.parse().map_err(|_| Problem::WrongValue);
    match key {
        "pref" => hop.rank = number()?,
        "port" => hop.port = Some(number()?).filter(|port| *port > 0),
        "ttl" => {
            let seconds: u32 = value.parse().map_err(|_| Problem::WrongValue)?;
            hop.ttl = Some(Duration::from_secs(seconds.into()));
        }
        "type" if value.eq_ignore_ascii_case("mx") => hop.lookup = HopLookup::Exchangers,
        "type" if value.eq_ignore_ascii_case("a") => hop.lookup = HopLookup::Addresses,
        "type" => return Err(Problem::WrongValue),
        _ => return Err(Problem::UnknownKey),
    }
    Ok(())
}

/// `host:port`; the colons of a bare IPv6 address are none of a port.
fn split_port(place: &str) -> Result<(&str, Option<u16>), Problem> {
    match place.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
            Ok((host, Some(port.parse().map_err(|_| Problem::WrongValue)?)))
        }
        _ => Ok((place, None)),
    }
}

fn target(text: &str) -> Result<Target, Problem> {
    if text == "__mx__" {
        return Ok(Target::Exchangers);
    }
    if let Some(inner) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        return match inner.parse::<Ipv6Addr>() {
            Ok(address) => Ok(Target::Address(address.into())),
            Err(_) => inner.parse().map(Target::Address).map_err(|_| Problem::NotAHost),
        };
    }
    if let Ok(address) = text.parse() {
        return Ok(Target::Address(address));
    }
    let name = mail::address::fold_domain(text);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    if name.len() > NAME_AT_MOST || !name.split('.').all(is_label) {
        return Err(Problem::NotAHost);
    }
    Ok(Target::Name(name.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(item: &str) -> Result<Hop, Problem> {
        Routes::parse([item]).map(|mut routes| routes.0.remove(0)).map_err(|wrong| wrong.problem)
    }

    fn address(text: &str) -> Target {
        Target::Address(text.parse().unwrap())
    }

    #[test]
    fn every_form_of_an_item_is_read() {
        let name = |text: &str| Target::Name(text.into());
        let mx = HopLookup::Exchangers;
        let a = HopLookup::Addresses;
        for (item, target, rank, port, ttl, lookup) in [
            ("mx.Alpha.Example.", name("mx.alpha.example"), 0, None, None, a),
            ("192.0.2.1", address("192.0.2.1"), 0, None, None, a),
            ("[2001:db8::1]", address("2001:db8::1"), 0, None, None, a),
            ("__mx__", Target::Exchangers, 0, None, None, a),
            ("smtp://relay.example", name("relay.example"), 0, None, None, a),
            (
                "smtp://relay.example?pref=10&ttl=60&port=2525&type=mx",
                name("relay.example"),
                10,
                Some(2525),
                Some(60),
                mx,
            ),
            ("smtp://[2001:db8::1]:2525?pref=3", address("2001:db8::1"), 3, Some(2525), None, a),
            ("smtp://192.0.2.1:26?type=a", address("192.0.2.1"), 0, Some(26), None, a),
            ("SMTP://__mx__?pref=7", Target::Exchangers, 7, None, None, a),
        ] {
            let hop = one(item).unwrap();
            let ttl = ttl.map(Duration::from_secs);
            assert_eq!(hop, Hop { target, scheme: Scheme::Smtp, rank, port, ttl, lookup }, "{item}");
        }
        assert_eq!(one("mm7://centre.example").unwrap().scheme, Scheme::Mm7);
    }

    #[test]
    fn what_is_no_item_is_refused_with_the_reason() {
        for (item, problem) in [
            ("", Problem::NotAHost),
            ("two words", Problem::NotAHost),
            ("a..b", Problem::NotAHost),
            ("[relay.example]", Problem::NotAHost),
            ("smtp://", Problem::NotAHost),
            ("ftp://relay.example", Problem::UnknownScheme),
            ("smtp://relay.example?weight=3", Problem::UnknownKey),
            ("smtp://relay.example?pref=best", Problem::WrongValue),
            ("smtp://relay.example?pref", Problem::WrongValue),
            ("smtp://relay.example?port=70000", Problem::WrongValue),
            ("smtp://relay.example?type=cname", Problem::WrongValue),
            ("smtp://relay.example:smtp", Problem::WrongValue),
        ] {
            assert_eq!(one(item), Err(problem), "{item}");
        }
        assert_eq!(one(&"a.".repeat(200)), Err(Problem::NotAHost));
        let text = Routes::parse(["ok.example", "b d"]).unwrap_err().to_string();
        assert_eq!(text, "`b d` is no next hop: expected a host name, an address, [IPv6] or __mx__");
    }

    #[test]
    fn the_order_of_the_list_is_the_preference_unless_one_is_given() {
        let ranks = |items: &[&str]| -> Vec<u16> {
            Routes::parse(items.iter().copied()).unwrap().0.iter().map(|hop| hop.rank).collect()
        };
        assert_eq!(ranks(&["a", "b", "__mx__"]), [0, 1, 2]);
        assert_eq!(ranks(&["smtp://a?pref=5", "smtp://b?pref=5", "c"]), [5, 5, 6]);
        let hops = Routes::parse(["a", "__mx__"]).unwrap().0;
        assert!(hops[0].preference(u16::MAX) < hops[1].preference(0));
        assert!(hops[1].preference(10) < hops[1].preference(20));
    }

    #[test]
    fn a_gateway_is_a_name_or_an_address_and_names_the_queue() {
        for (text, domain) in [
            ("Smart.Example", Some("smart.example")),
            ("192.0.2.1", Some("192.0.2.1")),
            ("[2001:DB8::1]", Some("2001:db8::1")),
            ("__mx__", None),
            ("smart example", None),
        ] {
            let gateway = Gateway::parse(text).ok().map(|gateway| gateway.domain());
            assert_eq!(gateway.as_deref(), domain, "{text}");
        }
    }
}
