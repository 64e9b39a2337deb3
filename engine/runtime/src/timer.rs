//! Alarms of a shard: the timing wheel, told the time by a timeout on the guest ring.
//!
//! Law: an alarm only wakes; who is woken looks at the clock and decides. So a deadline that moves later,
//! as that of every read does, leaves the alarm where it is.

use crate::ring::{Role, Target};
use crate::wheel::{AlarmKey, Wheel};
use crate::world::Shard;
use io_uring::{opcode, types::Timespec};
use mail::Time;
use std::cell::RefCell;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

pub(crate) enum Ringing {
    Task(Waker),
    Target(Rc<dyn Target>, Role),
}

/// The wheel, and the timeouts that the ring has been asked for: each was the earliest when it was asked, so
/// they are few, and the last is the first to come.
pub(crate) struct Timers {
    wheel: RefCell<Wheel<Ringing>>,
    armed: RefCell<Vec<Time>>,
}

impl Timers {
    pub fn new(now: Time) -> Self {
        Timers { wheel: RefCell::new(Wheel::new(now)), armed: RefCell::default() }
    }

    /// Alarms that are set.
    pub fn len(&self) -> usize {
        self.wheel.borrow().len()
    }

    pub fn unset(&self, key: AlarmKey) {
        self.wheel.borrow_mut().unset(key);
    }
}

/// A target's own alarm, moved rarely: see the law above.
#[derive(Default)]
pub(crate) struct Watch {
    set: Option<(AlarmKey, Time)>,
    rang: bool,
}

impl Watch {
    /// Sees to it that the target is told not long after `deadline`, or before.
    pub fn until(
        &mut self,
        shard: &Rc<Shard>,
        deadline: Time,
        target: &Rc<impl Target + 'static>,
        role: Role,
    ) {
        if deadline.is_never() {
            return;
        }
        if let Some((key, at)) = self.set {
            if at <= deadline {
                return;
            }
            shard.timers.unset(key);
        }
        self.set = Some((shard.set_alarm(deadline, Ringing::Target(target.clone(), role)), deadline));
    }

    pub fn has_rung(&mut self) {
        self.set = None;
        self.rang = true;
    }

    /// Whether the deadline has passed; asks the clock only if the alarm has rung since the last time.
    pub fn is_over(&mut self, shard: &Shard, deadline: Time) -> bool {
        std::mem::take(&mut self.rang) && shard.clock.now() >= deadline
    }

    pub fn end(&mut self, shard: &Shard) {
        if let Some((key, _)) = self.set.take() {
            shard.timers.unset(key);
        }
    }
}

impl Shard {
    pub(crate) fn set_alarm(self: &Rc<Self>, at: Time, ringing: Ringing) -> AlarmKey {
        let mut wheel = self.timers.wheel.borrow_mut();
        let key = wheel.set(at, ringing);
        let due = wheel.due();
        drop(wheel);
        self.arm(due);
        key
    }

    fn arm(self: &Rc<Self>, due: Option<Time>) {
        let mut armed = self.timers.armed.borrow_mut();
        let Some(due) = due.filter(|due| armed.last().is_none_or(|first| due < first)) else {
            return;
        };
        armed.push(due);
        drop(armed);
        let delay = due.since(self.clock.now());
        let spec = Timespec::new().sec(delay.as_secs()).nsec(delay.subsec_nanos());
        let tick = Rc::new(Tick { shard: self.clone(), spec, at: due });
        let entry = opcode::Timeout::new(&raw const tick.spec).build();
        // SAFETY: the entry points into the tick, which is the target.
        unsafe { self.ring.start(tick, Role::Only, entry) };
    }

    /// Ends at `when`; the past is at once.
    pub(crate) async fn sleep_until(self: &Rc<Self>, when: Time) {
        let mut sleep = Sleep { shard: self, when, key: None };
        std::future::poll_fn(|context| sleep.poll(context)).await;
    }
}

/// A timeout on the ring.
struct Tick {
    shard: Rc<Shard>,
    spec: Timespec,
    at: Time,
}

impl Target for Tick {
    fn completed(self: Rc<Self>, _role: Role, result: i32, _flags: u32) {
        // Cancelled at the end of the shard: nobody waits any more.
        if result == -libc::ECANCELED {
            return;
        }
        self.shard.timers.armed.borrow_mut().retain(|at| *at != self.at);
        let due = self.shard.timers.wheel.borrow_mut().advance(self.shard.clock.now());
        for ringing in due {
            match ringing {
                Ringing::Task(waker) => waker.wake(),
                Ringing::Target(target, role) => target.rang(role),
            }
        }
        let due = self.shard.timers.wheel.borrow().due();
        self.shard.arm(due);
    }
}

struct Sleep<'a> {
    shard: &'a Rc<Shard>,
    when: Time,
    key: Option<AlarmKey>,
}

impl Sleep<'_> {
    fn poll(&mut self, context: &Context<'_>) -> Poll<()> {
        if self.shard.clock.now() >= self.when {
            return Poll::Ready(());
        }
        if self.when.is_never() {
            return Poll::Pending;
        }
        let mut wheel = self.shard.timers.wheel.borrow_mut();
        if let Some(Ringing::Task(waker)) = self.key.and_then(|key| wheel.get_mut(key)) {
            waker.clone_from(context.waker());
            return Poll::Pending;
        }
        drop(wheel);
        self.key = Some(self.shard.set_alarm(self.when, Ringing::Task(context.waker().clone())));
        Poll::Pending
    }
}

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.shard.timers.unset(key);
        }
    }
}
