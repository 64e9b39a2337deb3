//! A question that is being asked: others with the same one wait for its answer instead of asking again.
//!
//! The law: whoever asks may be dropped at any moment; those who wait are told, and one of them asks anew.

use crate::cache::Key;
use crate::{DataFault, Rows};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

type Answer = Result<Rc<Rows>, DataFault>;

#[derive(Default)]
pub(crate) struct Pending(RefCell<HashMap<Key, Rc<Asked>>>);

#[derive(Default)]
pub(crate) struct Asked {
    over: Cell<bool>,
    answer: RefCell<Option<Answer>>,
    waiting: RefCell<Vec<Waker>>,
}

/// Held by the one who asks.
pub(crate) struct Asking<'a> {
    all: &'a Pending,
    key: Key,
    asked: Rc<Asked>,
}

impl Pending {
    pub fn of(&self, key: &[u8]) -> Option<Rc<Asked>> {
        self.0.borrow().get(key).cloned()
    }

    pub fn begin(&self, key: &Key) -> Asking<'_> {
        let asked: Rc<Asked> = Rc::default();
        self.0.borrow_mut().insert(key.clone(), asked.clone());
        Asking { all: self, key: key.clone(), asked }
    }
}

impl Asked {
    /// None: the one who asked has gone.
    pub async fn answer(&self) -> Option<Answer> {
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

impl Asking<'_> {
    pub fn answered(self, answer: &Answer) {
        self.asked.answer.replace(Some(answer.clone()));
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.all.0.borrow_mut().remove(&self.key);
        self.asked.over.set(true);
        self.asked.waiting.take().into_iter().for_each(Waker::wake);
    }
}
