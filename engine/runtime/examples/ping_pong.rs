//! Line ping-pong over loopback: the cost of one round trip on the serving shard.
//!
//! `cargo run --release -p runtime --example ping_pong [connections] [seconds]`. The server is a shard on the
//! first core; the clients are plain threads, four at most, on whatever other core there is.

use bytes::Bytes;
use mail::Time;
use runtime::{PanicHook, Plan, Runtime};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use world::{Endpoint, Listener, Net, Stream, World};

const LINE: &[u8] = b"RCPT TO:<someone@alpha.example>\r\n";
const ANSWER: &[u8] = b"250 2.1.5 <someone@alpha.example> is fine\r\n";

fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u64>().expect("a number"));
    let connections = arguments.next().unwrap_or(50) as usize;
    let seconds = arguments.next().unwrap_or(3);
    let trips = Arc::new(AtomicU64::new(0));
    let (at_sender, at) = mpsc::channel();
    let (cpu_sender, cpu) = mpsc::channel();
    let hook: PanicHook = Arc::new(|task, message| eprintln!("{task}: {message}"));
    let counting = trips.clone();
    let runtime = Runtime::start(Plan::shards(1, hook).expect("a core"), move |world, _| {
        let (at, cpu, trips) = (at_sender.clone(), cpu_sender.clone(), counting.clone());
        async move {
            let anywhere: SocketAddr = "127.0.0.1:0".parse().expect("an address");
            let listener = world.listen(&Endpoint::Inet(anywhere), 1024).expect("a listener");
            let Endpoint::Inet(address) = listener.local() else { return };
            at.send(address).expect("main waits");
            let (serving, listening) = (world.clone(), listener.clone());
            world.spawn("listen", async move {
                while let Ok(mut stream) = listening.accept().await {
                    let (world, trips) = (serving.clone(), trips.clone());
                    serving.spawn("serve", async move {
                        while let Ok(chunk) = stream.read(world.now() + Duration::from_secs(300)).await {
                            if chunk.is_empty() {
                                return;
                            }
                            drop(chunk);
                            let deadline = world.now() + Duration::from_secs(300);
                            if stream.write(vec![Bytes::from_static(ANSWER)], deadline).await.is_err() {
                                return;
                            }
                            trips.fetch_add(1, Ordering::Relaxed);
                        }
                    });
                }
            });
            // Report the thread's own time at each ring of the bell.
            loop {
                world.rung().await;
                if cpu.send((thread_cpu(), Time::micros(world.now()))).is_err() {
                    return;
                }
            }
        }
    })
    .expect("a shard");
    let address = at.recv().expect("the shard listens");
    let ending = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..connections.min(4))
        .map(|client| {
            let ending = ending.clone();
            let share =
                connections / connections.min(4) + usize::from(client < connections % connections.min(4));
            std::thread::spawn(move || ask(address, share, &ending))
        })
        .collect();
    let bell = runtime.doorbells()[0].clone();
    let look = || {
        bell.ring();
        let (cpu, _) = cpu.recv().expect("the shard answers");
        (cpu, trips.load(Ordering::Relaxed), Instant::now())
    };
    std::thread::sleep(Duration::from_millis(500));
    let (cpu_before, trips_before, started) = look();
    std::thread::sleep(Duration::from_secs(seconds));
    let (cpu_after, trips_after, ended) = look();
    let count = trips_after - trips_before;
    println!(
        "{connections} connections: {:.0} k round trips/s, {:.2} us of CPU each",
        count as f64 / (ended - started).as_secs_f64() / 1000.0,
        (cpu_after - cpu_before).as_secs_f64() * 1e6 / count as f64
    );
    ending.store(true, Ordering::Relaxed);
    clients.into_iter().for_each(|client| client.join().expect("a client"));
    std::process::exit(0);
}

/// One line on each connection, then the answers of all, until told to end.
fn ask(address: SocketAddr, connections: usize, ending: &AtomicBool) {
    let mut streams: Vec<_> =
        (0..connections).map(|_| TcpStream::connect(address).expect("a connection")).collect();
    streams.iter().for_each(|stream| stream.set_nodelay(true).expect("an option"));
    let mut room = [0; 512];
    while !ending.load(Ordering::Relaxed) {
        for stream in &mut streams {
            stream.write_all(LINE).expect("the server reads");
        }
        for stream in &mut streams {
            let mut got = 0;
            while got < ANSWER.len() {
                got += stream.read(&mut room).expect("the server answers");
            }
        }
    }
}

fn thread_cpu() -> Duration {
    let mut spec = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call fills the local it is given.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut spec) };
    Duration::new(spec.tv_sec as u64, spec.tv_nsec as u32)
}
