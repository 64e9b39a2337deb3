//! One seed, one story: shards, clients, peers and name servers, some misfortune, and the account at the end.

mod client;
mod engine;
mod ledger;
mod lines;
mod names;
mod operator;
mod peer;
mod plan;
mod teller;

pub use ledger::{Ledger, Violation};
pub use plan::Plan;
pub use teller::{Failure, Summary, tell};
