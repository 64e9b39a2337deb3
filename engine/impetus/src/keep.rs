//! The thread of the keeper of the configuration, and what it sees of the host.

use crate::access;
use crate::configuration::Origin;
use config::{Complaint, Edition, Endpoint, Snapshot};
use shard::{Access, Common, Estate, Keeper};
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};
use world::Doorbell;

/// Starts the thread; it lives as long as the process.
pub fn start(common: &Arc<Common>, origin: Origin, edition: Edition) -> io::Result<()> {
    let bell = Arc::new(Bell::default());
    let mut keeper = Keeper::new(common, Box::new(origin), edition, bell.clone());
    let work = move || {
        // The thread is this one, once.
        let _ = bell.0.set(thread::current());
        loop {
            if !keeper.work() {
                match keeper.patience() {
                    Some(time) => thread::park_timeout(time),
                    None => thread::park(),
                }
            }
        }
    };
    thread::Builder::new().name("keeper".into()).spawn(work).map(|_| ())
}

/// Wakes the thread; what is asked before it runs it finds by itself.
#[derive(Default)]
struct Bell(OnceLock<Thread>);

impl Doorbell for Bell {
    fn ring(&self) {
        self.0.get().into_iter().for_each(Thread::unpark);
    }
}

impl Estate for Origin {
    fn read(&self, file: Option<&str>) -> Result<(Edition, Vec<Complaint>), Vec<Complaint>> {
        Origin::read(self, file)
    }

    fn objections(&self, now: &Snapshot, new: &Snapshot) -> Vec<String> {
        let sources = new_of(shard::source_addresses(now), shard::source_addresses(new));
        let findings = runtime::unavailable_addresses(&new_listeners(now, new), &sources);
        let mut objections: Vec<String> = findings.into_iter().map(|finding| finding.text).collect();
        let logs = new_of(shard::log_files(now), shard::log_files(new));
        for folder in logs.iter().filter_map(|file| file.parent()).filter(|folder| !folder.is_dir()) {
            if let Err(error) = fs::create_dir_all(folder) {
                objections.push(format!("cannot make the folder {} for a log: {error}", folder.display()));
            }
        }
        objections
    }

    fn access(&self, snapshot: &Snapshot) -> Arc<Access> {
        access::load(snapshot)
    }

    fn write(&self, path: &str, text: &str) -> io::Result<()> {
        write_whole(Path::new(path), text)
    }

    fn say(&self, text: &str) {
        eprintln!("{text}");
    }
}

/// By way of a second file beside it, which takes its place when it is on the disk.
fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    // A link stays a link.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // The keeper writes one file at a time; a second file that is there was left behind by a crash.
    let second = folder.join(format!(".{name}.new"));
    let written = (|| {
        let mut file = fs::File::create(&second)?;
        if let Ok(known) = fs::metadata(&path) {
            file.set_permissions(known.permissions())?;
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&second, &path)?;
        fs::File::open(folder)?.sync_all()
    })();
    if written.is_err() {
        // Whether it can be removed or not, the first error is the one to tell.
        let _ = fs::remove_file(&second);
    }
    written
}

fn new_of<T: PartialEq>(now: Vec<T>, new: Vec<T>) -> Vec<T> {
    new.into_iter().filter(|item| !now.contains(item)).collect()
}

/// Whether they can be had. A port that we hold already, if at another address, would be found taken: there the
/// shards find out.
fn new_listeners(now: &Snapshot, new: &Snapshot) -> Vec<world::Endpoint> {
    let addresses = |snapshot| {
        enabled(snapshot).filter_map(Endpoint::socket_address).collect::<Vec<std::net::SocketAddr>>()
    };
    let ours = addresses(now);
    let is_new = |address: &std::net::SocketAddr| ours.iter().all(|known| known.port() != address.port());
    addresses(new).into_iter().filter(is_new).map(world::Endpoint::Inet).collect()
}

/// The SMTP endpoints that are listened on.
pub fn enabled(snapshot: &Snapshot) -> impl Iterator<Item = &Endpoint> {
    let enabled = snapshot.listeners("esmtp_listener").filter(|(_, stanza)| {
        let found = stanza.value("enable");
        found.is_none_or(|found| *found.get::<config::Bool>())
    });
    enabled.map(|(endpoint, _)| endpoint)
}
