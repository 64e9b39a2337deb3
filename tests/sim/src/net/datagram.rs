//! Datagrams to whoever answers them, lost, doubled and late.

use crate::Dice;
use crate::clock::Look;
use crate::net::Network;
use mail::Time;
use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;
use world::Datagrams;

/// What comes back for a packet, and how long after its arrival.
pub type Responder = Rc<dyn Fn(&[u8], &Dice) -> Vec<(Duration, Vec<u8>)>>;

pub struct SimDatagrams {
    net: Rc<Network>,
    to: SocketAddr,
    inbox: RefCell<Inbox>,
}

#[derive(Default)]
struct Inbox {
    packets: Vec<(Time, Vec<u8>)>,
    reader: Option<Waker>,
}

impl SimDatagrams {
    pub(crate) fn new(net: Rc<Network>, to: SocketAddr) -> SimDatagrams {
        SimDatagrams { net, to, inbox: RefCell::default() }
    }

    fn look(&self, waker: &Waker) -> Look<io::Result<Vec<u8>>> {
        let mut inbox = self.inbox.borrow_mut();
        let first = inbox.packets.iter().enumerate().min_by_key(|(_, (when, _))| *when);
        match first.map(|(index, (when, _))| (index, *when)) {
            Some((index, when)) if when <= self.net.clock.now() => {
                Look::Done(Ok(inbox.packets.swap_remove(index).1))
            }
            other => {
                inbox.reader = Some(waker.clone());
                Look::Until(other.map_or(Time::NEVER, |(_, when)| when))
            }
        }
    }
}

impl Datagrams for SimDatagrams {
    async fn send(&self, packet: Vec<u8>) -> io::Result<()> {
        let net = &self.net;
        let Some(responder) = net.responders.borrow().get(&self.to).cloned() else { return Ok(()) };
        let lose = net.faults.get().lose_datagram;
        if net.dice.one_in(lose) {
            return Ok(());
        }
        let mut inbox = self.inbox.borrow_mut();
        for (after, answer) in responder(&packet, &net.dice) {
            if net.dice.one_in(lose) {
                inbox.packets.push((net.clock.now() + after + net.delay() * 2, answer.clone()));
            }
            inbox.packets.push((net.clock.now() + after + net.delay() * 2, answer));
        }
        if let Some(waker) = inbox.reader.take() {
            waker.wake();
        }
        Ok(())
    }

    async fn receive(&self, deadline: Time) -> io::Result<Vec<u8>> {
        self.net.clock.wait(deadline, |waker| self.look(waker)).await
    }
}
