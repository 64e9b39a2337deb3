//! The words that every crate speaks. Plain values: nothing here decides, waits or touches the outside.

pub mod address;
pub mod context;
pub mod envelope;
pub mod id;
pub mod md5;
pub mod note;
pub mod outcome;
pub mod phase;
pub mod reply;
pub mod time;

pub use address::Address;
pub use context::{Contexts, Dictionary};
pub use envelope::{Envelope, Protocol, Reception};
pub use id::MessageId;
pub use note::{Note, QueueName};
pub use outcome::{Outcome, Stage};
pub use phase::{Phase, SessionState};
pub use reply::Reply;
pub use time::Time;
