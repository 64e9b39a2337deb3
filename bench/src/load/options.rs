//! What `load` can be asked: connections, pace, sizes, recipients.

use crate::arguments::{Complaint, Flag, apply, parsed, seconds};
use crate::load::recipient::Template;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// Recipients of one message; RFC 5321 §4.5.3.1.8 obliges a server to take 100.
pub const RECIPIENTS: usize = 1000;
/// Bytes of one message.
pub const MESSAGE_BYTES: usize = 64 << 20;
/// Connections of all threads.
pub const CONNECTIONS: usize = 50_000;
/// Threads of one load or sink.
pub const THREADS: usize = 64;

/// Prepared by `parse`, or field by field from `default`; `check` says whether they fit together.
#[derive(Clone, Debug)]
pub struct Options {
    pub to: SocketAddr,
    /// Connections take turns with these addresses of ours; empty lets the kernel choose.
    pub from: Vec<IpAddr>,
    /// Kept open at a time, all threads together.
    pub connections: usize,
    /// Ends after this many messages; zero: no such end.
    pub messages: u64,
    /// Ends after this time; zero: no such end.
    pub duration: Duration,
    /// Messages a second, sent when they are due whatever the server does; zero: each connection sends its
    /// next message when the last one is answered.
    pub rate: f64,
    /// Then the connection is closed and made anew; zero: kept.
    pub messages_per_connection: u64,
    /// MAIL, RCPT and DATA in one write, if the server offers it.
    pub pipelining: bool,
    /// Bytes and weight: `[(2048, 9), (102_400, 1)]` is one long message in ten.
    pub sizes: Vec<(usize, u32)>,
    /// Of each message.
    pub recipients: usize,
    pub recipient: Template,
    pub sender: String,
    pub hello: String,
    pub threads: usize,
    /// How long a reply may take, and how long a server may refuse connections until a connection gives up.
    pub patience: Duration,
    /// Gets the token of each promised delivery, one a line, as soon as its 250 has come.
    pub ledger: Option<PathBuf>,
    /// Names the run in all tokens; zero: chosen by chance.
    pub run: u32,
    pub json: bool,
    pub quiet: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            to: SocketAddr::from(([127, 0, 0, 1], 2525)),
            from: Vec::new(),
            connections: 50,
            messages: 0,
            duration: Duration::ZERO,
            rate: 0.0,
            messages_per_connection: 0,
            pipelining: true,
            sizes: vec![(2048, 1)],
            recipients: 1,
            recipient: Template::parse("user{n}@d{n%100}.example").expect("a fine template"),
            sender: "load@bench.example".into(),
            hello: "load.bench.example".into(),
            threads: 1,
            patience: Duration::from_secs(60),
            ledger: None,
            run: 0,
            json: false,
            quiet: false,
        }
    }
}

impl Options {
    pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Options, Complaint> {
        let mut options = Options::default();
        apply(FLAGS, ABOUT, &mut options, arguments)?;
        if options.messages == 0 && options.duration.is_zero() {
            options.duration = Duration::from_secs(10);
        }
        options.check().map_err(Complaint::Wrong)?;
        Ok(options)
    }

    /// Says what does not fit.
    pub fn check(&self) -> Result<(), String> {
        let weights: u64 = self.sizes.iter().map(|(_, weight)| u64::from(*weight)).sum();
        let long = self.sizes.iter().any(|(bytes, _)| *bytes > MESSAGE_BYTES);
        let alike = self.recipients > 1 && !self.recipient.numbers_local_part();
        let line = |text: &str| text.is_empty() || text.contains(|c: char| c.is_control() || c == ' ');
        for (wrong, what) in [
            (self.connections == 0 || self.connections > CONNECTIONS, "connections: between 1 and 50000"),
            (self.threads == 0 || self.threads > THREADS, "threads: between 1 and 64"),
            (self.threads > self.connections, "threads: not more than connections"),
            (self.recipients == 0 || self.recipients > RECIPIENTS, "recipients: between 1 and 1000"),
            (alike, "recipient: with several recipients the local part must end with {n}"),
            (!self.rate.is_finite() || self.rate < 0.0, "rate: a number of messages a second"),
            (weights == 0, "sizes: at least one with a weight"),
            (long, "sizes: at most 67108864 bytes"),
            (line(&self.sender), "sender: an address without spaces"),
            (line(&self.hello), "hello: a name without spaces"),
            (
                self.messages == 0 && self.duration.is_zero(),
                "messages or seconds: one of them must end the run",
            ),
        ] {
            if wrong {
                return Err(what.to_owned());
            }
        }
        Ok(())
    }
}

const ABOUT: &str = "load: sends mail to any SMTP server and measures it. Without --rate each connection sends its\n\
    next message when the last one is answered; with it messages are due at that rate, and latency counts\n\
    from when a message was due. Ends after 10 seconds if neither --messages nor --seconds is given.";

const FLAGS: &[Flag<Options>] = &[
    Flag {
        name: "to",
        value: "ADDR:PORT",
        doc: "the server (127.0.0.1:2525)",
        set: |o, v| put(&mut o.to, v),
    },
    Flag {
        name: "from",
        value: "IP[,IP…]",
        doc: "source addresses, in turn",
        set: |o, v| list(&mut o.from, v),
    },
    Flag {
        name: "connections",
        value: "N",
        doc: "kept open at a time (50)",
        set: |o, v| put(&mut o.connections, v),
    },
    Flag { name: "messages", value: "N", doc: "end after so many", set: |o, v| put(&mut o.messages, v) },
    Flag {
        name: "seconds",
        value: "N",
        doc: "end after that time",
        set: |o, v| set(&mut o.duration, seconds(v)),
    },
    Flag { name: "rate", value: "N", doc: "messages a second, open loop", set: |o, v| put(&mut o.rate, v) },
    Flag {
        name: "messages-per-connection",
        value: "N",
        doc: "then connect anew (0: never)",
        set: |o, v| put(&mut o.messages_per_connection, v),
    },
    Flag {
        name: "no-pipelining",
        value: "",
        doc: "one command at a time",
        set: |o, _| yes(&mut o.pipelining, false),
    },
    Flag {
        name: "sizes",
        value: "BYTES[:WEIGHT],…",
        doc: "of messages (2048)",
        set: |o, v| set(&mut o.sizes, sizes(v)),
    },
    Flag {
        name: "recipients",
        value: "N",
        doc: "of each message (1)",
        set: |o, v| put(&mut o.recipients, v),
    },
    Flag {
        name: "recipient",
        value: "TEMPLATE",
        doc: "{n} is the delivery, {n%K} one of K (user{n}@d{n%100}.example)",
        set: |o, v| set(&mut o.recipient, Template::parse(v)),
    },
    Flag {
        name: "domains",
        value: "K",
        doc: "short for --recipient user{n}@d{n%K}.example",
        set: |o, v| set(&mut o.recipient, Template::parse(&format!("user{{n}}@d{{n%{v}}}.example"))),
    },
    Flag { name: "sender", value: "ADDRESS", doc: "of all messages", set: |o, v| put(&mut o.sender, v) },
    Flag { name: "hello", value: "NAME", doc: "in EHLO", set: |o, v| put(&mut o.hello, v) },
    Flag {
        name: "threads",
        value: "N",
        doc: "share the connections (1)",
        set: |o, v| put(&mut o.threads, v),
    },
    Flag {
        name: "patience",
        value: "SECONDS",
        doc: "for a reply (60)",
        set: |o, v| set(&mut o.patience, seconds(v)),
    },
    Flag {
        name: "ledger",
        value: "FILE",
        doc: "append the token of each promised delivery",
        set: |o, v| set(&mut o.ledger, Ok(Some(v.into()))),
    },
    Flag { name: "run", value: "N", doc: "number of the run in all tokens", set: |o, v| put(&mut o.run, v) },
    Flag { name: "json", value: "", doc: "the result as JSON", set: |o, _| yes(&mut o.json, true) },
    Flag { name: "quiet", value: "", doc: "no progress", set: |o, _| yes(&mut o.quiet, true) },
];

fn put<T>(field: &mut T, value: &str) -> Result<(), String>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    set(field, parsed(value))
}

fn set<T>(field: &mut T, value: Result<T, String>) -> Result<(), String> {
    *field = value?;
    Ok(())
}

fn yes(field: &mut bool, value: bool) -> Result<(), String> {
    *field = value;
    Ok(())
}

fn list(field: &mut Vec<IpAddr>, value: &str) -> Result<(), String> {
    value.split(',').try_for_each(|one| parsed(one).map(|address| field.push(address)))
}

fn sizes(value: &str) -> Result<Vec<(usize, u32)>, String> {
    let one = |part: &str| match part.split_once(':') {
        Some((bytes, weight)) => Ok((parsed(bytes)?, parsed(weight)?)),
        None => Ok((parsed(part)?, 1)),
    };
    value.split(',').map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, Complaint> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn a_command_line_becomes_options() {
        let options = parse(
            "--to 127.0.0.1:25 --from=127.0.0.2,127.0.0.3 --connections 7 --rate 1000.5 --seconds 2.5 \
             --sizes 2048:9,102400 --no-pipelining --recipients 3 --domains 5 --json",
        )
        .unwrap();
        assert_eq!(options.to, "127.0.0.1:25".parse().unwrap());
        assert_eq!(options.from.len(), 2);
        assert_eq!((options.connections, options.rate, options.recipients), (7, 1000.5, 3));
        assert_eq!(options.duration, Duration::from_millis(2500));
        assert_eq!(options.sizes, [(2048, 9), (102_400, 1)]);
        assert!(!options.pipelining && options.json && !options.quiet);
        let mut address = Vec::new();
        options.recipient.write(12, &mut address);
        assert_eq!(address, b"user12@d2.example");
    }

    #[test]
    fn without_an_end_it_runs_for_ten_seconds() {
        assert_eq!(parse("").unwrap().duration, Duration::from_secs(10));
        assert_eq!(parse("--messages 5").unwrap().duration, Duration::ZERO);
    }

    #[test]
    fn wrong_flags_are_named() {
        for (line, said) in [
            ("--speed 5", "--speed: unknown; try --help"),
            ("fast", "fast: not a flag; try --help"),
            ("--to", "--to: wants a value"),
            ("--json=yes", "--json=yes: takes no value"),
            ("--connections many", "--connections: invalid digit found in string: many"),
            ("--connections 0", "connections: between 1 and 50000"),
            ("--seconds -1", "--seconds: between 0 and 86400 seconds: -1"),
            (
                "--recipients 2 --recipient a@b.example",
                "recipient: with several recipients the local part must end with {n}",
            ),
            ("--sizes 10:0", "sizes: at least one with a weight"),
            ("--rate NaN", "rate: a number of messages a second"),
            ("--domains 0", "--domains: {n%0} divides by zero"),
        ] {
            assert_eq!(parse(line).unwrap_err(), Complaint::Wrong(said.into()), "{line}");
        }
    }

    #[test]
    fn help_names_every_flag() {
        let Err(Complaint::Help(text)) = parse("--help") else { panic!("no help") };
        assert!(FLAGS.iter().all(|flag| text.contains(&format!("--{} ", flag.name))));
    }
}
