//! The real world: a pinned executor per shard with an io_uring of its own, and what stands around it.
//!
//! Architecture invariant: the only crate that names glommio, io-uring, libc and unsafe; nothing of them
//! shows in its public items, and no item here knows mail, configuration or policy.

mod buffers;
mod clock;
mod disk;
mod doorbell;
mod executor;
mod lock;
mod log;
mod net;
mod operation;
mod pool;
mod preflight;
mod privileges;
mod ring;
mod signals;
mod tasks;
mod terminal;
mod timer;
mod watchdog;
mod wheel;
mod world;

pub use buffers::Chunk;
pub use disk::RealFile;
pub use executor::{PanicHook, Plan, Runtime, run_on_thread, usable_cpus};
pub use lock::{FolderLock, NotLocked};
pub use net::{RealDatagrams, RealListener, RealStream};
pub use preflight::{Finding, Needs, Severity, Subject, preflight, unavailable_addresses};
pub use privileges::{Identity, NoIdentity};
pub use signals::{ProcessSignal, Signals};
pub use terminal::{local_time_of_day, read_password, window_lines};
pub use world::{Gauges, RealWorld};
