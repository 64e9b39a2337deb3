//! Ports that nobody uses, below the range from which the kernel gives its own to outgoing connections.

use std::net::{TcpListener, UdpSocket};
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
        if TcpListener::bind(("0.0.0.0", port)).is_ok() && UdpSocket::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port between {FIRST} and {} is free", FIRST + COUNT);
}
