//! A message in the making: from MAIL until the engine takes it or the transaction is dropped.

use super::Body;
use mail::Address;

#[derive(Debug, Default)]
pub struct Draft {
    /// None is the null sender `<>`.
    pub sender: Option<Address>,
    pub recipients: Vec<Address>,
    /// As sent, without dot-stuffing and final dot.
    pub body: Body,
    /// BODY=8BITMIME was given, or an octet above 127 was seen.
    pub eight_bit: bool,
    /// SIZE=, in octets.
    pub announced_size: Option<u64>,
    pub facts: HeaderFacts,
}

/// What the header says, collected once at the end of the data; offsets are those of `Body::content` at
/// that moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeaderFacts {
    pub received: u32,
    pub return_path: bool,
    pub date: bool,
    pub message_id: bool,
    pub from: bool,
    pub subject: bool,
    /// Octets of the header without the empty line behind it; 0 if all is body.
    pub header_length: usize,
    /// Where the body begins.
    pub body_start: usize,
}
