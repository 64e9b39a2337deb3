//! Streams over real sockets: what arrives, what times out, what is refused.

use bytes::Bytes;
use mail::Time;
use runtime::{PanicHook, RealStream, RealWorld, run_on_thread};
use std::cell::Cell;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use world::{Dial, Endpoint, Listener, Net, Signal, Stream, World};

fn quiet() -> PanicHook {
    Arc::new(|task, message| panic!("{task}: {message}"))
}

fn loopback() -> Endpoint {
    Endpoint::Inet("127.0.0.1:0".parse().unwrap())
}

fn address(endpoint: &Endpoint) -> SocketAddr {
    match endpoint {
        Endpoint::Inet(address) => *address,
        Endpoint::Unix { .. } => panic!("not an address"),
    }
}

fn soon(world: &RealWorld, ms: u64) -> Time {
    world.now() + Duration::from_millis(ms)
}

async fn dial(world: &RealWorld, to: SocketAddr) -> io::Result<RealStream> {
    world.dial(Dial { to, from: None, deadline: soon(world, 5000) }).await
}

async fn connected(world: &RealWorld) -> (RealStream, RealStream) {
    let listener = world.listen(&loopback(), 16).unwrap();
    let client = dial(world, address(&listener.local())).await.unwrap();
    let server = listener.accept().await.unwrap();
    listener.close();
    (client, server)
}

/// Sends back what comes until the peer closes.
async fn echo(world: RealWorld, mut stream: RealStream) {
    loop {
        let chunk = stream.read(soon(&world, 10_000)).await.unwrap();
        if chunk.is_empty() {
            return;
        }
        let copy = Bytes::copy_from_slice(&chunk);
        drop(chunk);
        stream.write(vec![copy], soon(&world, 10_000)).await.unwrap();
    }
}

#[test]
fn two_hundred_connections_get_back_what_they_sent() {
    run_on_thread(quiet(), |world| async move {
        let listener = world.listen(&loopback(), 512).unwrap();
        let at = address(&listener.local());
        let serving = (world.clone(), listener.clone());
        world.spawn("listen", async move {
            let (world, listener) = serving;
            while let Ok(stream) = listener.accept().await {
                assert!(stream.peer().is_some_and(|peer| peer.ip() == at.ip()));
                world.spawn("echo", echo(world.clone(), stream));
            }
        });
        let (done, all) = (Rc::new(Cell::new(0)), Signal::default());
        for number in 0..200_usize {
            let (world_, done, all) = (world.clone(), done.clone(), all.clone());
            world.spawn("client", async move {
                let mut stream = dial(&world_, at).await.unwrap();
                for round in 0..20 {
                    let sent: Vec<u8> =
                        (0..1 + number * 97 % 9000).map(|byte| (byte + round + number) as u8).collect();
                    let (head, tail) = sent.split_at(sent.len() / 3);
                    let blocks = vec![Bytes::copy_from_slice(head), Bytes::copy_from_slice(tail)];
                    stream.write(blocks, soon(&world_, 5000)).await.unwrap();
                    let mut got = Vec::new();
                    while got.len() < sent.len() {
                        got.extend_from_slice(&stream.read(soon(&world_, 5000)).await.unwrap());
                    }
                    assert_eq!(got, sent);
                }
                done.set(done.get() + 1);
                all.raise();
            });
        }
        while done.get() < 200 {
            assert!(all.wait_until(&world, soon(&world, 10_000)).await, "{} of 200", done.get());
        }
        listener.close();
        let interrupted = listener.accept().await.err().map(|error| error.kind());
        assert_eq!(interrupted, Some(io::ErrorKind::Interrupted));
    })
    .unwrap();
}

#[test]
fn a_large_write_in_many_blocks_arrives_in_order() {
    run_on_thread(quiet(), |world| async move {
        let (mut client, mut server) = connected(&world).await;
        let sent: Vec<u8> = (0..8_000_000_u32).map(|byte| (byte / 7) as u8).collect();
        let blocks: Vec<_> = sent.chunks(13_001).map(Bytes::copy_from_slice).collect();
        let writing = (world.clone(), Signal::default());
        let written = writing.1.clone();
        world.spawn("writer", async move {
            client.write(blocks, soon(&writing.0, 10_000)).await.unwrap();
            writing.1.raise();
        });
        let mut got = Vec::new();
        while got.len() < sent.len() {
            got.extend_from_slice(&server.read(soon(&world, 10_000)).await.unwrap());
        }
        assert!(got == sent);
        assert!(written.wait_until(&world, soon(&world, 1000)).await);
        // The client is dropped with its task: the end of the stream, as often as it is asked for.
        assert!(server.read(soon(&world, 1000)).await.unwrap().is_empty());
        assert!(server.read(soon(&world, 1000)).await.unwrap().is_empty());
    })
    .unwrap();
}

#[test]
fn a_read_that_timed_out_can_be_followed_by_one_that_succeeds() {
    run_on_thread(quiet(), |world| async move {
        let (mut client, mut server) = connected(&world).await;
        for delay in [30, 5, 60] {
            let started = world.now();
            let error = server.read(started + Duration::from_millis(delay)).await.err().unwrap();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            let waited = world.now().since(started).as_millis() as u64;
            assert!((delay..delay + 50).contains(&waited), "{waited} ms instead of {delay}");
        }
        client.write(vec![Bytes::from_static(b"EHLO")], soon(&world, 1000)).await.unwrap();
        assert_eq!(*server.read(Time::NEVER).await.unwrap(), *b"EHLO");
        assert!(!server.has_unread());
        client.write(vec![Bytes::from_static(b"QUIT")], soon(&world, 1000)).await.unwrap();
        world.sleep_until(soon(&world, 20)).await;
        assert!(server.has_unread());
        // What has arrived is given even after the deadline.
        assert_eq!(*server.read(Time::EPOCH).await.unwrap(), *b"QUIT");
    })
    .unwrap();
}

#[test]
fn a_write_that_nobody_reads_ends_at_its_deadline_and_breaks_the_stream() {
    run_on_thread(quiet(), |world| async move {
        let (mut client, server) = connected(&world).await;
        let started = world.now();
        let block = Bytes::from(vec![b'x'; 32 << 20]);
        let error = client.write(vec![block], soon(&world, 100)).await.err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!((100..400).contains(&world.now().since(started).as_millis()));
        let next = client.write(vec![Bytes::from_static(b"x")], soon(&world, 100)).await.err().unwrap();
        assert_eq!(next.kind(), io::ErrorKind::BrokenPipe);
        drop(server);
    })
    .unwrap();
}

#[test]
fn a_peer_that_floods_an_unread_stream_is_held_back_and_hinders_nobody() {
    run_on_thread(quiet(), |world| async move {
        let listener = world.listen(&loopback(), 16).unwrap();
        let mut flooding = std::net::TcpStream::connect(address(&listener.local())).unwrap();
        let mut flooded = listener.accept().await.unwrap();
        flooding.write_all(b"!").unwrap();
        // The receive is armed now, and stays armed.
        assert_eq!(*flooded.read(soon(&world, 1000)).await.unwrap(), *b"!");
        let flood = std::thread::spawn(move || {
            flooding.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
            flooding.write_all(&vec![b'x'; 32 << 20]).unwrap_err().kind()
        });
        let (mut client, mut server) = connected(&world).await;
        while !flood.is_finished() {
            client.write(vec![Bytes::from_static(b"NOOP")], soon(&world, 1000)).await.unwrap();
            assert_eq!(*server.read(soon(&world, 1000)).await.unwrap(), *b"NOOP");
            world.sleep_until(soon(&world, 5)).await;
        }
        assert_eq!(flood.join().unwrap(), io::ErrorKind::WouldBlock);
        let gauges = world.gauges();
        assert!(gauges.receive_buffers_free < gauges.receive_buffers);
        let mut got = 0;
        while !flooded.read(soon(&world, 100)).await.map_or(true, |chunk| {
            got += chunk.len();
            chunk.is_empty()
        }) {}
        assert!(got > 64 << 10, "{got} bytes");
        assert_eq!(world.gauges().receive_buffers_free, gauges.receive_buffers);
    })
    .unwrap();
}

#[test]
fn without_free_buffers_streams_receive_into_their_own_memory() {
    run_on_thread(quiet(), |world| async move {
        let (mut client, mut server) = connected(&world).await;
        let mut kept = Vec::new();
        while world.gauges().receive_buffers_free > 0 {
            client.write(vec![Bytes::from_static(b".")], soon(&world, 1000)).await.unwrap();
            kept.push(server.read(soon(&world, 1000)).await.unwrap());
        }
        assert_eq!(kept.len(), usize::from(world.gauges().receive_buffers));
        for line in [&b"one"[..], b"two"] {
            client.write(vec![Bytes::from_static(line)], soon(&world, 1000)).await.unwrap();
            assert_eq!(*server.read(soon(&world, 1000)).await.unwrap(), *line);
        }
        assert!(world.gauges().receive_buffers_exhausted > 0);
        drop(kept);
        assert_eq!(world.gauges().receive_buffers_free, world.gauges().receive_buffers);
        client.write(vec![Bytes::from_static(b"three")], soon(&world, 1000)).await.unwrap();
        assert_eq!(*server.read(soon(&world, 1000)).await.unwrap(), *b"three");
    })
    .unwrap();
}

#[test]
fn a_connection_leaves_from_the_address_that_was_asked_for() {
    run_on_thread(quiet(), |world| async move {
        for (at, from) in [("127.0.0.1:0", "127.0.0.2"), ("[::1]:0", "::1")] {
            let Ok(listener) = world.listen(&Endpoint::Inet(at.parse().unwrap()), 16) else {
                assert!(at.starts_with('['), "only a host without IPv6 may lack an address");
                continue;
            };
            let (to, from) = (address(&listener.local()), from.parse().ok());
            let client = world.dial(Dial { to, from, deadline: soon(&world, 1000) }).await.unwrap();
            let server = listener.accept().await.unwrap();
            assert_eq!(client.local().map(|local| local.ip()), from);
            assert_eq!((server.peer(), server.local()), (client.local(), client.peer()));
        }
        let to = "127.0.0.1:25".parse().unwrap();
        let from = Some("192.0.2.1".parse().unwrap());
        let unplumbed = world.dial(Dial { to, from, deadline: soon(&world, 1000) }).await.err().unwrap();
        assert_eq!(unplumbed.kind(), io::ErrorKind::AddrNotAvailable);
    })
    .unwrap();
}

#[test]
fn a_dial_is_refused_or_ends_at_its_deadline() {
    run_on_thread(quiet(), |world| async move {
        let listener = world.listen(&loopback(), 0).unwrap();
        let full = address(&listener.local());
        let closed = world.listen(&loopback(), 0).unwrap();
        let refusing = address(&closed.local());
        closed.close();
        world.sleep_until(soon(&world, 5)).await;
        let refused = dial(&world, refusing).await.err().unwrap();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        // Nobody accepts: a backlog of zero takes one connection, the next is not answered.
        let first = dial(&world, full).await.unwrap();
        let started = world.now();
        let deadline = soon(&world, 80);
        let error = world.dial(Dial { to: full, from: None, deadline }).await.err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!((80..300).contains(&world.now().since(started).as_millis()));
        drop(first);
    })
    .unwrap();
}

#[test]
fn a_unix_listener_has_its_mode_and_replaces_a_stale_file() {
    use std::os::unix::fs::PermissionsExt;
    let path = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("control.sock");
    let _ = std::fs::remove_file(&path);
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    run_on_thread(quiet(), move |world| async move {
        let at = Endpoint::Unix { path: path.clone(), mode: 0o620 };
        let listener = world.listen(&at, 16).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o620);
        assert_eq!(world.listen(&at, 16).err().map(|error| error.kind()), Some(io::ErrorKind::AddrInUse));
        let client = std::thread::spawn({
            let path = path.clone();
            move || {
                let mut client = std::os::unix::net::UnixStream::connect(path).unwrap();
                client.write_all(b"version\n").unwrap();
                let mut answer = String::new();
                client.read_to_string(&mut answer).unwrap();
                answer
            }
        });
        // The second listener's attempt has left a connection behind, which ends at once.
        let mut probe = listener.accept().await.unwrap();
        assert!(probe.read(soon(&world, 1000)).await.unwrap().is_empty());
        let mut stream = listener.accept().await.unwrap();
        assert_eq!((stream.peer(), stream.local()), (None, None));
        assert_eq!(*stream.read(soon(&world, 1000)).await.unwrap(), *b"version\n");
        stream.write(vec![Bytes::from_static(b"1\n")], soon(&world, 1000)).await.unwrap();
        drop(stream);
        world.sleep_until(soon(&world, 20)).await;
        assert_eq!(client.join().unwrap(), "1\n");
        listener.close();
        assert!(!path.exists());
    })
    .unwrap();
}

#[test]
fn abandoned_operations_end_as_orphans_and_hold_nothing_back() {
    run_on_thread(quiet(), |world| async move {
        let (mut client, mut server) = connected(&world).await;
        let nothing = world.gauges().operations_in_flight;
        for _ in 0..50 {
            // A future polled once and dropped: a reader, a writer and a caller that lost interest.
            poll_once(server.read(soon(&world, 60_000))).await;
            let dial =
                Dial { to: "192.0.2.1:25".parse().unwrap(), from: None, deadline: soon(&world, 60_000) };
            poll_once(world.dial(dial)).await;
            poll_once(world.sleep_until(soon(&world, 60_000))).await;
        }
        poll_once(client.write(vec![Bytes::from_static(b"left behind")], soon(&world, 1000))).await;
        assert_eq!(*server.read(soon(&world, 1000)).await.unwrap(), *b"left behind");
        drop((client, server));
        world.sleep_until(soon(&world, 50)).await;
        let gauges = world.gauges();
        // The accept, the receives and the dials are gone; the timeouts that they left may still tick.
        assert!(gauges.operations_in_flight <= nothing + 5, "{gauges:?}, before {nothing}");
        assert_eq!((gauges.alarms, gauges.receive_buffers_free), (0, gauges.receive_buffers));
    })
    .unwrap();
}

async fn poll_once<F: Future>(future: F) {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|context| {
        let _ = future.as_mut().poll(context);
        std::task::Poll::Ready(())
    })
    .await;
}

#[test]
fn datagrams_go_to_the_peer_and_come_back() {
    use world::Datagrams;
    let peer = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = peer.local_addr().unwrap();
    let answering = std::thread::spawn(move || {
        let mut room = [0; 2000];
        for _ in 0..3 {
            let (length, from) = peer.recv_from(&mut room).unwrap();
            room[..length].reverse();
            peer.send_to(&room[..length], from).unwrap();
        }
    });
    run_on_thread(quiet(), move |world| async move {
        let datagrams = world.datagrams(to).unwrap();
        let early = datagrams.receive(soon(&world, 20)).await.err().unwrap();
        assert_eq!(early.kind(), io::ErrorKind::TimedOut);
        for length in [1, 512, 1400] {
            let packet: Vec<u8> = (0..length).map(|byte| byte as u8).collect();
            datagrams.send(packet.clone()).await.unwrap();
            let answer = datagrams.receive(soon(&world, 1000)).await.unwrap();
            assert!(answer.iter().rev().eq(&packet));
        }
        answering.join().unwrap();
        // The peer's socket is gone now: its host says so.
        datagrams.send(vec![0]).await.unwrap();
        let refused = datagrams.receive(soon(&world, 1000)).await.err().unwrap();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    })
    .unwrap();
}
