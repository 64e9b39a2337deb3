//! SPF, RFC 7208: is this address allowed to send for this domain?

mod evaluate;
mod macros;
mod received;
mod record;

pub use evaluate::{Evaluation, Limits, Outcome, Query};
pub use macros::{MacroFacts, expand};
pub use received::received_spf;
pub use record::Record;
