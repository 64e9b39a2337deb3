//! Which addresses mail is never sent to (`prohibited_hosts`), and which are passed over (`skip_hosts`).
//!
//! Without a list the engine still does not let a stranger's DNS aim it at its own machine or network link.

use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Who named the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The records of the recipient's domain, or an address literal in a recipient.
    Dns,
    /// `gateway` or `routes`, written as an address or as a name.
    Operator,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    Usable,
    /// Left out; other addresses of the domain are used.
    Skipped,
    /// The domain is denied: `PROHIBITED`.
    Prohibited,
}

/// The permanent failure of mail whose destination is prohibited.
pub const PROHIBITED: &str = "551 5.4.6 [internal] Private/Loopback Address";

/// Both lists. None for `prohibited_hosts` is "unset", which differs from an empty list: that allows all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prohibited {
    pub prohibited_hosts: Option<Vec<IpNet>>,
    pub skip_hosts: Vec<IpNet>,
}

impl Prohibited {
    /// A list of the operator's holds for every address; the built-in rule not for those that the operator
    /// named himself, since a gateway on this machine is an ordinary thing.
    pub fn judge(&self, address: IpAddr, origin: Origin) -> Admission {
        // ::ffff:127.0.0.1 reaches what 127.0.0.1 reaches.
        let address = address.to_canonical();
        let within = |blocks: &[IpNet]| blocks.iter().any(|block| block.contains(&address));
        let prohibited = match &self.prohibited_hosts {
            Some(blocks) => within(blocks),
            None => origin == Origin::Dns && is_ours(address),
        };
        if prohibited {
            Admission::Prohibited
        } else if within(&self.skip_hosts) {
            Admission::Skipped
        } else {
            Admission::Usable
        }
    }
}

/// Loopback, unspecified, link-local, multicast, broadcast.
fn is_ours(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_ours_v4(v4),
        IpAddr::V6(v6) => {
            let compatible = compatible_v4(v6);
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_unicast_link_local()
                || v6.is_multicast()
                || compatible.is_some_and(is_ours_v4)
        }
    }
}

fn is_ours_v4(v4: Ipv4Addr) -> bool {
    // All of 0.0.0.0/8 is "this host on this network" (RFC 1122 §3.2.1.3).
    v4.is_loopback() || v4.octets()[0] == 0 || v4.is_link_local() || v4.is_multicast() || v4.is_broadcast()
}

/// The IPv4 address inside the obsolete form `::a.b.c.d` (RFC 4291 §2.5.5.1).
fn compatible_v4(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let octets = v6.octets();
    let (zeros, v4) = octets.split_at(12);
    zeros.iter().all(|octet| *octet == 0).then(|| Ipv4Addr::new(v4[0], v4[1], v4[2], v4[3]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Admission::{Prohibited as Denied, Skipped, Usable};

    #[test]
    fn dns_cannot_aim_us_at_ourselves() {
        let unset = Prohibited::default();
        for (address, admission) in [
            ("127.0.0.1", Denied),
            ("127.8.9.10", Denied),
            ("0.0.0.0", Denied),
            ("0.1.2.3", Denied),
            ("169.254.169.254", Denied),
            ("224.0.0.5", Denied),
            ("255.255.255.255", Denied),
            ("::1", Denied),
            ("::", Denied),
            ("fe80::1", Denied),
            ("ff02::1", Denied),
            ("::ffff:127.0.0.1", Denied),
            ("::ffff:169.254.1.1", Denied),
            ("::127.0.0.1", Denied),
            ("192.0.2.1", Usable),
            ("10.1.2.3", Usable),
            ("2001:db8::1", Usable),
            ("::ffff:192.0.2.1", Usable),
        ] {
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(unset.judge(address, Origin::Dns), admission, "{address}");
            assert_eq!(unset.judge(address, Origin::Operator), Usable, "{address}");
        }
    }

    #[test]
    fn a_list_replaces_the_built_in_rule() {
        let lists = Prohibited {
            prohibited_hosts: Some(vec!["10.0.0.0/8".parse().unwrap()]),
            skip_hosts: vec!["192.0.2.0/24".parse().unwrap()],
        };
        for (address, admission) in [
            ("10.1.2.3", Denied),
            ("::ffff:10.1.2.3", Denied),
            ("127.0.0.1", Usable),
            ("192.0.2.9", Skipped),
            ("198.51.100.1", Usable),
        ] {
            let address: IpAddr = address.parse().unwrap();
            for origin in [Origin::Dns, Origin::Operator] {
                assert_eq!(lists.judge(address, origin), admission, "{address}");
            }
        }
    }
}
