//! Drives the sessions of the sink.
//!
//! Law: a delivery is in the tally before its 250 is written.

use crate::sink::options::Options;
use crate::sink::report::Report;
use crate::sink::session::{Session, Setup, Want};
use crate::sink::tally::Tally;
use crate::threads::thread_cpu;
use mail::Time;
use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use world::{Endpoint, Listener, Stream, World};

/// How often the snapshot and the ledger file are brought up to date, and a stop is noticed.
const TICK: Duration = Duration::from_millis(10);
const BACKLOG: u32 = 4096;

/// One sink, shared by its threads.
pub struct Sink {
    options: Options,
    connections: AtomicU64,
    stopping: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    addresses: Vec<SocketAddr>,
    /// By thread.
    snapshots: Vec<Snapshot>,
    tallies: Vec<Tally>,
}

/// A look at a sink at work, at most a tick old.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    pub connections: u64,
    pub messages: u64,
    pub bytes: u64,
    pub deliveries: u64,
    /// Repeated within one thread; the report knows them across threads.
    pub duplicates: u64,
    pub faults: u64,
}

impl Sink {
    /// Says what does not fit in the options.
    pub fn new(options: Options) -> Result<Arc<Sink>, String> {
        options.check()?;
        let snapshots = vec![Snapshot::default(); options.threads];
        Ok(Arc::new(Sink {
            options,
            connections: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            state: Mutex::new(State { snapshots, ..State::default() }),
        }))
    }

    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Where it listens, once it does: each thread adds its own.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.state().addresses.clone()
    }

    pub fn snapshot(&self) -> Snapshot {
        self.state().snapshots.iter().fold(Snapshot::default(), |sum, one| Snapshot {
            connections: sum.connections + one.connections,
            messages: sum.messages + one.messages,
            bytes: sum.bytes + one.bytes,
            deliveries: sum.deliveries + one.deliveries,
            duplicates: sum.duplicates + one.duplicates,
            faults: sum.faults + one.faults,
        })
    }

    /// Ends all threads within a tick; from any thread.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Serves as one thread until stopped or the time is over. Each thread from 0 to `threads` once. Fails
    /// if it cannot listen.
    pub async fn drive<W: World>(self: Arc<Self>, world: W, thread: usize) -> io::Result<()> {
        let cpu = thread_cpu();
        let share = Share::new(self.clone(), world.clone());
        let endpoints = self.options.listen.iter().map(|address| Endpoint::Inet(*address));
        let listen = |at| match self.options.on_core {
            true => world.listen_on_core(&at, BACKLOG),
            false => world.listen(&at, BACKLOG),
        };
        let listeners = endpoints.map(listen).collect::<io::Result<Vec<_>>>()?;
        for listener in &listeners {
            if let Endpoint::Inet(address) = listener.local() {
                self.state().addresses.push(address);
            }
            world.spawn("accept", accept(share.clone(), listener.clone()));
        }
        let end = world.now().deadline(Some(self.options.duration).filter(|time| !time.is_zero()));
        while !self.stopping.load(Ordering::Relaxed) && world.now() < end {
            world.sleep_until(world.now() + TICK).await;
            share.publish(thread);
        }
        listeners.iter().for_each(Listener::close);
        share.publish(thread);
        let mut tally = share.tally.take();
        tally.cpu = thread_cpu().zip(cpu).map(|(now, before)| now.saturating_sub(before));
        self.state().tallies.push(tally);
        Ok(())
    }

    /// Of all threads that have ended.
    pub fn report(&self) -> Report {
        let state = self.state();
        let sum = state.tallies.iter().cloned().reduce(|mut sum, tally| {
            sum.merge(&tally);
            sum
        });
        Report { tally: sum.unwrap_or_default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// What the connections of a thread share.
struct Share<W> {
    sink: Arc<Sink>,
    world: W,
    setup: Rc<Setup>,
    tally: RefCell<Tally>,
}

impl<W: World> Share<W> {
    fn new(sink: Arc<Sink>, world: W) -> Rc<Share<W>> {
        let options = &sink.options;
        let setup = Setup::new(&options.hostname, &options.extensions, &options.faults, options.seed);
        let lines = options.ledger.as_ref().map(|_| Vec::new());
        let tally = RefCell::new(Tally { lines, ..Tally::default() });
        Rc::new(Share { setup: Rc::new(setup), tally, sink, world })
    }

    /// Shows the snapshot, and hands the ledger's new lines over.
    fn publish(&self, thread: usize) {
        let mut tally = self.tally.borrow_mut();
        self.sink.state().snapshots[thread] = Snapshot {
            connections: tally.connections,
            messages: tally.messages,
            bytes: tally.bytes,
            deliveries: tally.deliveries,
            duplicates: tally.ledger.duplicates(),
            faults: tally.faults,
        };
        if let (Some(file), Some(lines)) = (&self.sink.options.ledger, &mut tally.lines) {
            let lines = std::mem::take(lines);
            let count = lines.iter().filter(|byte| **byte == b'\n').count() as u64;
            if !lines.is_empty() && !self.world.log(file, 0o644, lines) {
                tally.unwritten += count;
            }
        }
    }

    fn patience(&self) -> Time {
        self.world.now() + self.sink.options.patience
    }
}

async fn accept<W: World>(share: Rc<Share<W>>, listener: W::Listener) {
    while let Ok(stream) = listener.accept().await {
        share.world.spawn("serve", serve(share.clone(), stream));
    }
}

/// A connection that breaks or falls silent simply ends: what it delivered is counted.
async fn serve<W: World>(share: Rc<Share<W>>, mut stream: W::Stream) {
    let number = share.sink.connections.fetch_add(1, Ordering::Relaxed);
    let mut session = Session::new(share.setup.clone(), number, &mut share.tally.borrow_mut());
    loop {
        match session.want() {
            Want::Write => {
                let output = vec![session.take_output()];
                if stream.write(output, share.patience()).await.is_err() {
                    return;
                }
            }
            Want::Read => match stream.read(share.patience()).await {
                Ok(chunk) if !chunk.is_empty() => session.read(&chunk, &mut share.tally.borrow_mut()),
                _ => return,
            },
            Want::Pause(pause) => {
                share.world.sleep_until(share.world.now() + pause).await;
                session.paused(&mut share.tally.borrow_mut());
            }
            Want::Close => return,
        }
    }
}
