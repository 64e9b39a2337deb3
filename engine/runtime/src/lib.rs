//! The real world: a pinned executor per shard with an io_uring of its own, and what stands around it.
//!
//! Architecture invariant: the only crate that names glommio, io-uring, libc and unsafe; nothing of them
//! shows in its public items, and no item here knows mail, configuration or policy.

mod executor;
mod world;

pub use executor::{PanicHook, Plan, Runtime, run_on_thread};
pub use world::RealWorld;
