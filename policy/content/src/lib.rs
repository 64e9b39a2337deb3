//! What a message says: its octets, header fields, MIME parts and addresses, and edits that leave every octet
//! alone which they do not name (RFC 5322, RFC 2045 to 2047, RFC 2231).
//!
//! Architecture invariant: nothing here knows a session, a module or a language; all of them read and change
//! messages through this crate. Whatever octets come in, nothing fails: what is no field or no part stays as
//! it is.

pub mod address;
pub mod charset;
mod content;
mod content_type;
pub mod encoded_word;
mod header;
pub mod transfer;
mod tree;

pub use content::{Content, Place};
pub use content_type::{ContentType, percent_decoded};
pub use header::{BadField, Field, Header};
pub use transfer::Encoding;
pub use tree::{DEPTH_LIMIT, NotMoved, PART_LIMIT, PartId, Tree};
