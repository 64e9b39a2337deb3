//! The receiving half of a stream: a multishot receive that stays armed from read to read.
//!
//! Law: only a reader arms, and what has arrived unread is bounded, so a peer that floods a session which
//! is busy elsewhere is held back by its TCP window.

use crate::buffers::{BUFFER_BYTES, Buffers, Chunk, GROUP};
use crate::net::stream::Line;
use crate::ring::{Key, Role};
use crate::timer::Watch;
use io_uring::{cqueue, opcode};
use mail::Time;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// Chunks that may wait unread in one stream while buffers are plenty; fewer when they run low.
const UNREAD_CHUNKS: u16 = 64;

#[derive(Default)]
pub(crate) struct Receive {
    arrived: VecDeque<Chunk>,
    end: Option<End>,
    armed: Option<Armed>,
    /// The ring's buffers had run out: the next receive brings its own.
    starved: bool,
    /// Where a receive without the ring's buffers puts its bytes.
    own: Vec<u8>,
    reader: Option<Waker>,
    watch: Watch,
}

#[derive(Clone, Copy)]
enum End {
    Closed,
    Failed(i32),
}

#[derive(Clone, Copy)]
struct Armed {
    key: Key,
    cancelled: bool,
}

impl Receive {
    pub fn has_unread(&self) -> bool {
        !self.arrived.is_empty() || self.end.is_some()
    }

    fn next(&mut self) -> Option<io::Result<Chunk>> {
        if let Some(chunk) = self.arrived.pop_front() {
            return Some(Ok(chunk));
        }
        self.end.map(|end| match end {
            End::Closed => Ok(Chunk::empty()),
            End::Failed(errno) => Err(io::Error::from_raw_os_error(errno)),
        })
    }

    fn wake(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    /// A sixteenth of what is free, so that streams nobody reads cannot take all.
    fn is_full(&self, buffers: &Buffers) -> bool {
        self.arrived.len() >= usize::from((buffers.free() / 16).clamp(1, UNREAD_CHUNKS))
    }
}

impl Line {
    pub fn poll_read(self: &Rc<Self>, context: &Context<'_>, deadline: Time) -> Poll<io::Result<Chunk>> {
        let mut receive = self.receive.borrow_mut();
        if let Some(next) = receive.next() {
            return Poll::Ready(next);
        }
        if receive.watch.is_over(&self.shard, deadline) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        receive.watch.until(&self.shard, deadline, self, Role::Receive);
        if receive.armed.is_none() {
            let key = self.arm_receive(&mut receive);
            receive.armed = Some(Armed { key, cancelled: false });
        }
        match &mut receive.reader {
            Some(known) => known.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }

    fn arm_receive(self: &Rc<Self>, receive: &mut Receive) -> Key {
        let entry = if std::mem::take(&mut receive.starved) {
            receive.own = Vec::with_capacity(BUFFER_BYTES);
            opcode::Recv::new(self.fd(), receive.own.as_mut_ptr(), BUFFER_BYTES as u32).build()
        } else {
            opcode::RecvMulti::new(self.fd(), GROUP).build()
        };
        // SAFETY: the entry points to the spare capacity of `own`, a heap block of the line, which is the
        // target; it is replaced only when nothing is armed.
        unsafe { self.shard.ring.start(self.clone(), Role::Receive, entry) }
    }

    pub fn received(&self, result: i32, flags: u32) {
        let mut receive = self.receive.borrow_mut();
        let more = cqueue::more(flags);
        if !more {
            receive.armed = None;
        }
        let length = usize::try_from(result).unwrap_or(0);
        if let Some(index) = cqueue::buffer_select(flags) {
            let chunk = self.shard.buffers.taken(index, length);
            if length > 0 {
                receive.arrived.push_back(chunk);
            }
        } else if length > 0 {
            let mut bytes = std::mem::take(&mut receive.own);
            assert!(length <= bytes.capacity(), "the kernel keeps to the buffer that it was given");
            // SAFETY: the kernel has written that many bytes from the start of the buffer.
            unsafe { bytes.set_len(length) };
            receive.arrived.push_back(Chunk::own(bytes));
        }
        match -result {
            0 => receive.end = Some(End::Closed),
            // Cancelled by us, because too much had arrived, or the shard ends; or to be tried again.
            ..0 | libc::ECANCELED | libc::EINTR | libc::EAGAIN => {}
            libc::ENOBUFS => {
                receive.starved = true;
                let exhausted = &self.shard.counters.buffers_exhausted;
                exhausted.set(exhausted.get() + 1);
            }
            errno => receive.end = Some(End::Failed(errno)),
        }
        if more && receive.is_full(&self.shard.buffers) {
            self.hold_back(&mut receive);
        }
        receive.wake();
    }

    fn hold_back(&self, receive: &mut Receive) {
        if let Some(armed) = receive.armed.as_mut().filter(|armed| !armed.cancelled) {
            armed.cancelled = true;
            self.shard.ring.cancel(armed.key);
        }
    }

    pub fn read_alarm(&self) {
        let mut receive = self.receive.borrow_mut();
        receive.watch.has_rung();
        receive.wake();
    }

    /// Nobody will read again.
    pub fn end_receive(&self) {
        let mut receive = self.receive.borrow_mut();
        receive.reader = None;
        receive.watch.end(&self.shard);
        self.hold_back(&mut receive);
        let arrived = std::mem::take(&mut receive.arrived);
        drop(receive);
        drop(arrived);
    }
}
