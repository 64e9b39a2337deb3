//! How fast: not asserted, as machines differ. `cargo test --release -p spool -- --ignored --nocapture`.

use crate::disk::{Disk, Log, settings};
use bytes::Bytes;
use spool::{Journal, Settings, State, Want};
use std::time::Instant;

#[test]
#[ignore = "measures"]
fn measures_appends_and_recovery() {
    let settings = Settings { segment_bytes: 64 << 20, batch_bytes: 1 << 20, ..settings() };
    let mut disk = Disk::default();
    let mut journal = Journal::new(settings.clone(), State::default());
    let (head, body) = (vec![b'h'; 300], [Bytes::from(vec![b'b'; 2048])]);
    let now = mail::Time::from_secs(1);
    let mut appending = std::time::Duration::ZERO;
    let mut closing = std::time::Duration::ZERO;
    let mut left = 100_000;
    while left > 0 {
        match journal.want(now) {
            Want::Commit => {
                let start = Instant::now();
                let commit = journal.take_commit();
                closing += start.elapsed();
                disk.write(&commit);
                let start = Instant::now();
                journal.committed(commit.buffer);
                closing += start.elapsed();
            }
            Want::Rest | Want::SleepUntil(_) => {}
            chore => {
                disk.chore(&mut journal, &settings, chore);
                continue;
            }
        }
        let start = Instant::now();
        for _ in 0..400 {
            journal.promise(&head, &body, 1).expect("there is room");
        }
        appending += start.elapsed();
        left -= 400;
    }
    println!("append {:?}, close and settle {:?} a promise", appending / 100_000, closing / 100_000);
    let mut log = Log { settings: settings.clone(), disk, journal, now };
    log.commit();
    let start = Instant::now();
    let recovered = log.disk.recover(&settings);
    println!("{} promises recovered in {:?}", recovered.living.len(), start.elapsed());
}
