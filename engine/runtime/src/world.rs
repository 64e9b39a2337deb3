//! `world::World` for real: one shard's clock, chance, tasks, bell and logs.

use crate::buffers::Buffers;
use crate::clock::Clock;
use crate::doorbell::Bell;
use crate::executor::PanicHook;
use crate::log::LogWriter;
use crate::pool::Pools;
use crate::ring::Ring;
use crate::tasks::Contained;
use crate::timer::Timers;
use mail::Time;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use world::{Doorbell, Job, Load, Pool, World};

/// How long tasks may compute until `breathe` lets sockets have their turn.
const BREATH: Duration = Duration::from_micros(300);

/// Random numbers fetched from the kernel at once.
const CHANCES: usize = 32;

/// One shard's view of the outside.
#[derive(Clone)]
pub struct RealWorld(pub(crate) Rc<Shard>);

/// What all parts of a shard's world share. Never leaves its thread.
pub(crate) struct Shard {
    pub ring: Ring,
    pub buffers: Rc<Buffers>,
    pub timers: Timers,
    pub clock: Clock,
    pub bell: Arc<Bell>,
    pub counters: Counters,
    logs: Arc<LogWriter>,
    pools: Arc<Pools>,
    on_panic: PanicHook,
    chances: RefCell<Vec<u64>>,
    pub closing: Cell<bool>,
}

#[derive(Default)]
pub(crate) struct Counters {
    pub accept_pauses: Cell<u64>,
    pub accepts_lost: Cell<u64>,
    pub buffers_exhausted: Cell<u64>,
}

/// The state of one shard's world, for the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gauges {
    /// Receive buffers in the kernel's hands, of `receive_buffers`.
    pub receive_buffers_free: u16,
    pub receive_buffers: u16,
    /// How often bytes arrived and no receive buffer was free; they were received into memory of their own.
    pub receive_buffers_exhausted: u64,
    pub operations_in_flight: usize,
    pub alarms: usize,
    /// How often accepting paused because descriptors or memory had run out.
    pub accept_pauses: u64,
    /// Connections that were gone before they were accepted.
    pub accepts_lost: u64,
}

impl Shard {
    pub fn new(
        bell: Arc<Bell>,
        logs: Arc<LogWriter>,
        pools: Arc<Pools>,
        on_panic: PanicHook,
    ) -> io::Result<Rc<Shard>> {
        let ring = Ring::new()?;
        let buffers = Buffers::register(&ring)?;
        let clock = Clock::anchored();
        Ok(Rc::new(Shard {
            ring,
            buffers,
            timers: Timers::new(clock.now()),
            clock,
            bell,
            counters: Counters::default(),
            logs,
            pools,
            on_panic,
            chances: RefCell::new(Vec::with_capacity(CHANCES)),
            closing: Cell::new(false),
        }))
    }
}

impl RealWorld {
    pub fn gauges(&self) -> Gauges {
        let shard = &self.0;
        Gauges {
            receive_buffers_free: shard.buffers.free(),
            receive_buffers: crate::buffers::BUFFERS,
            receive_buffers_exhausted: shard.counters.buffers_exhausted.get(),
            operations_in_flight: shard.ring.in_flight(),
            alarms: shard.timers.len(),
            accept_pauses: shard.counters.accept_pauses.get(),
            accepts_lost: shard.counters.accepts_lost.get(),
        }
    }
}

impl World for RealWorld {
    fn now(&self) -> Time {
        self.0.clock.now()
    }

    fn chance(&self) -> u64 {
        let mut chances = self.0.chances.borrow_mut();
        if chances.is_empty() {
            let mut bytes = [0; CHANCES * size_of::<u64>()];
            getrandom::fill(&mut bytes).expect("the kernel has random bytes");
            let words = bytes.as_chunks().0;
            chances.extend(words.iter().map(|word| u64::from_ne_bytes(*word)));
        }
        chances.pop().expect("just filled")
    }

    fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + 'static) {
        glommio::spawn_local(Contained::new(name, self.0.on_panic.clone(), task)).detach();
    }

    async fn sleep_until(&self, when: Time) {
        self.0.sleep_until(when).await;
    }

    async fn breathe(&self) {
        if self.0.ring.since_last_turn() >= BREATH {
            self.give_way().await;
        }
    }

    async fn give_way(&self) {
        self.0.ring.turn();
        glommio::executor().yield_now().await;
    }

    fn doorbell(&self) -> Arc<dyn Doorbell> {
        self.0.bell.clone()
    }

    async fn rung(&self) {
        self.0.rung().await;
    }

    fn log(&self, file: &Path, mode: u32, lines: Vec<u8>) -> bool {
        self.0.logs.append(file, mode, lines)
    }

    fn work(&self, pool: Pool, job: Job) -> bool {
        self.0.pools.offer(pool, job)
    }

    fn load(&self) -> Load {
        // SAFETY: both calls write a local of the type that they expect.
        let (spent, usage) = unsafe {
            let mut spent: libc::timespec = std::mem::zeroed();
            let mut usage: libc::rusage = std::mem::zeroed();
            libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut spent);
            libc::getrusage(libc::RUSAGE_SELF, &mut usage);
            (spent, usage)
        };
        let part = |number: i64| u64::try_from(number).unwrap_or(0);
        Load {
            turns: self.0.ring.turns(),
            busy: Duration::from_secs(part(spent.tv_sec)) + Duration::from_nanos(part(spent.tv_nsec)),
            // The kernel counts kibibytes.
            peak_memory: part(usage.ru_maxrss) * 1024,
        }
    }

    fn reopen_logs(&self) {
        self.0.logs.reopen();
    }
}
