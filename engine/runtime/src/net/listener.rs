//! A listener: a multishot accept that stays armed while connections are taken.

use crate::net::stream::RealStream;
use crate::ring::{Key, Role, Target};
use crate::timer::Ringing;
use crate::world::Shard;
use io_uring::{cqueue, opcode, types::Fd};
use socket2::{Domain, SockAddr, Socket, Type};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs;
use std::future::poll_fn;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use world::{Endpoint, Listener};

/// How long accepting rests when descriptors or memory have run out.
const PAUSE: Duration = Duration::from_millis(100);
/// Connections accepted and not yet taken; beyond that the kernel's backlog holds them.
const UNTAKEN: usize = 256;

/// Closed with its last clone, if not before.
#[derive(Clone)]
pub struct RealListener(Rc<Owner>);

/// What the clones share; operations hold the porch alone.
struct Owner(Rc<Porch>);

/// What a listener shares with its operation.
struct Porch {
    shard: Rc<Shard>,
    local: Endpoint,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    /// None once closed and no operation points to it.
    socket: Option<Socket>,
    arrived: VecDeque<Socket>,
    armed: Option<Key>,
    held_back: bool,
    pausing: bool,
    closed: bool,
    failed: Option<i32>,
    taker: Option<Waker>,
}

impl RealListener {
    pub(crate) fn open(
        shard: &Rc<Shard>,
        at: &Endpoint,
        backlog: u32,
        on_core: bool,
    ) -> io::Result<RealListener> {
        let socket = match at {
            Endpoint::Inet(address) => {
                let socket = Socket::new(Domain::for_address(*address), Type::STREAM, None)?;
                socket.set_reuse_address(true)?;
                socket.set_reuse_port(true)?;
                if address.is_ipv6() {
                    // Else `[::]:25` would take the port of `0.0.0.0:25`.
                    socket.set_only_v6(true)?;
                }
                // Accepted sockets inherit it.
                socket.set_tcp_nodelay(true)?;
                if on_core {
                    // SAFETY: a system call without arguments.
                    let core = unsafe { libc::sched_getcpu() };
                    // SO_INCOMING_CPU: among sockets of one port the kernel prefers the one of this core.
                    socket.set_cpu_affinity(usize::try_from(core).map_err(io::Error::other)?)?;
                }
                socket.bind(&SockAddr::from(*address))?;
                socket
            }
            Endpoint::Unix { path, mode } => {
                let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
                remove_stale_socket(path)?;
                socket.bind(&SockAddr::unix(path)?)?;
                fs::set_permissions(path, fs::Permissions::from_mode(*mode))?;
                socket
            }
        };
        socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
        let local = match (at, socket.local_addr()?.as_socket()) {
            (Endpoint::Inet(_), Some(address)) => Endpoint::Inet(address),
            _ => at.clone(),
        };
        let state = RefCell::new(State { socket: Some(socket), ..State::default() });
        Ok(RealListener(Rc::new(Owner(Rc::new(Porch { shard: shard.clone(), local, state })))))
    }
}

/// A socket file that nobody listens on is left by an earlier process.
fn remove_stale_socket(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => match std::os::unix::net::UnixStream::connect(path) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
            _ => Err(io::ErrorKind::AddrInUse.into()),
        },
        _ => Ok(()),
    }
}

impl Porch {
    fn poll_accept(self: &Rc<Self>, context: &Context<'_>) -> Poll<io::Result<Socket>> {
        let mut state = self.state.borrow_mut();
        if state.closed {
            return Poll::Ready(Err(io::ErrorKind::Interrupted.into()));
        }
        if let Some(socket) = state.arrived.pop_front() {
            return Poll::Ready(Ok(socket));
        }
        if let Some(errno) = state.failed {
            return Poll::Ready(Err(io::Error::from_raw_os_error(errno)));
        }
        self.arm(&mut state);
        match &mut state.taker {
            Some(known) => known.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }

    fn arm(self: &Rc<Self>, state: &mut State) {
        let Some(socket) = state.socket.as_ref().filter(|_| state.armed.is_none() && !state.pausing) else {
            return;
        };
        let entry = opcode::AcceptMulti::new(Fd(socket.as_raw_fd())).flags(libc::SOCK_CLOEXEC).build();
        // SAFETY: the entry points to nothing; the socket stays open until its last completion.
        state.armed = Some(unsafe { self.shard.ring.start(self.clone(), Role::Only, entry) });
        state.held_back = false;
    }

    fn pause(self: &Rc<Self>, state: &mut State) {
        state.pausing = true;
        let pauses = &self.shard.counters.accept_pauses;
        pauses.set(pauses.get() + 1);
        let end = self.shard.clock.now() + PAUSE;
        self.shard.set_alarm(end, Ringing::Target(self.clone(), Role::Only));
    }

    fn close(&self) {
        let mut state = self.state.borrow_mut();
        if std::mem::replace(&mut state.closed, true) {
            return;
        }
        let arrived = std::mem::take(&mut state.arrived);
        let socket = match state.armed {
            // Closed at its last completion: an entry not yet submitted names the descriptor by number.
            Some(key) => {
                self.shard.ring.cancel(key);
                None
            }
            None => state.socket.take(),
        };
        if let Some(taker) = state.taker.take() {
            taker.wake();
        }
        drop(state);
        drop((arrived, socket));
        if let Endpoint::Unix { path, .. } = &self.local {
            // Gone already is as well.
            let _ = fs::remove_file(path);
        }
    }
}

impl Target for Porch {
    fn completed(self: Rc<Self>, _role: Role, result: i32, flags: u32) {
        let mut state = self.state.borrow_mut();
        if !cqueue::more(flags) {
            state.armed = None;
        }
        if result >= 0 {
            // SAFETY: a descriptor that the kernel has just made for us.
            state.arrived.push_back(unsafe { Socket::from_raw_fd(result) });
        }
        if state.closed {
            let arrived = std::mem::take(&mut state.arrived);
            let socket = if state.armed.is_none() { state.socket.take() } else { None };
            drop(state);
            drop((arrived, socket));
            return;
        }
        match -result {
            ..=0 | libc::ECANCELED => {}
            libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM => self.pause(&mut state),
            errno if is_of_one_connection(errno) => {
                let lost = &self.shard.counters.accepts_lost;
                lost.set(lost.get() + 1);
            }
            errno => state.failed = Some(errno),
        }
        if state.arrived.len() >= UNTAKEN
            && !state.held_back
            && let Some(key) = state.armed
        {
            state.held_back = true;
            self.shard.ring.cancel(key);
        }
        if let Some(taker) = state.taker.take() {
            taker.wake();
        }
    }

    /// The pause is over.
    fn rang(self: Rc<Self>, _role: Role) {
        let mut state = self.state.borrow_mut();
        state.pausing = false;
        if let Some(taker) = state.taker.take() {
            taker.wake();
        }
    }
}

/// Errors that concern the connection that was to be accepted, not the listener (accept(2)).
fn is_of_one_connection(errno: i32) -> bool {
    matches!(
        errno,
        libc::ECONNABORTED
            | libc::EINTR
            | libc::EAGAIN
            | libc::EPROTO
            | libc::EPERM
            | libc::ENETDOWN
            | libc::ENOPROTOOPT
            | libc::EHOSTDOWN
            | libc::ENONET
            | libc::EHOSTUNREACH
            | libc::ENETUNREACH
    )
}

impl Listener for RealListener {
    type Stream = RealStream;

    async fn accept(&self) -> io::Result<RealStream> {
        let porch = &self.0.0;
        loop {
            let socket = poll_fn(|context| porch.poll_accept(context)).await?;
            match (&porch.local, socket.peer_addr()) {
                (Endpoint::Unix { .. }, _) => return Ok(RealStream::new(&porch.shard, socket, None)),
                (Endpoint::Inet(_), Ok(peer)) => {
                    return Ok(RealStream::new(&porch.shard, socket, peer.as_socket()));
                }
                // Reset before we came to it.
                (Endpoint::Inet(_), Err(_)) => {
                    let lost = &porch.shard.counters.accepts_lost;
                    lost.set(lost.get() + 1);
                }
            }
        }
    }

    fn local(&self) -> Endpoint {
        self.0.0.local.clone()
    }

    fn close(&self) {
        self.0.0.close();
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.close();
    }
}
