//! What an idle connection costs our side of it. Prints; run it by name, in a release build:
//! `cargo test --release -p runtime --test idle_memory -- --ignored --nocapture`.

use runtime::{PanicHook, run_on_thread};
use std::sync::Arc;
use std::time::Duration;
use world::{Endpoint, Listener, Net, Stream, World};

#[test]
#[ignore = "measures, and needs 20,000 descriptors"]
fn ten_thousand_idle_connections_are_small() {
    let hook: PanicHook = Arc::new(|task, message| panic!("{task}: {message}"));
    let findings = runtime::preflight(&runtime::Needs { descriptors: 20_000, ..Default::default() });
    println!("{findings:?}");
    run_on_thread(hook, |world| async move {
        let listener = world.listen(&Endpoint::Inet("127.0.0.1:0".parse().unwrap()), 4096).unwrap();
        let Endpoint::Inet(to) = listener.local() else { panic!("an address") };
        let mut clients = Vec::with_capacity(10_000);
        let before = resident();
        // Both ends are in this process: as many as a limit of 20,000 descriptors allows.
        for _ in 0..9_900 {
            clients.push(std::net::TcpStream::connect(to).unwrap());
            let mut stream = listener.accept().await.unwrap();
            let waiting = world.clone();
            world.spawn("session", async move {
                let deadline = waiting.now() + Duration::from_secs(300);
                assert!(stream.read(deadline).await.unwrap().is_empty());
            });
        }
        world.sleep_until(world.now() + Duration::from_millis(200)).await;
        let each = (resident() - before) / clients.len();
        println!("{each} bytes of user memory for each of {} idle connections", clients.len());
        assert!(each < 3000, "{each} bytes");
        assert_eq!(world.gauges().receive_buffers_free, world.gauges().receive_buffers);
        drop(clients);
        world.sleep_until(world.now() + Duration::from_millis(500)).await;
        assert!(world.gauges().operations_in_flight < 16, "{:?}", world.gauges());
    })
    .unwrap();
}

fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap();
    status.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}
