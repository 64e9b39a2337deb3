//! A routing domain that is an address: nothing is asked about it.

use std::net::{IpAddr, Ipv6Addr};

/// `[192.0.2.1]`, `[IPv6:2001:db8::1]` (RFC 5321 §4.1.3), and the same without brackets or tag.
pub(super) fn literal(domain: &str) -> Option<IpAddr> {
    const TAG: &str = "IPv6:";
    let bare = match domain.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']')?,
        None => domain,
    };
    match bare.split_at_checked(TAG.len()) {
        Some((tag, address)) if tag.eq_ignore_ascii_case(TAG) => {
            address.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
        }
        _ => bare.parse().ok(),
    }
}
