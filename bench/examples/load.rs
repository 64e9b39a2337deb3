//! `load` as a program of its own; `impetus load` is the same. `cargo run --release -p bench --example load`.

use bench::{Complaint, Load, load, on_threads};
use runtime::{PanicHook, ProcessSignal, Signals, run_on_thread};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

fn main() -> ExitCode {
    let options = match load::Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(Complaint::Help(text)) => {
            print!("{text}");
            return ExitCode::SUCCESS;
        }
        Err(Complaint::Wrong(line)) => {
            eprintln!("load: {line}");
            return ExitCode::from(2);
        }
    };
    match run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("load: {what}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: load::Options) -> Result<(), String> {
    let signals = Signals::block().map_err(|error| error.to_string())?;
    let load = Load::new(options)?;
    let stopped = load.clone();
    let stop = move |signal| match signal {
        ProcessSignal::Terminate | ProcessSignal::Interrupt => stopped.stop(),
        ProcessSignal::HangUp | ProcessSignal::User1 => {}
    };
    signals.hear(stop).map_err(|error| error.to_string())?;
    let hook: PanicHook = Arc::new(|task, message| panic!("{task}: {message}"));
    let (started, quiet) = (Instant::now(), load.options().quiet);
    let drive = |thread| {
        let load = load.clone();
        run_on_thread(hook.clone(), move |world| load.drive(world, thread))
    };
    let watch = || {
        let at = load.progress();
        if !quiet {
            let (seconds, accepted) = (started.elapsed().as_secs_f64(), at.accepted);
            eprint!("\r{seconds:6.1} s {accepted:10} accepted {} refused {} broken ", at.refused, at.broken);
        }
    };
    on_threads(load.options().threads, drive, watch).map_err(|error| error.to_string())?;
    if !quiet {
        eprintln!();
    }
    let report = load.report();
    if load.options().json {
        println!("{}", report.to_json());
    } else {
        print!("{report}");
    }
    Ok(())
}
