//! From which address of ours a connection leaves: `bind_address` and `bind_address_secondary`, by the
//! family of the destination (mail-flow.md §4.1).

use std::net::IpAddr;

/// The addresses of a binding: at most one of each family. A host name in the configuration is resolved
/// before it comes here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// `*`: the kernel chooses.
    Any,
    /// `*` with a secondary address: the kernel chooses for the other family.
    AnyBeside(IpAddr),
    /// A family without an address is not spoken.
    Addresses { v4: Option<IpAddr>, v6: Option<IpAddr> },
}

/// What to bind before connecting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceChoice {
    Any,
    Address(IpAddr),
    /// The binding has no address of this family: the destination is no candidate.
    None,
}

/// Both addresses are of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SameFamily;

impl Source {
    /// Of a binding whose address cannot be found: it sends nothing, rather than from a wrong address.
    pub const NOWHERE: Source = Source::Addresses { v4: None, v6: None };

    /// `primary` is none for `*`.
    pub fn new(primary: Option<IpAddr>, secondary: Option<IpAddr>) -> Result<Source, SameFamily> {
        match (primary, secondary) {
            (None, None) => Ok(Source::Any),
            (None, Some(secondary)) => Ok(Source::AnyBeside(secondary)),
            (Some(one), Some(other)) if one.is_ipv4() == other.is_ipv4() => Err(SameFamily),
            _ => {
                let mut given = primary.into_iter().chain(secondary);
                let v4 = given.clone().find(IpAddr::is_ipv4);
                Ok(Source::Addresses { v4, v6: given.find(IpAddr::is_ipv6) })
            }
        }
    }

    pub fn towards(&self, destination: IpAddr) -> SourceChoice {
        let is_v4 = destination.to_canonical().is_ipv4();
        match self {
            Source::Any => SourceChoice::Any,
            Source::AnyBeside(address) if address.is_ipv4() == is_v4 => SourceChoice::Address(*address),
            Source::AnyBeside(_) => SourceChoice::Any,
            Source::Addresses { v4, v6 } => {
                let own = if is_v4 { v4 } else { v6 };
                own.map_or(SourceChoice::None, SourceChoice::Address)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_family_of_the_destination_decides() {
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let (v4, v6) = (address("192.0.2.1"), address("2001:db8::1"));
        let (to_v4, to_v6) = (address("198.51.100.7"), address("2001:db8:1::7"));
        for (primary, secondary, for_v4, for_v6) in [
            (None, None, SourceChoice::Any, SourceChoice::Any),
            (None, Some(v6), SourceChoice::Any, SourceChoice::Address(v6)),
            (Some(v4), None, SourceChoice::Address(v4), SourceChoice::None),
            (Some(v6), None, SourceChoice::None, SourceChoice::Address(v6)),
            (Some(v4), Some(v6), SourceChoice::Address(v4), SourceChoice::Address(v6)),
            (Some(v6), Some(v4), SourceChoice::Address(v4), SourceChoice::Address(v6)),
        ] {
            let source = Source::new(primary, secondary).unwrap();
            assert_eq!((source.towards(to_v4), source.towards(to_v6)), (for_v4, for_v6));
        }
        assert_eq!(Source::new(Some(v4), Some(to_v4)), Err(SameFamily));
        let mapped = address("::ffff:198.51.100.7");
        assert_eq!(Source::new(Some(v4), None).unwrap().towards(mapped), SourceChoice::Address(v4));
    }
}
