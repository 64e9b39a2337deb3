//! `load`: sends mail to any SMTP server, at its own pace or as fast as it is answered, and measures it.

mod connection;
mod drive;
mod letter;
mod options;
mod pace;
mod recipient;
mod report;
mod session;
mod tally;

pub use drive::{Load, Progress};
pub use options::{CONNECTIONS, MESSAGE_BYTES, Options, RECIPIENTS, THREADS};
pub use pace::{Pace, Ticket};
pub use recipient::Template;
pub use report::Report;
pub use tally::Tally;
