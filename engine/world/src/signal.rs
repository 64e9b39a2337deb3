//! A flag that tasks of one shard wait for, with or without a deadline.

use crate::World;
use mail::Time;
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};

/// Raised by anyone on the shard; lowered by the one task that waits. Raising twice is raising once.
#[derive(Clone, Default)]
pub struct Signal(Rc<Inner>);

#[derive(Default)]
struct Inner {
    raised: Cell<bool>,
    waiter: RefCell<Option<Waker>>,
}

impl Signal {
    pub fn raise(&self) {
        self.0.raised.set(true);
        if let Some(waiter) = self.0.waiter.take() {
            waiter.wake();
        }
    }

    /// Lowers the flag and tells whether it was up.
    pub fn lower(&self) -> bool {
        self.0.raised.replace(false)
    }

    pub async fn wait(&self) {
        poll_fn(|context| self.poll(context.waker())).await;
    }

    /// True if it was raised, false if the deadline came first.
    pub async fn wait_until(&self, world: &impl World, deadline: Time) -> bool {
        if deadline.is_never() {
            self.wait().await;
            return true;
        }
        let mut sleep = pin!(world.sleep_until(deadline));
        poll_fn(|context| match self.poll(context.waker()) {
            Poll::Ready(()) => Poll::Ready(true),
            Poll::Pending => sleep.as_mut().poll(context).map(|()| false),
        })
        .await
    }

    fn poll(&self, waker: &Waker) -> Poll<()> {
        if self.lower() {
            return Poll::Ready(());
        }
        let mut waiter = self.0.waiter.borrow_mut();
        match &mut *waiter {
            Some(known) if known.will_wake(waker) => {}
            other => *other = Some(waker.clone()),
        }
        Poll::Pending
    }
}
