//! Sockets: listeners, streams, datagrams.

use bytes::Bytes;
use mail::Time;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::Deref;
use std::path::{Path, PathBuf};

/// Where a listener stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    Inet(SocketAddr),
    Unix { path: PathBuf, mode: u32 },
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Inet(address) => address.fmt(f),
            Endpoint::Unix { path, .. } => path.display().fmt(f),
        }
    }
}

/// An outgoing connection: to whom, from which address of ours, until when.
#[derive(Clone, Debug)]
pub struct Dial {
    pub to: SocketAddr,
    /// Bound before connecting, without choosing a port (IP_BIND_ADDRESS_NO_PORT).
    pub from: Option<IpAddr>,
    pub deadline: Time,
}

pub trait Net {
    type Listener: Listener<Stream = Self::Stream>;
    type Stream: Stream;
    type Datagrams: Datagrams;

    /// A listening socket of this shard; with SO_REUSEPORT, so that every shard has its own.
    fn listen(&self, at: &Endpoint, backlog: u32) -> io::Result<Self::Listener>;

    /// As `listen`; where the kernel can, a connection comes to the shard on whose core its first packet was
    /// handled. Good where every core has its receive queue, bad where one core handles all.
    fn listen_on_core(&self, at: &Endpoint, backlog: u32) -> io::Result<Self::Listener> {
        self.listen(at, backlog)
    }

    /// Fails with `TimedOut` at the deadline, `ConnectionRefused`, `AddrNotAvailable`, …
    fn dial(&self, dial: Dial) -> impl Future<Output = io::Result<Self::Stream>>;

    /// A connection to a Unix socket of this host.
    fn dial_unix(&self, path: &Path, deadline: Time) -> impl Future<Output = io::Result<Self::Stream>>;

    /// A datagram socket connected to `to`, from a random port of ours.
    fn datagrams(&self, to: SocketAddr) -> io::Result<Self::Datagrams>;
}

pub trait Listener: Clone + 'static {
    type Stream: Stream;

    /// The next connection. Transient errors (EMFILE, ECONNABORTED) are waited out inside and counted;
    /// an error that comes out is final, `Interrupted` after `close`.
    fn accept(&self) -> impl Future<Output = io::Result<Self::Stream>>;

    fn local(&self) -> Endpoint;

    /// Ends the waiting `accept`, from any task of this shard, and closes the socket.
    fn close(&self);
}

/// A connected stream, closed when dropped. At most one read and one write at a time.
pub trait Stream: 'static {
    /// Received bytes, lent by the world until dropped: copy what must stay.
    type Chunk: Deref<Target = [u8]>;

    /// Waits for bytes. An empty chunk is the end of the stream; `TimedOut` is the deadline.
    fn read(&mut self, deadline: Time) -> impl Future<Output = io::Result<Self::Chunk>>;

    /// Whether bytes, or the end of the stream, have already arrived.
    fn has_unread(&self) -> bool;

    /// Sends all blocks in order, completely, or fails; `TimedOut` is the deadline.
    fn write(&mut self, blocks: Vec<Bytes>, deadline: Time) -> impl Future<Output = io::Result<()>>;

    /// None on a Unix socket.
    fn peer(&self) -> Option<SocketAddr>;

    /// The user number of the process at the other end of a Unix socket, when it connected; none elsewhere.
    fn peer_user(&self) -> Option<u32> {
        None
    }

    fn local(&self) -> Option<SocketAddr>;
}

pub trait Datagrams: 'static {
    fn send(&self, packet: Vec<u8>) -> impl Future<Output = io::Result<()>>;

    /// The next datagram from the connected peer, at most 65,535 bytes; `TimedOut` at the deadline.
    fn receive(&self, deadline: Time) -> impl Future<Output = io::Result<Vec<u8>>>;
}
