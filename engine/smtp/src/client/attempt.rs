//! One transaction under way: who was decided, and how.

use bytes::Bytes;
use mail::{Address, Outcome};

/// Longest address sent: what a command line of 512 octets leaves (RFC 5321 §4.5.3.1.4).
pub const MAX_ADDRESS_BYTES: usize = 500;

/// One content for one or more recipients.
#[derive(Clone, Debug)]
pub struct Transaction {
    /// None is the null sender.
    pub sender: Option<Address>,
    pub recipients: Vec<Address>,
    pub body: Bytes,
    /// The content has octets above 127.
    pub eight_bit: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// One for each recipient, in their order.
    pub outcomes: Vec<Outcome>,
    /// Octets of content handed to the socket, dots and final dot included; zero if DATA was not reached.
    pub bytes_sent: u64,
}
