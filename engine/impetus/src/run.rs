//! `impetus run`: the server, from the command line to its exit status.

use crate::access;
use crate::arguments::Arguments;
use crate::configuration::{self, EX_CONFIG, Origin};
use crate::{keep, usage};
use config::Snapshot;
use runtime::{
    FolderLock, Identity, Needs, NoIdentity, NotLocked, PanicHook, Plan, ProcessSignal, Runtime, Signals,
};
use shard::{Common, Counters, Event, GlobalOptions, HostFacts, Order, Request, SecurityOptions};
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};

/// Exit status when the host does not offer what is needed (sysexits.h EX_UNAVAILABLE).
const EX_UNAVAILABLE: u8 = 69;

/// Descriptors that a server of some size needs: sessions, deliveries, segments.
const DESCRIPTORS: u64 = 4096;

pub fn run(mut arguments: Arguments) -> ExitCode {
    let switches = (|| -> Result<_, String> {
        let file = arguments.value(&["-c", "--config"])?;
        let shards = arguments.parsed("--shards", 0usize)?;
        arguments.end().map(|()| (file, shards))
    })();
    let (file, shards) = match switches {
        Ok(switches) => switches,
        Err(problem) => return usage(&problem),
    };
    let var = std::env::current_dir().unwrap_or_default().join("var");
    let embedded = configuration::default_text(&var);
    let origin = Origin { file, embedded };
    let edition = match origin.read(None) {
        Ok((edition, warnings)) => {
            configuration::print(&warnings);
            edition.numbered(1)
        }
        Err(complaints) => {
            configuration::print(&complaints);
            eprintln!("Global configuration error.");
            return ExitCode::from(EX_CONFIG);
        }
    };
    let signals = match Signals::block() {
        Ok(signals) => signals,
        Err(error) => return unavailable(&format!("cannot block signals: {error}")),
    };
    let snapshot = edition.snapshot().clone();
    // The keeper is there before the first console is.
    let server = match Server::start(snapshot, shards, |common| keep::start(common, origin, edition)) {
        Ok(server) => server,
        Err(status) => return status,
    };
    server.obey(signals);
    print_greeting(&server.snapshot);
    server.join()
}

/// A running engine: used by `run` and by the demonstration.
pub struct Server {
    pub common: Arc<Common>,
    pub snapshot: Arc<Snapshot>,
    runtime: Runtime,
    events: Receiver<(usize, Event)>,
    stopping: Arc<AtomicBool>,
    _lock: FolderLock,
}

impl Server {
    /// Starts all shards and waits until they accept mail. `shards` of 0 is one for each core; `keep` starts the
    /// keeper of the configuration, if there is to be one.
    pub fn start(
        snapshot: Arc<Snapshot>,
        shards: usize,
        keep: impl FnOnce(&Arc<Common>) -> io::Result<()>,
    ) -> Result<Server, ExitCode> {
        let global = GlobalOptions::resolve(&snapshot.global());
        let spoolbase = PathBuf::from(&*global.spoolbase);
        make_folders(&snapshot, &spoolbase)?;
        check_host(&snapshot, &spoolbase)?;
        let lock = lock(&spoolbase)?;
        let count = match shards {
            0 => runtime::usable_cpus().map_err(|error| unavailable(&format!("no cores: {error}")))?.len(),
            count => count,
        };
        let hook: PanicHook = Arc::new(panicked);
        let plan = Plan::shards(count, hook).map_err(|error| unavailable(&format!("{error}")))?;
        let resolv = fs::read_to_string(&*global.resolv_conf).unwrap_or_default();
        let (servers, _) = dns::Resolv::parse(&resolv);
        let chance = chance().map_err(|error| unavailable(&format!("no random numbers: {error}")))?;
        let common = Common::new(snapshot.clone(), count, &hostname(), servers, std::process::id(), chance);
        common.describe_host(host_facts());
        keep(&common).map_err(|error| {
            unavailable(&format!("cannot start the keeper of the configuration: {error}"))
        })?;
        let (tell, events) = channel();
        let shared = common.clone();
        let runtime = Runtime::start(plan, move |world, index| {
            let (common, tell) = (shared.clone(), tell.clone());
            async move {
                shard::start(world, index, common, move |event| {
                    // Nobody listens any more when the program is about to end.
                    let _ = tell.send((index, event));
                })
                .await;
            }
        });
        let runtime = runtime.map_err(|error| unavailable(&format!("cannot start the shards: {error}")))?;
        let stopping = Arc::new(AtomicBool::new(false));
        let server = Server { common, snapshot, runtime, events, stopping, _lock: lock };
        server.bring_up(count, &global)
    }

    fn bring_up(self, count: usize, global: &GlobalOptions) -> Result<Server, ExitCode> {
        let mut bound = 0;
        let mut ready = 0;
        while ready < count {
            let Ok((index, event)) = self.events.recv() else {
                return Err(unavailable("the shards have ended"));
            };
            match event {
                Event::Bound => bound += 1,
                Event::Ready { copies, report } => {
                    ready += 1;
                    if copies > 0 || report.damages_found > 0 {
                        let damages = report.damages_found;
                        eprintln!(
                            "shard {index}: {copies} messages recovered, {damages} damages in the spool"
                        );
                    }
                }
                Event::Failed { what, error } => {
                    eprintln!("impetus: {what}: {error}");
                    self.common.exchange.order(|| Order::Stop);
                    return Err(ExitCode::from(EX_UNAVAILABLE));
                }
                Event::Ended { .. } => return Err(unavailable("a shard has ended")),
            }
            if bound == count && ready == 0 {
                bound = 0;
                // Password files may be root's.
                let access = access::load(&self.snapshot);
                drop_privileges(&self.snapshot)?;
                self.common.exchange.order(|| Order::Proceed);
                self.common.exchange.order(|| Order::Access(access.clone()));
            }
        }
        if let Some(pidfile) = &global.pidfile {
            let written = fs::write(&**pidfile, format!("{}\n", std::process::id()));
            written.map_err(|error| unavailable(&format!("cannot write {pidfile}: {error}")))?;
        }
        Ok(self)
    }

    /// SIGTERM and SIGINT stop, a second one at once; SIGHUP reloads and reopens the logs, SIGUSR1 reopens.
    fn obey(&self, signals: Signals) {
        let (common, stopping) = (self.common.clone(), self.stopping.clone());
        let heard = signals.hear(move |signal| match signal {
            ProcessSignal::Terminate | ProcessSignal::Interrupt => {
                if stopping.swap(true, Ordering::SeqCst) {
                    // Every promise is in the journal: nothing is lost.
                    std::process::exit(1);
                }
                common.exchange.order(|| Order::Stop);
            }
            ProcessSignal::HangUp => {
                common.exchange.order(|| Order::ReopenLogs);
                if common.keeper.ask(Request::Reload).is_err() {
                    eprintln!("impetus: too much is asked of the keeper of the configuration");
                }
            }
            ProcessSignal::User1 => {
                common.exchange.order(|| Order::ReopenLogs);
            }
        });
        if let Err(error) = heard {
            eprintln!("impetus: signals are not heard: {error}");
        }
    }

    pub fn stop(&self) {
        self.common.exchange.order(|| Order::Stop);
    }

    pub fn shards(&self) -> usize {
        self.common.exchange.shards()
    }

    /// Waits for the end.
    fn join(self) -> ExitCode {
        match self.runtime.join() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => unavailable(&error.to_string()),
        }
    }

    /// Waits for the end; what the shards have counted, added up.
    pub fn end(self) -> Vec<(String, u64)> {
        let Server { runtime, events, common, .. } = self;
        if let Err(error) = runtime.join() {
            eprintln!("impetus: {error}");
        }
        drop(common);
        let mut sums: Vec<(String, u64)> =
            Counters::NAMES.iter().map(|name| ((*name).to_owned(), 0)).collect();
        for (_, event) in events.try_iter() {
            if let Event::Ended { counters } = event {
                sums.iter_mut().zip(counters).for_each(|((_, sum), value)| *sum += value);
            }
        }
        sums
    }
}

/// Tasks that handle foreign content: a panic ends that connection, nothing else.
const CONTAINED: [&str; 9] =
    ["session", "refusal", "delivery", "lookup", "black hole", "console", "question", "answer", "fetch"];

/// Any other task is one of the engine's own (journal, queues, posts, logs): when it breaks, the process
/// stops, for the journal is the truth and a start puts everything back.
fn panicked(task: &str, message: &str) {
    eprintln!("impetus: task {task} panicked: {message}");
    if !CONTAINED.contains(&task) {
        eprintln!(
            "impetus: {task} is not to be done without: the process stops; the spool has every message"
        );
        std::process::abort();
    }
}

/// Two numbers that nobody can guess.
pub fn chance() -> io::Result<[u64; 2]> {
    let mut bytes = [0; 16];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    let (low, high) = bytes.split_at(8);
    Ok([low, high].map(|half| half.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))))
}

fn unavailable(what: &str) -> ExitCode {
    eprintln!("impetus: {what}");
    ExitCode::from(EX_UNAVAILABLE)
}

/// For `sysinfo` of the console.
fn host_facts() -> HostFacts {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let pretty = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    let kernel = |name: &str| fs::read_to_string(format!("/proc/sys/kernel/{name}")).unwrap_or_default();
    let parts =
        ["ostype", "hostname", "osrelease", "version", "arch"].map(|name| kernel(name).trim().to_owned());
    HostFacts { release: pretty.unwrap_or("Linux").trim_matches('"').to_owned(), system: parts.join(" ") }
}

pub fn hostname() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| "localhost".into(), |name| name.trim().into())
}

/// The spool and the folders of the logs; a missing one is made, and belongs to whom we become.
fn make_folders(snapshot: &Snapshot, spoolbase: &Path) -> Result<(), ExitCode> {
    let identity = identity(snapshot)?;
    let logs = shard::log_files(snapshot);
    let folders = logs.iter().filter_map(|file| file.parent()).chain([spoolbase]);
    for folder in folders.filter(|folder| !folder.is_dir()) {
        let made = fs::create_dir_all(folder).and_then(|()| match &identity {
            Some(identity) => chown(folder, Some(identity.user), Some(identity.group)),
            None => Ok(()),
        });
        made.map_err(|error| {
            eprintln!("impetus: cannot make the folder {}: {error}", folder.display());
            ExitCode::from(EX_CONFIG)
        })?;
    }
    Ok(())
}

fn lock(spoolbase: &Path) -> Result<FolderLock, ExitCode> {
    FolderLock::take(spoolbase).map_err(|problem| match problem {
        NotLocked::Held => unavailable(&format!("another server uses the spool {}", spoolbase.display())),
        NotLocked::Failed(error) => unavailable(&format!("cannot lock {}: {error}", spoolbase.display())),
    })
}

/// What the host lacks, each with how to mend it; the worst decides the exit status.
fn check_host(snapshot: &Snapshot, spoolbase: &Path) -> Result<(), ExitCode> {
    let needs = Needs {
        spool: Some(spoolbase.to_owned()),
        listeners: keep::enabled(snapshot)
            .filter_map(|endpoint| endpoint.socket_address().map(world::Endpoint::Inet))
            .collect(),
        sources: shard::source_addresses(snapshot),
        descriptors: DESCRIPTORS,
    };
    let findings = runtime::preflight(&needs);
    findings.iter().for_each(|finding| eprintln!("preflight: {finding}"));
    match findings.iter().filter_map(|finding| finding.severity.exit_code()).max() {
        Some(status) => Err(ExitCode::from(status)),
        None => Ok(()),
    }
}

/// Whom the Security stanza has us become; none if it names nobody.
fn identity(snapshot: &Snapshot) -> Result<Option<Identity>, ExitCode> {
    let Some(stanza) = snapshot.stanzas("security").next() else { return Ok(None) };
    let options = SecurityOptions::resolve(&stanza);
    let Some(user) = options.user else { return Ok(None) };
    Identity::of(&user, options.group.as_deref()).map(Some).map_err(|problem| {
        let why = match problem {
            NoIdentity::UnknownUser => "there is no such user".into(),
            NoIdentity::UnknownGroup => "there is no such group".into(),
            NoIdentity::Failed(error) => error.to_string(),
        };
        eprintln!("impetus: cannot become {user}: {why}");
        ExitCode::from(EX_CONFIG)
    })
}

fn drop_privileges(snapshot: &Snapshot) -> Result<(), ExitCode> {
    let Some(identity) = identity(snapshot)? else { return Ok(()) };
    identity.become_identity().map_err(|error| {
        eprintln!("impetus: cannot become user {}: {error}", identity.user);
        ExitCode::from(EX_CONFIG)
    })
}

/// How to send the first message.
fn print_greeting(snapshot: &Snapshot) {
    let Some((endpoint, _)) = snapshot.listeners("esmtp_listener").next() else { return };
    eprintln!("Impetus listens on {endpoint}. To send it a message:");
    eprintln!("  swaks --server {endpoint} --from me@sender.example --to you@recipient.example");
    if let Some(file) = shard::log_files(snapshot).first() {
        eprintln!("What becomes of it stands in {}.", file.display());
    }
}
