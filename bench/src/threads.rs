//! Threads of a program: one world each, and a look at them now and then from the one that started them.

use std::fs;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// How often `watch` is called.
pub const WATCH: Duration = Duration::from_millis(200);

/// Runs `body(thread)` on so many threads, and calls `watch` each 200 ms until all have ended. The body starts a
/// world there: `run_on_thread(hook, |world| load.clone().drive(world, thread))`.
pub fn on_threads<E: Send>(
    threads: usize,
    body: impl Fn(usize) -> Result<(), E> + Sync,
    mut watch: impl FnMut(),
) -> Result<(), E> {
    thread::scope(|scope| {
        let (ended, ends) = channel::<()>();
        let body = &body;
        let running: Vec<_> = (0..threads)
            .map(|thread| {
                let ended = ended.clone();
                scope.spawn(move || {
                    let result = body(thread);
                    drop(ended);
                    result
                })
            })
            .collect();
        drop(ended);
        while ends.recv_timeout(WATCH) == Err(RecvTimeoutError::Timeout) {
            watch();
        }
        let joined = running.into_iter().map(|thread| match thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        // All are joined before the first error is looked for.
        joined.collect::<Vec<_>>().into_iter().collect()
    })
}

/// What this thread has used so far; none where the kernel keeps no such account. Exact to a tick.
pub(crate) fn thread_cpu() -> Option<Duration> {
    let account = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(Duration::from_nanos(account.split(' ').next()?.parse().ok()?))
}
