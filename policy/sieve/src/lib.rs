//! Momentum's Sieve: RFC 5228 with variables, hashes and actions of a mail engine (spec sieve.md).
//!
//! A script is lexed and parsed into a tree, compiled to a `Program` that all shards share, and run by a
//! `machine` that says when it must wait. To add a word: a row in one of the families in `words`.
//!
//! Architecture invariant: nothing here knows a runtime; a script asks `policy_api::Host` only.

mod aside;
mod commands;
mod compile;
mod fault;
mod hooks;
mod included;
mod keys;
mod lexer;
mod limits;
mod loader;
mod machine;
mod macros;
mod matching;
mod module;
mod options;
mod parser;
mod pattern;
mod phase;
mod program;
mod run;
mod scene;
mod script;
mod statistics;
mod syntax;
mod throttle;
mod value;
mod word;
mod words;

pub use compile::{Alone, Loader, Purpose, compile, compile_for};
pub use limits::Limits;
pub use module::{DISCLAIMER, LIBRARY, MODULE};
pub use phase::{Place, script_named, script_names};
pub use program::Program;
pub use statistics::{Row, statistics};
pub use words::{Reference, reference};
