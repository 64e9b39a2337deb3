//! A name server of the test's own zone, over UDP and TCP, on a port of its own.

use crate::ports::free_port;
use dns::zone::{Carrier, Zone};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How long an idle thread sleeps before it looks whether the test is over.
const GLANCE: Duration = Duration::from_millis(50);

pub struct NameServer {
    port: u16,
    inner: Arc<Inner>,
    threads: Vec<JoinHandle<()>>,
}

struct Inner {
    zone: Mutex<Zone>,
    over: AtomicBool,
}

impl Inner {
    fn zone(&self) -> MutexGuard<'_, Zone> {
        self.zone.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}

impl NameServer {
    /// Lines of `NAME TTL TYPE DATA`, as `dns::zone` reads them.
    pub fn start(zone: &str) -> NameServer {
        let bind = |port| Some((port, UdpSocket::bind(("127.0.0.1", port)).ok()?));
        let bound = std::iter::repeat_with(free_port).take(100).find_map(bind);
        let (port, datagrams) = bound.expect("a port that is free for datagrams too");
        let streams = TcpListener::bind(("127.0.0.1", port)).expect("the port was free");
        datagrams.set_read_timeout(Some(GLANCE)).expect("sockets have timeouts");
        streams.set_nonblocking(true).expect("listeners can be polled");
        let inner = Arc::new(Inner { zone: Mutex::new(parse(zone)), over: AtomicBool::new(false) });
        let (first, second) = (inner.clone(), inner.clone());
        let threads = vec![
            thread::spawn(move || answer_datagrams(&datagrams, &first)),
            thread::spawn(move || answer_streams(&streams, &second)),
        ];
        NameServer { port, inner, threads }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on this is the truth.
    pub fn change(&self, zone: &str) {
        *self.inner.zone() = parse(zone);
    }
}

fn parse(zone: &str) -> Zone {
    Zone::parse(zone).unwrap_or_else(|problem| panic!("{problem}"))
}

fn answer_datagrams(socket: &UdpSocket, inner: &Inner) {
    let mut packet = [0; 4096];
    while !inner.is_over() {
        let Ok((length, asker)) = socket.recv_from(&mut packet) else { continue };
        let answer = inner.zone().answer(&packet[..length], Carrier::Datagram);
        if let Some(answer) = answer {
            // An asker that has gone asks again if it must.
            let _ = socket.send_to(&answer, asker);
        }
    }
}

fn answer_streams(listener: &TcpListener, inner: &Inner) {
    while !inner.is_over() {
        match listener.accept() {
            Ok((stream, _)) => {
                // A stranger who breaks off has his answer.
                let _ = answer_stream(stream, inner);
            }
            Err(_) => thread::sleep(GLANCE),
        }
    }
}

/// One question (RFC 1035 §4.2.2).
fn answer_stream(mut stream: TcpStream, inner: &Inner) -> std::io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut packet = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut packet)?;
    if let Some(answer) = inner.zone().answer(&packet, Carrier::Stream) {
        stream.write_all(&(answer.len() as u16).to_be_bytes())?;
        stream.write_all(&answer)?;
    }
    Ok(())
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.inner.over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // Its panic has been printed.
            let _ = thread.join();
        }
    }
}
