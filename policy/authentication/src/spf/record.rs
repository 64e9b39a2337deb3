//! An SPF record (RFC 7208 §4.5, §4.6, §5, §6): text in, terms out. One error anywhere spoils the record.

use super::macros::{MacroString, Place};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Longer records are an error: RFC 7208 §3.4 wants them to fit a datagram, and what is long is slow to walk.
const MAX_OCTETS: usize = 8192;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Qualifier {
    Pass,
    Fail,
    Softfail,
    Neutral,
}

/// Prefix lengths for the two families.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Prefixes {
    pub v4: u8,
    pub v6: u8,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mechanism {
    All,
    Include(MacroString),
    A(Option<MacroString>, Prefixes),
    Mx(Option<MacroString>, Prefixes),
    Ptr(Option<MacroString>),
    Ip(IpAddr, Prefixes),
    Exists(MacroString),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Directive {
    pub qualifier: Qualifier,
    pub mechanism: Mechanism,
    /// As it stands in the record, for Received-SPF.
    pub text: Box<str>,
}

/// A record whose syntax is right.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    pub(super) directives: Vec<Directive>,
    pub(super) redirect: Option<MacroString>,
    pub(super) explanation: Option<MacroString>,
}

impl Record {
    /// Whether a TXT record claims to be SPF: `v=spf1`, then a space or nothing (RFC 7208 §4.5).
    pub fn is_one(text: &[u8]) -> bool {
        let Some((version, rest)) = text.split_at_checked(6) else { return false };
        version.eq_ignore_ascii_case(b"v=spf1") && matches!(rest.first(), None | Some(b' '))
    }

    /// Parses a TXT record for which `is_one` holds; the error says what is wrong with which term.
    pub fn parse(text: &[u8]) -> Result<Record, String> {
        if text.len() > MAX_OCTETS {
            return Err(format!("a record of {} octets, expected at most {MAX_OCTETS}", text.len()));
        }
        let text =
            std::str::from_utf8(text).ok().filter(|text| text.is_ascii()).ok_or("octets beyond ASCII")?;
        Record::rule(text.get(6..).unwrap_or(""))
    }

    /// The terms alone: what follows the version, or an option such as `?all`.
    pub fn rule(terms: &str) -> Result<Record, String> {
        let mut record = Record::default();
        for term in terms.split(' ').filter(|term| !term.is_empty()) {
            record.add(term).map_err(|fault| format!("{fault}: {}", term.escape_default()))?;
        }
        Ok(record)
    }

    fn add(&mut self, term: &str) -> Result<(), &'static str> {
        if let Some((name, value)) = modifier(term) {
            let slot = match name.to_ascii_lowercase().as_str() {
                "redirect" => &mut self.redirect,
                "exp" => &mut self.explanation,
                _ => return MacroString::parse(value, Place::Explanation).map(drop),
            };
            if slot.is_some() {
                return Err("a modifier that may stand once stands twice");
            }
            *slot = Some(domain_spec(value)?);
            return Ok(());
        }
        self.directives.push(directive(term)?);
        Ok(())
    }
}

/// name "=" …, where name is a letter and letters, digits, `-`, `_`, `.`
fn modifier(term: &str) -> Option<(&str, &str)> {
    let (name, value) = term.split_once('=')?;
    let follows = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet);
    let fine = name.as_bytes().first().is_some_and(u8::is_ascii_alphabetic) && name.bytes().all(follows);
    fine.then_some((name, value))
}

fn directive(term: &str) -> Result<Directive, &'static str> {
    let (qualifier, rest) = match term.as_bytes()[0] {
        b'+' => (Qualifier::Pass, &term[1..]),
        b'-' => (Qualifier::Fail, &term[1..]),
        b'~' => (Qualifier::Softfail, &term[1..]),
        b'?' => (Qualifier::Neutral, &term[1..]),
        _ => (Qualifier::Pass, term),
    };
    let name_end = rest.find([':', '/']).unwrap_or(rest.len());
    let (name, argument) = rest.split_at(name_end);
    let mechanism = match name.to_ascii_lowercase().as_str() {
        "all" if argument.is_empty() => Mechanism::All,
        "include" => Mechanism::Include(domain_spec(after_colon(argument)?)?),
        "exists" => Mechanism::Exists(domain_spec(after_colon(argument)?)?),
        "ptr" => Mechanism::Ptr(optional_domain(argument)?),
        "a" | "mx" => {
            let (domain, prefixes) = dual_prefix(argument)?;
            let domain = optional_domain(domain)?;
            if name.eq_ignore_ascii_case("a") {
                Mechanism::A(domain, prefixes)
            } else {
                Mechanism::Mx(domain, prefixes)
            }
        }
        "ip4" => {
            let (address, prefix) = single_prefix(after_colon(argument)?, 32)?;
            let address: Ipv4Addr = address.parse().map_err(|_| "no IPv4 address")?;
            Mechanism::Ip(address.into(), Prefixes { v4: prefix, v6: 128 })
        }
        "ip6" => {
            let (address, prefix) = single_prefix(after_colon(argument)?, 128)?;
            let address: Ipv6Addr = address.parse().map_err(|_| "no IPv6 address")?;
            Mechanism::Ip(address.into(), Prefixes { v4: 32, v6: prefix })
        }
        _ => return Err("an unknown mechanism"),
    };
    Ok(Directive { qualifier, mechanism, text: term.into() })
}

fn after_colon(argument: &str) -> Result<&str, &'static str> {
    argument.strip_prefix(':').filter(|value| !value.is_empty()).ok_or("a mechanism without its argument")
}

fn optional_domain(argument: &str) -> Result<Option<MacroString>, &'static str> {
    if argument.is_empty() { Ok(None) } else { domain_spec(after_colon(argument)?).map(Some) }
}

fn domain_spec(text: &str) -> Result<MacroString, &'static str> {
    let parsed = MacroString::parse(text, Place::Domain)?;
    if parsed.is_domain_spec(text) { Ok(parsed) } else { Err("no domain") }
}

/// Cuts `/24//64`, `/24` or `//64` off the end.
fn dual_prefix(argument: &str) -> Result<(&str, Prefixes), &'static str> {
    let mut prefixes = Prefixes { v4: 32, v6: 128 };
    let mut rest = argument;
    if let Some((before, digits)) = digits_after(rest, "//") {
        prefixes.v6 = prefix(digits, 128)?;
        rest = before;
    }
    if let Some((before, digits)) = digits_after(rest, "/") {
        prefixes.v4 = prefix(digits, 32)?;
        rest = before;
    }
    Ok((rest, prefixes))
}

fn digits_after<'a>(text: &'a str, slashes: &str) -> Option<(&'a str, &'a str)> {
    let (before, digits) = text.rsplit_once(slashes)?;
    let fine = digits.bytes().all(|octet| octet.is_ascii_digit()) && !before.ends_with('/');
    fine.then_some((before, digits))
}

fn single_prefix(text: &str, full: u8) -> Result<(&str, u8), &'static str> {
    match text.split_once('/') {
        Some((address, digits)) => Ok((address, prefix(digits, full)?)),
        None => Ok((text, full)),
    }
}

/// Digits without a leading zero, at most `full`.
fn prefix(digits: &str, full: u8) -> Result<u8, &'static str> {
    let plain = !digits.is_empty() && digits.bytes().all(|octet| octet.is_ascii_digit());
    let fine = plain && (digits == "0" || !digits.starts_with('0'));
    let value = digits.parse::<u8>().ok().filter(|value| fine && *value <= full);
    value.ok_or("no prefix length")
}

/// Whether the first `prefixes` bits of both addresses agree; addresses of two families never do.
pub(super) fn is_in_block(address: IpAddr, block: IpAddr, prefixes: Prefixes) -> bool {
    let agree = |left: u128, right: u128, width: u32, length: u8| {
        let shift = width - u32::from(length).min(width);
        left.checked_shr(shift).unwrap_or(0) == right.checked_shr(shift).unwrap_or(0)
    };
    match (address, block) {
        (IpAddr::V4(left), IpAddr::V4(right)) => {
            agree(u32::from(left).into(), u32::from(right).into(), 32, prefixes.v4)
        }
        (IpAddr::V6(left), IpAddr::V6(right)) => agree(left.into(), right.into(), 128, prefixes.v6),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_told_from_other_texts() {
        for (text, expected) in [
            ("v=spf1", true),
            ("V=SPF1 -all", true),
            ("v=spf1 ", true),
            ("v=spf10 -all", false),
            ("v=spf1-all", false),
            ("v=spf", false),
            (" v=spf1", false),
        ] {
            assert_eq!(Record::is_one(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn one_wrong_term_spoils_the_record() {
        for (terms, fine) in [
            ("", true),
            ("   a   -all  ", true),
            ("+a ~mx ?ptr -ALL", true),
            ("a/24 a/0 a//64 a/24//64 a:x.example/24//64 mx:x.example//0", true),
            ("a/24/64", false),
            ("a/33", false),
            ("a//129", false),
            ("a/024", false),
            ("a/", false),
            ("a:", false),
            ("a:example", false),
            ("a:example.", false),
            ("a:example.com.", true),
            ("a:example.123", false),
            ("a:example.-c", false),
            ("a:%{d}", true),
            ("a:%{d}.1", false),
            ("a:foo/bar.example", true),
            ("all:x.example", false),
            ("all/8", false),
            ("-all.", false),
            ("include", false),
            ("include:", false),
            ("include:a.example/24", false),
            ("include:%{i}._spf.%{d2}", true),
            ("exists:%{z}.example", false),
            ("ip4:192.0.2.1 ip4:192.0.2.0/24 ip4:0.0.0.0/0", true),
            ("ip4:192.0.2", false),
            ("ip4:192.0.2.1/33", false),
            ("ip4:192.0.2.1//24", false),
            ("ip4", false),
            ("ip4:2001:db8::1", false),
            ("ip6:2001:db8::/32 ip6:::1 ip6:::ffff:192.0.2.1/96", true),
            ("ip6:2001:db8::/129", false),
            ("ip6:192.0.2.1", false),
            ("redirect=a.example redirect=b.example", false),
            ("redirect=", false),
            ("redirect=%{d}.x.example", true),
            ("exp=a.example exp=a.example", false),
            ("moo=cow moo=cow moo.cow_2=%{d}", true),
            ("moo=%x", false),
            ("moo", false),
            ("=x", false),
            ("1a=b", false),
            ("a\tb", false),
            ("- all", false),
        ] {
            assert_eq!(Record::rule(terms).is_ok(), fine, "{terms}: {:?}", Record::rule(terms));
        }
        assert!(Record::parse("v=spf1 a:é.example".as_bytes()).is_err());
        assert!(Record::parse(&[b"v=spf1".as_slice(), &[b' '; MAX_OCTETS]].concat()).is_err());
    }

    #[test]
    fn blocks_hold_addresses_of_their_family() {
        for (address, block, v4, v6, expected) in [
            ("192.0.2.77", "192.0.2.1", 24, 128, true),
            ("192.0.3.77", "192.0.2.1", 24, 128, false),
            ("192.0.3.77", "10.0.0.1", 0, 128, true),
            ("192.0.2.1", "192.0.2.1", 32, 128, true),
            ("2001:db8::1", "2001:db8::2", 32, 64, true),
            ("2001:db8::1", "::", 32, 0, true),
            ("2001:db8::1", "2001:db8::2", 32, 128, false),
            ("192.0.2.1", "::ffff:192.0.2.1", 0, 0, false),
        ] {
            let (address, block) = (address.parse().unwrap(), block.parse().unwrap());
            assert_eq!(is_in_block(address, block, Prefixes { v4, v6 }), expected, "{address} {block}");
        }
    }
}
