//! Load against sink on real sockets: what the two ledgers say about each other.

use bench::{Comparison, Ledger, Load, Sink, load, on_threads, sink};
use runtime::{PanicHook, run_on_thread};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

fn loud() -> PanicHook {
    Arc::new(|task, message| panic!("{task}: {message}"))
}

fn faults(texts: &[&str]) -> sink::Options {
    let faults = texts.iter().map(|text| sink::Fault::parse(text).unwrap()).collect();
    sink::Options { listen: vec!["127.0.0.1:0".parse().unwrap()], faults, ..sink::Options::default() }
}

fn messages(count: u64) -> load::Options {
    load::Options {
        messages: count,
        connections: 8,
        patience: Duration::from_secs(5),
        ..load::Options::default()
    }
}

/// Runs the loads one after the other against one sink.
fn run(sink: sink::Options, loads: Vec<load::Options>) -> (Vec<load::Report>, sink::Report) {
    let sink = Sink::new(sink).unwrap();
    let serving = sink.clone();
    let server = std::thread::spawn(move || run_on_thread(loud(), |world| serving.drive(world, 0)).unwrap());
    while sink.addresses().is_empty() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let to = sink.addresses()[0];
    let reports = loads.into_iter().map(|options| {
        let load = Load::new(load::Options { to, ..options }).unwrap();
        let drive = |thread| {
            let load = load.clone();
            run_on_thread(loud(), move |world| load.drive(world, thread))
        };
        on_threads(load.options().threads, drive, || ()).unwrap();
        load.report()
    });
    let reports = reports.collect();
    sink.stop();
    server.join().unwrap().unwrap();
    (reports, sink.report())
}

fn compare(loads: &[load::Report], sink: &sink::Report) -> Comparison {
    let mut promised = Ledger::default();
    loads.iter().for_each(|load| promised.merge(load.ledger()));
    Ledger::compare(&promised, sink.ledger())
}

#[test]
fn what_was_promised_was_delivered_once() {
    let several = load::Options {
        recipients: 3,
        threads: 2,
        messages_per_connection: 7,
        sizes: vec![(2048, 3), (70_000, 1)],
        from: vec!["127.0.0.2".parse().unwrap(), "127.0.0.3".parse().unwrap()],
        ..messages(400)
    };
    let lock_step = load::Options { pipelining: false, ..messages(100) };
    let (loads, sink) = run(faults(&[]), vec![several, lock_step]);
    assert_eq!((loads[0].tally.accepted, loads[0].tally.deliveries), (400, 1200));
    assert_eq!(loads[1].tally.accepted, 100);
    assert!(loads[0].tally.connections >= 400 / 7);
    assert_eq!(sink.tally.messages, 500);
    assert_eq!(sink.tally.bytes, loads[0].tally.bytes + loads[1].tally.bytes);
    let comparison = compare(&loads, &sink);
    assert_eq!((comparison.promised, comparison.delivered), (1300, 1300));
    assert_eq!((comparison.missing, comparison.duplicate, comparison.unpromised), (0, 0, 0));
}

#[test]
fn a_lost_final_reply_leaves_a_delivery_that_was_never_promised() {
    let (loads, sink) = run(faults(&["0.2:lose@dot"]), vec![messages(300)]);
    let in_doubt = loads[0].tally.in_doubt;
    assert!(in_doubt > 0 && in_doubt == sink.tally.faults);
    assert_eq!(loads[0].tally.accepted + in_doubt, 300);
    let comparison = compare(&loads, &sink);
    assert_eq!((comparison.missing, comparison.unpromised, comparison.duplicate), (0, in_doubt, 0));
}

#[test]
fn a_message_sent_again_after_a_lost_reply_is_a_duplicate() {
    // The same run twice: what a relay does that never saw the reply to the first time.
    let twice = || load::Options { run: 77, ..messages(100) };
    let (loads, sink) = run(faults(&["0.2:lose@dot"]), vec![twice(), twice()]);
    assert_eq!(loads[0].run, 77);
    assert!(loads[0].tally.in_doubt > 0);
    let comparison = compare(&loads, &sink);
    assert_eq!((comparison.delivered, comparison.duplicate, comparison.missing), (100, 100, 0));
}

#[test]
fn every_message_ends_in_exactly_one_count_whatever_the_faults() {
    let many = [
        "0.05:451@mail",
        "0.05:550@rcpt",
        "0.05:451@data",
        "0.05:452@dot",
        "0.02:421@connect",
        "0.02:close@mail",
        "0.02:close@data",
        "0.02:close@dot",
        "0.02:lose@dot",
        "0.05:tarpit=0.005@rcpt",
        "0.05:slow=0.001@data",
    ];
    for pipelining in [true, false] {
        let (loads, sink) = run(faults(&many), vec![load::Options { pipelining, ..messages(1000) }]);
        let tally = &loads[0].tally;
        let ends = tally.accepted + tally.refusals() + tally.in_doubt + tally.not_sent;
        assert_eq!(ends, 1000, "{}", loads[0]);
        for code in [451, 550, 452] {
            assert!(tally.refused.contains_key(&code), "{}", loads[0]);
        }
        assert!(tally.in_doubt > 0 && tally.broken.contains_key("closed by the server"), "{}", loads[0]);
        assert_eq!(compare(&loads, &sink).missing, 0);
    }
}

#[test]
fn the_open_loop_keeps_its_rate_and_charges_a_stall_to_every_message_it_delays() {
    let open = load::Options { rate: 200.0, connections: 1, ..messages(40) };
    let (loads, _) = run(faults(&["0.05:tarpit=0.1@dot"]), vec![open]);
    let report = &loads[0];
    assert_eq!(report.tally.accepted, 40);
    assert!(report.elapsed() >= Duration::from_millis(39 * 5));
    // One tarpit of 100 ms delays some twenty messages of one connection, not one.
    assert!(report.tally.latency.value_at_quantile(0.75) > 10_000, "{report}");
}

#[test]
fn both_ledgers_stand_in_files_line_by_line() {
    let file = |name: &str| -> PathBuf {
        let path = std::env::temp_dir().join(format!("bench-{name}-{}", std::process::id()));
        let _ = fs::remove_file(&path);
        path
    };
    let (promised, delivered) = (file("promised"), file("delivered"));
    let load = load::Options { ledger: Some(promised.clone()), recipients: 2, ..messages(200) };
    let sink = sink::Options { ledger: Some(delivered.clone()), ..faults(&["0.1:lose@dot"]) };
    let (loads, report) = run(sink, vec![load]);
    let read = |path: &PathBuf| {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.read_lines(&fs::read(path).unwrap()), 0);
        fs::remove_file(path).unwrap();
        ledger
    };
    assert_eq!(Ledger::compare(&read(&promised), &read(&delivered)), compare(&loads, &report));
}

#[test]
fn a_server_that_is_not_there_is_counted_until_patience_ends() {
    let nobody = load::Options { patience: Duration::from_millis(200), ..messages(10) };
    let load = Load::new(load::Options { to: "127.0.0.1:1".parse().unwrap(), ..nobody }).unwrap();
    let driven = load.clone();
    run_on_thread(loud(), move |world| driven.drive(world, 0)).unwrap();
    let report = load.report();
    assert_eq!(report.tally.accepted, 0);
    assert!(report.tally.broken["refused"] >= 8, "{report}");
}
