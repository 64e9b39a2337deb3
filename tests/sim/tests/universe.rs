//! The simulation holds what the traits of the outside promise, and breaks what they do not.

use bytes::Bytes;
use mail::Time;
use sim::{DiskFaults, NetFaults, SECTOR, SimWorld, Universe};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;
use world::{BLOCK, Buffer, Datagrams, Dial, Disk, Endpoint, File, Listener, Net, Signal, Stream, World};

const POLLS: u64 = 200_000;

fn universe(seed: u64) -> (Universe, SimWorld) {
    let universe = Universe::new(seed);
    let world = universe.world(universe.process(), [192, 0, 2, 1].into());
    (universe, world)
}

fn run(universe: &Universe) {
    universe.run_until(Time::NEVER, POLLS, || false);
    assert_eq!(universe.take_panics(), Vec::<String>::new());
}

/// Runs a task to its end and hands out what it found.
fn outcome<T: 'static>(universe: &Universe, world: &SimWorld, task: impl Future<Output = T> + 'static) -> T {
    let found = Rc::new(RefCell::new(None));
    let put = found.clone();
    world.spawn("test", async move {
        let value = task.await;
        *put.borrow_mut() = Some(value);
    });
    run(universe);
    found.take().expect("the task has ended")
}

fn block(byte: u8) -> Buffer {
    let mut buffer = Buffer::zeroed(BLOCK);
    buffer.fill(byte);
    buffer
}

#[test]
fn ready_tasks_run_in_an_order_that_the_seed_decides() {
    let order = |seed| {
        let (universe, world) = universe(seed);
        let seen = Rc::new(RefCell::new(Vec::new()));
        for number in 0..6 {
            let seen = seen.clone();
            world.spawn("number", async move { seen.borrow_mut().push(number) });
        }
        run(&universe);
        let order: Vec<i32> = seen.take();
        (order, universe.fingerprint())
    };
    let orders: BTreeSet<Vec<i32>> = (0..40).map(|seed| order(seed).0).collect();
    assert!(orders.len() > 30, "{} orders", orders.len());
    (0..40).for_each(|seed| assert_eq!(order(seed), order(seed)));
}

#[test]
fn time_leaps_over_what_nobody_waits_for() {
    let (universe, world) = universe(1);
    let begin = universe.now();
    let sleeper = world.clone();
    let slept = outcome(&universe, &world, async move {
        sleeper.sleep_until(begin + Duration::from_secs(86_400)).await;
        sleeper.now()
    });
    assert!(slept.since(begin) >= Duration::from_secs(86_400));
    assert!(slept.since(begin) < Duration::from_secs(86_401));
    assert!(universe.polls() < 10);
}

#[test]
fn a_panic_ends_its_task_alone() {
    let (universe, world) = universe(1);
    let done = Rc::new(Cell::new(false));
    let mark = done.clone();
    let signal = Signal::default();
    let raised = signal.clone();
    world.spawn("falls", async move {
        raised.raise();
        panic!("on purpose");
    });
    world.spawn("stands", async move {
        signal.wait().await;
        mark.set(true);
    });
    universe.run_until(Time::NEVER, POLLS, || false);
    assert!(done.get());
    assert_eq!(universe.take_panics(), ["task falls: on purpose"]);
}

#[test]
fn the_bell_rings_once_for_many_rings() {
    let (universe, world) = universe(1);
    let heard = Rc::new(Cell::new(0));
    let (listener, counter) = (world.clone(), heard.clone());
    world.spawn("listener", async move {
        loop {
            listener.rung().await;
            counter.set(counter.get() + 1);
        }
    });
    let bell = world.doorbell();
    bell.ring();
    bell.ring();
    run(&universe);
    assert_eq!(heard.get(), 1);
    bell.ring();
    run(&universe);
    assert_eq!(heard.get(), 2);
}

/// One side writes, the other reads to the end; what the reader got.
fn transfer(seed: u64, faults: NetFaults, sent: &[u8]) -> (Vec<u8>, bool, usize) {
    let (universe, world) = universe(seed);
    universe.net().set_faults(faults);
    let at = Endpoint::Inet(([192, 0, 2, 1], 25).into());
    let listener = world.listen(&at, 5).expect("a free address");
    let (client, blocks) = (world.clone(), vec![Bytes::copy_from_slice(sent); 3]);
    world.spawn("writer", async move {
        let dial = Dial { to: ([192, 0, 2, 1], 25).into(), from: None, deadline: Time::NEVER };
        let Ok(mut stream) = client.dial(dial).await else { return };
        // A write that fails shows at the reader.
        let _ = stream.write(blocks, Time::NEVER).await;
    });
    outcome(&universe, &world, async move {
        let mut stream = listener.accept().await.expect("a connection");
        let (mut got, mut reads) = (Vec::new(), 0);
        loop {
            match stream.read(Time::NEVER).await {
                Ok(chunk) if chunk.is_empty() => return (got, true, reads),
                Ok(chunk) => got.extend_from_slice(&chunk),
                Err(_) => return (got, false, reads),
            }
            reads += 1;
        }
    })
}

#[test]
fn a_stream_brings_its_bytes_in_order_however_they_are_cut() {
    let sent: Vec<u8> = (0..5000u32).map(|number| (number % 251) as u8).collect();
    let most_reads = (0..50).map(|seed| {
        let (got, complete, reads) = transfer(seed, NetFaults::default(), &sent);
        assert!(complete && got == [&sent[..], &sent, &sent].concat());
        reads
    });
    assert!(most_reads.max() > Some(20));
}

#[test]
fn a_broken_stream_brings_a_beginning() {
    let sent: Vec<u8> = (0..5000u32).map(|number| (number % 251) as u8).collect();
    let whole = [&sent[..], &sent, &sent].concat();
    let faults = NetFaults { reset: 3, ..NetFaults::default() };
    let broken = (0..60).filter(|seed| {
        let (got, complete, _) = transfer(*seed, faults, &sent);
        assert!(whole.starts_with(&got) && (!complete || got.len() == whole.len()));
        !complete
    });
    assert!((20..60).contains(&broken.count()));
}

#[test]
fn dials_are_refused_unanswered_or_late_as_the_network_is() {
    let (universe, world) = universe(3);
    universe.net().silence([192, 0, 2, 9].into());
    for (host, kind) in [(8, ErrorKind::ConnectionRefused), (9, ErrorKind::TimedOut)] {
        let dialler = world.clone();
        let deadline = universe.now() + Duration::from_secs(30);
        let dial = Dial { to: ([192, 0, 2, host], 25).into(), from: None, deadline };
        let error =
            outcome(&universe, &world, async move { dialler.dial(dial).await.err().map(|e| e.kind()) });
        assert_eq!(error, Some(kind));
    }
}

#[test]
fn a_closed_listener_ends_its_accept() {
    let (universe, world) = universe(3);
    let at = Endpoint::Inet(([192, 0, 2, 1], 25).into());
    let listener = world.listen(&at, 5).expect("a free address");
    assert!(world.listen(&at, 5).is_ok(), "shards of a process share an address");
    let other = universe.world(universe.process(), [192, 0, 2, 1].into());
    assert_eq!(other.listen(&at, 5).err().map(|error| error.kind()), Some(ErrorKind::AddrInUse));
    let closer = listener.clone();
    world.spawn("closer", async move { closer.close() });
    let error = outcome(&universe, &world, async move { listener.accept().await.err().map(|e| e.kind()) });
    assert_eq!(error, Some(ErrorKind::Interrupted));
}

#[test]
fn datagrams_are_answered_or_their_deadline_passes() {
    let (universe, world) = universe(3);
    let echo = |packet: &[u8], _: &sim::Dice| vec![(Duration::from_millis(5), packet.to_vec())];
    universe.net().respond(([192, 0, 2, 53], 53).into(), Rc::new(echo));
    let asker = world.clone();
    let deadline = universe.now() + Duration::from_secs(1);
    let answers = outcome(&universe, &world, async move {
        let mut answers = Vec::new();
        for host in [53, 54] {
            let socket = asker.datagrams(([192, 0, 2, host], 53).into()).expect("a socket");
            socket.send(b"who?".to_vec()).await.expect("sent");
            answers.push(socket.receive(deadline).await.map_err(|error| error.kind()));
        }
        answers
    });
    assert_eq!(answers, [Ok(b"who?".to_vec()), Err(ErrorKind::TimedOut)]);
}

/// A file of one block that holds ones, durably, and a commit of twos that a power cut meets after `polls`.
fn cut_in_a_commit(seed: u64, polls: u64) -> (Vec<u8>, bool) {
    let universe = Universe::new(seed);
    let process = universe.process();
    let world = universe.world(process, [192, 0, 2, 1].into());
    let (writer, ended) = (world.clone(), Rc::new(Cell::new(false)));
    let (mark, started) = (ended.clone(), Signal::default());
    let start = started.clone();
    world.spawn("writer", async move {
        writer.create_folder(Path::new("/spool")).await.expect("a folder");
        let file = writer.create_zeroed(Path::new("/spool/a"), BLOCK as u64).await.expect("a file");
        file.commit(0, block(1)).await.0.expect("a commit");
        start.wait().await;
        file.commit(0, block(2)).await.0.expect("a commit");
        mark.set(true);
    });
    run(&universe);
    started.raise();
    universe.run_until(Time::NEVER, polls, || false);
    universe.kill(process);
    universe.disk().cut_power();
    (universe.disk().content(Path::new("/spool/a")).expect("it was durable"), ended.get())
}

#[test]
fn a_power_cut_leaves_sectors_of_a_commit_old_new_or_torn() {
    let mut kinds = [0; 3];
    for seed in 0..300 {
        let (content, ended) = cut_in_a_commit(seed, seed % 2);
        assert!(!ended);
        for sector in content.chunks(SECTOR) {
            let new = sector.iter().filter(|byte| **byte == 2).count();
            assert!(sector.iter().all(|byte| *byte == 1 || *byte == 2));
            kinds[if new == 0 {
                0
            } else if new == SECTOR {
                1
            } else {
                2
            }] += 1;
        }
    }
    assert!(kinds.iter().all(|count| *count > 20), "{kinds:?}");
}

#[test]
fn what_was_committed_stays() {
    for seed in 0..50 {
        let (content, ended) = cut_in_a_commit(seed, POLLS);
        assert!(ended && content.iter().all(|byte| *byte == 2));
    }
}

#[test]
fn the_failing_operation_is_the_one_that_was_chosen() {
    for (for_ever, expected) in [(false, [true, false, true, true]), (true, [true, false, false, false])] {
        let (universe, world) = universe(5);
        universe.disk().set_faults(DiskFaults { fail_at: 2, for_ever, ..DiskFaults::default() });
        let disk = world.clone();
        let results = outcome(&universe, &world, async move {
            let mut results = Vec::new();
            for name in ["/a", "/b", "/c", "/d"] {
                results.push(disk.create_folder(Path::new(name)).await.is_ok());
            }
            results
        });
        assert_eq!(results, expected);
    }
}

#[test]
fn a_failed_commit_can_be_read_back_and_is_lost_with_the_power() {
    let lost = (0..40).filter(|seed| {
        let (universe, world) = universe(*seed);
        let disk = world.clone();
        let seen = outcome(&universe, &world, async move {
            disk.create_folder(Path::new("/spool")).await.expect("a folder");
            let file = disk.create_zeroed(Path::new("/spool/a"), BLOCK as u64).await.expect("a file");
            let faults = DiskFaults { fail_at: 1, ..DiskFaults::default() };
            disk.universe().disk().set_faults(faults);
            assert!(file.commit(0, block(2)).await.0.is_err());
            file.read(0, BLOCK).await.expect("a read").to_vec()
        });
        universe.disk().cut_power();
        let after = universe.disk().content(Path::new("/spool/a")).expect("it was durable");
        assert!(seen.iter().all(|byte| *byte == 2));
        after != seen
    });
    assert!(lost.count() > 20);
}

#[test]
fn names_are_made_once_and_a_full_disk_says_so() {
    let (universe, world) = universe(5);
    universe.disk().set_faults(DiskFaults { capacity: 2 * BLOCK as u64, ..DiskFaults::default() });
    let disk = world.clone();
    outcome(&universe, &world, async move {
        let path = |name: &str| Path::new("/spool").join(name);
        let create = async |name: &str| {
            let made = disk.create_zeroed(&path(name), BLOCK as u64).await;
            made.map(|file| file.bytes()).map_err(|error| error.kind())
        };
        assert_eq!(create("a").await, Err(ErrorKind::NotFound));
        disk.create_folder(Path::new("/spool")).await.expect("a folder");
        assert_eq!(create("a").await, Ok(BLOCK as u64));
        assert_eq!(create("a").await, Err(ErrorKind::AlreadyExists));
        assert_eq!(create("b").await, Ok(BLOCK as u64));
        assert_eq!(create("c").await, Err(ErrorKind::StorageFull));
        disk.rename(&path("a"), &path("d")).await.expect("renamed");
        disk.remove(&path("b")).await.expect("removed");
        assert_eq!(disk.open(&path("b")).await.err().map(|error| error.kind()), Some(ErrorKind::NotFound));
        let names: Vec<String> = disk
            .list(Path::new("/spool"))
            .await
            .expect("a folder")
            .into_iter()
            .map(|entry| entry.name)
            .collect();
        assert_eq!(names, ["d"]);
    });
}
