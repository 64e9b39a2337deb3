//! Kill -9 at moments that nobody chose, again and again, under load.

use crate::PLACE;
use crate::chance::Chance;
use crate::load::{Load, audit};
use harness::{Server, Setup, Sink, poll};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

/// The environment's SEED chooses another course.
const SEED: u64 = 5321;
const ROUNDS: u32 = 50;
const MOST_SHARDS: u64 = 2;
const CLIENTS: usize = 4;
/// Milliseconds of life after the banner.
const LIFE: std::ops::Range<u64> = 150..650;
/// One life in so many ends before the banner, within so many milliseconds of its start.
const STILLBORN: u64 = 6;
const STILLBORN_LIFE: u64 = 60;
/// The sink defers every so many recipients.
const DEFERRED: u32 = 12;
/// Every so often the spool is looked at between two lives.
const CHECKED: u32 = 10;
/// Messages that must have been accepted in all lives together, for the test to say anything.
const LEAST_LOAD: usize = 2_000;

/// Refuses one domain for good and every so many others for now: deferrals and notices cross the crashes, too.
fn moody() -> impl Fn(&str) -> Option<String> + Send + Sync {
    let asked = AtomicU32::new(0);
    move |line| {
        if !line.starts_with("RCPT") {
            None
        } else if line.contains("@d0.example>") {
            Some("550 5.1.1 nobody is here".to_owned())
        } else {
            let turn = asked.fetch_add(1, Ordering::Relaxed);
            turn.is_multiple_of(DEFERRED).then(|| "451 4.7.1 not now".to_owned())
        }
    }
}

#[test]
fn what_was_acknowledged_survives_fifty_crashes() {
    let sink = Sink::ruled(moody());
    let settings = "retry_interval = 1\nmax_retry_interval = 1\nhost_failure_retry = 1";
    let mut server = Server::start(&Setup { settings, ..Setup::new(PLACE, "crash", sink.port()) });
    let load = Load::start(server.address(), CLIENTS);
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(SEED);
    let mut chance = Chance::new(seed);
    for round in 0..ROUNDS {
        let life = if chance.below(STILLBORN) == 0 {
            chance.below(STILLBORN_LIFE)
        } else {
            server.wait_for_banner();
            LIFE.start + chance.below(LIFE.end - LIFE.start)
        };
        thread::sleep(Duration::from_millis(life));
        server.kill();
        if round.is_multiple_of(CHECKED) {
            server.spool("check").well();
        }
        // A journal whose shard is no more is taken over by another.
        server.set_shards(1 + chance.below(MOST_SHARDS) as usize);
        server.launch();
    }
    server.wait_for_banner();
    let ledger = load.stop();
    let settled = poll(|| audit(&ledger, &sink.letters()).lost.is_empty().then_some(()));
    let found = audit(&ledger, &sink.letters());
    println!("{ROUNDS} crashes, seed {seed}: {found:?}");
    assert!(settled.is_some() && found.lost.is_empty(), "lost: {:?}", found.lost);
    assert_eq!(found.damaged, 0);
    assert!(found.notices > 0, "no notice crossed a crash");
    assert!(ledger.len() > LEAST_LOAD, "{} messages are no load", ledger.len());
    harness::eventually("the queues are empty", || server.count("queued_messages") == 0);
    server.stop();
    server.spool("check").well();
    assert_eq!(server.spool("ls").well().out, "0 messages\n");
}
