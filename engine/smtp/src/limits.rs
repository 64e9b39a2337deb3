//! Bounds of the protocol, each with the answer given when it is reached.
//! What an operator may choose is in `server::Settings`; these hold whatever he chooses.

/// Octets of a response of AUTH, CRLF included (RFC 4954 §4).
pub const AUTH_LINE: usize = 12_288;

/// Failures of AUTH on one connection; the next is answered 421.
pub const AUTH_FAILURES: u32 = 3;

/// Octets of a command line with its CRLF: 512 (RFC 5321 §4.5.3.1.4), and what SIZE (RFC 1870 §3) and
/// 8BITMIME (RFC 6152 §2) add to MAIL. Longer: 500 5.5.2 at the line's end.
pub const COMMAND_LINE: usize = 512 + 26 + 17;

/// Octets of a reply line with its CRLF that a client takes: RFC 5321 §4.5.3.1.5 allows 512, real servers
/// send more.
pub const REPLY_LINE: usize = 4096;

/// Lines of one reply that a client takes.
pub const REPLY_LINES: usize = 128;

/// Octets of a domain (RFC 5321 §4.5.3.1.2). Longer: syntax error.
pub const DOMAIN: usize = 255;

/// Octets of a label of a domain (RFC 1035 §2.3.4). Longer: syntax error.
pub const LABEL: usize = 63;

/// Recipients of one message where no limit is set. More: 452 4.5.3.
pub const RECIPIENTS: u32 = 65_536;

/// Octets of a message where no limit is set. More: 552 5.3.4.
pub const MESSAGE: u64 = 1 << 30;

/// A client that sends this many times the largest allowed message in one DATA is disconnected.
pub const OVERSIZE_FACTOR: u64 = 2;

/// Octets added to that, so that a small limit does not cut what is already under way.
pub const OVERSIZE_SLACK: u64 = 64 * 1024;

/// Octets reserved at DATA on the word of a client that announced a size.
pub const ANNOUNCED_RESERVE: u64 = 1 << 20;

/// Unsent replies, in octets, at which commands wait until they are written.
pub const REPLIES_GATHERED: usize = 16 * 1024;

/// Octets that a client may send before the greeting. More: the connection is closed.
pub const EARLY_TALK: usize = 4096;

/// Free octets in front of a body, so that trace fields are put there without a copy.
pub const BODY_ROOM: usize = 1024;

/// Capacity of buffers, in octets, that a session keeps while it has nothing to do.
pub const IDLE_BUFFER: usize = 256;

/// Refusals of our own that wait to be taken for the reject log. More: only counted.
pub const REFUSALS_NOTED: usize = 16;
