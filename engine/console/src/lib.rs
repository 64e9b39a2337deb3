//! How the operator asks and is answered: lines of words, the commands they name, and documents that are
//! shown as text or as JSON.
//!
//! Architecture invariant: nothing here carries out a command or touches a socket.

mod answer;
mod command;
mod document;
mod help;
mod json;
mod layout;
mod line;
mod operands;
mod request;
mod suggestion;
mod value;

pub use answer::{Status, write_answer};
pub use command::{Command, Effect, Named, UnknownCommand, find};
pub use document::{Document, Pieces};
pub use help::{explain, help};
pub use layout::date;
pub use line::{LINE_LIMIT, Lines, Mistake, words};
pub use operands::{Operands, Refused};
pub use request::{Filter, Format, NoRequest, Request};
pub use value::{Record, Value};
