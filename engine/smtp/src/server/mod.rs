//! The server side: one `Session` per connection decides what is read, answered and judged.

mod body;
mod draft;
pub mod replies;
mod session;
mod settings;

pub use body::Body;
pub use draft::{Draft, HeaderFacts};
pub use session::{Facts, Judgement, Session, Want};
pub use settings::{BareLineEnds, DateHeader, EarlyTalk, LineLength, MissingHeaders, Settings};
