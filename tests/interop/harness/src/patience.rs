//! Waiting: always polled, always bounded, never a bare sleep that hopes.

use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take on a machine that is busy with other things.
pub const PATIENCE: Duration = Duration::from_secs(60);

const INTERVAL: Duration = Duration::from_millis(10);

/// Asks until there is an answer; none after `PATIENCE`.
pub fn poll<T>(mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match ask() {
            Some(answer) => return Some(answer),
            None if Instant::now() >= deadline => return None,
            None => thread::sleep(INTERVAL),
        }
    }
}

/// Waits until it is so; panics with `what` after `PATIENCE`.
#[track_caller]
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    assert!(poll(|| is_so().then_some(())).is_some(), "within {PATIENCE:?}: {what}");
}
