//! Domain names as text: which may be asked for, who owns them, and addresses written as names.

use std::fmt::Write;
use std::net::IpAddr;

/// Whether the name may be asked for: labels of 1 to 63 octets, 253 together (RFC 1035 §2.3.4). A final dot is fine.
pub(crate) fn is_askable(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    (1..=253).contains(&name.len()) && name.split('.').all(|label| (1..=63).contains(&label.len()))
}

/// An askable name of letters, digits, hyphens and underscores with at least one dot.
pub fn is_host_name(name: &str) -> bool {
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.' | 0x80..);
    is_askable(name) && name.trim_end_matches('.').contains('.') && name.bytes().all(plain)
}

/// Whether `name` is `parent` or lies below it.
pub(crate) fn is_within(name: &str, parent: &str) -> bool {
    let (name, parent) = (name.trim_end_matches('.'), parent.trim_end_matches('.'));
    let Some(start) = name.len().checked_sub(parent.len()) else { return false };
    name.is_char_boundary(start)
        && name[start..].eq_ignore_ascii_case(parent)
        && (start == 0 || name.as_bytes()[start - 1] == b'.')
}

/// The registrable domain by the Public Suffix List (RFC 7489 §3.2), in lower case; a public suffix is its own.
pub fn organisational_domain(name: &str) -> String {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    match psl::domain_str(&name) {
        Some(domain) => domain.to_owned(),
        None => name,
    }
}

/// The labels of a reverse lookup without the zone: `4.3.2.1`, or 32 nibbles (RFC 5782 §2.1, §2.4).
pub fn reversed(address: IpAddr) -> String {
    let mut text = String::with_capacity(64);
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            let _ = write!(text, "{d}.{c}.{b}.{a}");
        }
        IpAddr::V6(address) => {
            for octet in address.octets().iter().rev() {
                let dot = if text.is_empty() { "" } else { "." };
                let _ = write!(text, "{dot}{:x}.{:x}", octet & 15, octet >> 4);
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_organisational_domain_follows_the_public_suffix_list() {
        for (name, expected) in [
            ("example.com", "example.com"),
            ("A.B.Example.COM.", "example.com"),
            ("mail.example.co.uk", "example.co.uk"),
            ("co.uk", "co.uk"),
            ("a.b.c.unknown-suffix", "c.unknown-suffix"),
            ("com", "com"),
            ("", ""),
        ] {
            assert_eq!(organisational_domain(name), expected, "{name}");
        }
    }

    #[test]
    fn names_are_within_their_parents_only_at_a_dot() {
        for (name, parent, within) in [
            ("a.example.com", "example.com", true),
            ("example.com.", "Example.com", true),
            ("badexample.com", "example.com", false),
            ("com", "example.com", false),
            ("é.example.com", "xexample.com", false),
        ] {
            assert_eq!(is_within(name, parent), within, "{name} {parent}");
        }
    }

    #[test]
    fn names_that_no_server_could_have_are_not_asked_for() {
        let long_label = "a".repeat(64) + ".example";
        let long_name = "abcdefg.".repeat(32) + "example";
        for (name, askable) in [
            ("example.com", true),
            ("example.com.", true),
            ("", false),
            (".", false),
            ("a..b", false),
            (&long_label, false),
            (&long_name, false),
        ] {
            assert_eq!(is_askable(name), askable, "{name}");
        }
        assert!(is_host_name("mail.example.com") && !is_host_name("localhost"));
        assert!(!is_host_name("[192.0.2.1]") && !is_host_name("a b.example"));
    }

    #[test]
    fn addresses_are_reversed_by_octet_or_nibble() {
        assert_eq!(reversed("192.0.2.1".parse().unwrap()), "1.2.0.192");
        let nibbles = "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.1.2.3.4";
        assert_eq!(reversed("4321:0:1:2:3:4:567:89ab".parse().unwrap()), nibbles);
    }
}
