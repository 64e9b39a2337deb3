//! A simulated outside for whole shards: virtual time, tasks in random order, a network and a disk that fail
//! as real ones do. Everything that happens follows from one seed.
//!
//! Architecture invariant: no thread, no socket, no file, no clock of the real world.

mod bell;
mod clock;
mod dice;
mod disk;
mod net;
pub mod story;
mod tasks;
mod trace;
mod universe;
mod world;

pub use clock::{Alarm, Clock};
pub use dice::Dice;
pub use disk::{DiskFaults, SECTOR, SimDisk, SimFile};
pub use net::{Crossing, NetFaults, Network, Presence, Responder, SimDatagrams, SimListener, SimStream};
pub use tasks::Process;
pub use universe::{Step, Universe};
pub use world::SimWorld;
