//! The sending side of SMTP and LMTP: what one outgoing connection says, and what became of each recipient.
//!
//! Law: the answer for a recipient never depends on whether the peer pipelines, nor on how its bytes were
//! cut; and a recipient counts as delivered only after a 2xx that answers the end of its data.

mod answer;
mod attempt;
mod auth;
mod body;
mod command;
mod offers;
mod session;
mod settings;

pub use answer::{MAX_LINE_BYTES, MAX_LINES};
pub use attempt::{MAX_ADDRESS_BYTES, Report, Transaction};
pub use auth::Credentials;
pub use session::{PIPELINE_WINDOW, QUIT_TIMEOUT, Session, Want};
pub use settings::{Content8Bit, Method, Settings};
