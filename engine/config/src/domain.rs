//! Names of Domain and Host instances: folded, addresses compared in binary form, `/regex/` recognised
//! (spec config-language.md §4.3, §5, §7.2).

use mail::address::fold_domain;
use std::borrow::Cow;
use std::net::IpAddr;

/// Longer than any DNS name: such a name is not put to regular expressions.
pub const LONGEST_MATCHED_NAME: usize = 1024;

/// The pattern of a name of the form `/.../`.
pub fn pattern(name: &str) -> Option<&str> {
    name.strip_prefix('/')?.strip_suffix('/')
}

/// The name as instances are compared. Borrowed when nothing is to be changed, as for names from queues.
pub fn normal(name: &str) -> Cow<'_, str> {
    let first = name.as_bytes().first().copied().unwrap_or(0);
    if first == b'[' || name.contains(':') {
        return address(name).map_or_else(|| Cow::Owned(fold_domain(name)), Cow::Owned);
    }
    match name.ends_with('.') || name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Cow::Owned(fold_domain(name)),
        false => Cow::Borrowed(name),
    }
}

/// `[IPv6:addr]` and a bare IPv6 address in one spelling.
fn address(name: &str) -> Option<String> {
    let inner = name.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(name);
    let tag = inner.get(..5).filter(|tag| tag.eq_ignore_ascii_case("ipv6:"));
    let text = tag.map_or(inner, |tag| &inner[tag.len()..]);
    match text.parse().ok()? {
        IpAddr::V6(address) => Some(format!("[ipv6:{address}]")),
        IpAddr::V4(address) => Some(address.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_domain_are_one() {
        for (name, expected) in [
            ("example.com", "example.com"),
            ("Example.COM.", "example.com"),
            ("[IPv6:2001:DB8:0::99]", "[ipv6:2001:db8::99]"),
            ("[ipv6:2001:db8::99]", "[ipv6:2001:db8::99]"),
            ("2001:db8::99", "[ipv6:2001:db8::99]"),
            ("[192.0.2.1]", "192.0.2.1"),
            ("192.0.2.1", "192.0.2.1"),
            ("[Odd]", "[odd]"),
            ("", ""),
        ] {
            assert_eq!(normal(name), expected);
        }
        assert!(matches!(normal("example.com"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_name_between_slashes_is_a_pattern() {
        assert_eq!(pattern("/^a$/"), Some("^a$"));
        assert_eq!((pattern("/a"), pattern("a/"), pattern("/"), pattern("a")), (None, None, None, None));
    }
}
