//! Load and sink for any SMTP server, and the audit of what lies between them.
//!
//! Law: written against `world::World` alone; whoever runs them brings the world and the threads
//! (`on_threads`), so both also run where there is no kernel.

mod arguments;
mod ledger;
pub mod load;
pub mod sink;
mod threads;
mod token;

pub use arguments::Complaint;
pub use ledger::{Comparison, EXAMPLES, Ledger, Mark, PAGES, RUNS};
pub use load::Load;
pub use sink::Sink;
pub use threads::{WATCH, on_threads};
pub use token::{FIELD, NUMBERS, TOKEN_BYTES, Token};
