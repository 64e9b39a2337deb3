//! The doorbell: any thread wakes a shard. A shard that is awake, or already rung for, is not disturbed
//! with a system call.

use crate::ring::event_fd;
use crate::world::Shard;
use io_uring::{opcode, types::Fd};
use mail::Time;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

const AWAKE: u8 = 0;
/// A task of the shard waits for the descriptor to be written.
const LISTENING: u8 = 1;
const RUNG: u8 = 2;

pub(crate) struct Bell {
    state: AtomicU8,
    fd: OwnedFd,
}

impl Bell {
    pub fn new() -> io::Result<Arc<Bell>> {
        Ok(Arc::new(Bell { state: AtomicU8::new(AWAKE), fd: event_fd()? }))
    }

    /// True if it had been rung; then it is silent again, else it listens.
    fn listen(&self) -> bool {
        if self.state.compare_exchange(AWAKE, LISTENING, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            return false;
        }
        // LISTENING is what an abandoned `rung` has left behind.
        self.state.compare_exchange(RUNG, AWAKE, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

impl world::Doorbell for Bell {
    fn ring(&self) {
        if self.state.swap(RUNG, Ordering::AcqRel) == LISTENING {
            let one: u64 = 1;
            // SAFETY: eight bytes of a local number, to a descriptor that `self` owns. It can only fail if
            // the counter were full, and then the bell rings anyhow.
            unsafe { libc::write(self.fd.as_raw_fd(), (&raw const one).cast(), size_of::<u64>()) };
        }
    }
}

impl Shard {
    pub(crate) async fn rung(self: &Rc<Self>) {
        while !self.bell.listen() {
            let fd = Fd(self.bell.fd.as_raw_fd());
            // SAFETY: the entry points to the boxed counter, which is the payload; the bell's descriptor
            // stays open as long as the shard, whose ring this is.
            let (read, _) = unsafe {
                self.run(Box::new(0_u64), Time::NEVER, |counter| {
                    opcode::Read::new(fd, (&raw mut **counter).cast(), size_of::<u64>() as u32).build()
                })
            }
            .await;
            if read.is_err() {
                // Cancelled, as the shard ends: wake never, rather than for nothing.
                std::future::pending::<()>().await;
            }
        }
    }
}
