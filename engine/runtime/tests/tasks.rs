//! Tasks, alarms, the doorbell, logs and shards.

use mail::Time;
use runtime::{PanicHook, Plan, RealWorld, Runtime, run_on_thread};
use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use world::{Signal, World};

fn strict() -> PanicHook {
    Arc::new(|task, message| panic!("{task}: {message}"))
}

fn soon(world: &RealWorld, ms: u64) -> Time {
    world.now() + Duration::from_millis(ms)
}

fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn ten_thousand_sleepers_wake_in_order_and_never_early() {
    run_on_thread(strict(), |world| async move {
        let woken = Rc::new(RefCell::new(Vec::new()));
        let start = soon(&world, 20);
        for number in 0..10_000_u64 {
            let (world_, woken) = (world.clone(), woken.clone());
            // Scattered over 200 ms, each moment of a 20 us raster once.
            let at = start + Duration::from_micros(number * 7919 % 10_000 * 20);
            world.spawn("sleeper", async move {
                world_.sleep_until(at).await;
                assert!(world_.now() >= at);
                woken.borrow_mut().push(at);
            });
        }
        world.sleep_until(start + Duration::from_millis(260)).await;
        assert_eq!(woken.borrow().len(), 10_000);
        assert!(woken.borrow().is_sorted());
        assert_eq!(world.gauges().alarms, 0);
    })
    .unwrap();
}

#[test]
fn a_panic_ends_its_task_alone_and_is_reported() {
    let reports = Arc::new(Mutex::new(Vec::new()));
    let hook: PanicHook = Arc::new({
        let reports = reports.clone();
        move |task, message| reports.lock().unwrap().push(format!("{task}: {message}"))
    });
    struct Falls;
    impl Drop for Falls {
        fn drop(&mut self) {
            panic!("in drop");
        }
    }
    run_on_thread(hook, |world| async move {
        let alive = Rc::new(Cell::new(0));
        for round in 0..3 {
            let (world_, alive) = (world.clone(), alive.clone());
            world.spawn("session", async move {
                let fallen = if round == 2 { Some(Falls) } else { None };
                world_.sleep_until(soon(&world_, 5)).await;
                if round == 1 {
                    panic!("round {round}");
                }
                alive.set(alive.get() + 1);
                drop(fallen);
            });
        }
        world.sleep_until(soon(&world, 40)).await;
        assert_eq!(alive.get(), 2);
    })
    .unwrap();
    assert_eq!(*reports.lock().unwrap(), ["session: round 1", "session: in drop"]);
}

#[test]
fn a_shard_whose_body_panics_is_reported_and_the_others_go_on() {
    let reports = Arc::new(Mutex::new(Vec::new()));
    let hook: PanicHook = Arc::new({
        let reports = reports.clone();
        move |task, message| reports.lock().unwrap().push(format!("{task}: {message}"))
    });
    let plan = Plan { cpus: vec![0, 0], on_panic: hook };
    let ended = Arc::new(AtomicUsize::new(0));
    let counting = ended.clone();
    let runtime = Runtime::start(plan, move |world, index| {
        let ended = counting.clone();
        async move {
            if index == 0 {
                panic!("at once");
            }
            world.sleep_until(soon(&world, 50)).await;
            ended.fetch_add(1, Ordering::Relaxed);
        }
    });
    assert!(runtime.unwrap().join().is_err());
    assert_eq!(ended.load(Ordering::Relaxed), 1);
    assert_eq!(*reports.lock().unwrap(), ["shard: at once"]);
}

#[test]
fn the_doorbell_is_heard_from_other_threads_and_loses_no_ring() {
    const RINGS: usize = 20_000;
    run_on_thread(strict(), |world| async move {
        let posted = Arc::new(AtomicUsize::new(0));
        let ringers: Vec<_> = (0..2)
            .map(|_| {
                let (bell, posted) = (world.doorbell(), posted.clone());
                std::thread::spawn(move || {
                    for _ in 0..RINGS {
                        posted.fetch_add(1, Ordering::Release);
                        bell.ring();
                    }
                })
            })
            .collect();
        let started = Instant::now();
        while posted.load(Ordering::Acquire) < 2 * RINGS {
            world.rung().await;
            assert!(started.elapsed() < Duration::from_secs(20));
        }
        ringers.into_iter().for_each(|ringer| ringer.join().unwrap());
        // Rung while awake: heard at once, and once.
        world.doorbell().ring();
        world.doorbell().ring();
        world.rung().await;
        let heard = Signal::default();
        let (listening, heard_) = (world.clone(), heard.clone());
        world.spawn("rung", async move {
            listening.rung().await;
            heard_.raise();
        });
        assert!(!heard.wait_until(&world, soon(&world, 30)).await);
        world.doorbell().ring();
        assert!(heard.wait_until(&world, soon(&world, 1000)).await);
    })
    .unwrap();
}

#[test]
fn shards_stand_on_their_cores_and_ring_each_other() {
    let cpus = runtime::usable_cpus().unwrap();
    let plan = Plan::shards(cpus.len().min(2), strict()).unwrap();
    let shards = plan.cpus.len();
    let pings = Arc::new(AtomicUsize::new(0));
    let bells: Arc<Mutex<Vec<Arc<dyn world::Doorbell>>>> = Arc::default();
    let (shared, counted) = (bells.clone(), pings.clone());
    let runtime = Runtime::start(plan, move |world, index| {
        let (bells, pings) = (shared.clone(), counted.clone());
        async move {
            assert_eq!(runtime::usable_cpus().unwrap().len(), 1);
            // The bells are handed out after the start.
            world.rung().await;
            for _ in 0..1000 {
                pings.fetch_add(1, Ordering::Relaxed);
                let next = bells.lock().unwrap()[(index + 1) % shards].clone();
                next.ring();
                world.rung().await;
            }
            bells.lock().unwrap().iter().for_each(|bell| bell.ring());
            world.rung().await;
        }
    })
    .unwrap();
    *bells.lock().unwrap() = runtime.doorbells();
    let ringing = runtime.doorbells();
    // Shards that wait for the last ring of one that has ended are let go from here.
    let ended = Arc::new(AtomicUsize::new(0));
    let keeper = std::thread::spawn({
        let ended = ended.clone();
        move || {
            while ended.load(Ordering::Relaxed) == 0 {
                ringing.iter().for_each(|bell| bell.ring());
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    });
    runtime.join().unwrap();
    ended.store(1, Ordering::Relaxed);
    keeper.join().unwrap();
    assert_eq!(pings.load(Ordering::Relaxed), 1000 * shards);
}

#[test]
fn more_shards_than_cores_are_refused() {
    for count in [0, 100_000] {
        let error = Plan::shards(count, strict()).err().unwrap();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    }
}

#[test]
fn if_one_shard_cannot_be_made_none_begins() {
    let begun = Arc::new(AtomicUsize::new(0));
    let counting = begun.clone();
    let plan = Plan { cpus: vec![0, 100_000], on_panic: strict() };
    let runtime = Runtime::start(plan, move |_, _| {
        let begun = counting.clone();
        async move {
            begun.fetch_add(1, Ordering::Relaxed);
        }
    });
    assert!(runtime.is_err());
    assert_eq!(begun.load(Ordering::Relaxed), 0);
}

#[test]
fn breathing_lets_others_run_beside_a_busy_task() {
    run_on_thread(strict(), |world| async move {
        let (other, late) = (world.clone(), Rc::new(Cell::new(0)));
        let latest = late.clone();
        world.spawn("punctual", async move {
            for _ in 0..20 {
                let due = soon(&other, 2);
                other.sleep_until(due).await;
                latest.set(latest.get().max(other.now().since(due).as_micros()));
            }
        });
        let started = Instant::now();
        let mut breaths = 0_u32;
        while started.elapsed() < Duration::from_millis(100) {
            let computing = Instant::now();
            while computing.elapsed() < Duration::from_micros(50) {
                std::hint::spin_loop();
            }
            world.breathe().await;
            breaths += 1;
        }
        assert!(breaths > 100 && late.get() < 60_000, "{} us late after {breaths}", late.get());
        assert!(late.get() > 0, "the other task has run");
    })
    .unwrap();
}

#[test]
fn chance_does_not_repeat() {
    run_on_thread(strict(), |world| async move {
        let numbers: std::collections::HashSet<_> = (0..1000).map(|_| world.chance()).collect();
        assert_eq!(numbers.len(), 1000);
    })
    .unwrap();
}

#[test]
fn log_lines_are_written_in_order_with_the_mode_and_into_the_new_file_after_rotation() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder("logs");
    let (main, panics) = (folder.join("mainlog"), folder.join("paniclog"));
    let (main_, panics_) = (main.clone(), panics.clone());
    std::fs::write(&panics, "old\n").unwrap();
    run_on_thread(strict(), move |world| async move {
        for number in 0..1000 {
            assert!(world.log(&main_, 0o640, format!("{number}\n").into_bytes()));
            if number % 100 == 0 {
                assert!(world.log(&panics_, 0o600, b"new\n".to_vec()));
            }
        }
        let deadline = Instant::now() + Duration::from_secs(5);
        while std::fs::read(&main_).map_or(0, |text| text.len()) < 3890 {
            assert!(Instant::now() < deadline);
            world.sleep_until(soon(&world, 5)).await;
        }
        std::fs::rename(&main_, main_.with_extension("1")).unwrap();
        assert!(world.log(&main_, 0o640, b"into the old\n".to_vec()));
        world.reopen_logs();
        assert!(world.log(&main_, 0o640, b"into the new\n".to_vec()));
        // Beyond the bound, at once and whole.
        assert!(!world.log(&main_, 0o640, vec![b'x'; 65 << 20]));
        // A folder that is not there costs these lines, nothing else.
        assert!(world.log(&main_.join("not/a/folder"), 0o640, b"lost\n".to_vec()));
    })
    .unwrap();
    let old = std::fs::read_to_string(main.with_extension("1")).unwrap();
    let expected: String = (0..1000).map(|number| format!("{number}\n")).collect();
    assert_eq!(old, expected + "into the old\n");
    assert_eq!(std::fs::read_to_string(&main).unwrap(), "into the new\n");
    assert_eq!(std::fs::metadata(&main).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(std::fs::read_to_string(&panics).unwrap(), "old\n".to_owned() + &"new\n".repeat(10));
}

/// The executor may park although tasks are runnable, when its core is taken away at the wrong moment.
#[test]
fn beside_a_competitor_on_the_same_core_no_task_is_forgotten() {
    let cpu = *runtime::usable_cpus().unwrap().last().unwrap();
    let ending = Arc::new(AtomicUsize::new(0));
    let (competing, plan) = (ending.clone(), Plan { cpus: vec![cpu], on_panic: strict() });
    let worst = Arc::new(Mutex::new(Duration::ZERO));
    let measured = worst.clone();
    let runtime = Runtime::start(plan, move |world, _| {
        let (competing, measured) = (competing.clone(), measured.clone());
        async move {
            // Started from the pinned thread, and so pinned beside it.
            std::thread::spawn(move || while competing.load(Ordering::Relaxed) == 0 {});
            let (ping, pong) = (Signal::default(), Signal::default());
            let (ping_, pong_) = (ping.clone(), pong.clone());
            world.spawn("pong", async move {
                loop {
                    ping_.wait().await;
                    pong_.raise();
                }
            });
            let started = Instant::now();
            while started.elapsed() < Duration::from_millis(1500) {
                let asked = Instant::now();
                ping.raise();
                pong.wait().await;
                let mut worst = measured.lock().unwrap();
                *worst = worst.max(asked.elapsed());
            }
        }
    });
    runtime.unwrap().join().unwrap();
    ending.store(1, Ordering::Relaxed);
    let worst = *worst.lock().unwrap();
    assert!(worst > Duration::ZERO && worst < Duration::from_millis(500), "{worst:?}");
}
