//! Starts the shards: one pinned thread each, and one for a tool that needs no pinning.
//!
//! Law: of the executor we use pinning, tasks and sleep, nothing else; it can be replaced.

use crate::RealWorld;
use crate::doorbell::Bell;
use crate::log::LogWriter;
use crate::pool::Pools;
use crate::tasks::message;
use crate::watchdog::{Watch, Watchdog};
use crate::world::Shard;
use glommio::io::BufferedFile;
use glommio::{ExecutorJoinHandle, LocalExecutorBuilder, Placement};
use std::any::Any;
use std::future::{Future, poll_fn};
use std::io;
use std::os::fd::FromRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::Poll;
use std::time::Duration;
use world::Doorbell;

/// Told of a panic inside a task: the task's name and the panic's message.
pub type PanicHook = Arc<dyn Fn(&str, &str) + Send + Sync>;

/// With a shorter timer the executor may park while tasks are runnable.
const PREEMPT_TIMER: Duration = Duration::from_millis(100);
const HOST_RING_DEPTH: usize = 128;

/// Which cores get a shard, and who is told of panics.
#[derive(Clone)]
pub struct Plan {
    pub cpus: Vec<usize>,
    pub on_panic: PanicHook,
}

impl Plan {
    /// One shard on each of the first `count` cores that this process may use; fails if they are fewer.
    pub fn shards(count: usize, on_panic: PanicHook) -> io::Result<Plan> {
        let mut cpus = usable_cpus()?;
        if count == 0 || cpus.len() < count {
            let text =
                format!("{count} shards were asked for, and this process may use {} cores", cpus.len());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        cpus.truncate(count);
        Ok(Plan { cpus, on_panic })
    }
}

/// The cores that the scheduler may put this process on.
pub fn usable_cpus() -> io::Result<Vec<usize>> {
    // SAFETY: an all-zero set is a valid value, and the call writes at most its size.
    let set = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        if libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &mut set) != 0 {
            return Err(io::Error::last_os_error());
        }
        set
    };
    // SAFETY: the index stays below the size of the set.
    Ok((0..libc::CPU_SETSIZE as usize).filter(|cpu| unsafe { libc::CPU_ISSET(*cpu, &set) }).collect())
}

/// The running shards.
pub struct Runtime {
    shards: Vec<ExecutorJoinHandle<io::Result<()>>>,
    doorbells: Vec<Arc<Bell>>,
    logs: Arc<LogWriter>,
    pools: Arc<Pools>,
    watchdog: Watchdog,
}

impl Runtime {
    /// Starts one shard on each core of the plan; when all stand, each runs `body(world, index)` to its end.
    /// Fails, with no body begun, if one of them cannot be made.
    pub fn start<B, F>(plan: Plan, body: B) -> io::Result<Runtime>
    where
        B: Fn(RealWorld, usize) -> F + Clone + Send + 'static,
        F: Future<Output = ()> + 'static,
    {
        let (logs, pools, watchdog) = (LogWriter::start()?, Pools::start()?, Watchdog::start()?);
        let mut runtime = Runtime { shards: Vec::new(), doorbells: Vec::new(), logs, pools, watchdog };
        let (ready, stands) = channel();
        let (count, mut goes) = (plan.cpus.len(), Vec::new());
        let made = plan.cpus.iter().enumerate().try_for_each(|(index, cpu)| {
            let (go, may_go) = channel();
            goes.push(go);
            runtime.add(index, *cpu, Gate { ready: ready.clone(), may_go }, &plan.on_panic, body.clone())
        });
        drop(ready);
        if made.is_ok() && stands.iter().take(count).count() == count {
            // A shard that stands waits for this; it cannot have gone away.
            goes.into_iter().for_each(|go| go.send(()).expect("the shard waits"));
            return Ok(runtime);
        }
        drop(goes);
        let ended = runtime.join();
        Err(made.and(ended).err().unwrap_or_else(|| io::Error::other("a shard could not be made")))
    }

    fn add<B, F>(&mut self, index: usize, cpu: usize, gate: Gate, hook: &PanicHook, body: B) -> io::Result<()>
    where
        B: Fn(RealWorld, usize) -> F + Send + 'static,
        F: Future<Output = ()> + 'static,
    {
        let (bell, logs, on_panic) = (Bell::new()?, self.logs.clone(), hook.clone());
        self.doorbells.push(bell.clone());
        let watch = self.watchdog.shard();
        let pools = self.pools.clone();
        let shard = host(Placement::Fixed(cpu)).name("shard").spawn(move || async move {
            let shard = Shard::new(bell, logs, pools, on_panic.clone())?;
            if !gate.passed() {
                return Ok(());
            }
            let body = body(RealWorld(shard.clone()), index);
            attended(shard, watch, body).await.map_err(|panic| {
                on_panic("shard", message(&*panic));
                io::Error::other("a shard ended by a panic")
            })
        });
        self.shards.push(shard.map_err(from_host)?);
        Ok(())
    }

    /// The bell of each shard, in order of their index.
    pub fn doorbells(&self) -> Vec<Arc<dyn Doorbell>> {
        self.doorbells.iter().map(|bell| bell.clone() as Arc<dyn Doorbell>).collect()
    }

    /// Appends that a log file did not take (no space, no permission).
    pub fn log_appends_lost(&self) -> u64 {
        self.logs.lost()
    }

    /// Waits for all shards, then for the side threads and the log writer. The first error that a shard ended with.
    pub fn join(self) -> io::Result<()> {
        let ends: Vec<_> = self.shards.into_iter().map(|shard| shard.join().map_err(from_host)).collect();
        self.watchdog.end();
        self.pools.end();
        self.logs.end();
        ends.into_iter().try_for_each(|end| end?)
    }
}

/// Where a shard that stands waits for the others. Blocks its thread: nothing runs on it yet.
struct Gate {
    ready: Sender<()>,
    may_go: Receiver<()>,
}

impl Gate {
    /// False: another shard could not be made.
    fn passed(self) -> bool {
        let told = self.ready.send(()).is_ok();
        // Else the starter would wait for this sender when another shard is missing.
        drop(self.ready);
        told && self.may_go.recv().is_ok()
    }
}

/// Runs `body` on an executor of the calling thread, unpinned: for tools, demonstrations and tests. Each
/// call leaves a descriptor behind: not for loops.
pub fn run_on_thread<B, F, T>(on_panic: PanicHook, body: B) -> io::Result<T>
where
    B: FnOnce(RealWorld) -> F,
    F: Future<Output = T> + 'static,
    T: 'static,
{
    let executor = host(Placement::Unbound).make().map_err(from_host)?;
    let (logs, pools) = (LogWriter::start()?, Pools::start()?);
    let watchdog = Watchdog::start()?;
    let result: io::Result<_> = executor.run(async {
        let shard = Shard::new(Bell::new()?, logs.clone(), pools.clone(), on_panic)?;
        let body = body(RealWorld(shard.clone()));
        Ok(attended(shard, watchdog.shard(), body).await)
    });
    watchdog.end();
    pools.end();
    logs.end();
    match result? {
        Ok(value) => Ok(value),
        Err(panic) => resume_unwind(panic),
    }
}

fn host(placement: Placement) -> LocalExecutorBuilder {
    LocalExecutorBuilder::new(placement).io_memory(0).ring_depth(HOST_RING_DEPTH).preempt_timer(PREEMPT_TIMER)
}

/// Runs `body` with the tasks that serve the ring beside it, and ends these after it. The error is the panic
/// that the body ended with.
async fn attended<T>(
    shard: Rc<Shard>,
    watch: Watch,
    body: impl Future<Output = T>,
) -> Result<T, Box<dyn Any + Send>> {
    let flusher = {
        let shard = shard.clone();
        glommio::spawn_local(poll_fn(move |context| {
            if shard.closing.get() { Poll::Ready(()) } else { shard.ring.poll_flush(context) }
        }))
    };
    let pulse = glommio::spawn_local(watch.beat({
        let shard = shard.clone();
        move || shard.closing.get()
    }));
    let reaper = glommio::spawn_local(reap(shard.clone()));
    let mut body = Box::pin(body);
    let polled = poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| body.as_mut().poll(context))) {
        Ok(polled) => polled.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    });
    let result = polled.await;
    drop(body);
    shard.closing.set(true);
    // The pulse comes from outside within 10 ms; the other two are woken here.
    shard.ring.wake_flusher();
    shard.ring.ring_completion_bell();
    flusher.await;
    pulse.await;
    reaper.await;
    if !shard.ring.quiet() {
        // The kernel still holds memory of ours: it must never be freed.
        std::mem::forget(shard);
    }
    result
}

/// Sleeps in the host's ring until the guest's completions ring their bell.
async fn reap(shard: Rc<Shard>) {
    let bell = shard.ring.completion_bell().expect("a descriptor for the shard's own ring");
    // SAFETY: the descriptor is a duplicate made for this file alone.
    let bell = unsafe { BufferedFile::from_raw_fd(bell) };
    while !shard.closing.get() {
        let read = bell.read_at(0, size_of::<u64>()).await.map_err(io::Error::from);
        let interrupted = |error: &io::Error| error.kind() == io::ErrorKind::Interrupted;
        assert!(read.as_ref().err().is_none_or(interrupted), "an event counter can be read: {read:?}");
        shard.ring.reap();
    }
    let _ = bell.close().await;
}

fn from_host<T>(error: glommio::GlommioError<T>) -> io::Error {
    io::Error::from(error)
}
