//! The questions of policy, and what it reads from their answers.

use crate::{Answer, Name, NotAName, Question};
use std::net::IpAddr;

/// The name of an address: `4.3.2.1.in-addr.arpa` PTR (RFC 1035 §3.5, RFC 3596 §2.5).
pub fn reverse(_address: IpAddr) -> Question {
    todo!()
}

/// An address in a DNS list: `4.3.2.1.BASE` A (RFC 5782 §2.1, §2.4).
pub fn listed(_address: IpAddr, _base: &Name) -> Result<Question, NotAName> {
    todo!()
}

/// Addresses among the records.
pub fn addresses(answer: &Answer) -> impl Iterator<Item = IpAddr> + '_ {
    answer.records().iter().filter_map(|_| todo!())
}

/// Texts among the records.
pub fn texts(answer: &Answer) -> impl Iterator<Item = &[u8]> {
    answer.records().iter().filter_map(|_| todo!())
}

/// Host names among the records.
pub fn names(answer: &Answer) -> impl Iterator<Item = &Name> {
    answer.records().iter().filter_map(|_| todo!())
}
