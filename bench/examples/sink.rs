//! `sink` as a program of its own; `impetus sink` is the same. `cargo run --release -p bench --example sink`.
//! SIGUSR1 prints what has come so far; SIGTERM and SIGINT end it with its report.

use bench::{Complaint, Sink, on_threads, sink};
use runtime::{PanicHook, ProcessSignal, Signals, run_on_thread};
use std::process::ExitCode;
use std::sync::Arc;

fn main() -> ExitCode {
    let options = match sink::Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(Complaint::Help(text)) => {
            print!("{text}");
            return ExitCode::SUCCESS;
        }
        Err(Complaint::Wrong(line)) => {
            eprintln!("sink: {line}");
            return ExitCode::from(2);
        }
    };
    match run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("sink: {what}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: sink::Options) -> Result<(), String> {
    let signals = Signals::block().map_err(|error| error.to_string())?;
    let sink = Sink::new(options)?;
    let told = sink.clone();
    let tell = move |signal| match signal {
        ProcessSignal::Terminate | ProcessSignal::Interrupt => told.stop(),
        ProcessSignal::User1 => eprintln!("{:?}", told.snapshot()),
        ProcessSignal::HangUp => {}
    };
    signals.hear(tell).map_err(|error| error.to_string())?;
    let hook: PanicHook = Arc::new(|task, message| panic!("{task}: {message}"));
    let quiet = sink.options().quiet;
    let drive = |thread| {
        let sink = sink.clone();
        run_on_thread(hook.clone(), move |world| sink.drive(world, thread))?
    };
    let mut before = sink.snapshot();
    let watch = || {
        let now = sink.snapshot();
        if !quiet && now != before {
            eprint!(
                "\r{:10} messages {:10} duplicates {:8} faults ",
                now.messages, now.duplicates, now.faults
            );
            before = now;
        }
    };
    on_threads(sink.options().threads, drive, watch).map_err(|error| error.to_string())?;
    if !quiet {
        eprintln!();
    }
    let report = sink.report();
    if sink.options().json {
        println!("{}", report.to_json());
    } else {
        print!("{report}");
    }
    Ok(())
}
