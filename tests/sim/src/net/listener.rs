//! A listening socket: connections wait at its door until they are accepted.

use crate::clock::Look;
use crate::net::{Network, SimStream};
use crate::tasks::Process;
use mail::Time;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::task::Waker;
use world::{Endpoint, Listener};

#[derive(Clone)]
pub struct SimListener(pub(crate) Rc<Door>);

pub(crate) struct Door {
    net: Rc<Network>,
    pub process: Process,
    at: Endpoint,
    backlog: usize,
    waiting: RefCell<VecDeque<(Time, SimStream)>>,
    acceptor: RefCell<Option<Waker>>,
    closed: Cell<bool>,
}

impl Door {
    pub fn new(net: Rc<Network>, process: Process, at: Endpoint, backlog: usize) -> Rc<Door> {
        let (waiting, acceptor, closed) = (RefCell::default(), RefCell::default(), Cell::new(false));
        Rc::new(Door { net, process, at, backlog, waiting, acceptor, closed })
    }

    pub fn is_closed(&self) -> bool {
        self.closed.get()
    }

    pub fn has_room(&self) -> bool {
        self.waiting.borrow().len() < self.backlog.max(1)
    }

    pub fn arrived(&self, when: Time, stream: SimStream) {
        self.waiting.borrow_mut().push_back((when, stream));
        self.wake();
    }

    pub fn close(&self) {
        self.closed.set(true);
        let unaccepted = self.waiting.take();
        drop(unaccepted);
        self.wake();
    }

    fn wake(&self) {
        if let Some(waker) = self.acceptor.take() {
            waker.wake();
        }
    }
}

impl Listener for SimListener {
    type Stream = SimStream;

    async fn accept(&self) -> io::Result<SimStream> {
        let door = &self.0;
        let clock = &door.net.clock;
        clock
            .wait(Time::NEVER, |waker| {
                if door.closed.get() {
                    return Look::Done(Err(io::ErrorKind::Interrupted.into()));
                }
                let mut waiting = door.waiting.borrow_mut();
                match waiting.pop_front() {
                    Some((when, stream)) if when <= clock.now() => Look::Done(Ok(stream)),
                    early => {
                        *door.acceptor.borrow_mut() = Some(waker.clone());
                        let next = early.as_ref().map_or(Time::NEVER, |(when, _)| *when);
                        early.into_iter().for_each(|early| waiting.push_front(early));
                        Look::Until(next)
                    }
                }
            })
            .await
    }

    fn local(&self) -> Endpoint {
        self.0.at.clone()
    }

    fn close(&self) {
        self.0.close();
    }
}
