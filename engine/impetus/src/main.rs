//! The program: one binary, a subcommand for each thing that it does.

mod access;
mod arguments;
mod audit;
mod check;
mod completions;
mod configuration;
mod console;
mod demo;
mod dump;
mod explain;
mod keep;
mod load;
mod manual;
mod old_names;
mod policy;
mod run;
mod sink;
mod spool;

use arguments::Arguments;
use std::io::Write;
use std::process::ExitCode;

/// Exit status for a wrong command line (sysexits.h EX_USAGE).
const USAGE: u8 = 64;

struct Subcommand {
    name: &'static str,
    arguments: &'static str,
    summary: &'static str,
    run: fn(Arguments) -> ExitCode,
}

const SUBCOMMANDS: [Subcommand; 15] = [
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
        arguments: "[-c FILE] [--format text|json] [--strict] [--report]",
        summary: "Reads a configuration and says what is wrong with it and what becomes of it.",
        run: check::check,
    },
    Subcommand {
        name: "explain",
        arguments: "[-c FILE] [--format text|json] BINDING DOMAIN [--host MX] | --listener ENDPOINT [--peer IP]",
        summary: "Says what applies to a queue or a session, where it was set, and who shares its budgets.",
        run: explain::explain,
    },
    Subcommand {
        name: "policy",
        arguments: "trace [-c FILE] [--format text|json] --from ADDRESS --to ADDRESS... [--dns ZONEFILE] \
                    [--allow-network] --client-ip IP [--helo NAME] [--auth USER [--password PASSWORD]] \
                    [--listener ENDPOINT] | --generated [--set NAME=VALUE]... MESSAGE|-",
        summary: "Plays a message through the configured policy and says what each module did; delivers nothing.",
        run: policy::policy,
    },
    Subcommand {
        name: "dump",
        arguments: "[-c FILE] [--format conf|json|xml]",
        summary: "Prints a configuration as it was understood.",
        run: dump::dump,
    },
    Subcommand {
        name: "manual",
        arguments: "[--format text|markdown|roff] [NAME]",
        summary: "Prints the reference of options, stanzas and modules.",
        run: manual::manual,
    },
    Subcommand {
        name: "completions",
        arguments: "bash|zsh",
        summary: "Prints what a shell needs to complete command lines.",
        run: completions::completions,
    },
    Subcommand {
        name: "console",
        arguments: "[--format text|json] [ENDPOINT] [COMMAND...]",
        summary: "Talks to a running server.",
        run: console::console,
    },
    Subcommand {
        name: "why",
        arguments: "[--format text|json] [ENDPOINT] MESSAGE-ID | BINDING DOMAIN",
        summary: "Asks a running server why a message, or the mail of a domain on a binding, does not move.",
        run: console::why,
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
    let program = std::env::args().next().unwrap_or_default();
    let mut arguments = Arguments::of_process();
    if let Some(old) = old_names::of_program(&program) {
        return (old.run)(arguments);
    }
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

/// On standard output; who stops reading has seen enough.
fn show(text: &str) -> ExitCode {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            eprintln!("impetus: cannot write: {error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

/// A wrong command line: says what is wrong.
fn usage(problem: &str) -> ExitCode {
    eprintln!("impetus: {problem}");
    ExitCode::from(USAGE)
}
