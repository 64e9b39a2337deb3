//! Virtual time and those who wait for it. Time passes a little with every poll, and leaps to the next alarm
//! when nobody has anything to do.

use mail::Time;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

/// 2026-01-01: a moment like any other.
const BEGINNING: Time = Time::from_secs(1_767_225_600);

#[derive(Debug)]
pub struct Clock {
    now: Cell<Time>,
    serial: Cell<u64>,
    alarms: RefCell<BTreeMap<(Time, u64), Waker>>,
}

/// What a waiting task saw.
pub(crate) enum Look<T> {
    Done(T),
    /// Nothing yet; look again at this moment, or when woken.
    Until(Time),
}

impl Clock {
    pub(crate) fn new() -> Rc<Clock> {
        Rc::new(Clock { now: Cell::new(BEGINNING), serial: Cell::new(0), alarms: RefCell::default() })
    }

    pub fn now(&self) -> Time {
        self.now.get()
    }

    pub fn alarm(self: &Rc<Self>) -> Alarm {
        Alarm { clock: self.clone(), key: None }
    }

    /// Lets `by` pass and wakes whose moment has come.
    pub(crate) fn pass(&self, by: Duration) {
        self.now.set(self.now.get() + by);
        self.ring();
    }

    /// Leaps to a moment for which nobody waits.
    pub(crate) fn leap_to(&self, when: Time) {
        self.now.set(self.now.get().max(when));
    }

    /// Leaps to the next alarm; false if there is none, or none before `horizon`.
    pub(crate) fn leap(&self, horizon: Time) -> bool {
        let Some(next) = self.alarms.borrow().keys().next().map(|(when, _)| *when) else { return false };
        if next > horizon {
            return false;
        }
        self.now.set(self.now.get().max(next));
        self.ring();
        true
    }

    fn ring(&self) {
        loop {
            let mut alarms = self.alarms.borrow_mut();
            let Some(first) = alarms.first_entry().filter(|first| first.key().0 <= self.now.get()) else {
                return;
            };
            let waker = first.remove();
            drop(alarms);
            waker.wake();
        }
    }

    /// Looks until it is done; `TimedOut` at the deadline.
    pub(crate) async fn wait<T>(
        self: &Rc<Self>,
        deadline: Time,
        mut look: impl FnMut(&Waker) -> Look<io::Result<T>>,
    ) -> io::Result<T> {
        let mut alarm = self.alarm();
        poll_fn(|context| match look(context.waker()) {
            Look::Done(result) => Poll::Ready(result),
            Look::Until(_) if self.now() >= deadline => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Look::Until(when) => {
                alarm.set(when.min(deadline), context.waker());
                Poll::Pending
            }
        })
        .await
    }

    pub async fn sleep_until(self: &Rc<Self>, when: Time) {
        let mut alarm = self.alarm();
        poll_fn(|context| {
            if self.now() >= when {
                return Poll::Ready(());
            }
            alarm.set(when, context.waker());
            Poll::Pending
        })
        .await;
    }
}

/// One moment to be woken at; forgotten when dropped.
#[derive(Debug)]
pub struct Alarm {
    clock: Rc<Clock>,
    key: Option<(Time, u64)>,
}

impl Alarm {
    pub fn set(&mut self, when: Time, waker: &Waker) {
        self.clear();
        if when.is_never() {
            return;
        }
        let serial = self.clock.serial.get();
        self.clock.serial.set(serial + 1);
        self.clock.alarms.borrow_mut().insert((when, serial), waker.clone());
        self.key = Some((when, serial));
    }

    fn clear(&mut self) {
        if let Some(key) = self.key.take() {
            let forgotten = self.clock.alarms.borrow_mut().remove(&key);
            drop(forgotten);
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.clear();
    }
}
