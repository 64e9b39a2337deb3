//! A connection: two pipes with a way to go, that close, break or fall silent.
//!
//! Law: what a pipe lets out is a beginning of what was put in.

use crate::clock::Look;
use crate::net::{Network, SimStream};
use crate::tasks::Process;
use bytes::Bytes;
use mail::Time;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::Waker;

/// A process that vanished sends a reset when it is back; else its peers hear nothing: one in so many.
const SILENT_DEATH: u64 = 4;
/// A close with unread bytes becomes a reset once in so many times, as TCP does it.
const RUDE_CLOSE: u64 = 2;
/// Bytes of a read that a trace shows.
const TOLD: usize = 160;

pub(crate) struct Line {
    pub net: Rc<Network>,
    ends: [(Process, SocketAddr); 2],
    /// Index: the side that writes.
    pipes: [RefCell<Pipe>; 2],
    dropped: [Cell<bool>; 2],
    vanished: [Cell<bool>; 2],
}

struct Pipe {
    chunks: VecDeque<(Time, Bytes)>,
    held: usize,
    window: usize,
    last_arrival: Time,
    /// When the end of the stream, a reset, or the word that the reader is gone, arrives.
    closed: Time,
    broken: Time,
    unread: Time,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Pipe {
    fn new(window: usize) -> Pipe {
        Pipe {
            chunks: VecDeque::new(),
            held: 0,
            window,
            last_arrival: Time::EPOCH,
            closed: Time::NEVER,
            broken: Time::NEVER,
            unread: Time::NEVER,
            reader: None,
            writer: None,
        }
    }

    fn wake_both(&mut self) {
        self.reader.take().into_iter().chain(self.writer.take()).for_each(Waker::wake);
    }

    fn break_at(&mut self, when: Time) {
        self.broken = self.broken.min(when);
        self.wake_both();
    }

    fn has_arrived(&self, now: Time) -> bool {
        self.chunks.front().is_some_and(|(arrival, _)| *arrival <= now)
    }
}

impl Line {
    pub fn new(net: Rc<Network>, ends: [(Process, SocketAddr); 2]) -> Rc<Line> {
        let (low, high) = net.faults.get().window;
        let pipe = || RefCell::new(Pipe::new(net.dice.between(low, high) as usize));
        let pipes = [pipe(), pipe()];
        Rc::new(Line { net, ends, pipes, dropped: Default::default(), vanished: Default::default() })
    }

    /// The side that dialled and the side that accepts.
    pub fn ends(self: Rc<Self>) -> (SimStream, SimStream) {
        (SimStream { line: self.clone(), side: 0 }, SimStream { line: self, side: 1 })
    }

    pub fn address(&self, side: usize) -> SocketAddr {
        self.ends[side].1
    }

    /// Into the trace: what the other side got.
    pub fn tell(&self, side: usize, read: &io::Result<Bytes>) {
        let (from, to) = (self.ends[side].1, self.ends[1 - side].1);
        self.net.trace.add(self.net.clock.now(), || match read {
            Ok(bytes) => {
                format!("{from} > {to}: {:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(TOLD)]))
            }
            Err(error) => format!("{from} > {to}: {error}"),
        });
    }

    pub fn has_unread(&self, side: usize) -> bool {
        let (now, pipe) = (self.net.clock.now(), self.pipes[1 - side].borrow());
        pipe.has_arrived(now) || pipe.closed <= now || pipe.broken <= now
    }

    pub fn look_for_bytes(&self, side: usize, waker: &Waker) -> Look<io::Result<Bytes>> {
        let now = self.net.clock.now();
        let mut pipe = self.pipes[1 - side].borrow_mut();
        if pipe.broken <= now {
            pipe.chunks.clear();
            return Look::Done(Err(ErrorKind::ConnectionReset.into()));
        }
        if pipe.has_arrived(now)
            && let Some((arrival, mut chunk)) = pipe.chunks.pop_front()
        {
            let taken = if self.net.dice.one_in(self.net.faults.get().split) {
                let taken = chunk.split_to(self.net.dice.between(1, chunk.len() as u64) as usize);
                if !chunk.is_empty() {
                    pipe.chunks.push_front((arrival, chunk));
                }
                taken
            } else {
                chunk
            };
            pipe.held -= taken.len();
            pipe.writer.take().into_iter().for_each(Waker::wake);
            return Look::Done(Ok(taken));
        }
        if pipe.chunks.is_empty() && pipe.closed <= now {
            return Look::Done(Ok(Bytes::new()));
        }
        pipe.reader = Some(waker.clone());
        let next = pipe.chunks.front().map_or(pipe.closed, |(arrival, _)| *arrival);
        Look::Until(next.min(pipe.broken))
    }

    /// Puts as much of the block into the pipe as there is room; done when nothing is left.
    pub fn look_for_room(&self, side: usize, block: &mut Bytes, waker: &Waker) -> Look<io::Result<()>> {
        let now = self.net.clock.now();
        if !block.is_empty() && self.net.dice.one_in(self.net.faults.get().reset) {
            // Some of it was under way already, and nobody knows how much of that came through.
            self.put(side, block);
            self.break_both();
        }
        let reset = self.pipes.iter().any(|pipe| pipe.borrow().broken <= now);
        if reset {
            return Look::Done(Err(ErrorKind::ConnectionReset.into()));
        }
        if self.pipes[side].borrow().unread <= now {
            return Look::Done(Err(ErrorKind::BrokenPipe.into()));
        }
        self.put(side, block);
        if block.is_empty() {
            return Look::Done(Ok(()));
        }
        let mut pipe = self.pipes[side].borrow_mut();
        pipe.writer = Some(waker.clone());
        Look::Until(pipe.broken.min(pipe.unread))
    }

    fn put(&self, side: usize, block: &mut Bytes) {
        let mut pipe = self.pipes[side].borrow_mut();
        let room = pipe.window.saturating_sub(pipe.held).min(block.len());
        if room > 0 {
            let arrival = pipe.last_arrival.max(self.net.clock.now() + self.net.delay());
            pipe.last_arrival = arrival;
            pipe.held += room;
            pipe.chunks.push_back((arrival, block.split_to(room)));
            pipe.reader.take().into_iter().for_each(Waker::wake);
        }
    }

    /// A reset in the middle: each side learns of it in its time.
    fn break_both(&self) {
        let [one, other] = self.ends;
        self.net.trace.add(self.net.clock.now(), || format!("the line {} - {} breaks", one.1, other.1));
        for pipe in &self.pipes {
            pipe.borrow_mut().break_at(self.net.clock.now() + self.net.delay());
        }
    }

    pub fn is_dropped(&self, side: usize) -> bool {
        self.dropped[side].get()
    }

    pub fn dropped(&self, side: usize) {
        if self.dropped[side].replace(true) {
            return;
        }
        if side == 0 {
            self.net.crossed(false, self.ends[0].1.ip(), self.ends[1].1);
        }
        if self.vanished[side].get() {
            return;
        }
        let now = self.net.clock.now();
        let mut coming = self.pipes[1 - side].borrow_mut();
        let rude = !coming.chunks.is_empty() && self.net.dice.one_in(RUDE_CLOSE);
        coming.unread = now + self.net.delay();
        coming.wake_both();
        drop(coming);
        let mut going = self.pipes[side].borrow_mut();
        let arrival = now + self.net.delay();
        if rude {
            going.break_at(arrival);
        } else {
            going.closed = going.last_arrival.max(arrival);
            going.wake_both();
        }
    }

    /// Of what the process had sent, a part is lost; then its peer meets a reset, or nobody.
    pub fn kill(&self, process: Process) {
        let now = self.net.clock.now();
        for side in [0, 1].into_iter().filter(|side| self.ends[*side].0 == process) {
            self.vanished[side].set(true);
            let mut going = self.pipes[side].borrow_mut();
            let under_way = going.chunks.iter().filter(|(arrival, _)| *arrival > now).count();
            let lost = self.net.dice.below(under_way as u64 + 1) as usize;
            let kept = going.chunks.len() - lost;
            going.chunks.truncate(kept);
            if self.net.dice.one_in(SILENT_DEATH) {
                continue;
            }
            let arrival = going.last_arrival.max(now + self.net.delay());
            going.break_at(arrival);
            drop(going);
            self.pipes[1 - side].borrow_mut().unread = arrival;
            self.pipes[1 - side].borrow_mut().wake_both();
        }
    }
}
