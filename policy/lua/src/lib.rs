//! Lua policy: the module `scriptlet`, its virtual machine and the functions that scripts call.
//!
//! Architecture invariant: a script never stalls a shard. What it computes is cut into slices, what it waits for
//! suspends its coroutine, and what it allocates is counted; see README.md.

mod budget;
mod call;
mod callouts;
mod chores;
mod control;
pub mod dialect;
mod family;
mod findings;
mod function;
mod hooks;
mod instance;
mod lane;
mod machine;
mod macros;
mod matcher;
mod module;
mod pattern;
mod sources;
mod strings;
mod value;
mod watch;

pub use family::reference;
pub use findings::findings;
pub use module::{AC_AUTH, MODULE, load, load_beside};
pub use sources::Script;
