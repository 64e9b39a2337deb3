//! A shard's doorbell: the only part of the simulation that is shared as threads share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::{Poll, Waker};
use world::Doorbell;

#[derive(Debug, Default)]
pub(crate) struct Bell {
    rung: AtomicBool,
    waiter: Mutex<Option<Waker>>,
}

impl Bell {
    pub fn poll_rung(&self, waker: &Waker) -> Poll<()> {
        if self.rung.swap(false, Ordering::SeqCst) {
            return Poll::Ready(());
        }
        *self.waiter.lock().unwrap_or_else(PoisonError::into_inner) = Some(waker.clone());
        Poll::Pending
    }
}

impl Doorbell for Bell {
    fn ring(&self) {
        self.rung.store(true, Ordering::SeqCst);
        let waiter = self.waiter.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waiter) = waiter {
            waiter.wake();
        }
    }
}
