//! What is written down: events, the formats that turn them into lines, and the gathering of lines.
//!
//! Architecture invariant: nothing here opens a file, knows a clock or waits. The driver asks
//! [`Lines::want`], appends the bytes to the log it names and tells the result.

mod event;
pub mod formats;
mod lines;
mod list;
mod text;

pub use event::{Accounted, Accounting, Copy, Delivery, Event, Failure, Kind, Kinds, Reception, Rejection};
pub use formats::{Format, Style};
pub use lines::{GATHER_BYTES, LIMIT_BYTES, Lines, Open, RETRY_AFTER, Want};
pub use list::{FORMATS, format_named};
