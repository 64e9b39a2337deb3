//! The outside, as traits: clock, chance, tasks, sockets, files. `engine/runtime` is the real one,
//! `tests/sim` a simulated one; `engine/shard` is written against these and knows neither.
//!
//! Architecture invariant: no trait here mentions SMTP, mail or configuration.

mod buffer;
mod disk;
mod net;
mod signal;

pub use buffer::{BLOCK, Buffer};
pub use disk::{Disk, Entry, File};
pub use net::{Datagrams, Dial, Endpoint, Listener, Net, Stream};
pub use signal::Signal;

use mail::Time;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// One shard's view of the outside. Cheap to clone; never leaves its thread.
///
/// Every future made here may be dropped safely, yet code of ours never drops one in flight: what has a
/// deadline takes the deadline as an argument and ends by itself.
pub trait World: Clone + Net + Disk + 'static {
    fn now(&self) -> Time;

    /// A random number of good quality.
    fn chance(&self) -> u64;

    /// Runs `task` on this shard until it ends by itself. A panic inside it is caught, reported through
    /// `panicked` of the embedding program, and ends only that task.
    fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + 'static);

    fn sleep_until(&self, when: Time) -> impl Future<Output = ()>;

    /// Lets sockets and other tasks have their turn if this task has computed for a while (0.3 ms).
    fn breathe(&self) -> impl Future<Output = ()>;

    /// Lets sockets and all other tasks have their turn, however short this one has computed.
    fn give_way(&self) -> impl Future<Output = ()>;

    /// Rings this shard from any thread.
    fn doorbell(&self) -> Arc<dyn Doorbell>;

    /// Ends when the doorbell has been rung since the last time; one task a shard waits here.
    fn rung(&self) -> impl Future<Output = ()>;

    /// Hands whole lines to the writer of the file, off this shard. False: the writer is so far behind
    /// that its bound is reached and the lines were dropped; the caller counts that.
    fn log(&self, file: &Path, mode: u32, lines: Vec<u8>) -> bool;

    /// Has a job done on a thread beside the shards. False: so many wait there that it was not taken. How a job
    /// tells that it is done is its own affair; it must not panic.
    fn work(&self, pool: Pool, job: Job) -> bool;

    /// What this shard's thread has done since its start.
    fn load(&self) -> Load {
        Load::default()
    }

    /// Asks the writer to close and open all log files again (after rotation).
    fn reopen_logs(&self);
}

/// What another thread does.
pub type Job = Box<dyn FnOnce() + Send>;

/// Which threads do a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pool {
    /// May wait: for disks, and for the network where a library knows no other way.
    Io,
    /// Computes.
    Cpu,
}

/// How busy a shard is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Times that it looked at its sockets and files.
    pub turns: u64,
    /// Time on a core.
    pub busy: Duration,
    /// The most memory that the process has had, in octets.
    pub peak_memory: u64,
}

/// The waking half of `World::rung`; costs nothing but an atomic when the bell already rings.
pub trait Doorbell: Send + Sync {
    fn ring(&self);
}
