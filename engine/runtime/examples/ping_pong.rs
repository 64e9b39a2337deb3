//! Line ping-pong over loopback: what a round trip costs the serving shard.
//!
//! `cargo run --release -p runtime --example ping_pong [connections] [seconds]`. Two shards on two cores:
//! the first serves, the second asks, on every connection one line at a time.

use bytes::Bytes;
use runtime::{PanicHook, Plan, RealStream, RealWorld, Runtime};
use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use world::{Dial, Endpoint, Listener, Net, Stream, World};

const LINE: &[u8] = b"RCPT TO:<someone@alpha.example>\r\n";
const ANSWER: &[u8] = b"250 2.1.5 <someone@alpha.example> is fine\r\n";
const PATIENCE: Duration = Duration::from_secs(300);

fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u64>().expect("a number"));
    let connections = arguments.next().unwrap_or(50) as usize;
    let seconds = arguments.next().unwrap_or(3);
    let (results, result) = channel();
    let results = Arc::new(Mutex::new(results));
    let address: Arc<OnceLock<SocketAddr>> = Arc::default();
    let hook: PanicHook = Arc::new(|task, message| eprintln!("{task}: {message}"));
    let _runtime = Runtime::start(Plan::shards(2, hook).expect("two cores"), move |world, index| {
        let (results, address) = (results.lock().expect("no panic").clone(), address.clone());
        async move {
            if index == 0 {
                serve(world, &address, seconds, results).await;
            } else {
                ask(world, &address, connections).await;
            }
        }
    })
    .expect("two shards");
    let (trips, cpu): (u64, Duration) = result.recv().expect("a result");
    println!(
        "{connections} connections: {:.0} k round trips/s, {:.2} us of CPU each",
        trips as f64 / seconds as f64 / 1000.0,
        cpu.as_secs_f64() * 1e6 / trips as f64
    );
    std::process::exit(0);
}

async fn serve(world: RealWorld, at: &OnceLock<SocketAddr>, seconds: u64, results: Sender<(u64, Duration)>) {
    let anywhere = "127.0.0.1:0".parse().expect("an address");
    let listener = world.listen(&Endpoint::Inet(anywhere), 1024).expect("a listener");
    let Endpoint::Inet(address) = listener.local() else { return };
    at.set(address).expect("set once");
    let trips = Rc::new(Cell::new(0));
    let (serving, count) = (world.clone(), trips.clone());
    world.spawn("listen", async move {
        while let Ok(stream) = listener.accept().await {
            serving.spawn("answer", answer(serving.clone(), stream, count.clone()));
        }
    });
    world.sleep_until(world.now() + Duration::from_secs(1)).await;
    let before = (trips.get(), thread_cpu());
    world.sleep_until(world.now() + Duration::from_secs(seconds)).await;
    results.send((trips.get() - before.0, thread_cpu() - before.1)).expect("main waits");
}

async fn answer(world: RealWorld, mut stream: RealStream, trips: Rc<Cell<u64>>) {
    while let Ok(chunk) = stream.read(world.now() + PATIENCE).await {
        if chunk.is_empty() {
            return;
        }
        drop(chunk);
        let blocks = vec![Bytes::from_static(ANSWER)];
        if stream.write(blocks, world.now() + PATIENCE).await.is_err() {
            return;
        }
        trips.set(trips.get() + 1);
    }
}

async fn ask(world: RealWorld, at: &OnceLock<SocketAddr>, connections: usize) {
    let to = loop {
        match at.get() {
            Some(address) => break *address,
            None => world.sleep_until(world.now() + Duration::from_millis(1)).await,
        }
    };
    for _ in 0..connections {
        let dial = Dial { to, from: None, deadline: world.now() + PATIENCE };
        let mut stream = world.dial(dial).await.expect("a connection");
        let asking = world.clone();
        world.spawn("ask", async move {
            loop {
                let blocks = vec![Bytes::from_static(LINE)];
                stream.write(blocks, asking.now() + PATIENCE).await.expect("the server reads");
                let mut got = 0;
                while got < ANSWER.len() {
                    got += stream.read(asking.now() + PATIENCE).await.expect("the server answers").len();
                }
            }
        });
    }
    std::future::pending::<()>().await;
}

fn thread_cpu() -> Duration {
    let mut spec = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call fills the local it is given.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut spec) };
    Duration::new(spec.tv_sec as u64, spec.tv_nsec as u32)
}
