//! The inbound sessions of a shard as operators see them.

use mail::{SessionState, Time};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;

pub(crate) struct Visitor {
    /// None on a Unix socket.
    pub peer: Option<SocketAddr>,
    /// What it is at, and since when.
    pub state: Cell<(SessionState, Time)>,
}

/// By the order in which they came.
#[derive(Default)]
pub(crate) struct Visitors {
    next: Cell<u64>,
    present: RefCell<BTreeMap<u64, Rc<Visitor>>>,
}

/// A visitor's place in the list, given back when dropped.
pub(crate) struct Visit {
    visitors: Rc<Visitors>,
    number: u64,
    visitor: Rc<Visitor>,
}

impl Visitors {
    pub fn enter(self: &Rc<Self>, peer: Option<SocketAddr>, now: Time) -> Visit {
        let number = self.next.get();
        self.next.set(number + 1);
        let visitor = Rc::new(Visitor { peer, state: Cell::new((SessionState::JustConnected, now)) });
        self.present.borrow_mut().insert(number, visitor.clone());
        Visit { visitors: self.clone(), number, visitor }
    }

    pub fn all(&self) -> Vec<(u64, Rc<Visitor>)> {
        self.present.borrow().iter().map(|(number, visitor)| (*number, visitor.clone())).collect()
    }
}

impl Visit {
    pub fn stands_at(&self, state: SessionState, now: Time) {
        if self.visitor.state.get().0 != state {
            self.visitor.state.set((state, now));
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.visitors.present.borrow_mut().remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visitors_are_seen_from_their_coming_to_their_going() {
        let visitors = Rc::new(Visitors::default());
        let visit = visitors.enter(None, Time::from_secs(1));
        visit.stands_at(SessionState::AwaitingEhlo, Time::from_secs(2));
        visit.stands_at(SessionState::AwaitingEhlo, Time::from_secs(3));
        assert_eq!(visitors.all()[0].1.state.get(), (SessionState::AwaitingEhlo, Time::from_secs(2)));
        drop(visit);
        assert!(visitors.all().is_empty());
        let again = visitors.enter(None, Time::from_secs(4));
        assert_eq!(visitors.all()[0].0, 1);
        drop(again);
    }
}
