//! What scripts have going on beside sessions: timers, functions of pools that nobody waits for.
//!
//! The law: a chore has the budget of a call and ends with the generation of the configuration; what it breaks is
//! a line in the panic log.

use crate::call::{Call, Failure, finish, step};
use crate::machine::Machine;
use mail::Time;
use mlua::{Function, MultiValue};
use policy_api::{Host, Later, Level};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

/// Chores that run side by side, and that wait for their turn.
const RUNNING: usize = 64;
const WAITING: usize = 1024;

#[derive(Default)]
pub struct Chores {
    waiting: RefCell<VecDeque<Chore>>,
    waker: RefCell<Option<Waker>>,
    /// Somebody sees to them; else they would wait for ever.
    is_attended: Cell<bool>,
    /// Of the prelude: starts the timers that are due at a time in seconds, and answers when the next one is.
    pub tick: RefCell<Option<Function>>,
}

/// A function to be called, and what the panic log calls it.
pub struct Chore {
    pub what: String,
    pub function: Function,
    pub arguments: MultiValue,
}

impl Chores {
    /// False: too many are waiting.
    pub fn add(&self, chore: Chore) -> bool {
        let mut waiting = self.waiting.borrow_mut();
        if waiting.len() >= WAITING {
            return false;
        }
        waiting.push_back(chore);
        drop(waiting);
        self.wake();
        true
    }

    /// Whether chores are done at all: not where a module is made for a look at it.
    pub fn is_attended(&self) -> bool {
        self.is_attended.get()
    }

    /// Something is to be done, or a timer has changed.
    pub fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Lets timers that are due become chores; when to look again.
    fn tick(&self, machine: &Machine, host: &Rc<dyn Host>) -> Option<Time> {
        let tick = self.tick.borrow().clone()?;
        let now = host.now().micros() as f64 / 1e6;
        match machine.load(|| tick.call::<Option<f64>>(now)) {
            Ok(next) => next.map(|next| Time::from_micros((next.max(0.0) * 1e6).ceil() as u64)),
            Err(error) => {
                host.report(Level::Error, &format!("scriptlet: timers: {}", Failure::of(&error).text));
                None
            }
        }
    }
}

/// Does chores as they come, for as long as it is polled.
pub fn attend(machine: Rc<Machine>, host: Rc<dyn Host>) -> Later<()> {
    machine.chores.is_attended.set(true);
    let mut running: Vec<Later<()>> = Vec::new();
    let mut alarm: Option<(Time, Later<()>)> = None;
    Box::pin(poll_fn(move |context| {
        let chores = &machine.chores;
        loop {
            chores.waker.replace(Some(context.waker().clone()));
            let next = chores.tick(&machine, &host);
            if alarm.as_ref().map(|(at, _)| *at) != next {
                alarm = next.map(|at| (at, host.pause(at.since(host.now()))));
            }
            while running.len() < RUNNING {
                let Some(chore) = chores.waiting.borrow_mut().pop_front() else { break };
                running.push(Box::pin(run(machine.clone(), host.clone(), chore)));
            }
            running.retain_mut(|chore| chore.as_mut().poll(context).is_pending());
            let rang = alarm.as_mut().is_some_and(|(_, pause)| pause.as_mut().poll(context).is_ready());
            if rang {
                alarm = None;
            }
            let more = running.len() < RUNNING && !chores.waiting.borrow().is_empty();
            if !rang && !more {
                return Poll::Pending;
            }
        }
    }))
}

async fn run(machine: Rc<Machine>, host: Rc<dyn Host>, chore: Chore) {
    let call = Call::alone(&host);
    let result = call_alone(&machine, &call, chore.function, chore.arguments).await;
    call.end();
    if let Err(failure) = result {
        host.report(Level::Error, &format!("scriptlet: {}: {}", chore.what, failure.text));
    }
}

/// Calls a function as a coroutine of its own, until it ends.
pub async fn call_alone(
    machine: &Rc<Machine>,
    call: &Rc<Call>,
    function: Function,
    arguments: MultiValue,
) -> Result<MultiValue, Failure> {
    let thread = machine.lua.create_thread(function).map_err(|error| Failure::of(&error))?;
    let first = step(machine, call, &thread, arguments);
    finish(machine.clone(), call.clone(), thread, first).await
}
