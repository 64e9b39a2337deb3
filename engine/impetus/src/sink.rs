//! `impetus sink`: takes messages from any SMTP client. The work is `bench`'s; here are its threads.

use crate::arguments::Arguments;
use crate::load::{explain, finish};
use bench::{Sink, on_threads, sink};
use runtime::{PanicHook, ProcessSignal, Signals, run_on_thread};
use std::process::ExitCode;
use std::sync::Arc;

pub fn sink(arguments: Arguments) -> ExitCode {
    match sink::Options::parse(arguments.rest()) {
        Ok(options) => finish(run(options)),
        Err(complaint) => explain("sink", complaint),
    }
}

/// SIGUSR1 prints what has come so far; SIGTERM and SIGINT end it with its report.
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
    let quiet = sink.options().quiet;
    let mut before = sink.snapshot();
    drive(&sink, || {
        let now = sink.snapshot();
        if !quiet && now != before {
            let (messages, duplicates, faults) = (now.messages, now.duplicates, now.faults);
            eprint!("\r{messages:10} messages {duplicates:10} duplicates {faults:8} faults ");
            before = now;
        }
    })?;
    if !quiet {
        eprintln!();
    }
    let report = sink.report();
    match sink.options().json {
        true => println!("{}", report.to_json()),
        false => print!("{report}"),
    }
    Ok(())
}

/// Runs a sink on its own threads until it is stopped.
pub fn drive(sink: &Arc<Sink>, watch: impl FnMut()) -> Result<(), String> {
    let hook: PanicHook = Arc::new(|task, message| panic!("{task}: {message}"));
    let drive = |thread| {
        let sink = sink.clone();
        run_on_thread(hook.clone(), move |world| sink.drive(world, thread))?
    };
    on_threads(sink.options().threads, drive, watch).map_err(|error| error.to_string())
}
