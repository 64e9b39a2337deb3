//! Replies of the peer.
/// Longest line of a reply, in bytes with its line end; RFC 5321 §4.5.3.1.5 asks for 512.
pub const MAX_LINE_BYTES: usize = 2048;
/// Most lines of one reply.
pub const MAX_LINES: usize = 100;
