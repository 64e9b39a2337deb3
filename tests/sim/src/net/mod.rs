//! The simulated network: who listens where, which connections stand, what goes wrong on the way.

mod datagram;
mod line;
mod listener;
mod stream;

pub use datagram::{Responder, SimDatagrams};
pub use listener::SimListener;
pub use stream::{Presence, SimStream};

use crate::Dice;
use crate::clock::Clock;
use crate::tasks::Process;
use crate::trace::Trace;
use line::Line;
use listener::Door;
use mail::Time;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::{Rc, Weak};
use std::time::Duration;
use world::{Dial, Endpoint};

/// A full backlog or a lost first packet: the dialler tries again after this.
const DIAL_AGAIN: Duration = Duration::from_secs(1);
/// The first port that is given out.
const FIRST_PORT: u16 = 32_768;

/// What goes wrong, each once in so many times; zero is never.
#[derive(Clone, Copy, Debug)]
pub struct NetFaults {
    /// A write breaks its connection.
    pub reset: u64,
    /// A dial is refused.
    pub refuse: u64,
    /// A datagram is lost; as often one comes twice.
    pub lose_datagram: u64,
    /// A read gets less than there is.
    pub split: u64,
    /// Shortest and longest way of a packet, in microseconds.
    pub delay: (u64, u64),
    /// Least and most bytes under way in one direction of a connection.
    pub window: (u64, u64),
}

impl Default for NetFaults {
    /// A network without misfortune.
    fn default() -> Self {
        NetFaults {
            reset: 0,
            refuse: 0,
            lose_datagram: 0,
            split: 3,
            delay: (20, 2000),
            window: (200, 65_536),
        }
    }
}

/// A connection was made or given up by the side that dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crossing {
    pub when: Time,
    pub opened: bool,
    pub from: IpAddr,
    pub to: SocketAddr,
}

pub struct Network {
    clock: Rc<Clock>,
    dice: Dice,
    trace: Rc<Trace>,
    faults: Cell<NetFaults>,
    doors: RefCell<BTreeMap<String, Vec<Weak<Door>>>>,
    lines: RefCell<Vec<Weak<Line>>>,
    responders: RefCell<BTreeMap<SocketAddr, Responder>>,
    silent: RefCell<BTreeSet<IpAddr>>,
    next_port: Cell<u16>,
    crossings: RefCell<Vec<Crossing>>,
}

impl Network {
    pub(crate) fn new(clock: Rc<Clock>, dice: Dice, trace: Rc<Trace>) -> Rc<Network> {
        Rc::new(Network {
            clock,
            dice,
            trace,
            faults: Cell::new(NetFaults::default()),
            doors: RefCell::default(),
            lines: RefCell::default(),
            responders: RefCell::default(),
            silent: RefCell::default(),
            next_port: Cell::new(FIRST_PORT),
            crossings: RefCell::default(),
        })
    }

    pub fn set_faults(&self, faults: NetFaults) {
        self.faults.set(faults);
    }

    /// Dials to this address are never answered.
    pub fn silence(&self, host: IpAddr) {
        self.silent.borrow_mut().insert(host);
    }

    /// Who answers datagrams to this address.
    pub fn respond(&self, at: SocketAddr, responder: Responder) {
        self.responders.borrow_mut().insert(at, responder);
    }

    /// Connections as those who dialled saw them, in order.
    pub fn crossings(&self) -> Vec<Crossing> {
        self.crossings.borrow().clone()
    }

    fn delay(&self) -> Duration {
        let (low, high) = self.faults.get().delay;
        self.dice.micros(low, high)
    }

    fn crossed(&self, opened: bool, from: IpAddr, to: SocketAddr) {
        let when = self.clock.now();
        self.crossings.borrow_mut().push(Crossing { when, opened, from, to });
    }

    fn port(&self) -> u16 {
        let port = self.next_port.get();
        self.next_port.set(if port == u16::MAX { FIRST_PORT } else { port + 1 });
        port
    }

    pub(crate) fn listen(
        self: &Rc<Self>,
        process: Process,
        at: &Endpoint,
        backlog: u32,
    ) -> io::Result<SimListener> {
        let at = match at {
            Endpoint::Inet(address) if address.port() == 0 => {
                Endpoint::Inet(SocketAddr::new(address.ip(), self.port()))
            }
            at => at.clone(),
        };
        let mut doors = self.doors.borrow_mut();
        let here = doors.entry(at.to_string()).or_default();
        here.retain(|door| door.upgrade().is_some_and(|door| !door.is_closed()));
        // SO_REUSEPORT shares an address among the sockets of one user, here: of one process.
        if here.iter().filter_map(Weak::upgrade).any(|door| door.process != process) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let door = Door::new(self.clone(), process, at, backlog as usize);
        here.push(Rc::downgrade(&door));
        Ok(SimListener(door))
    }

    pub(crate) async fn dial(
        self: &Rc<Self>,
        process: Process,
        host: IpAddr,
        dial: Dial,
    ) -> io::Result<SimStream> {
        let from = SocketAddr::new(dial.from.unwrap_or(host), self.port());
        let mut next_try = self.clock.now() + self.delay();
        let refused = self.dice.one_in(self.faults.get().refuse);
        self.clock
            .wait(dial.deadline, |_| {
                let now = self.clock.now();
                if now < next_try {
                    return crate::clock::Look::Until(next_try);
                }
                next_try = now + DIAL_AGAIN;
                if self.silent.borrow().contains(&dial.to.ip()) {
                    return crate::clock::Look::Until(Time::NEVER);
                }
                if refused {
                    return crate::clock::Look::Done(Err(io::ErrorKind::ConnectionRefused.into()));
                }
                match self.knock(process, from, dial.to) {
                    Some(result) => crate::clock::Look::Done(result),
                    None => crate::clock::Look::Until(next_try),
                }
            })
            .await
    }

    /// None: those who listen have no room.
    fn knock(
        self: &Rc<Self>,
        process: Process,
        from: SocketAddr,
        to: SocketAddr,
    ) -> Option<io::Result<SimStream>> {
        let doors = self.doors.borrow();
        let here = doors.get(&to.to_string()).into_iter().flatten().filter_map(Weak::upgrade);
        let here: Vec<Rc<Door>> = here.filter(|door| !door.is_closed()).collect();
        drop(doors);
        if here.is_empty() {
            return Some(Err(io::ErrorKind::ConnectionRefused.into()));
        }
        let open: Vec<Rc<Door>> = here.into_iter().filter(|door| door.has_room()).collect();
        if open.is_empty() {
            return None;
        }
        let door = self.dice.pick(&open);
        let line = Line::new(self.clone(), [(process, from), (door.process, to)]);
        let mut lines = self.lines.borrow_mut();
        lines.retain(|line| line.strong_count() > 0);
        lines.push(Rc::downgrade(&line));
        drop(lines);
        self.crossed(true, from.ip(), to);
        let (near, far) = line.ends();
        door.arrived(self.clock.now() + self.delay(), far);
        Some(Ok(near))
    }

    pub(crate) fn datagrams(self: &Rc<Self>, to: SocketAddr) -> SimDatagrams {
        SimDatagrams::new(self.clone(), to)
    }

    /// The process is no more: nobody listens for it, its connections break or fall silent.
    pub(crate) fn kill(&self, process: Process) {
        let doors: Vec<Rc<Door>> = self.doors.borrow().values().flatten().filter_map(Weak::upgrade).collect();
        doors.iter().filter(|door| door.process == process).for_each(|door| door.close());
        let lines: Vec<Rc<Line>> = self.lines.borrow().iter().filter_map(Weak::upgrade).collect();
        lines.iter().for_each(|line| line.kill(process));
    }
}
