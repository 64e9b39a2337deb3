//! The server side: one `Session` per connection decides what is read, answered and judged.

mod amend;
mod auth;
mod body;
mod conformance;
mod conversation;
mod draft;
mod exchange;
mod extensions;
mod input;
mod intake;
mod parameters;
pub mod replies;
mod session;
mod settings;
mod verbs;
mod view;

pub use amend::{Amendment, Introduction};
pub use body::Body;
pub use draft::{Draft, HeaderFacts};
pub use exchange::{Counts, Facts, Judgement, Refusal, Want};
pub use session::Session;
pub use settings::{BareLineEnds, DateHeader, EarlyTalk, LineLength, MissingHeaders, Settings};
