//! The writer of all log files: one thread for the process, fed by all shards, never waited for.
//!
//! Law: what waits to be written is bounded; beyond that lines are refused, not kept.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Bytes of lines that may wait for the disk.
const WAITING_BYTES: usize = 64 << 20;
/// The writer gathers this long after it has written: the shards then find it awake and need not wake it.
const GATHER: Duration = Duration::from_millis(2);
/// Log files kept open; beyond that all are closed and those that are written are opened again.
const OPEN_FILES: usize = 64;

enum Order {
    Append(Lines),
    Reopen,
    End,
}

struct Lines {
    file: PathBuf,
    mode: u32,
    bytes: Vec<u8>,
}

/// The shards' side. Shared by all of them.
pub(crate) struct LogWriter {
    orders: Sender<Order>,
    state: Arc<State>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct State {
    waiting: AtomicUsize,
    lost: AtomicU64,
}

impl LogWriter {
    pub fn start() -> io::Result<Arc<LogWriter>> {
        let (orders, taken) = channel();
        let state = Arc::new(State::default());
        let shared = state.clone();
        let thread =
            thread::Builder::new().name("logs".into()).spawn(move || Writer::new(shared).run(&taken))?;
        Ok(Arc::new(LogWriter { orders, state, thread: Mutex::new(Some(thread)) }))
    }

    /// False: the bound is reached, or the writer has ended; the lines are dropped.
    pub fn append(&self, file: &Path, mode: u32, lines: Vec<u8>) -> bool {
        let bytes = lines.len();
        if self.state.waiting.fetch_add(bytes, Ordering::Relaxed) + bytes > WAITING_BYTES {
            self.state.waiting.fetch_sub(bytes, Ordering::Relaxed);
            return false;
        }
        self.orders.send(Order::Append(Lines { file: file.to_owned(), mode, bytes: lines })).is_ok()
    }

    pub fn reopen(&self) {
        // A writer that has ended has no files open.
        let _ = self.orders.send(Order::Reopen);
    }

    /// Appends that a file did not take (no space, no permission).
    pub fn lost(&self) -> u64 {
        self.state.lost.load(Ordering::Relaxed)
    }

    /// Writes what waits, then ends the thread.
    pub fn end(&self) {
        let _ = self.orders.send(Order::End);
        let thread = self.thread.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        if let Some(thread) = thread {
            thread.join().expect("the writer has no reason to panic");
        }
    }
}

/// The thread's side.
struct Writer {
    state: Arc<State>,
    open: HashMap<PathBuf, File>,
    /// Neighbouring orders of one file, to be written at once.
    gathered: Option<Lines>,
}

impl Writer {
    fn new(state: Arc<State>) -> Self {
        Writer { state, open: HashMap::new(), gathered: None }
    }

    fn run(&mut self, orders: &Receiver<Order>) {
        while let Ok(first) = orders.recv() {
            for order in std::iter::once(first).chain(orders.try_iter()) {
                match order {
                    Order::Append(lines) => self.gather(lines),
                    Order::Reopen => {
                        self.flush();
                        self.open.clear();
                    }
                    Order::End => return self.flush(),
                }
            }
            self.flush();
            thread::sleep(GATHER);
        }
    }

    fn gather(&mut self, lines: Lines) {
        match &mut self.gathered {
            Some(known) if known.file == lines.file => known.bytes.extend_from_slice(&lines.bytes),
            _ => {
                self.flush();
                self.gathered = Some(lines);
            }
        }
    }

    fn flush(&mut self) {
        let Some(lines) = self.gathered.take() else {
            return;
        };
        if self.write(&lines).is_err() {
            // The next append tries a fresh descriptor.
            self.open.remove(&lines.file);
            self.state.lost.fetch_add(1, Ordering::Relaxed);
        }
        self.state.waiting.fetch_sub(lines.bytes.len(), Ordering::Relaxed);
    }

    fn write(&mut self, lines: &Lines) -> io::Result<()> {
        if let Some(file) = self.open.get_mut(&lines.file) {
            return file.write_all(&lines.bytes);
        }
        if self.open.len() >= OPEN_FILES {
            self.open.clear();
        }
        let mut options = OpenOptions::new();
        let mut file = options.append(true).create(true).mode(lines.mode).open(&lines.file)?;
        file.write_all(&lines.bytes)?;
        self.open.insert(lines.file.clone(), file);
        Ok(())
    }
}
