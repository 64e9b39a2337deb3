//! Starts the shards: one pinned thread each, and one for a tool that needs no pinning.

use crate::RealWorld;
use std::future::Future;
use std::io;
use std::sync::Arc;

/// Told of a panic inside a task: the task's name and the panic's message.
pub type PanicHook = Arc<dyn Fn(&str, &str) + Send + Sync>;

/// Which cores get a shard, and who is told of panics.
#[derive(Clone)]
pub struct Plan {
    pub cpus: Vec<usize>,
    pub on_panic: PanicHook,
}

impl Plan {
    /// One shard on each of the first `count` cores that this process may use.
    pub fn shards(_count: usize, _on_panic: PanicHook) -> io::Result<Plan> {
        todo!()
    }
}

/// The running shards.
pub struct Runtime {}

impl Runtime {
    /// Starts one shard on each core of the plan; each runs `body(world, index)` to its end.
    pub fn start<B, F>(_plan: Plan, _body: B) -> io::Result<Runtime>
    where
        B: Fn(RealWorld, usize) -> F + Clone + Send + 'static,
        F: Future<Output = ()> + 'static,
    {
        todo!()
    }

    /// Waits for all shards, then for the log writer.
    pub fn join(self) -> io::Result<()> {
        todo!()
    }
}

/// Runs `body` on an executor of the calling thread, unpinned: for tools, demonstrations and tests.
pub fn run_on_thread<B, F, T>(_on_panic: PanicHook, _body: B) -> io::Result<T>
where
    B: FnOnce(RealWorld) -> F,
    F: Future<Output = T> + 'static,
    T: 'static,
{
    todo!()
}
