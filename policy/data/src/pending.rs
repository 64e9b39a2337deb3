//! A question that is being asked: others with the same one wait for its answer instead of asking again.
//!
//! The law: whoever asks may be dropped at any moment; those who wait are told, and one of them asks anew.

use crate::cache::Key;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

pub(crate) struct Pending<A>(RefCell<HashMap<Key, Rc<Asked<A>>>>);

pub(crate) struct Asked<A> {
    over: Cell<bool>,
    answer: RefCell<Option<A>>,
    waiting: RefCell<Vec<Waker>>,
}

/// Held by the one who asks.
pub(crate) struct Asking<'a, A> {
    all: &'a Pending<A>,
    key: Key,
    asked: Rc<Asked<A>>,
}

impl<A> Default for Pending<A> {
    fn default() -> Self {
        Pending(RefCell::default())
    }
}

impl<A: Clone> Pending<A> {
    pub fn of(&self, key: &[u8]) -> Option<Rc<Asked<A>>> {
        self.0.borrow().get(key).cloned()
    }

    pub fn begin(&self, key: &Key) -> Asking<'_, A> {
        let asked = Rc::new(Asked {
            over: Cell::new(false),
            answer: RefCell::new(None),
            waiting: RefCell::default(),
        });
        self.0.borrow_mut().insert(key.clone(), asked.clone());
        Asking { all: self, key: key.clone(), asked }
    }
}

impl<A: Clone> Asked<A> {
    /// None: the one who asked has gone.
    pub async fn answer(&self) -> Option<A> {
        poll_fn(|context| {
            if self.over.get() {
                return Poll::Ready(());
            }
            let mut waiting = self.waiting.borrow_mut();
            if !waiting.iter().any(|waker| waker.will_wake(context.waker())) {
                waiting.push(context.waker().clone());
            }
            Poll::Pending
        })
        .await;
        self.answer.borrow().clone()
    }
}

impl<A: Clone> Asking<'_, A> {
    pub fn answered(self, answer: &A) {
        self.asked.answer.replace(Some(answer.clone()));
    }
}

impl<A> Drop for Asking<'_, A> {
    fn drop(&mut self) {
        self.all.0.borrow_mut().remove(&self.key);
        self.asked.over.set(true);
        self.asked.waiting.take().into_iter().for_each(Waker::wake);
    }
}
