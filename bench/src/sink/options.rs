//! What the sink can be asked: where it listens, what it offers, which faults it plays.

use crate::arguments::{Complaint, Flag, apply, parsed, seconds};
use crate::load::THREADS;
use crate::sink::fault::Fault;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Prepared by `parse`, or field by field from `default`; `check` says whether they fit together.
#[derive(Clone, Debug)]
pub struct Options {
    /// Each thread listens on all of them.
    pub listen: Vec<SocketAddr>,
    pub threads: usize,
    /// A connection goes to the thread on whose core its packets arrive, rather than to any.
    pub on_core: bool,
    /// Drawn in order at their stage; the first that strikes is played.
    pub faults: Vec<Fault>,
    /// Of the faults.
    pub seed: u64,
    /// Lines of EHLO's reply.
    pub extensions: Vec<String>,
    pub hostname: String,
    /// Ends after this time; zero: when stopped.
    pub duration: Duration,
    /// A client may be silent, or not read, for this long.
    pub patience: Duration,
    /// Gets the token of each delivery, one a line, repeated ones too, as soon as it is accepted.
    pub ledger: Option<PathBuf>,
    pub json: bool,
    pub quiet: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 2526))],
            threads: 1,
            on_core: false,
            faults: Vec::new(),
            seed: 1,
            extensions: ["PIPELINING", "8BITMIME", "SIZE 67108864", "ENHANCEDSTATUSCODES", "SMTPUTF8"]
                .map(String::from)
                .to_vec(),
            hostname: "sink.bench.example".into(),
            duration: Duration::ZERO,
            patience: Duration::from_secs(300),
            ledger: None,
            json: false,
            quiet: false,
        }
    }
}

impl Options {
    pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Options, Complaint> {
        let mut options = Options { listen: Vec::new(), ..Options::default() };
        apply(FLAGS, ABOUT, &mut options, arguments)?;
        if options.listen.is_empty() {
            options.listen = Options::default().listen;
        }
        options.check().map_err(Complaint::Wrong)?;
        Ok(options)
    }

    /// Says what does not fit.
    pub fn check(&self) -> Result<(), String> {
        let word = |line: &str| line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
        if self.listen.is_empty() {
            return Err("listen: at least one address".into());
        }
        if self.threads == 0 || self.threads > THREADS {
            return Err(format!("threads: between 1 and {THREADS}"));
        }
        // Offered, they would change how a session goes on.
        match self
            .extensions
            .iter()
            .find(|line| ["STARTTLS", "CHUNKING", "AUTH"].contains(&word(line).as_str()))
        {
            Some(line) => Err(format!("extensions: the sink does not speak {line}")),
            None => Ok(()),
        }
    }
}

const ABOUT: &str = "sink: accepts all mail, keeps none, and counts what came once, twice or not at all. A fault is\n\
    RATIO:WHAT@STAGE; WHAT is a code (450, 550), close, tarpit=SECONDS, slow=SECONDS (at data) or lose (at\n\
    dot: accepted, but the reply is never sent); STAGE is connect, ehlo, mail, rcpt, data or dot.";

const FLAGS: &[Flag<Options>] = &[
    Flag {
        name: "listen",
        value: "ADDR:PORT",
        doc: "may be repeated (127.0.0.1:2526)",
        set: |o, v| parsed(v).map(|address| o.listen.push(address)),
    },
    Flag {
        name: "threads",
        value: "N",
        doc: "each listens (1)",
        set: |o, v| parsed(v).map(|n| o.threads = n),
    },
    Flag {
        name: "fault",
        value: "RATIO:WHAT@STAGE",
        doc: "may be repeated",
        set: |o, v| Fault::parse(v).map(|fault| o.faults.push(fault)),
    },
    Flag { name: "seed", value: "N", doc: "of the faults (1)", set: |o, v| parsed(v).map(|n| o.seed = n) },
    Flag {
        name: "extensions",
        value: "LINE[,LINE…]",
        doc: "offered; empty: none",
        set: |o, v| {
            o.extensions = v.split(',').filter(|line| !line.is_empty()).map(str::to_owned).collect();
            Ok(())
        },
    },
    Flag {
        name: "hostname",
        value: "NAME",
        doc: "in the greeting",
        set: |o, v| parsed(v).map(|name| o.hostname = name),
    },
    Flag {
        name: "seconds",
        value: "N",
        doc: "end after that time",
        set: |o, v| seconds(v).map(|time| o.duration = time),
    },
    Flag {
        name: "patience",
        value: "SECONDS",
        doc: "with a silent client (300)",
        set: |o, v| seconds(v).map(|time| o.patience = time),
    },
    Flag {
        name: "ledger",
        value: "FILE",
        doc: "append the token of each delivery",
        set: |o, v| {
            o.ledger = Some(v.into());
            Ok(())
        },
    },
    Flag {
        name: "on-core",
        value: "",
        doc: "connections go to the thread of the core their packets come to",
        set: |o, _| {
            o.on_core = true;
            Ok(())
        },
    },
    Flag {
        name: "json",
        value: "",
        doc: "the result as JSON",
        set: |o, _| {
            o.json = true;
            Ok(())
        },
    },
    Flag {
        name: "quiet",
        value: "",
        doc: "no progress",
        set: |o, _| {
            o.quiet = true;
            Ok(())
        },
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::fault::{Action, Stage};

    fn parse(line: &str) -> Result<Options, Complaint> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn a_command_line_becomes_options() {
        let options = parse(
            "--listen 127.0.0.1:26 --listen [::1]:26 --threads 2 --fault 0.5:450@rcpt --fault=1:lose@dot --seed 9 \
             --extensions PIPELINING --hostname h.example --seconds 3",
        )
        .unwrap();
        assert_eq!((options.listen.len(), options.threads, options.seed), (2, 2, 9));
        assert_eq!(options.faults[0], Fault { ratio: 0.5, action: Action::Refuse(450), stage: Stage::Rcpt });
        assert_eq!(options.faults[1].action, Action::LoseReply);
        assert_eq!(options.extensions, ["PIPELINING"]);
        assert_eq!(options.duration, Duration::from_secs(3));
        assert_eq!(parse("").unwrap().listen, Options::default().listen);
    }

    #[test]
    fn wrong_flags_are_named() {
        for (line, said) in [
            ("--fault often", "--fault: not RATIO:WHAT@STAGE: often"),
            ("--threads 0", "threads: between 1 and 64"),
            ("--extensions STARTTLS", "extensions: the sink does not speak STARTTLS"),
        ] {
            assert_eq!(parse(line).unwrap_err(), Complaint::Wrong(said.into()), "{line}");
        }
    }
}
