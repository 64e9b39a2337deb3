//! The questions of policy, and what it reads from their answers.

use crate::{Answer, Kind, Name, NotAName, Question, Record};
use std::fmt::Write as _;
use std::net::IpAddr;

/// The name of an address: `4.3.2.1.in-addr.arpa` PTR (RFC 1035 §3.5, RFC 3596 §2.5).
pub fn reverse(address: IpAddr) -> Question {
    let zone = if unmapped(address).is_ipv4() { "in-addr.arpa" } else { "ip6.arpa" };
    match Name::new(&(backwards(address) + zone)) {
        Ok(name) => Question::new(name, Kind::Ptr),
        Err(NotAName) => unreachable!("digits and dots make a name"),
    }
}

/// An address in a DNS list: `4.3.2.1.BASE` A (RFC 5782 §2.1, §2.4). Fails if the base is too long for that.
pub fn listed(address: IpAddr, base: &Name) -> Result<Question, NotAName> {
    Ok(Question::new(Name::new(&(backwards(address) + base.as_str()))?, Kind::A))
}

/// Octets or nibbles of the address in reverse order, each with its dot.
fn backwards(address: IpAddr) -> String {
    let mut text = String::with_capacity(80);
    match unmapped(address) {
        IpAddr::V4(address) => {
            for octet in address.octets().iter().rev() {
                let _ = write!(text, "{octet}.");
            }
        }
        IpAddr::V6(address) => {
            for octet in address.octets().iter().rev() {
                let _ = write!(text, "{:x}.{:x}.", octet & 15, octet >> 4);
            }
        }
    }
    text
}

/// A client that a dual-stack socket shows as `::ffff:192.0.2.1` is the IPv4 client.
fn unmapped(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// Addresses among the records.
pub fn addresses(answer: &Answer) -> impl Iterator<Item = IpAddr> + '_ {
    answer.records().iter().filter_map(|record| match record {
        Record::A(address) => Some(IpAddr::V4(*address)),
        Record::Aaaa(address) => Some(IpAddr::V6(*address)),
        _ => None,
    })
}

/// Texts among the records.
pub fn texts(answer: &Answer) -> impl Iterator<Item = &[u8]> {
    answer.records().iter().filter_map(|record| match record {
        Record::Txt(text) => Some(&**text),
        _ => None,
    })
}

/// Host names among the records: exchangers, name servers and names of addresses.
pub fn names(answer: &Answer) -> impl Iterator<Item = &Name> {
    answer.records().iter().filter_map(|record| match record {
        Record::Ptr(name) | Record::Ns(name) | Record::Mx { exchange: name, .. } => Some(name),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_asked_for_backwards() {
        let six = "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2";
        for (address, zone, name) in [
            ("192.0.2.1", "in-addr.arpa", "1.2.0.192"),
            ("::ffff:192.0.2.1", "in-addr.arpa", "1.2.0.192"),
            ("2001:db8::567:89ab", "ip6.arpa", six),
        ] {
            let address: IpAddr = address.parse().unwrap();
            let asked = reverse(address);
            assert_eq!((asked.name.as_str(), asked.kind), (&*format!("{name}.{zone}"), Kind::Ptr));
            let list = listed(address, &Name::new("multi.surbl.example").unwrap()).unwrap();
            assert_eq!((list.name.as_str(), list.kind), (&*format!("{name}.multi.surbl.example"), Kind::A));
        }
        let long = Name::new(&["abcdefg"; 31].join(".")).unwrap();
        assert_eq!(listed("2001:db8::1".parse().unwrap(), &long), Err(NotAName));
    }

    #[test]
    fn answers_are_read_by_what_they_hold() {
        let host = Name::new("mx.example").unwrap();
        let records = [
            Record::A([127, 0, 0, 2].into()),
            Record::Aaaa("2001:db8::1".parse().unwrap()),
            Record::Txt(b"v=spf1 -all".as_slice().into()),
            Record::Ptr(host.clone()),
            Record::Mx { preference: 1, exchange: host.clone() },
        ];
        let answer = Answer::Records { records: records.into(), ttl: 60 };
        let found: Vec<String> = addresses(&answer).map(|address| address.to_string()).collect();
        assert_eq!(found, ["127.0.0.2", "2001:db8::1"]);
        assert_eq!(texts(&answer).collect::<Vec<_>>(), [b"v=spf1 -all"]);
        assert_eq!(names(&answer).collect::<Vec<_>>(), [&host, &host]);
        assert_eq!(addresses(&Answer::NoName { ttl: 1 }).count(), 0);
    }
}
