//! The guest ring: the shard's own io_uring, living inside its executor. Sockets and files go through it.
//!
//! Law: what an operation points to belongs to its target, and the ring holds the target until the last
//! completion: a task that loses interest leaves an orphan, never a dangling pointer.

mod completions;

use io_uring::{IoUring, opcode, squeue};
use slab::Slab;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

const SUBMISSIONS: u32 = 1024;
const COMPLETIONS: u32 = 16_384;
/// Marks the user data of the write of a linked pair, which shares its operation with the sync.
const WRITE: u64 = 1 << 31;
/// The user data of entries whose completion interests nobody.
const UNHEARD: u64 = u64::MAX;

/// Which operation of a target a completion or an alarm belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Only,
    Receive,
    Send,
    Write,
    Sync,
}

/// Owns what operations point to, and is told how they end.
pub(crate) trait Target {
    /// `result` is the return value or a negative errno; with `cqueue::more(flags)` others follow.
    fn completed(self: Rc<Self>, role: Role, result: i32, flags: u32);

    /// An alarm that this target set has rung.
    fn rang(self: Rc<Self>, _role: Role) {}
}

/// Names an operation in flight; later it names nothing, for a long time (2^32 operations).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key(u64);

struct Operation {
    target: Rc<dyn Target>,
    role: Role,
    sequence: u32,
}

/// Entries that must reach the kernel in one submission (a linked pair), or one alone.
type Group = (squeue::Entry, Option<squeue::Entry>);

pub(crate) struct Ring {
    io: RefCell<IoUring>,
    operations: RefCell<Slab<Operation>>,
    sequence: Cell<u32>,
    /// Found no room in the submission queue while the kernel was busy.
    held: RefCell<VecDeque<Group>>,
    dirty: Cell<bool>,
    flusher: RefCell<Option<Waker>>,
    last_turn: Cell<Instant>,
    turns: Cell<u64>,
    completion_bell: OwnedFd,
}

impl Ring {
    pub fn new() -> io::Result<Ring> {
        let mut io: IoUring = IoUring::builder()
            .setup_single_issuer()
            .setup_coop_taskrun()
            .setup_submit_all()
            .setup_cqsize(COMPLETIONS)
            .build(SUBMISSIONS)?;
        io.submitter().register_ring_fd()?;
        let completion_bell = event_fd()?;
        io.submitter().register_eventfd(completion_bell.as_raw_fd())?;
        io.completion().enable_eventfd();
        Ok(Ring {
            io: RefCell::new(io),
            operations: RefCell::new(Slab::new()),
            sequence: Cell::new(0),
            held: RefCell::new(VecDeque::new()),
            dirty: Cell::new(false),
            flusher: RefCell::new(None),
            last_turn: Cell::new(Instant::now()),
            turns: Cell::new(0),
            completion_bell,
        })
    }

    /// A new descriptor of the counter that rings when completions came while nobody was looking.
    pub fn completion_bell(&self) -> io::Result<RawFd> {
        Ok(self.completion_bell.try_clone()?.into_raw_fd())
    }

    pub fn ring_completion_bell(&self) {
        let one: u64 = 1;
        // SAFETY: eight bytes of a local number, to a descriptor that `self` owns.
        unsafe { libc::write(self.completion_bell.as_raw_fd(), (&raw const one).cast(), size_of::<u64>()) };
    }

    pub fn wake_flusher(&self) {
        if let Some(flusher) = &*self.flusher.borrow() {
            flusher.wake_by_ref();
        }
    }

    pub fn with_submitter<T>(&self, call: impl FnOnce(io_uring::Submitter<'_>) -> T) -> T {
        call(self.io.borrow().submitter())
    }

    pub fn turns(&self) -> u64 {
        self.turns.get()
    }

    pub fn in_flight(&self) -> usize {
        self.operations.borrow().len()
    }

    /// Time since the kernel was last asked for completions.
    pub fn since_last_turn(&self) -> Duration {
        self.last_turn.get().elapsed()
    }

    /// # Safety
    /// What the entry points to must be owned by `target` and stay in place until the last completion.
    pub unsafe fn start(&self, target: Rc<dyn Target>, role: Role, entry: squeue::Entry) -> Key {
        let key = self.register(target, role);
        self.push((entry.user_data(key.0), None));
        key
    }

    /// Starts `sync` when `write` has succeeded. One completion tells of both: that of the sync, or, with
    /// `Role::Write`, that of a write which failed or fell short; then there was no sync.
    ///
    /// # Safety
    /// As for `start`.
    pub unsafe fn start_linked(&self, target: Rc<dyn Target>, write: squeue::Entry, sync: squeue::Entry) {
        let key = self.register(target, Role::Sync);
        // A success without a completion saves a wake-up for each commit.
        let flags = squeue::Flags::IO_LINK | squeue::Flags::SKIP_SUCCESS;
        self.push((write.flags(flags).user_data(key.0 | WRITE), Some(sync.user_data(key.0))));
    }

    /// Asks the kernel to end the operation early; its completion comes all the same.
    pub fn cancel(&self, key: Key) {
        let entry = opcode::AsyncCancel::new(key.0).build();
        self.push((entry.flags(squeue::Flags::SKIP_SUCCESS).user_data(UNHEARD), None));
    }

    fn register(&self, target: Rc<dyn Target>, role: Role) -> Key {
        let sequence = self.sequence.get().wrapping_add(1);
        self.sequence.set(sequence);
        let index = self.operations.borrow_mut().insert(Operation { target, role, sequence });
        assert!((index as u64) < WRITE, "fewer than 2^31 operations");
        Key(u64::from(sequence) << 32 | index as u64)
    }

    fn push(&self, group: Group) {
        if self.held.borrow().is_empty() {
            let pushed = push_group(&mut self.io.borrow_mut(), &group);
            if !pushed {
                // Full: hand over what is there. Submitting runs no code of ours, so this is no recursion.
                self.held.borrow_mut().push_back(group);
                self.submit();
            }
        } else {
            self.held.borrow_mut().push_back(group);
        }
        self.mark_dirty();
    }

    fn mark_dirty(&self) {
        if !self.dirty.replace(true) {
            self.wake_flusher();
        }
    }

    /// Body of the flusher task: it is woken by the first entry and runs after the tasks that are already
    /// queued, so that one submission carries what all of them pushed.
    pub fn poll_flush(&self, context: &mut Context<'_>) -> Poll<()> {
        let known = self.flusher.borrow().as_ref().is_some_and(|waker| waker.will_wake(context.waker()));
        if !known {
            *self.flusher.borrow_mut() = Some(context.waker().clone());
        }
        if self.dirty.get() {
            self.turn();
        }
        Poll::Pending
    }

    /// Submits what was pushed and tells what has completed.
    pub fn turn(&self) {
        self.turns.set(self.turns.get() + 1);
        self.dirty.set(false);
        // Completions that are there when submit returns are reaped here: no bell for them.
        self.io.borrow_mut().completion().disable_eventfd();
        let accepted = self.submit();
        self.reap();
        if !accepted {
            self.mark_dirty();
        }
    }

    /// False: the kernel could not take everything now.
    fn submit(&self) -> bool {
        let mut io = self.io.borrow_mut();
        let mut held = self.held.borrow_mut();
        loop {
            match io.submit() {
                Ok(_) => {}
                Err(error) if error.raw_os_error() == Some(libc::EINTR) => continue,
                // EBUSY, EAGAIN: completions must be reaped or memory must come back first.
                Err(_) => return false,
            }
            if held.is_empty() {
                return true;
            }
            while held.front().is_some_and(|group| push_group(&mut io, group)) {
                held.pop_front();
            }
        }
    }
}

fn push_group(io: &mut IoUring, (first, second): &Group) -> bool {
    let mut queue = io.submission();
    if queue.capacity() - queue.len() < 1 + usize::from(second.is_some()) {
        return false;
    }
    std::iter::once(first).chain(second).all(|entry| {
        // SAFETY: the callers of `start` and `start_linked` vouch for what the entry points to; a
        // cancellation points to nothing.
        unsafe { queue.push(entry) }.is_ok()
    })
}

/// A counter that rings: eight bytes to read when it is not zero.
pub(crate) fn event_fd() -> io::Result<OwnedFd> {
    // SAFETY: a plain system call; the descriptor it returns is new and ours.
    match unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) } {
        -1 => Err(io::Error::last_os_error()),
        // SAFETY: as above.
        fd => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
    }
}
