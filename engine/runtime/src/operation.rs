//! One operation awaited by one task: connects, file reads and writes, datagrams, the doorbell.

use crate::ring::{Key, Role, Target};
use crate::timer::Watch;
use crate::world::Shard;
use io_uring::squeue;
use mail::Time;
use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// What the operation points to, kept in place until it completes.
struct Once<P> {
    payload: RefCell<Option<P>>,
    result: Cell<Option<i32>>,
    waker: RefCell<Option<Waker>>,
    watch: RefCell<Watch>,
}

impl<P> Target for Once<P> {
    fn completed(self: Rc<Self>, _role: Role, result: i32, _flags: u32) {
        self.result.set(Some(result));
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn rang(self: Rc<Self>, _role: Role) {
        self.watch.borrow_mut().has_rung();
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// An operation in flight; dropped before it completed, it is cancelled and ends as an orphan.
struct Running<'a, P: 'static> {
    shard: &'a Rc<Shard>,
    once: Rc<Once<P>>,
    key: Key,
    deadline: Time,
    cancelled: bool,
}

impl<P> Running<'_, P> {
    fn poll(&mut self, context: &Context<'_>) -> Poll<i32> {
        if let Some(result) = self.once.result.get() {
            return Poll::Ready(result);
        }
        let mut watch = self.once.watch.borrow_mut();
        if !self.cancelled && watch.is_over(self.shard, self.deadline) {
            self.cancelled = true;
            self.shard.ring.cancel(self.key);
        } else if !self.cancelled {
            watch.until(self.shard, self.deadline, &self.once, Role::Only);
        }
        *self.once.waker.borrow_mut() = Some(context.waker().clone());
        Poll::Pending
    }
}

impl<P> Drop for Running<'_, P> {
    fn drop(&mut self) {
        self.once.watch.borrow_mut().end(self.shard);
        if self.once.result.get().is_none() {
            self.shard.ring.cancel(self.key);
        }
    }
}

impl Shard {
    /// Runs one operation to its completion, which comes early, as ECANCELED, at the deadline. The result
    /// is the number that the system call would return, or the error; the payload comes back.
    ///
    /// # Safety
    /// The entry that `build` makes may point only to what the payload owns on the heap or, at the address
    /// that `build` is shown, in itself.
    pub(crate) async unsafe fn run<P: 'static>(
        self: &Rc<Self>,
        payload: P,
        deadline: Time,
        build: impl FnOnce(&mut P) -> squeue::Entry,
    ) -> (io::Result<u32>, P) {
        let once = Rc::new(Once {
            payload: RefCell::new(Some(payload)),
            result: Cell::new(None),
            waker: RefCell::new(None),
            watch: RefCell::new(Watch::default()),
        });
        let entry = once.payload.borrow_mut().as_mut().map(build).expect("the payload was just put there");
        // SAFETY: the entry points to the payload, which the target keeps where it is.
        let key = unsafe { self.ring.start(once.clone(), Role::Only, entry) };
        let mut running = Running { shard: self, once, key, deadline, cancelled: false };
        let result = std::future::poll_fn(|context| running.poll(context)).await;
        let payload = running.once.payload.take().expect("taken only here");
        let result = match u32::try_from(result) {
            Ok(count) => Ok(count),
            Err(_) if running.cancelled && result == -libc::ECANCELED => Err(io::ErrorKind::TimedOut.into()),
            Err(_) => Err(io::Error::from_raw_os_error(-result)),
        };
        (result, payload)
    }
}
