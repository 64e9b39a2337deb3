//! How the operator asks: lines of words, the commands they name, and the frame of an answer.
//!
//! Architecture invariant: nothing here carries out a command or touches a socket.

mod answer;
mod command;
mod list;
mod request;
mod suggestion;

pub use answer::{Status, write_answer};
pub use command::{Asked, Command, UnknownCommand, find, help, usage};
pub use list::COMMANDS;
pub use request::{LINE_LIMIT, Mistake, Requests, words};
