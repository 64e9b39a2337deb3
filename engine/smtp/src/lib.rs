//! The protocol, both sides: SMTP and LMTP.

pub mod client;
