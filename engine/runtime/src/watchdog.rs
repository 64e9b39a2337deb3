//! Wakes every shard each 10 ms. The executor may park although tasks are runnable, when its core was taken
//! away at the wrong moment; being woken makes it look again.

use std::future::{Future, poll_fn};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Poll, Waker};
use std::thread::{self, JoinHandle};
use std::time::Duration;

const BEAT: Duration = Duration::from_millis(10);

type Slot = Arc<Mutex<Option<Waker>>>;

pub(crate) struct Watchdog {
    slots: Arc<Mutex<Vec<Slot>>>,
    ending: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

/// One shard's end of the watchdog.
pub(crate) struct Watch(Slot);

impl Watchdog {
    pub fn start() -> io::Result<Watchdog> {
        let slots: Arc<Mutex<Vec<Slot>>> = Arc::default();
        let ending = Arc::new(AtomicBool::new(false));
        let (watched, end) = (slots.clone(), ending.clone());
        let thread = thread::Builder::new().name("watchdog".into()).spawn(move || {
            while !end.load(Ordering::Relaxed) {
                thread::sleep(BEAT);
                for slot in lock(&watched).iter() {
                    // Woken under the lock: the shard takes its waker back before it ends.
                    if let Some(waker) = &*lock(slot) {
                        waker.wake_by_ref();
                    }
                }
            }
        })?;
        Ok(Watchdog { slots, ending, thread })
    }

    pub fn shard(&self) -> Watch {
        let slot = Slot::default();
        lock(&self.slots).push(slot.clone());
        Watch(slot)
    }

    pub fn end(self) {
        self.ending.store(true, Ordering::Relaxed);
        self.thread.join().expect("the watchdog has no reason to panic");
    }
}

impl Watch {
    /// The shard's task that is woken; it ends when it is woken and `closing` says so.
    pub fn beat(self, closing: impl Fn() -> bool) -> impl Future<Output = ()> {
        poll_fn(move |context| {
            let mut slot = lock(&self.0);
            if closing() {
                *slot = None;
                return Poll::Ready(());
            }
            if !slot.as_ref().is_some_and(|known| known.will_wake(context.waker())) {
                *slot = Some(context.waker().clone());
            }
            Poll::Pending
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that runs under these locks can leave them half-changed.
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
