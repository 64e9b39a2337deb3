//! Tasks, polled one at a time in random order, in groups that die together.

use crate::Dice;
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// Polls of a task that nothing woke: one in so many. A future must bear it.
const SPURIOUS: u64 = 200;

/// A group of tasks that is killed as one: the engine between two crashes, or the rest of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Process(pub(crate) u32);

type Ready = Arc<Mutex<Vec<u64>>>;

#[derive(Default)]
pub(crate) struct Tasks {
    known: RefCell<BTreeMap<u64, Task>>,
    ready: Ready,
    next: Cell<u64>,
    processes: Cell<u32>,
    dead: RefCell<BTreeSet<Process>>,
    panics: RefCell<Vec<String>>,
}

struct Task {
    name: &'static str,
    process: Process,
    /// None while it is being polled.
    future: Option<Pin<Box<dyn Future<Output = ()>>>>,
    mark: Arc<Mark>,
}

/// The waking half of a task.
struct Mark {
    task: u64,
    queued: AtomicBool,
    ready: Ready,
}

impl Wake for Mark {
    fn wake(self: Arc<Self>) {
        if !self.queued.swap(true, Ordering::Relaxed) {
            self.ready.lock().unwrap_or_else(PoisonError::into_inner).push(self.task);
        }
    }
}

impl Tasks {
    pub fn process(&self) -> Process {
        self.processes.set(self.processes.get() + 1);
        Process(self.processes.get())
    }

    pub fn is_dead(&self, process: Process) -> bool {
        self.dead.borrow().contains(&process)
    }

    pub fn spawn(&self, process: Process, name: &'static str, future: impl Future<Output = ()> + 'static) {
        if self.is_dead(process) {
            return;
        }
        let task = self.next.get();
        self.next.set(task + 1);
        let mark = Arc::new(Mark { task, queued: AtomicBool::new(false), ready: self.ready.clone() });
        mark.clone().wake();
        self.known.borrow_mut().insert(task, Task { name, process, future: Some(Box::pin(future)), mark });
    }

    /// Polls one task of those that are ready; none if none is.
    pub fn poll_one(&self, dice: &Dice) -> Option<(u64, &'static str)> {
        let task = self.choose(dice)?;
        let mut known = self.known.borrow_mut();
        let chosen = known.get_mut(&task)?;
        let (name, mark) = (chosen.name, chosen.mark.clone());
        let mut future = chosen.future.take()?;
        drop(known);
        mark.queued.store(false, Ordering::Relaxed);
        let waker = Waker::from(mark);
        let mut context = Context::from_waker(&waker);
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut context))) {
            Ok(Poll::Pending) => {
                let mut known = self.known.borrow_mut();
                if let Some(waiting) = known.get_mut(&task) {
                    waiting.future = Some(future);
                    return Some((task, name));
                }
            }
            Ok(Poll::Ready(())) => {}
            Err(reason) => self.panics.borrow_mut().push(format!("task {name}: {}", text_of(&*reason))),
        }
        let ended = self.known.borrow_mut().remove(&task);
        drop(ended);
        Some((task, name))
    }

    /// A ready task, or rarely one that is not, as long as some is.
    fn choose(&self, dice: &Dice) -> Option<u64> {
        loop {
            let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
            if ready.is_empty() {
                return None;
            }
            if dice.one_in(SPURIOUS) {
                let known = self.known.borrow();
                let nth = dice.below(known.len() as u64) as usize;
                if let Some(task) = known.keys().nth(nth).filter(|task| !ready.contains(task)) {
                    return Some(*task);
                }
            }
            let index = dice.below(ready.len() as u64) as usize;
            let task = ready.swap_remove(index);
            if self.known.borrow().contains_key(&task) {
                return Some(task);
            }
        }
    }

    /// Drops all tasks of a process; it spawns none any more.
    pub fn kill(&self, process: Process) {
        self.dead.borrow_mut().insert(process);
        loop {
            let mut known = self.known.borrow_mut();
            let Some(task) = known.iter().find(|(_, task)| task.process == process).map(|(task, _)| *task)
            else {
                return;
            };
            let victim = known.remove(&task);
            drop(known);
            // What dies with the power has no last words: memory is given back, a panic over it is nobody's.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(victim)));
        }
    }

    /// Names of the tasks of a process that have not ended.
    pub fn living(&self, process: Process) -> Vec<&'static str> {
        self.known.borrow().values().filter(|task| task.process == process).map(|task| task.name).collect()
    }

    pub fn take_panics(&self) -> Vec<String> {
        self.panics.take()
    }
}

fn text_of(reason: &(dyn Any + Send)) -> &str {
    let fixed = reason.downcast_ref::<&str>().copied();
    fixed.or_else(|| reason.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic without text")
}
