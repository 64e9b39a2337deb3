//! What the tests with the real server share: the server as a child process, and everything around it that
//! is not ours to trust: clients, sinks, a name server, parsers of the logs.
//!
//! Architecture invariant: nothing here reuses the engine's code for mail or logs. An error of the engine
//! cannot hide behind the same error in its judge. (The one exception is the name server, `dns::zone`.)

mod client;
mod folder;
mod log;
mod name_server;
mod patience;
mod ports;
mod program;
mod server;
mod sink;

pub use client::{Client, Reply, letter};
pub use folder::Folder;
pub use log::{MainLine, Type, parse_bouncelog, parse_mainlog, parse_rejectlog};
pub use name_server::NameServer;
pub use patience::{PATIENCE, eventually, poll};
pub use ports::free_port;
pub use program::{Background, Ended, are_installed, run, run_with_input, signal};
pub use server::{Place, Server, Setup};
pub use sink::{Letter, Sink};
