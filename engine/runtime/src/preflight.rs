//! What this host lacks for the engine to run, and how to mend it, found before the first shard starts.

use crate::buffers::Buffers;
use crate::ring::Ring;
use socket2::{Domain, SockAddr, Socket, Type};
use std::fmt;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};
use world::{Buffer, Endpoint};

/// The first kernel with multishot receive; provided-buffer rings are older.
const KERNEL: (u32, u32) = (6, 0);
const PROBE: &str = ".preflight";
/// How long the sockets of a killed predecessor are waited for.
const LEFT_WITHIN: Duration = Duration::from_secs(2);
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// What the configuration asks of the host.
#[derive(Clone, Debug, Default)]
pub struct Needs {
    /// Folder of the journal; it exists.
    pub spool: Option<PathBuf>,
    pub listeners: Vec<Endpoint>,
    /// Source addresses of bindings.
    pub sources: Vec<IpAddr>,
    /// Open files and sockets, at most.
    pub descriptors: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    IoUring,
    Kernel,
    Descriptors,
    Spool(PathBuf),
    Listener(Endpoint),
    Source(IpAddr),
    ReuseportMigration,
}

/// What a finding means for the start; the numbers are those of sysexits.h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The engine runs, but not as well as it could.
    Hint,
    /// EX_CONFIG, 78: the configuration asks for what this host is not.
    Configuration,
    /// EX_UNAVAILABLE, 69: the host does not offer what every configuration needs, or not now.
    Unavailable,
}

impl Severity {
    /// None: start.
    pub fn exit_code(self) -> Option<u8> {
        match self {
            Severity::Hint => None,
            Severity::Configuration => Some(78),
            Severity::Unavailable => Some(69),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub subject: Subject,
    pub severity: Severity,
    /// What is missing, and how to mend it.
    pub text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Everything that is found, the general before the particular. Raises the soft limit of open files to the
/// hard one. Call it where the engine's listeners do not stand yet: it binds their addresses for a moment.
pub fn preflight(needs: &Needs) -> Vec<Finding> {
    let general = [kernel(), io_uring(), descriptors(needs.descriptors), reuseport_migration()];
    let spool = needs.spool.as_deref().and_then(spool);
    let addresses = unavailable_addresses(&needs.listeners, &needs.sources);
    general.into_iter().flatten().chain(spool).chain(addresses).collect()
}

/// The part of it that is asked again when a running engine shall listen, or send, elsewhere.
pub fn unavailable_addresses(listeners: &[Endpoint], sources: &[IpAddr]) -> Vec<Finding> {
    let listeners = listeners.iter().filter_map(listener);
    listeners.chain(sources.iter().filter_map(|address| source(*address))).collect()
}

fn finding(subject: Subject, severity: Severity, text: impl Into<String>) -> Option<Finding> {
    Some(Finding { subject, severity, text: text.into() })
}

fn kernel() -> Option<Finding> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
    let mut numbers = release.split(|other: char| !other.is_ascii_digit()).map(str::parse::<u32>);
    let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else {
        return None;
    };
    if (major, minor) >= KERNEL {
        return None;
    }
    let text = format!(
        "the kernel is {}: multishot receive needs {}.{} or later; update the kernel",
        release.trim(),
        KERNEL.0,
        KERNEL.1
    );
    finding(Subject::Kernel, Severity::Unavailable, text)
}

fn io_uring() -> Option<Finding> {
    let error = Ring::new().and_then(|ring| Buffers::register(&ring).map(|buffers| (ring, buffers))).err()?;
    let disabled = fs::read_to_string("/proc/sys/kernel/io_uring_disabled").unwrap_or_default();
    let mend = match (error.raw_os_error(), disabled.trim()) {
        (Some(libc::EPERM), "1" | "2") => "set the sysctl kernel.io_uring_disabled to 0".to_owned(),
        (Some(libc::EPERM | libc::ENOSYS | libc::EACCES), _) => {
            "a seccomp filter or the kernel's configuration denies it; in a container, allow io_uring_setup, \
             io_uring_enter and io_uring_register"
                .to_owned()
        }
        (Some(libc::ENOMEM), _) => {
            let limit = limit(libc::RLIMIT_MEMLOCK).map_or(0, |limit| limit.rlim_cur);
            format!("its memory counts as locked, and the limit is {limit} bytes: raise LimitMEMLOCK")
        }
        (Some(libc::EMFILE | libc::ENFILE), _) => "no descriptors are left: raise LimitNOFILE".to_owned(),
        (Some(libc::EINVAL), _) => "the kernel does not know the flags that we use; update it".to_owned(),
        _ => "the kernel gives no other reason".to_owned(),
    };
    finding(Subject::IoUring, Severity::Unavailable, format!("no io_uring can be made ({error}): {mend}"))
}

fn limit(of: libc::__rlimit_resource_t) -> io::Result<libc::rlimit> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the call fills the local it is given.
    if unsafe { libc::getrlimit(of, &mut limit) } == 0 { Ok(limit) } else { Err(io::Error::last_os_error()) }
}

fn descriptors(needed: u64) -> Option<Finding> {
    let limit = limit(libc::RLIMIT_NOFILE).ok()?;
    let raised = libc::rlimit { rlim_cur: limit.rlim_max, ..limit };
    // SAFETY: the call reads the local it is given. Raising the soft limit to the hard one is always allowed.
    unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raised) };
    if limit.rlim_max >= needed {
        return None;
    }
    let text = format!(
        "the configuration may open {needed} files and sockets, the limit is {}: raise LimitNOFILE, or lower \
         the limits of connections",
        limit.rlim_max
    );
    finding(Subject::Descriptors, Severity::Hint, text)
}

fn reuseport_migration() -> Option<Finding> {
    let setting = fs::read_to_string("/proc/sys/net/ipv4/tcp_migrate_req").ok()?;
    if setting.trim() != "0" {
        return None;
    }
    let text = "a listener that closes resets the connections that wait on it: set the sysctl \
                net.ipv4.tcp_migrate_req to 1";
    finding(Subject::ReuseportMigration, Severity::Hint, text)
}

fn spool(folder: &Path) -> Option<Finding> {
    let error = write_directly(&folder.join(PROBE)).err()?;
    let (severity, mend) = match error.raw_os_error() {
        Some(libc::ENOENT | libc::ENOTDIR) => (Severity::Configuration, "make the folder"),
        Some(libc::EACCES | libc::EPERM) => (Severity::Configuration, "give it to the engine's user"),
        Some(libc::EROFS) => (Severity::Configuration, "the file system is read-only"),
        Some(libc::EINVAL | libc::EOPNOTSUPP) => (
            Severity::Configuration,
            "the file system cannot write past its cache (O_DIRECT); use ext4 or xfs on a local disk",
        ),
        Some(libc::ENOSPC | libc::EDQUOT) => (Severity::Unavailable, "make room on the file system"),
        _ => (Severity::Unavailable, "the disk does not take it"),
    };
    let text = format!("the spool {} takes no durable block ({error}): {mend}", folder.display());
    finding(Subject::Spool(folder.to_owned()), severity, text)
}

/// One block as the journal writes it.
fn write_directly(path: &Path) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600).custom_flags(libc::O_DIRECT);
    let mut file = options.open(path)?;
    let written = file.write_all(&Buffer::zeroed(world::BLOCK)).and_then(|()| file.sync_data());
    fs::remove_file(path)?;
    written
}

fn listener(at: &Endpoint) -> Option<Finding> {
    let error = match at {
        Endpoint::Inet(address) => bind_when_left(*address).err()?,
        Endpoint::Unix { path, .. } => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            fs::metadata(folder.unwrap_or(Path::new("."))).err()?
        }
    };
    let (severity, mend) = match error.raw_os_error() {
        Some(libc::EADDRINUSE) => (Severity::Unavailable, "another process listens there; stop it"),
        Some(libc::EADDRNOTAVAIL) => (
            Severity::Configuration,
            "the address is not on any interface of this host; add it, or change the configuration",
        ),
        Some(libc::EACCES) => {
            (Severity::Configuration, "ports below 1024 need root or the capability CAP_NET_BIND_SERVICE")
        }
        Some(libc::ENOENT) => (Severity::Configuration, "make the folder of the socket"),
        _ => (Severity::Configuration, "the host does not offer such an address"),
    };
    finding(Subject::Listener(at.clone()), severity, format!("cannot listen on {at} ({error}): {mend}"))
}

fn source(address: IpAddr) -> Option<Finding> {
    let error = bind(SocketAddr::new(address, 0)).err()?;
    let text = format!(
        "cannot send from {address} ({error}): add the address to an interface of this host, or take it out \
         of its binding"
    );
    finding(Subject::Source(address), Severity::Configuration, text)
}

/// Waits a moment for a predecessor's socket: the kernel takes a killed process's rings apart, and closes
/// what they hold, after the process is gone.
fn bind_when_left(address: SocketAddr) -> io::Result<()> {
    let begun = Instant::now();
    loop {
        match bind(address) {
            Err(error) if error.kind() == ErrorKind::AddrInUse && begun.elapsed() < LEFT_WITHIN => {
                thread::sleep(LOOK_AGAIN);
            }
            bound => return bound,
        }
    }
}

/// Without SO_REUSEPORT, so that an engine which listens already is noticed.
fn bind(address: SocketAddr) -> io::Result<()> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&SockAddr::from(address))?;
    if address.port() == 0 { Ok(()) } else { socket.listen(1) }
}
