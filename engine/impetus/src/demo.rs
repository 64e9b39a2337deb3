//! `impetus demo`: the engine on this machine between a load and a sink, and the audit of both: every message
//! that got 250 is delivered, or still in the spool.

use crate::arguments::Arguments;
use crate::run::Server;
use crate::{configuration, load, sink, usage};
use bench::{Ledger, Load, Sink};
use std::fs;
use std::io::{IsTerminal, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

/// How long the deliveries may take after the last 250.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(100);
/// Cells of the bar on a terminal.
const BAR: usize = 30;
/// Seconds between lines where there is no terminal.
const LINE_SECONDS: u64 = 1;

struct Switches {
    messages: u64,
    connections: usize,
    shards: usize,
}

pub fn demo(mut arguments: Arguments) -> ExitCode {
    let switches = (|| -> Result<_, String> {
        let switches = Switches {
            messages: arguments.parsed("--messages", 50_000)?,
            connections: arguments.parsed("--connections", 50)?,
            shards: arguments.parsed("--shards", 0)?,
        };
        arguments.end().map(|()| switches)
    })();
    let switches = match switches {
        Ok(switches) => switches,
        Err(problem) => return usage(&problem),
    };
    let scratch =
        std::env::current_dir().unwrap_or_default().join(format!("var/demo-{}", std::process::id()));
    let status = show(&switches, &scratch);
    // What is left there is worth a look only if something went wrong.
    match &status {
        Ok(true) => {
            let _ = fs::remove_dir_all(&scratch);
            ExitCode::SUCCESS
        }
        Ok(false) => {
            eprintln!("The spool and the logs are kept in {}.", scratch.display());
            ExitCode::FAILURE
        }
        Err(status) => *status,
    }
}

fn show(switches: &Switches, scratch: &Path) -> Result<bool, ExitCode> {
    let failed = |what: String| {
        eprintln!("impetus: {what}");
        ExitCode::FAILURE
    };
    let sink = Sink::new(bench::sink::Options {
        listen: vec![SocketAddr::from(([127, 0, 0, 1], 0))],
        quiet: true,
        ..Default::default()
    });
    let sink = sink.map_err(failed)?;
    let served = sink.clone();
    let serving = thread::spawn(move || sink::drive(&served, || {}));
    let to = wait_for(|| sink.addresses().first().copied());
    let port = free_port().map_err(|error| failed(format!("no free port: {error}")))?;
    let text = demo_configuration(scratch, port, to);
    let (snapshot, _) = configuration::load(None, text).map_err(|complaints| {
        configuration::print(&complaints);
        ExitCode::FAILURE
    })?;
    let server = Server::start(snapshot, switches.shards, |_| Ok(()))?;
    println!(
        "Engine on 127.0.0.1:{port}, {} shards; sink on {to}; spool in {}.",
        server.shards(),
        scratch.display()
    );

    let load = Load::new(bench::load::Options {
        to: SocketAddr::from(([127, 0, 0, 1], port)),
        connections: switches.connections,
        messages: switches.messages,
        quiet: true,
        ..Default::default()
    });
    let load = load.map_err(failed)?;
    let started = Instant::now();
    let mut screen = Screen::new(switches.messages);
    load::drive(&load, || screen.show(load.progress().accepted, sink.snapshot().deliveries))
        .map_err(failed)?;
    let accepted = load.progress().accepted;
    let mut delivered_after = started.elapsed();
    let deadline = Instant::now() + PATIENCE;
    while sink.snapshot().deliveries < accepted && Instant::now() < deadline {
        thread::sleep(LOOK);
        delivered_after = started.elapsed();
        screen.show(accepted, sink.snapshot().deliveries);
    }
    screen.end();
    server.stop();
    let counters = server.end();
    sink.stop();
    serving.join().map_err(|_| failed("the sink panicked".into()))?.map_err(failed)?;
    let queued = crate::spool::living_copies(&scratch.join("spool"))
        .map_err(|error| failed(format!("the spool cannot be read: {error}")))?;
    Ok(print_table(&load, &sink, &counters, delivered_after, queued))
}

fn demo_configuration(scratch: &Path, port: u16, sink: SocketAddr) -> String {
    let folder = scratch.display();
    format!(
        "ESMTP_Listener {{ Listen \"127.0.0.1:{port}\" {{ }} }}\n\
         Relay_Hosts = ( 127.0.0.0/8 )\n\
         spoolbase = \"{folder}/spool\"\n\
         gateway = \"{}\"\n\
         remote_smtp_port = {}\n\
         connection_allocation_aggressiveness = high\n\
         ec_logger \"ec_logger\" {{\n  mainlog = \"{folder}/log/mainlog.ec\"\n  \
         rejectlog = \"{folder}/log/rejectlog.ec\"\n  paniclog = \"{folder}/log/paniclog.ec\"\n}}\n",
        sink.ip(),
        sink.port(),
    )
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> T {
    loop {
        if let Some(found) = look() {
            return found;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// A bar on a terminal, a line a second elsewhere.
struct Screen {
    messages: u64,
    started: Instant,
    is_terminal: bool,
    last_line: u64,
}

impl Screen {
    fn new(messages: u64) -> Self {
        let is_terminal = std::io::stdout().is_terminal();
        Screen { messages, started: Instant::now(), is_terminal, last_line: 0 }
    }

    fn show(&mut self, accepted: u64, delivered: u64) {
        let seconds = self.started.elapsed().as_secs();
        if self.is_terminal {
            let filled = (delivered as usize * BAR).checked_div(self.messages as usize).unwrap_or(0).min(BAR);
            let (done, rest) = ("#".repeat(filled), "-".repeat(BAR - filled));
            print!("\r[{done}{rest}] {accepted} accepted, {delivered} delivered ");
            let _ = std::io::stdout().flush();
        } else if seconds >= self.last_line + LINE_SECONDS {
            self.last_line = seconds;
            println!("{seconds:4} s  {accepted:>9} accepted  {delivered:>9} delivered");
        }
    }

    fn end(&self) {
        if self.is_terminal {
            println!();
        }
    }
}

/// Prints the result; true if the audit found nothing missing.
fn print_table(
    load: &Load,
    sink: &Sink,
    counters: &[(String, u64)],
    delivered_after: Duration,
    queued: u64,
) -> bool {
    let (sent, taken) = (load.report(), sink.report());
    let counter =
        |name: &str| counters.iter().find(|(known, _)| known == name).map_or(0, |(_, value)| *value);
    let audit = Ledger::compare(sent.ledger(), taken.ledger());
    let latency = |percent: f64| sent.tally.latency.value_at_percentile(percent) as f64 / 1000.0;
    let delivered_rate = audit.delivered as f64 / delivered_after.as_secs_f64().max(0.001);
    let unaccounted = audit.missing.saturating_sub(queued + counter("notices"));
    for (name, value) in [
        ("accepted", format!("{} ({:.0}/s)", sent.tally.accepted, sent.accepted_per_second())),
        ("delivered", format!("{} ({delivered_rate:.0}/s)", audit.delivered)),
        (
            "250 after, ms",
            format!("p50 {:.2}  p99 {:.2}  p99.9 {:.2}", latency(50.0), latency(99.0), latency(99.9)),
        ),
        ("bytes accepted", sent.tally.bytes.to_string()),
        ("syncs", counter("commits").to_string()),
        ("still queued", queued.to_string()),
        ("bounced", counter("notices").to_string()),
        ("delivered twice", audit.duplicate.to_string()),
        ("audit: missing", unaccounted.to_string()),
    ] {
        println!("{name:<16} {value}");
    }
    println!(
        "{}",
        match unaccounted {
            0 => "Every message that got 250 is delivered, queued or bounced.",
            _ => "MESSAGES ARE MISSING.",
        }
    );
    unaccounted == 0 && sent.tally.accepted > 0
}
