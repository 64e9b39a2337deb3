//! `sink`: accepts all mail as fast as it can, keeps none, counts what came, and plays faults.

mod content;
mod drive;
mod fault;
mod options;
mod report;
mod session;
mod tally;

pub use drive::{Sink, Snapshot};
pub use fault::{Action, Fault, Stage};
pub use options::Options;
pub use report::Report;
pub use tally::Tally;
