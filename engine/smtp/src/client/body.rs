//! Content as it goes over the wire.
