//! When mail fails: what a reply means, and what the sender is told.
//!
//! Architecture invariant: no clock and no chance. The same failure has the same class and the same notice.

mod boundary;
mod class;
mod classify;
mod delivery_status;
mod feedback;
mod fold;
mod original;
mod read;
mod report;
mod rules;
mod status;

pub use class::{Category, Class};
pub use classify::classify;
pub use delivery_status::delivery_status;
pub use feedback::{Feedback, feedback, quoted_field};
pub use original::{HEADERS_LIMIT, Original};
pub use read::{Reported, read, status_fields};
pub use report::{Action, Failure, Notice, notice, report};
pub use status::status;
