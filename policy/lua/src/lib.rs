//! Lua policy: the module `scriptlet`, its virtual machine and the functions that scripts call.
//!
//! Architecture invariant: a script never stalls a shard. What it computes is cut into slices, what it waits for
//! suspends its coroutine, and what it allocates is counted; see README.md.

pub mod dialect;
