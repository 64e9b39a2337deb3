//! A transcript: read from text, played by a driver that has no socket, no clock and no policy.

mod driver;
mod script;

pub use script::{Script, Split};
