//! One end of a connection.

use crate::net::line::Line;
use bytes::Bytes;
use mail::Time;
use std::io;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use world::Stream;

pub struct SimStream {
    pub(crate) line: Rc<Line>,
    pub(crate) side: usize,
}

/// Whether the other end of a stream is still held, as only the simulation can know.
#[derive(Clone)]
pub struct Presence {
    line: Weak<Line>,
    side: usize,
}

impl Presence {
    pub fn is_held(&self) -> bool {
        self.line.upgrade().is_some_and(|line| !line.is_dropped(self.side))
    }
}

impl SimStream {
    /// Of the other end.
    pub fn presence(&self) -> Presence {
        Presence { line: Rc::downgrade(&self.line), side: 1 - self.side }
    }
}

impl Stream for SimStream {
    type Chunk = Bytes;

    async fn read(&mut self, deadline: Time) -> io::Result<Bytes> {
        let line = &self.line;
        let read = line.net.clock.wait(deadline, |waker| line.look_for_bytes(self.side, waker)).await;
        line.tell(1 - self.side, &read);
        read
    }

    fn has_unread(&self) -> bool {
        self.line.has_unread(self.side)
    }

    async fn write(&mut self, blocks: Vec<Bytes>, deadline: Time) -> io::Result<()> {
        for mut block in blocks {
            let line = &self.line;
            line.net.clock.wait(deadline, |waker| line.look_for_room(self.side, &mut block, waker)).await?;
        }
        Ok(())
    }

    fn peer(&self) -> Option<SocketAddr> {
        Some(self.line.address(1 - self.side))
    }

    fn local(&self) -> Option<SocketAddr> {
        Some(self.line.address(self.side))
    }
}

impl Drop for SimStream {
    fn drop(&mut self) {
        self.line.dropped(self.side);
    }
}
