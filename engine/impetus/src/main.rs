//! The program: one binary, a subcommand for each thing that it does.

mod access;
mod arguments;
mod audit;
mod check;
mod configuration;
mod console;
mod demo;
mod keep;
mod load;
mod run;
mod sink;
mod spool;

use arguments::Arguments;
use std::process::ExitCode;

/// Exit status for a wrong command line (sysexits.h EX_USAGE).
const USAGE: u8 = 64;

struct Subcommand {
    name: &'static str,
    arguments: &'static str,
    summary: &'static str,
    run: fn(Arguments) -> ExitCode,
}

const SUBCOMMANDS: [Subcommand; 9] = [
    Subcommand {
        name: "run",
        arguments: "[-c FILE] [--shards N]",
        summary: "Runs the server; without -c, a relay for this machine on 127.0.0.1:2525.",
        run: run::run,
    },
    Subcommand {
        name: "demo",
        arguments: "[--messages N] [--connections N] [--shards N]",
        summary: "Starts the engine, a sink and a load, shows what they do, and audits it.",
        run: demo::demo,
    },
    Subcommand {
        name: "check",
        arguments: "[-c FILE]",
        summary: "Reads a configuration and says everything that is wrong with it.",
        run: check::check,
    },
    Subcommand {
        name: "console",
        arguments: "[--format text|json] [ENDPOINT] [COMMAND...]",
        summary: "Talks to a running server.",
        run: console::console,
    },
    Subcommand {
        name: "spool",
        arguments: "ls|cat|check DIR [PROMISE]",
        summary: "Shows and checks a spool that no server uses; never writes.",
        run: spool::spool,
    },
    Subcommand {
        name: "load",
        arguments: "[OPTIONS]",
        summary: "Sends messages to any SMTP server and measures it.",
        run: load::load,
    },
    Subcommand {
        name: "sink",
        arguments: "[OPTIONS]",
        summary: "Takes messages from any SMTP client, with faults if wished.",
        run: sink::sink,
    },
    Subcommand {
        name: "audit",
        arguments: "PROMISED DELIVERED [--json]",
        summary: "Compares the ledgers that load and sink have written.",
        run: audit::audit,
    },
    Subcommand {
        name: "version",
        arguments: "",
        summary: "Prints product and version.",
        run: |_| {
            println!("Impetus, {}", shard::SOFTWARE);
            ExitCode::SUCCESS
        },
    },
];

fn main() -> ExitCode {
    let mut arguments = Arguments::of_process();
    let Some(name) = arguments.next_word() else {
        print!("{}", help());
        return ExitCode::from(USAGE);
    };
    if matches!(name.as_str(), "help" | "--help" | "-h") {
        print!("{}", help());
        return ExitCode::SUCCESS;
    }
    match SUBCOMMANDS.iter().find(|subcommand| subcommand.name == name) {
        Some(subcommand) => (subcommand.run)(arguments),
        None => {
            eprintln!("impetus: there is no subcommand {name}\n");
            eprint!("{}", help());
            ExitCode::from(USAGE)
        }
    }
}

fn help() -> String {
    let mut text = String::from("Impetus, a mail engine.\n\nusage:\n");
    for Subcommand { name, arguments, summary, .. } in &SUBCOMMANDS {
        text.push_str(&format!("  impetus {name} {arguments}\n      {summary}\n"));
    }
    text
}

/// A wrong command line: says what is wrong.
fn usage(problem: &str) -> ExitCode {
    eprintln!("impetus: {problem}");
    ExitCode::from(USAGE)
}
