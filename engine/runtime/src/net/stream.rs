//! A connected stream. The descriptor belongs to the line, and the line to the stream and to every
//! operation in flight: it closes when the last of them is gone.

use crate::buffers::Chunk;
use crate::net::receive::Receive;
use crate::net::send::Sending;
use crate::ring::{Role, Target};
use crate::world::Shard;
use bytes::Bytes;
use io_uring::types::Fd;
use mail::Time;
use socket2::{SockRef, Socket};
use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::rc::Rc;
use world::Stream;

pub struct RealStream(Rc<Line>);

/// What a stream shares with its operations.
pub(crate) struct Line {
    pub shard: Rc<Shard>,
    pub receive: RefCell<Receive>,
    pub sending: RefCell<Sending>,
    socket: Socket,
    peer: Option<SocketAddr>,
}

impl Line {
    pub fn fd(&self) -> Fd {
        Fd(self.socket.as_raw_fd())
    }
}

impl Target for Line {
    fn completed(self: Rc<Self>, role: Role, result: i32, flags: u32) {
        match role {
            Role::Receive => self.received(result, flags),
            _ => self.sent(result),
        }
    }

    fn rang(self: Rc<Self>, role: Role) {
        match role {
            Role::Receive => self.read_alarm(),
            _ => self.write_alarm(),
        }
    }
}

impl RealStream {
    pub(crate) fn new(shard: &Rc<Shard>, socket: Socket, peer: Option<SocketAddr>) -> RealStream {
        RealStream(Rc::new(Line {
            shard: shard.clone(),
            receive: RefCell::default(),
            sending: RefCell::default(),
            socket,
            peer,
        }))
    }
}

impl Stream for RealStream {
    type Chunk = Chunk;

    async fn read(&mut self, deadline: Time) -> io::Result<Chunk> {
        poll_fn(|context| self.0.poll_read(context, deadline)).await
    }

    fn has_unread(&self) -> bool {
        self.0.receive.borrow().has_unread()
    }

    async fn write(&mut self, blocks: Vec<Bytes>, deadline: Time) -> io::Result<()> {
        // How a write that was abandoned in flight has ended shows when the next one starts.
        let _ = poll_fn(|context| self.0.poll_sent(context, deadline)).await;
        self.0.start_write(blocks)?;
        poll_fn(|context| self.0.poll_sent(context, deadline)).await
    }

    fn peer(&self) -> Option<SocketAddr> {
        self.0.peer
    }

    fn peer_user(&self) -> Option<u32> {
        if self.0.peer.is_some() {
            return None;
        }
        let mut found = libc::ucred { pid: 0, uid: u32::MAX, gid: u32::MAX };
        let mut length = size_of::<libc::ucred>() as libc::socklen_t;
        let fd = self.0.socket.as_raw_fd();
        // SAFETY: the kernel writes at most `length` bytes, which is the size of `found`.
        let result = unsafe {
            libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_PEERCRED, (&raw mut found).cast(), &mut length)
        };
        (result == 0).then_some(found.uid)
    }

    fn local(&self) -> Option<SocketAddr> {
        SockRef::from(&self.0.socket).local_addr().ok()?.as_socket()
    }
}

impl Drop for RealStream {
    fn drop(&mut self) {
        self.0.end_receive();
        self.0.end_send();
    }
}
