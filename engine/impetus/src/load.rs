//! `impetus load`: messages for any SMTP server, measured. The work is `bench`'s; here are its threads.

use crate::arguments::Arguments;
use bench::{Complaint, Load, load, on_threads};
use runtime::{PanicHook, ProcessSignal, Signals, run_on_thread};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

pub fn load(arguments: Arguments) -> ExitCode {
    match load::Options::parse(arguments.rest()) {
        Ok(options) => finish(run(options)),
        Err(complaint) => explain("load", complaint),
    }
}

/// How the bench tools answer a command line that asks for help, or is wrong.
pub fn explain(name: &str, complaint: Complaint) -> ExitCode {
    match complaint {
        Complaint::Help(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Complaint::Wrong(line) => crate::usage(&format!("{name}: {line}")),
    }
}

pub fn finish(result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("impetus: {what}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: load::Options) -> Result<(), String> {
    let signals = Signals::block().map_err(|error| error.to_string())?;
    let load = Load::new(options)?;
    let stopped = load.clone();
    let stop = move |signal| {
        if matches!(signal, ProcessSignal::Terminate | ProcessSignal::Interrupt) {
            stopped.stop();
        }
    };
    signals.hear(stop).map_err(|error| error.to_string())?;
    let (started, quiet) = (Instant::now(), load.options().quiet);
    drive(&load, || {
        let at = load.progress();
        if !quiet {
            let (seconds, accepted) = (started.elapsed().as_secs_f64(), at.accepted);
            eprint!("\r{seconds:6.1} s {accepted:10} accepted {} refused {} broken ", at.refused, at.broken);
        }
    })?;
    if !quiet {
        eprintln!();
    }
    let report = load.report();
    match load.options().json {
        true => println!("{}", report.to_json()),
        false => print!("{report}"),
    }
    Ok(())
}

/// Runs a load on its own threads to its end.
pub fn drive(load: &Arc<Load>, watch: impl FnMut()) -> Result<(), String> {
    let hook: PanicHook = Arc::new(|task, message| panic!("{task}: {message}"));
    let drive = |thread| {
        let load = load.clone();
        run_on_thread(hook.clone(), move |world| load.drive(world, thread))
    };
    on_threads(load.options().threads, drive, watch).map_err(|error| error.to_string())
}
