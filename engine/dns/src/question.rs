//! A question and what may be answered to it. Plain values that the other files decide about.

use crate::Name;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    A,
    Aaaa,
    Mx,
    Txt,
    Ptr,
    Ns,
    /// The alias itself, not what it leads to.
    Cname,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Question {
    pub name: Name,
    pub kind: Kind,
}

impl Question {
    pub fn new(name: Name, kind: Kind) -> Self {
        Question { name, kind }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Record {
    A(Ipv4Addr),
    Aaaa(Ipv6Addr),
    Mx {
        preference: u16,
        exchange: Name,
    },
    /// The character strings joined without a space, as SPF and DKIM read them (RFC 7208 §3.3).
    Txt(Box<[u8]>),
    Ptr(Name),
    Ns(Name),
    Cname(Name),
}

/// Times to live are seconds. Cheap to clone: the records are shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// One record at least, all of the kind that was asked for; aliases have been followed.
    Records { records: Arc<[Record]>, ttl: u32 },
    /// The name exists, without records of this kind (RFC 2308 §2.2).
    NoData { ttl: u32 },
    /// The name does not exist (RFC 2308 §2.1).
    NoName { ttl: u32 },
    /// Nothing was learnt about the name: ask again later.
    Failed(Trouble),
}

/// Why no server gave an answer; the trouble of the last one asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nobody answered in time, or could be reached at all.
    Timeout,
    /// The server could not find out, or does not recurse.
    ServerFailure,
    /// The server does not answer us.
    Refused,
    /// An answer broken, forged too often, cut, or with aliases without end.
    Malformed,
}

impl Answer {
    pub fn records(&self) -> &[Record] {
        match self {
            Answer::Records { records, .. } => records,
            _ => &[],
        }
    }

    pub fn is_failure(&self) -> bool {
        matches!(self, Answer::Failed(_))
    }
}
