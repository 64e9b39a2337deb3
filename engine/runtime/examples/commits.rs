//! Durable commits one after the other: their latency, and what each costs.
//!
//! `cargo run --release -p runtime --example commits FOLDER [kilobytes] [commits]`, on the disk to be measured.

use runtime::{PanicHook, run_on_thread};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use world::{Buffer, Disk, File, World};

const SEGMENT_BYTES: u64 = 64 << 20;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().expect("a folder"));
    let mut numbers = arguments.map(|text| text.parse::<usize>().expect("a number"));
    let (kilobytes, commits) = (numbers.next().unwrap_or(64), numbers.next().unwrap_or(2000));
    let hook: PanicHook = Arc::new(|task, message| eprintln!("{task}: {message}"));
    run_on_thread(hook, move |world| async move {
        let path = folder.join("commits.segment");
        let made = world.now();
        let file = world.create_zeroed(&path, SEGMENT_BYTES).await.expect("a segment");
        println!("a segment of {} MiB is made in {:?}", SEGMENT_BYTES >> 20, world.now().since(made));
        let mut buffer = Buffer::zeroed(kilobytes << 10);
        let (mut latencies, before) = (Vec::with_capacity(commits), thread_cpu());
        for number in 0..commits as u64 {
            let offset = number * buffer.len() as u64 % (SEGMENT_BYTES - buffer.len() as u64 + 1);
            let started = world.now();
            let (done, back) = file.commit(offset & !4095, buffer).await;
            done.expect("a durable commit");
            latencies.push(world.now().since(started));
            buffer = back;
        }
        let cpu = (thread_cpu() - before) / commits as u32;
        latencies.sort_unstable();
        let at = |percent: usize| latencies[(commits * percent / 100).min(commits - 1)];
        println!("{kilobytes} KiB: p50 {:?}, p90 {:?}, p99 {:?}, CPU {cpu:?} each", at(50), at(90), at(99));
        world.remove(&path).await.expect("removed");
    })
    .expect("an executor");
}

fn thread_cpu() -> Duration {
    let mut spec = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call fills the local it is given.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut spec) };
    Duration::new(spec.tv_sec as u64, spec.tv_nsec as u32)
}
