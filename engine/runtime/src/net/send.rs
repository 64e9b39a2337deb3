//! The sending half of a stream: the blocks of one write, sent in order until all are gone.
//!
//! Law: the blocks stay with the line until the operation that points to them has completed.

use crate::net::stream::Line;
use crate::ring::{Key, Role};
use crate::timer::Watch;
use bytes::{Buf, Bytes};
use io_uring::opcode;
use mail::Time;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// Blocks handed to the kernel in one operation.
const PARTS: usize = 64;

#[derive(Default)]
pub(crate) struct Sending {
    /// What is left, the next block last.
    left: Vec<Bytes>,
    armed: Option<Key>,
    cancelled: bool,
    failed: Option<i32>,
    parts: Option<Box<Parts>>,
    writer: Option<Waker>,
    watch: Watch,
}

/// What a vectored send points to. Made when a line first sends several blocks at once.
struct Parts {
    vectors: [libc::iovec; PARTS],
    header: libc::msghdr,
}

impl Sending {
    fn wake(&mut self) {
        if let Some(writer) = self.writer.take() {
            writer.wake();
        }
    }

    /// Takes `sent` bytes off the blocks, the last first.
    fn advance(&mut self, mut sent: usize) {
        while let Some(block) = self.left.last_mut() {
            if sent < block.len() {
                block.advance(sent);
                return;
            }
            sent -= block.len();
            self.left.pop();
        }
    }

    fn fail(&mut self, errno: i32) {
        self.failed = Some(errno);
        self.left.clear();
    }
}

impl Line {
    /// Starts to send; a write that was abandoned in flight is first waited for by `poll_sent`.
    pub fn start_write(self: &Rc<Self>, mut blocks: Vec<Bytes>) -> io::Result<()> {
        let mut sending = self.sending.borrow_mut();
        assert!(sending.armed.is_none(), "one write at a time");
        if sending.failed.is_some() {
            // Part of an earlier write may be missing: whatever followed would be misread.
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        blocks.retain(|block| !block.is_empty());
        blocks.reverse();
        sending.left = blocks;
        sending.cancelled = false;
        self.send_next(&mut sending);
        Ok(())
    }

    /// Ready when nothing is in flight.
    pub fn poll_sent(self: &Rc<Self>, context: &Context<'_>, deadline: Time) -> Poll<io::Result<()>> {
        let mut sending = self.sending.borrow_mut();
        let Some(key) = sending.armed else {
            return Poll::Ready(match sending.failed {
                None => Ok(()),
                Some(libc::ETIMEDOUT) => Err(io::ErrorKind::TimedOut.into()),
                Some(errno) => Err(io::Error::from_raw_os_error(errno)),
            });
        };
        if !sending.cancelled {
            if sending.watch.is_over(&self.shard, deadline) {
                sending.cancelled = true;
                self.shard.ring.cancel(key);
            } else {
                sending.watch.until(&self.shard, deadline, self, Role::Send);
            }
        }
        match &mut sending.writer {
            Some(known) => known.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }

    fn send_next(self: &Rc<Self>, sending: &mut Sending) {
        let flags = libc::MSG_WAITALL | libc::MSG_NOSIGNAL;
        let entry = match &*sending.left {
            [] => return,
            [block] => {
                let length = u32::try_from(block.len()).unwrap_or(u32::MAX);
                opcode::Send::new(self.fd(), block.as_ptr(), length).flags(flags).build()
            }
            _ => {
                let header = gather(&mut sending.parts, &sending.left);
                opcode::SendMsg::new(self.fd(), header).flags(flags as u32).build()
            }
        };
        // SAFETY: the entry points to the blocks in `left` or to `parts`, which points to them. Both are heap
        // memory of the line, which is the target, and change only when nothing is armed.
        sending.armed = Some(unsafe { self.shard.ring.start(self.clone(), Role::Send, entry) });
    }

    pub fn sent(self: &Rc<Self>, result: i32) {
        let mut sending = self.sending.borrow_mut();
        sending.armed = None;
        match result {
            0.. => sending.advance(result as usize),
            _ if matches!(-result, libc::EINTR | libc::EAGAIN) => {}
            _ if sending.cancelled && -result == libc::ECANCELED => {}
            _ => sending.fail(-result),
        }
        if !sending.left.is_empty() {
            if sending.cancelled { sending.fail(libc::ETIMEDOUT) } else { self.send_next(&mut sending) }
        }
        if sending.armed.is_none() {
            sending.wake();
        }
    }

    pub fn write_alarm(&self) {
        let mut sending = self.sending.borrow_mut();
        sending.watch.has_rung();
        sending.wake();
    }

    /// Nobody will write again; what is in flight ends.
    pub fn end_send(&self) {
        let mut sending = self.sending.borrow_mut();
        sending.writer = None;
        sending.watch.end(&self.shard);
        if let Some(key) = sending.armed {
            sending.cancelled = true;
            self.shard.ring.cancel(key);
        }
    }
}

/// Points a message header to the next blocks, of which the last in `left` is the first.
fn gather(parts: &mut Option<Box<Parts>>, left: &[Bytes]) -> *const libc::msghdr {
    let parts = parts.get_or_insert_with(|| {
        // SAFETY: all zeros are a valid header and valid empty vectors.
        Box::new(unsafe { std::mem::zeroed() })
    });
    let mut count = 0;
    for (vector, block) in parts.vectors.iter_mut().zip(left.iter().rev()) {
        *vector = libc::iovec { iov_base: block.as_ptr().cast_mut().cast(), iov_len: block.len() };
        count += 1;
    }
    parts.header.msg_iov = parts.vectors.as_mut_ptr();
    parts.header.msg_iovlen = count;
    &raw const parts.header
}
