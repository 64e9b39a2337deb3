//! What a validation module is and what it may ask: the contract between policy and the engine.
//!
//! Architecture invariant: nothing here knows a socket, a runtime or the SMTP grammar. A module is a script
//! of questions to a `Host`; the engine's `shard` plays the host.

mod combination;
mod disposition;
mod host;
mod module;
mod pipeline;

pub use combination::{Combined, combine};
pub use disposition::Disposition;
pub use host::Host;
pub use module::{Answer, Ask, Client, Module, ModuleDef, Subject, Verdict};
pub use pipeline::{Loaded, Pipeline, Turn};
