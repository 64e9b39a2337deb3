//! Where a listener stands, as `Listen` spells it (spec config-language.md §7.1).

use crate::Expected;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// Equal endpoints are equal however they were spelt: `:25` is `*:25`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `:port`, `*:port`: any IPv4 address, and any IPv6 address if the kernel maps it.
    Any {
        port: u16,
    },
    /// `[*]:port`
    AnyIpv6 {
        port: u16,
    },
    Inet(SocketAddr),
    /// An absolute path.
    Unix(Box<str>),
}

impl Endpoint {
    /// What to bind; none for a path.
    pub fn socket_address(&self) -> Option<SocketAddr> {
        match self {
            Endpoint::Any { port } => Some((Ipv4Addr::UNSPECIFIED, *port).into()),
            Endpoint::AnyIpv6 { port } => Some((Ipv6Addr::UNSPECIFIED, *port).into()),
            Endpoint::Inet(address) => Some(*address),
            Endpoint::Unix(_) => None,
        }
    }
}

impl FromStr for Endpoint {
    type Err = Expected;

    fn from_str(text: &str) -> Result<Endpoint, Expected> {
        const EXPECTED: Expected =
            Expected::fixed("an endpoint: addr:port, [v6addr]:port, :port, *:port, [*]:port or /path");
        if text.starts_with('/') {
            return Ok(Endpoint::Unix(text.into()));
        }
        let (host, port) = text.rsplit_once(':').ok_or(EXPECTED)?;
        if !port.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(EXPECTED);
        }
        let port: u16 = port.parse().map_err(|_| EXPECTED)?;
        let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let address: IpAddr = match (host, bracketed) {
            ("" | "*", _) => return Ok(Endpoint::Any { port }),
            (_, Some("*")) => return Ok(Endpoint::AnyIpv6 { port }),
            (_, Some(inner)) => inner.parse().map_err(|_| EXPECTED)?,
            (plain, None) => IpAddr::V4(plain.parse().map_err(|_| EXPECTED)?),
        };
        Ok(Endpoint::Inet(SocketAddr::new(address, port)))
    }
}

/// The normalised text.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Any { port } => write!(f, "*:{port}"),
            Endpoint::AnyIpv6 { port } => write!(f, "[*]:{port}"),
            Endpoint::Inet(address) => address.fmt(f),
            Endpoint::Unix(path) => f.write_str(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_endpoint_are_one() {
        for (text, normal) in [
            (":25", "*:25"),
            ("*:25", "*:25"),
            ("[*]:587", "[*]:587"),
            ("192.0.2.1:25", "192.0.2.1:25"),
            ("[192.0.2.1]:25", "192.0.2.1:25"),
            ("[2001:DB8:0::1]:25", "[2001:db8::1]:25"),
            ("/tmp/2025", "/tmp/2025"),
        ] {
            assert_eq!(text.parse::<Endpoint>().map(|endpoint| endpoint.to_string()), Ok(normal.into()));
        }
    }

    #[test]
    fn what_is_no_endpoint_is_refused() {
        for text in
            ["", "25", "tmp/2025", "2001:db8::1:25", ":65536", ":+25", "mail.example:25", "[::1]", ":"]
        {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }
}
