//! Sockets on the guest ring.

mod datagram;
mod dial;
mod listener;
mod receive;
mod send;
mod stream;

pub use datagram::RealDatagrams;
pub use listener::RealListener;
pub use stream::RealStream;

use crate::RealWorld;
use mail::Time;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use world::{Dial, Endpoint, Net};

impl Net for RealWorld {
    type Listener = RealListener;
    type Stream = RealStream;
    type Datagrams = RealDatagrams;

    fn listen(&self, at: &Endpoint, backlog: u32) -> io::Result<RealListener> {
        RealListener::open(&self.0, at, backlog, false)
    }

    fn listen_on_core(&self, at: &Endpoint, backlog: u32) -> io::Result<RealListener> {
        RealListener::open(&self.0, at, backlog, true)
    }

    async fn dial(&self, dial: Dial) -> io::Result<RealStream> {
        dial::dial(&self.0, dial).await
    }

    async fn dial_unix(&self, path: &Path, deadline: Time) -> io::Result<RealStream> {
        dial::dial_unix(&self.0, path, deadline).await
    }

    fn datagrams(&self, to: SocketAddr) -> io::Result<RealDatagrams> {
        RealDatagrams::open(&self.0, to)
    }
}
