//! Reading a promise back from its blocks. Nothing is handed out that does not carry its own checksum.

use crate::Promise;
use bytes::Bytes;
use world::Buffer;

/// What was promised: as given to `Journal::promise`, the bodies in one piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promised {
    pub copies: u32,
    pub head: Bytes,
    /// Shares the memory of the blocks read, unless the promise was written in several parts.
    pub body: Bytes,
}

/// The blocks do not hold this promise: they rotted, or are of another place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

/// `parts` are the blocks of each location of `Journal::location`, in its order.
pub fn promised(_promise: Promise, _parts: Vec<(crate::Location, Buffer)>) -> Result<Promised, Unreadable> {
    unimplemented!("arrives with the format")
}
