//! Ports that nobody uses, below the range from which the kernel gives its own to outgoing connections.

use socket2::{Domain, Socket, Type};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};

const FIRST: u32 = 10_000;
const COUNT: u32 = 20_000;
static ASKED: AtomicU32 = AtomicU32::new(0);

/// Never the same twice within a process; processes begin at different places.
pub fn free_port() -> u16 {
    let start = std::process::id().wrapping_mul(331);
    for _ in 0..COUNT {
        let number = start.wrapping_add(ASKED.fetch_add(1, Ordering::Relaxed));
        let port = (FIRST + number % COUNT) as u16;
        if is_free(port) {
            return port;
        }
    }
    panic!("no port between {FIRST} and {} is free", FIRST + COUNT);
}

/// Bound, and never listened on: a program that another test starts this very moment holds what is open here until it
/// runs, and only a socket that listens would be in the way.
fn is_free(port: u16) -> bool {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_reuse_address(true).expect("an option of every socket");
    socket.bind(&SocketAddr::from(([0, 0, 0, 0], port)).into()).is_ok()
}
