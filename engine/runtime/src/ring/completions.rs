//! The completions of the guest ring: told to their targets, in bounded turns.
//!
//! Law: no completion is left behind unseen. Whoever looks away turns the completion bell on first, and then
//! looks once more.

use super::{Key, Ring, Role, WRITE};
use io_uring::cqueue;
use std::mem::MaybeUninit;
use std::time::{Duration, Instant};

/// Completions copied out before they are told, so that telling may push new entries.
const BATCH: usize = 64;
/// Completions told in one turn; more wait until the tasks that these woke have run.
const TURN_COMPLETIONS: usize = 4096;
/// How long the end of a shard waits for cancelled operations.
const QUIET_WITHIN: Duration = Duration::from_secs(1);

impl Ring {
    /// Tells the completions that are there, with the completion bell off meanwhile.
    pub fn reap(&self) {
        let mut batch = [const { MaybeUninit::<cqueue::Entry>::uninit() }; BATCH];
        let mut told = 0;
        self.last_turn.set(Instant::now());
        self.io.borrow_mut().completion().disable_eventfd();
        loop {
            let completions = self.io.borrow_mut().completion().fill(&mut batch).len();
            for completion in &batch[..completions] {
                // SAFETY: `fill` has initialised that many entries from the start of the batch.
                self.tell(unsafe { completion.assume_init_ref() });
            }
            told += completions;
            if told >= TURN_COMPLETIONS {
                self.io.borrow_mut().completion().enable_eventfd();
                self.mark_dirty();
                return;
            }
            if completions < BATCH && self.look_away() {
                return;
            }
        }
    }

    /// Turns the completion bell on again; false if a completion slipped in before that.
    fn look_away(&self) -> bool {
        let mut io = self.io.borrow_mut();
        io.completion().enable_eventfd();
        // Orders the flag's store before the tail's load, as the kernel does the reverse.
        std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
        let empty = io.completion().is_empty();
        if !empty {
            io.completion().disable_eventfd();
        } else if io.submission().cq_overflow() {
            // The kernel keeps what found no room until it is entered again.
            self.mark_dirty();
        }
        empty
    }

    fn tell(&self, completion: &cqueue::Entry) {
        let data = completion.user_data();
        let (index, sequence) = ((data & (WRITE - 1)) as usize, (data >> 32) as u32);
        let mut operations = self.operations.borrow_mut();
        // An unheard entry (a cancellation that came too late) matches no operation.
        let Some(operation) = operations.get(index).filter(|known| known.sequence == sequence) else {
            return;
        };
        let role = if data & WRITE == 0 { operation.role } else { Role::Write };
        let target = if cqueue::more(completion.flags()) {
            operation.target.clone()
        } else {
            operations.remove(index).target
        };
        drop(operations);
        target.completed(role, completion.result(), completion.flags());
    }

    /// Cancels everything and waits until it ended. False: something is still in the kernel's hands.
    pub fn quiet(&self) -> bool {
        let started = Instant::now();
        let tick = io_uring::types::Timespec::new().nsec(10_000_000);
        while self.in_flight() > 0 && started.elapsed() < QUIET_WITHIN {
            let keys: Vec<_> = self
                .operations
                .borrow()
                .iter()
                .map(|(index, operation)| Key(u64::from(operation.sequence) << 32 | index as u64))
                .collect();
            keys.into_iter().for_each(|key| self.cancel(key));
            self.turn();
            if self.in_flight() > 0 {
                let wait = io_uring::types::SubmitArgs::new().timespec(&tick);
                // ETIME is as good as a completion: the loop looks again.
                let _ = self.with_submitter(|submitter| submitter.submit_with_args(1, &wait));
                self.reap();
            }
        }
        self.in_flight() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring::{COMPLETIONS, Target, event_fd};
    use io_uring::opcode;
    use std::cell::Cell;
    use std::os::fd::AsRawFd;
    use std::rc::Rc;

    #[derive(Default)]
    struct Count {
        completed: Cell<usize>,
        last: Cell<i32>,
        role: Cell<Option<Role>>,
    }

    impl Target for Count {
        fn completed(self: Rc<Self>, role: Role, result: i32, _flags: u32) {
            self.role.set(Some(role));
            self.completed.set(self.completed.get() + 1);
            self.last.set(result);
        }
    }

    #[test]
    fn more_operations_than_the_queues_hold_all_complete() {
        const OPERATIONS: usize = 3 * COMPLETIONS as usize;
        let ring = Ring::new().unwrap();
        let count = Rc::new(Count::default());
        for _ in 0..OPERATIONS {
            // SAFETY: a no-operation points to nothing.
            unsafe { ring.start(count.clone(), Role::Only, opcode::Nop::new().build()) };
        }
        for _ in 0..100 {
            ring.turn();
        }
        assert_eq!((count.completed.get(), count.last.get(), ring.in_flight()), (OPERATIONS, 0, 0));
    }

    #[test]
    fn a_ring_is_quiet_when_everything_was_cancelled() {
        let ring = Ring::new().unwrap();
        let count = Rc::new(Count::default());
        let (bell, mut room) = (event_fd().unwrap(), Box::new([0_u8; 8]));
        for _ in 0..100 {
            let fd = io_uring::types::Fd(bell.as_raw_fd());
            let read = opcode::Read::new(fd, room.as_mut_ptr(), 8).build();
            // SAFETY: the room outlives the ring's operations, all of which end below.
            unsafe { ring.start(count.clone(), Role::Only, read) };
        }
        ring.turn();
        assert_eq!(ring.in_flight(), 100);
        let started = Instant::now();
        assert!(ring.quiet() && started.elapsed() < QUIET_WITHIN / 2);
        assert_eq!((count.completed.get(), count.last.get()), (100, -libc::ECANCELED));
    }

    #[test]
    fn a_linked_pair_completes_once() {
        let ring = Ring::new().unwrap();
        let nowhere = || opcode::Read::new(io_uring::types::Fd(-1), std::ptr::null_mut(), 0).build();
        let nop = || opcode::Nop::new().build();
        for (write, sync, result) in [
            (nowhere(), nop(), (Some(Role::Write), -libc::EBADF)),
            (nop(), nowhere(), (Some(Role::Sync), -libc::EBADF)),
            (nop(), nop(), (Some(Role::Sync), 0)),
        ] {
            let count = Rc::new(Count::default());
            // SAFETY: none of them points to anything.
            unsafe { ring.start_linked(count.clone(), write, sync) };
            ring.turn();
            assert_eq!((count.completed.get(), count.role.get(), count.last.get()), (1, result.0, result.1));
            assert_eq!(ring.in_flight(), 0);
        }
    }
}
