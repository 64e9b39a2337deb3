//! Nothing stays behind: descriptors, buffers, operations, alarms. Alone in its process, because it counts
//! the descriptors of all.

use bytes::Bytes;
use mail::Time;
use runtime::{Gauges, PanicHook, RealStream, RealWorld, run_on_thread};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use world::{Dial, Endpoint, Listener, Net, Stream, World};

const CONNECTIONS: usize = 10_000;
const AT_ONCE: usize = 100;

fn strict() -> PanicHook {
    Arc::new(|task, message| panic!("{task}: {message}"))
}

fn soon(world: &RealWorld, ms: u64) -> Time {
    world.now() + Duration::from_millis(ms)
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

async fn dial(world: &RealWorld, to: SocketAddr) -> io::Result<RealStream> {
    world.dial(Dial { to, from: None, deadline: soon(world, 5000) }).await
}

fn listen(world: &RealWorld) -> (impl Listener<Stream = RealStream>, SocketAddr) {
    let listener = world.listen(&Endpoint::Inet("127.0.0.1:0".parse().unwrap()), 1024).unwrap();
    let Endpoint::Inet(address) = listener.local() else { panic!("an address") };
    (listener, address)
}

/// The state after everything has had time to end.
async fn settled(world: &RealWorld) -> (usize, Gauges) {
    world.sleep_until(soon(world, 100)).await;
    (descriptors(), world.gauges())
}

/// Connections that end in every way: asked and answered, cut while a read waits, cut unread, reset.
async fn live(world: &RealWorld, number: usize, mut client: RealStream, mut server: RealStream) {
    match number % 4 {
        0 => {
            client.write(vec![Bytes::from_static(b"QUIT\r\n")], soon(world, 1000)).await.unwrap();
            assert_eq!(*server.read(soon(world, 1000)).await.unwrap(), *b"QUIT\r\n");
            drop(server);
            assert!(client.read(soon(world, 1000)).await.unwrap().is_empty());
        }
        1 => {
            let timed_out = server.read(soon(world, 1)).await.err().unwrap();
            assert_eq!(timed_out.kind(), io::ErrorKind::TimedOut);
        }
        2 => {
            client.write(vec![Bytes::from(vec![b'x'; 20_000])], soon(world, 1000)).await.unwrap();
            assert!(!server.read(soon(world, 1000)).await.unwrap().is_empty());
        }
        _ => {
            let write = client.write(vec![Bytes::from(vec![b'x'; 8 << 20])], soon(world, 2));
            assert_eq!(write.await.err().unwrap().kind(), io::ErrorKind::TimedOut);
        }
    }
}

#[test]
fn ten_thousand_connections_leave_nothing_behind() {
    run_on_thread(strict(), |world| async move {
        let (listener, to) = listen(&world);
        // The first pair arms the accept and the timeout.
        let first = dial(&world, to).await.unwrap();
        drop((first, listener.accept().await.unwrap()));
        let before = settled(&world).await;
        for round in 0..CONNECTIONS / AT_ONCE {
            let mut pairs = Vec::new();
            for _ in 0..AT_ONCE {
                let client = dial(&world, to).await.unwrap();
                pairs.push((client, listener.accept().await.unwrap()));
            }
            for (number, (client, server)) in pairs.into_iter().enumerate() {
                // The writes that time out are few: each takes two milliseconds.
                let kind = if round % 20 > 0 && number % 4 % 2 == 1 { 0 } else { number };
                live(&world, kind, client, server).await;
            }
        }
        let after = settled(&world).await;
        assert_eq!(after.0, before.0, "descriptors");
        // Timeouts of the ring that ended alarms have left may still tick.
        assert!(after.1.operations_in_flight <= before.1.operations_in_flight + 12, "{after:?}, {before:?}");
        assert_eq!(after.1.receive_buffers_free, before.1.receive_buffers_free);
        assert_eq!(after.1.alarms, 0);

        listener.close();
        let (dropped, at) = listen(&world);
        let waiting = dial(&world, at).await.unwrap();
        drop(dropped.accept().await.unwrap());
        drop((dropped, waiting));
        assert_eq!(settled(&world).await.0, before.0 - 1, "the listener's own descriptor is gone as well");

        no_descriptors(&world).await;
    })
    .unwrap();
}

/// Accepting pauses while the process has no descriptor left, and goes on by itself.
async fn no_descriptors(world: &RealWorld) {
    let (listener, to) = listen(world);
    let clients: Vec<_> = (0..3).map(|_| std::net::TcpStream::connect(to).unwrap()).collect();
    let mut taken = Vec::new();
    let limit = set_descriptor_limit(descriptors() as u64 + 20);
    while let Ok(file) = std::fs::File::open("/dev/null") {
        taken.push(file);
    }
    let pauses = world.gauges().accept_pauses;
    let releasing = world.clone();
    world.spawn("release", async move {
        releasing.sleep_until(soon(&releasing, 150)).await;
        assert!((1..4).contains(&(releasing.gauges().accept_pauses - pauses)), "paused, not spun");
        drop(taken);
    });
    let started = world.now();
    for _ in &clients {
        listener.accept().await.unwrap();
    }
    assert!(world.now().since(started) >= Duration::from_millis(150));
    set_descriptor_limit(limit);
}

fn set_descriptor_limit(soft: u64) -> u64 {
    // SAFETY: plain calls on this process that read and fill a local.
    unsafe {
        let mut limit = std::mem::zeroed::<libc::rlimit>();
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit), 0);
        let before = std::mem::replace(&mut limit.rlim_cur, soft);
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &limit), 0);
        before
    }
}
