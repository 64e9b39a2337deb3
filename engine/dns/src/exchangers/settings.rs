//! What the configuration says about finding the hosts of a domain. Each field names its option.

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Ask for AAAA too (option use_ipv6).
    pub use_ipv6: bool,
    /// A host's IPv6 addresses come first (option prefer_ipv6_mxs).
    pub prefer_ipv6: bool,
    /// If the MX lookup fails this time, use the domain's own addresses (`Attempts::falls_back`).
    pub fall_back_to_addresses: bool,
    /// An MX may name an IPv4 address instead of a host, and then holds for so many seconds (module mxip).
    pub address_as_mx_ttl: Option<u32>,
    /// Only the hosts of the best preference (option only_use_best_mx_for_relay_domains).
    pub best_only: bool,
    /// Seconds (option min_dns_ttl).
    pub min_ttl: u32,
    /// Seconds (option max_dns_ttl).
    pub max_ttl: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            use_ipv6: false,
            prefer_ipv6: false,
            fall_back_to_addresses: false,
            address_as_mx_ttl: None,
            best_only: false,
            min_ttl: 0,
            max_ttl: u32::MAX,
        }
    }
}
