//! Whether a recipient may be accepted from this client (spec inbound-smtp.md §6). Decides; asks nobody.

use ipnet::IpNet;
use std::net::IpAddr;

/// What the configuration says for one client.
#[derive(Clone, Debug, Default)]
pub struct Relay {
    /// `relay_domains` and `bounce_domains`: exact names or `*suffix`, folded.
    pub domains: Vec<String>,
    /// The narrowest `relay_hosts`.
    pub hosts: Vec<IpNet>,
    /// `open_relay`.
    pub open: bool,
    /// `relay_for_sending_domains`: exact names or `*.suffix`, folded.
    pub sending_domains: Vec<String>,
}

impl Relay {
    /// May this client send anywhere? Its address decides, whoever the sender is.
    pub fn trusts(&self, client: Option<IpAddr>) -> bool {
        // A Unix-socket client is matched as loopback (spec config-language.md §7.3).
        let client = client.map_or(IpAddr::from([127, 0, 0, 1]), |address| address.to_canonical());
        self.open || self.hosts.iter().any(|block| block.contains(&client))
    }

    /// `can_relay` is the connection variable, set by `trusts` or by policy.
    pub fn permits(&self, recipient_domain: &str, sender_domain: &str, can_relay: bool) -> bool {
        can_relay
            || listed(&self.domains, recipient_domain)
            || (!sender_domain.is_empty() && listed(&self.sending_domains, sender_domain))
    }
}

/// `*.example.com` does not match example.com; `*example.com` also matches badexample.com.
/// A recipient without a domain (postmaster) is local to the host and always listed.
pub(crate) fn listed(patterns: &[String], domain: &str) -> bool {
    domain.is_empty()
        || patterns.iter().any(|pattern| match pattern.strip_prefix('*') {
            Some(suffix) => domain.len() >= suffix.len() && domain.ends_with(suffix),
            None => pattern == domain,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relay() -> Relay {
        Relay {
            domains: vec!["here.example".into(), "*.sub.example".into(), "*loose.example".into()],
            hosts: vec!["127.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()],
            open: false,
            sending_domains: vec!["*.customer.example".into()],
        }
    }

    #[test]
    fn clients_are_trusted_by_address_only() {
        for (client, trusted) in [
            ("127.0.0.9", true),
            ("::ffff:127.0.0.9", true),
            ("2001:db8::7", true),
            ("192.0.2.1", false),
            ("2001:db9::7", false),
        ] {
            assert_eq!(relay().trusts(Some(client.parse().unwrap())), trusted, "{client}");
        }
        assert!(relay().trusts(None), "a client of a Unix socket counts as loopback");
        assert!(Relay { open: true, ..relay() }.trusts(Some("192.0.2.1".parse().unwrap())));
        assert!(!Relay::default().trusts(None), "the default is to deny");
    }

    #[test]
    fn recipients_are_permitted_by_list_sender_or_trust() {
        for (recipient, sender, can_relay, permitted) in [
            ("here.example", "", false, true),
            ("sub.example", "", false, false),
            ("a.sub.example", "", false, true),
            ("veryloose.example", "", false, true),
            ("else.example", "", false, false),
            ("else.example", "", true, true),
            ("else.example", "a.customer.example", false, true),
            ("else.example", "customer.example", false, false),
            ("", "", false, true),
        ] {
            assert_eq!(relay().permits(recipient, sender, can_relay), permitted, "{recipient} from {sender}");
        }
    }
}
