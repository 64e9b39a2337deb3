//! The server side: one `Session` per connection decides what is read, answered and judged.

mod body;
mod conformance;
mod conversation;
mod draft;
mod extensions;
mod intake;
mod parameters;
pub mod replies;
mod session;
mod settings;
mod verbs;

pub use body::Body;
pub use draft::{Draft, HeaderFacts};
pub use session::{Counts, Facts, Judgement, Refusal, Session, Want};
pub use settings::{BareLineEnds, DateHeader, EarlyTalk, LineLength, MissingHeaders, Settings};
