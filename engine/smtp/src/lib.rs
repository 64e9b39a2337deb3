//! SMTP, both sides: what a server answers and what a client asks, decided without a socket.
//!
//! Architecture invariant: nothing here waits, reads a clock or knows policy. A session says what it
//! wants (`want`) and is told what happened (`read`, `wrote`, `judged`, …).

pub mod address;
pub mod client;
pub mod limits;
pub mod sasl;
pub mod server;
pub mod wire;
