//! Lines and replies as bytes: what both sides of the protocol share.
