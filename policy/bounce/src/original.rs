//! The third part of a notice: the mail that failed, or as much of it as may be returned.

use memchr::memmem;

/// `bounces_inline_original`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Original {
    #[default]
    Headers,
    None,
    All,
}

/// Header bytes that a notice returns at most; the field that crosses it and all after it are left out.
pub const HEADERS_LIMIT: usize = 64 * 1024;

/// Longest line of mail without its line end, in bytes (RFC 5322 §2.1.1).
pub(crate) const LINE_LIMIT: usize = 998;
