//! Threads beside the shards, for what blocks or computes long: two pools for the process, fed by all shards.
//!
//! Law: what waits for a pool is bounded; beyond that a job is refused, never waited for.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use world::{Job, Pool};

/// Jobs that may wait for one pool.
const WAITING: usize = 1024;
/// Threads that may wait for disks and hosts at the same time.
const IO_THREADS: usize = 8;
/// Threads that compute: the cores belong to the shards.
const CPU_THREADS: usize = 2;

/// The shards' side. Shared by all of them.
pub(crate) struct Pools {
    io: Side,
    cpu: Side,
}

struct Side {
    /// None ends a thread.
    jobs: SyncSender<Option<Job>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Pools {
    pub fn start() -> io::Result<Arc<Pools>> {
        Ok(Arc::new(Pools { io: Side::start("io", IO_THREADS)?, cpu: Side::start("cpu", CPU_THREADS)? }))
    }

    /// False: the pool has too much to do, or has ended.
    pub fn offer(&self, pool: Pool, job: Job) -> bool {
        let side = match pool {
            Pool::Io => &self.io,
            Pool::Cpu => &self.cpu,
        };
        side.jobs.try_send(Some(job)).is_ok()
    }

    /// Does what waits, then ends the threads.
    pub fn end(&self) {
        for side in [&self.io, &self.cpu] {
            let mut threads = side.threads.lock().unwrap_or_else(PoisonError::into_inner);
            // A thread that has gone needs no end.
            threads.iter().for_each(|_| drop(side.jobs.send(None)));
            threads.drain(..).for_each(|thread| thread.join().expect("panics of jobs are caught"));
        }
    }
}

impl Side {
    fn start(name: &str, count: usize) -> io::Result<Side> {
        let (jobs, taken) = sync_channel(WAITING);
        let taken = Arc::new(Mutex::new(taken));
        let thread = |_| {
            let taken = taken.clone();
            thread::Builder::new().name(format!("pool {name}")).spawn(move || work(&taken))
        };
        let threads = (0..count).map(thread).collect::<io::Result<_>>()?;
        Ok(Side { jobs, threads: Mutex::new(threads) })
    }
}

fn work(taken: &Mutex<Receiver<Option<Job>>>) {
    loop {
        // The lock is held while waiting: the others wait for the lock instead.
        let job = taken.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Some(job)) = job else { return };
        // A job that panics has told nobody; its thread goes on with the next.
        let _ = catch_unwind(AssertUnwindSafe(job));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn jobs_are_done_beside_the_shard_even_after_one_has_panicked() {
        let pools = Pools::start().unwrap();
        let (done, dones) = channel();
        assert!(pools.offer(Pool::Cpu, Box::new(|| panic!("a job that breaks"))));
        for number in 0..10 {
            let done = done.clone();
            let pool = if number % 2 == 0 { Pool::Io } else { Pool::Cpu };
            assert!(
                pools.offer(pool, Box::new(move || done.send((number, thread::current().id())).unwrap()))
            );
        }
        let mut numbers: Vec<_> = dones
            .iter()
            .take(10)
            .map(|(number, thread)| {
                assert_ne!(thread, thread::current().id());
                number
            })
            .collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..10).collect::<Vec<_>>());
        pools.end();
    }

    #[test]
    fn a_full_pool_refuses() {
        let pools = Pools::start().unwrap();
        let (go, wait) = channel::<()>();
        let wait = Arc::new(Mutex::new(wait));
        let mut refused = false;
        for _ in 0..WAITING + CPU_THREADS + 1 {
            let wait = wait.clone();
            let job = move || {
                let _ = wait.lock().unwrap().recv();
            };
            refused |= !pools.offer(Pool::Cpu, Box::new(job));
        }
        assert!(refused);
        drop(go);
        pools.end();
    }
}
