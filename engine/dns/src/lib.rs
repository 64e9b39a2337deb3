//! Questions about names, as deciders: one question to a resolver (`Query`), answers kept (`Cache`), the
//! hosts that take a domain's mail (`Exchangers`), the questions of policy (`lookup`).
//!
//! Architecture invariant: nothing here opens a socket, reads a clock or draws a random number; all three
//! come in as arguments. We are a stub: the servers of resolv.conf do the recursion (RFC 1034 §5.3.1).

pub mod attempts;
mod cache;
pub mod exchangers;
pub mod lookup;
mod name;
mod packet;
pub mod query;
mod question;
mod resolv;
pub mod route;
pub mod zone;

pub use attempts::Attempts;
pub use cache::{Cache, Limits};
pub use exchangers::{Exchangers, Settings};
pub use name::{Name, NotAName};
pub use query::Query;
pub use question::{Answer, Kind, Question, Record, Trouble};
pub use resolv::{Ignored, Resolv};
pub use route::{Host, Route};

/// The same cases in every run, more of them than by default: a failure is never somebody else's.
#[cfg(test)]
fn fixed_cases() -> proptest::test_runner::Config {
    use proptest::test_runner::{Config, RngSeed};
    Config { cases: 1000, rng_seed: RngSeed::Fixed(5321), failure_persistence: None, ..Config::default() }
}
