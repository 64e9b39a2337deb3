//! The simulated disk: names and sectors, what is durable and what is only written.
//!
//! Law: what a trait method promised stays through every power cut; what it did not promise yet may be there,
//! may be missing, and may be there in parts.

mod file;
mod platter;

pub use file::SimFile;

use crate::Dice;
use crate::clock::Clock;
use crate::trace::Trace;
use mail::Time;
use platter::{Change, Platter};
use std::cell::{Cell, RefCell};
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;
use world::Entry;

/// The unit that a disk writes whole, nearly always.
pub const SECTOR: usize = 512;

/// What goes wrong, counted in operations since it was set.
#[derive(Clone, Copy, Debug, Default)]
pub struct DiskFaults {
    /// This operation fails with EIO, counted from 1; zero is none.
    pub fail_at: u64,
    /// And so do all after it.
    pub for_ever: bool,
    /// Bytes of all files together; zero is no bound.
    pub capacity: u64,
    /// An operation takes a hundred times as long, once in so many times.
    pub slow: u64,
}

#[derive(Clone)]
pub struct SimDisk(Rc<Inner>);

pub(crate) struct Inner {
    clock: Rc<Clock>,
    dice: Dice,
    trace: Rc<Trace>,
    faults: Cell<DiskFaults>,
    operations: Cell<u64>,
    failures: RefCell<Vec<Time>>,
    platter: RefCell<Platter>,
}

impl SimDisk {
    pub(crate) fn new(clock: Rc<Clock>, dice: Dice, trace: Rc<Trace>) -> SimDisk {
        SimDisk(Rc::new(Inner {
            clock,
            dice,
            trace,
            faults: Cell::default(),
            operations: Cell::new(0),
            failures: RefCell::default(),
            platter: RefCell::default(),
        }))
    }

    /// Begins to count operations anew.
    pub fn set_faults(&self, faults: DiskFaults) {
        self.0.faults.set(faults);
        self.0.operations.set(0);
    }

    /// Operations since the faults were set.
    pub fn operations(&self) -> u64 {
        self.0.operations.get()
    }

    /// When operations failed, ever.
    pub fn failures(&self) -> Vec<Time> {
        self.0.failures.borrow().clone()
    }

    /// What was not durable is decided, sector by sector and name by name; every process must be dead.
    pub fn cut_power(&self) {
        self.0.trace(|| "the power is cut".into());
        self.0.platter.borrow_mut().cut_power(&self.0.dice);
    }

    /// What a reader finds in a file now.
    pub fn content(&self, path: &Path) -> Option<Vec<u8>> {
        let platter = self.0.platter.borrow();
        platter.file(path).map(|file| file.read(0, file.bytes()))
    }

    /// Whether a text stands in a file whose name does not end so.
    pub fn holds_aside(&self, text: &str, suffix: &str) -> bool {
        self.0.platter.borrow().holds_aside(text.as_bytes(), suffix)
    }

    /// Turns bits of one byte on the disk itself, as rot does.
    pub fn rot(&self, path: &Path, offset: usize, bits: u8) {
        self.0.platter.borrow_mut().rot(path, offset, bits);
    }

    pub(crate) async fn create_folder(&self, path: &Path) -> io::Result<()> {
        self.change(Change::Folder(path.to_owned())).await
    }

    pub(crate) async fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        self.0.operate("list", path).await?;
        self.0.platter.borrow().list(path)
    }

    pub(crate) async fn create_zeroed(&self, path: &Path, bytes: u64) -> io::Result<SimFile> {
        let used = self.0.platter.borrow().bytes();
        let capacity = self.0.faults.get().capacity;
        if capacity != 0 && used + bytes > capacity {
            self.0.operate("create in no room", path).await?;
            self.0.failures.borrow_mut().push(self.0.clock.now());
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.change(Change::Create { path: path.to_owned(), bytes: bytes as usize }).await?;
        self.file(path)
    }

    pub(crate) async fn open(&self, path: &Path) -> io::Result<SimFile> {
        self.0.operate("open", path).await?;
        self.file(path)
    }

    fn file(&self, path: &Path) -> io::Result<SimFile> {
        let platter = self.0.platter.borrow();
        let file = platter.file(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(SimFile::new(self.0.clone(), file.id, file.bytes() as u64))
    }

    pub(crate) async fn remove(&self, path: &Path) -> io::Result<()> {
        self.change(Change::Remove(path.to_owned())).await
    }

    pub(crate) async fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change(Change::Rename { from: from.to_owned(), to: to.to_owned() }).await
    }

    /// A change of names: pending from here, durable when this has succeeded.
    async fn change(&self, change: Change) -> io::Result<()> {
        self.0.platter.borrow().allows(&change)?;
        let (verb, path): (&'static str, PathBuf) = (change.verb(), change.path().to_owned());
        let pending = self.0.platter.borrow_mut().begin(change);
        let operated = self.0.operate(verb, &path).await;
        let mut platter = self.0.platter.borrow_mut();
        match operated {
            Ok(()) => platter.end(pending),
            Err(error) => {
                platter.fail(pending, &self.0.dice);
                Err(error)
            }
        }
    }
}

impl Inner {
    pub fn trace(&self, line: impl FnOnce() -> String) {
        self.trace.add(self.clock.now(), line);
    }

    /// Takes the time of an operation; fails if it is one that shall fail.
    pub async fn operate(&self, verb: &'static str, path: &Path) -> io::Result<()> {
        let faults = self.faults.get();
        let number = self.operations.get() + 1;
        self.operations.set(number);
        let time = self.dice.micros(10, 400) * if self.dice.one_in(faults.slow) { 100 } else { 1 };
        self.sleep(time).await;
        let fails =
            faults.fail_at != 0 && (number == faults.fail_at || (faults.for_ever && number > faults.fail_at));
        self.trace(|| format!("disk {verb} {}{}", path.display(), if fails { ": EIO" } else { "" }));
        if fails {
            self.failures.borrow_mut().push(self.clock.now());
            return Err(io::Error::other("EIO"));
        }
        Ok(())
    }

    async fn sleep(&self, time: Duration) {
        self.clock.sleep_until(self.clock.now() + time).await;
    }
}
