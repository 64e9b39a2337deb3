//! How the operator asks and is answered: the control connection, lines of words, the commands they name, and
//! documents that are shown as text or as JSON.
//!
//! Architecture invariant: nothing here carries out a command or touches a socket.

mod authority;
mod command;
mod completion;
mod dialogue;
mod document;
mod help;
mod json;
mod layout;
mod line;
mod mechanism;
mod operands;
mod request;
mod store;
mod suggestion;
mod value;
mod wire;

pub use authority::{NOT_AUTHORIZED, Role, authorize};
pub use command::{Command, Effect, Named, UnknownCommand, find};
pub use completion::{Next, Thing, next};
pub use dialogue::{AUTHORIZATION_REQUIRED, Attempt, Dialogue, Door, Want};
pub use document::{Document, Pieces};
pub use help::{explain, help};
pub use layout::{date, fill};
pub use line::{LINE_LIMIT, Lines, Mistake, words};
pub use mechanism::{ClientExchange, Mechanism, digest, verifier};
pub use operands::{Operands, Refused};
pub use request::{Filter, Format, NoRequest, Request};
pub use store::Stores;
pub use value::{Record, Value};
pub use wire::{FRAME_LIMIT, Mode, OPENING, Status, frame_head};
