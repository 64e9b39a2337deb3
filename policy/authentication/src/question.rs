//! What a decider asks of the DNS, and what it is told.

use std::net::IpAddr;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    A,
    Aaaa,
    Mx,
    Txt,
    Ptr,
}

/// A name in lower case, without the final dot, and the records wanted of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Question {
    pub name: Box<str>,
    pub kind: Kind,
}

impl Question {
    pub fn new(kind: Kind, name: &str) -> Self {
        Question { name: name.trim_end_matches('.').to_ascii_lowercase().into(), kind }
    }

    /// The addresses of a host, of the family that `like` has.
    pub fn addresses(name: &str, like: IpAddr) -> Self {
        Question::new(if like.is_ipv4() { Kind::A } else { Kind::Aaaa }, name)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A, AAAA
    Addresses(Vec<IpAddr>),
    /// MX: preference and host
    Exchangers(Vec<(u16, String)>),
    /// TXT: the strings of each record already joined without a space (RFC 7208 §3.3, RFC 6376 §3.6.2.2)
    Texts(Vec<Vec<u8>>),
    /// PTR
    Names(Vec<String>),
    /// The name exists, without such records.
    NoData,
    /// The name does not exist.
    NoName,
    /// The servers fail or time out: another attempt may succeed.
    Failed,
}

impl Reply {
    /// A reply without records, which SPF counts (RFC 7208 §4.6.4).
    pub fn is_void(&self) -> bool {
        match self {
            Reply::Addresses(records) => records.is_empty(),
            Reply::Exchangers(records) => records.is_empty(),
            Reply::Texts(records) => records.is_empty(),
            Reply::Names(records) => records.is_empty(),
            Reply::NoData | Reply::NoName => true,
            Reply::Failed => false,
        }
    }
}
