//! What scripts do beside sessions and between them: timers, pools, locks.
//!
//! The law: a shard has one thread and its machine with it. Scripts take turns where they wait, so a lock is
//! about those who wait while they hold it, and a pool is another coroutine.

use crate::call::{Call, Pending};
use crate::chores::Chore;
use crate::function::{Body, Definition, Family, Waiting, later, namespace};
use crate::machine::{Machine, current};
use crate::value::{Text, class, methods, none, one, this};
use mlua::{Error, FromLuaMulti, Function, Lua, MultiValue, Value};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::poll_fn;
use std::rc::{Rc, Weak};
use std::task::{Poll, Waker};
use std::time::Duration;

const fn lua(name: &'static str, signature: &'static str, tier: u8, doc: &'static str) -> Definition {
    Definition { name, signature, tier, doc, body: Body::Lua }
}

pub static FAMILY: Family = Family {
    name: "beside sessions",
    definitions: &[
        lua(
            "msys.runInPool",
            "msys.runInPool(pool, function, [async|completion], [mode])",
            1,
            "Runs a function beside the session: true and its results, or false and the error.",
        ),
        lua("msys.threadpool.count", "msys.threadpool.count()", 2, "How many pools there are."),
        lua(
            "msys.threadpool.find",
            "msys.threadpool.find(name|number)",
            2,
            "The number of a name, the name of a number; nil if it is unknown.",
        ),
        lua(
            "msys.threadpool.stat",
            "msys.threadpool.stat(name|number)",
            2,
            "What scripts of this shard have run in a pool; nil if it is unknown.",
        ),
        lua(
            "msys.timer.after",
            "msys.timer.after(seconds, function, [name])",
            2,
            "Rings once; on every shard that runs this, and while the timer is held.",
        ),
        lua("msys.timer.at", "msys.timer.at(time, function, [name])", 2, "Rings once, at a time of day."),
        lua(
            "msys.timer.every",
            "msys.timer.every(seconds, function, [name])",
            2,
            "Rings again and again, at most every 10 ms.",
        ),
        lua("timer:stop", "timer:stop()", 2, "Rings no more."),
        lua("timer:start", "timer:start()", 2, "Rings again, after its interval."),
        lua("timer:name", "timer:name()", 2, "The name that it was given."),
        lua(
            "msys.lock",
            "msys.lock(name)",
            2,
            "Takes a named lock of this shard; given back at the latest when the callout ends.",
        ),
        Definition {
            name: "msys.unlock",
            signature: "msys.unlock(name)",
            tier: 2,
            doc: "Gives a named lock back.",
            body: Body::Now(unlock_named),
        },
        Definition {
            name: "thread.mutex",
            signature: "thread.mutex([type])",
            tier: 2,
            doc: "A lock of this shard without a name.",
            body: Body::Now(mutex),
        },
        lua("mutex:lock", "mutex:lock()", 2, "Takes the lock, waiting up to 60 seconds for it."),
        Definition {
            name: "mutex:unlock",
            signature: "mutex:unlock()",
            tier: 2,
            doc: "Gives the lock back.",
            body: Body::Now(unlock),
        },
        Definition {
            name: "mutex:trylock",
            signature: "mutex:trylock()",
            tier: 2,
            doc: "Takes the lock if it is free: true or false.",
            body: Body::Now(trylock),
        },
    ],
    set_up,
};

fn set_up(machine: &Machine) -> mlua::Result<()> {
    let lua = &machine.lua;
    let msys = namespace(machine, "msys")?;
    namespace(machine, "msys.timer")?;
    namespace(machine, "msys.threadpool")?;
    let spawn = lua.create_function(|lua, (what, function, rest): (Text, Function, MultiValue)| {
        Ok(Machine::of(lua)?.chores.add(Chore { what: what.0, function, arguments: rest }))
    })?;
    let wake = lua.create_function(|lua, ()| {
        Machine::of(lua)?.chores.wake();
        Ok(())
    })?;
    let attended = lua.create_function(|lua, ()| Ok(Machine::of(lua)?.chores.is_attended()))?;
    let now: Function = namespace(machine, "msys.core")?.get("get_now_ts")?;
    let breathe = waiting(machine, |_, call, _| {
        let breathe = call.host.breathe();
        Ok(Box::pin(async move {
            breathe.await;
            none()
        }))
    })?;
    let chunk = |text: &'static str| lua.load(text).set_name("=prelude");
    let clock =
        lua.create_function(|lua, ()| Ok(current(lua).map(|call| call.host.now().micros() as f64 / 1e6)))?;
    let tick = chunk(include_str!("timer.lua")).call::<Function>((&msys, &spawn, wake, clock))?;
    machine.chores.tick.replace(Some(tick));
    chunk(include_str!("pool.lua")).call::<()>((&msys, spawn, attended, breathe, now))?;
    class::<Mutex>(machine, "mutex", |_| {})?;
    lua.set_app_data(Named::default());
    let thread = namespace(machine, "thread")?;
    for (number, name) in KINDS.into_iter().enumerate() {
        thread.set(name, number)?;
    }
    // While scripts load nobody else runs, and there is no session to wait with.
    let lone = "local wait, running = ... return function(...) if running() then return wait(...) end end";
    let running = lua.create_function(|lua, ()| Ok(current(lua).is_some()))?;
    let lone = |wait: Function| chunk(lone).call::<Function>((wait, &running));
    msys.set("lock", lone(waiting(machine, lock_named)?)?)?;
    methods(machine, "mutex")?.set("lock", lone(waiting(machine, lock)?)?)
}

/// A function that waits, in any phase in which it has to.
fn waiting(machine: &Machine, start: Waiting) -> mlua::Result<Function> {
    later(machine, "waiting", start, true)
}

/// A lock, held by a call while it lasts.
#[derive(Default)]
pub struct Lock {
    holder: RefCell<Weak<Call>>,
    depth: Cell<u32>,
    waiters: RefCell<Vec<Waker>>,
    /// Whoever holds it may take it again.
    recursive: bool,
}

struct Mutex(Rc<Lock>);

/// Locks by name, of one machine.
#[derive(Default)]
struct Named(RefCell<HashMap<String, Rc<Lock>>>);

const MOST_NAMES: usize = 1000;
const LONGEST_NAME: usize = 256;
const PATIENCE: Duration = Duration::from_secs(60);
const KINDS: [&str; 3] = ["MUTEX_NORMAL", "MUTEX_RECURSIVE", "MUTEX_ERRORCHECK"];

impl Lock {
    fn holder(&self) -> Option<Rc<Call>> {
        self.holder.borrow().upgrade().filter(|call| !call.letter.over.get())
    }

    /// None: somebody else holds it. False: the caller does, and may not take it again.
    fn take(self: &Rc<Self>, call: &Rc<Call>) -> Option<bool> {
        match self.holder() {
            None => {
                self.holder.replace(Rc::downgrade(call));
                self.depth.set(1);
                call.held.borrow_mut().push(self.clone());
                Some(true)
            }
            Some(holder) if Rc::ptr_eq(&holder, call) => {
                if self.recursive {
                    self.depth.set(self.depth.get().saturating_add(1));
                }
                Some(self.recursive)
            }
            Some(_) => None,
        }
    }

    /// False: the caller does not hold it.
    fn give(&self, call: &Rc<Call>) -> bool {
        if self.holder().is_none_or(|holder| !Rc::ptr_eq(&holder, call)) {
            return false;
        }
        self.depth.set(self.depth.get().saturating_sub(1));
        if self.depth.get() == 0 {
            call.held.borrow_mut().retain(|held| !std::ptr::eq(&**held, self));
            self.free();
        }
        true
    }

    /// Its holder has ended or given it back.
    pub fn free(&self) {
        self.holder.replace(Weak::new());
        self.waiters.take().into_iter().for_each(Waker::wake);
    }
}

fn wait_for(call: &Rc<Call>, lock: Rc<Lock>) -> mlua::Result<Pending> {
    let again = || Error::runtime("the lock is held by this callout already");
    match lock.take(call) {
        Some(true) => return Ok(Box::pin(std::future::ready(none()))),
        Some(false) => return Err(again()),
        None if !call.may_wait() => {
            return Err(Error::runtime("the lock is held by another session, and this phase cannot wait"));
        }
        None => {}
    }
    let (call, mut patience) = (call.clone(), call.host.pause(PATIENCE));
    Ok(Box::pin(poll_fn(move |context| {
        match lock.take(&call) {
            Some(true) => return Poll::Ready(none()),
            Some(false) => return Poll::Ready(Err(again())),
            None => {}
        }
        if patience.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(Error::runtime("the lock was not free within 60 seconds")));
        }
        let mut waiters = lock.waiters.borrow_mut();
        if !waiters.iter().any(|waiter| waiter.will_wake(context.waker())) {
            waiters.push(context.waker().clone());
        }
        Poll::Pending
    })))
}

fn named(lua: &Lua, arguments: MultiValue) -> mlua::Result<Rc<Lock>> {
    let name = Text::from_lua_multi(arguments, lua)?.0;
    let known = lua.app_data_ref::<Named>().ok_or_else(|| Error::runtime("there are no locks"))?;
    let mut known = known.0.borrow_mut();
    if let Some(lock) = known.get(&name) {
        return Ok(lock.clone());
    }
    if known.len() >= MOST_NAMES {
        known.retain(|_, lock| lock.holder().is_some() || !lock.waiters.borrow().is_empty());
    }
    if known.len() >= MOST_NAMES || name.len() > LONGEST_NAME {
        return Err(Error::runtime("at most 1000 locks, with names of at most 256 octets"));
    }
    Ok(known.entry(name).or_default().clone())
}

fn lock_named(lua: &Lua, call: &Rc<Call>, arguments: MultiValue) -> mlua::Result<Pending> {
    wait_for(call, named(lua, arguments)?)
}

fn give_back(lua: &Lua, lock: &Rc<Lock>) -> mlua::Result<MultiValue> {
    match current(lua) {
        Some(call) if !lock.give(&call) => Err(Error::runtime("the lock is not held by this callout")),
        _ => none(),
    }
}

fn unlock_named(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    give_back(lua, &named(lua, arguments)?)
}

fn mutex(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let kind = Option::<f64>::from_lua_multi(arguments, lua)?.unwrap_or(0.0);
    let lock = Lock { recursive: kind == 1.0, ..Lock::default() };
    one(lua, lua.create_any_userdata(Mutex(Rc::new(lock)))?)
}

fn of(arguments: MultiValue, name: &str) -> mlua::Result<Rc<Lock>> {
    Ok(this::<Mutex, _>(arguments, name, |mutex| mutex.0.clone())?.0)
}

fn lock(_: &Lua, call: &Rc<Call>, arguments: MultiValue) -> mlua::Result<Pending> {
    wait_for(call, of(arguments, "mutex:lock")?)
}

fn unlock(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    give_back(lua, &of(arguments, "mutex:unlock")?)
}

fn trylock(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let lock = of(arguments, "mutex:trylock")?;
    let taken = current(lua).is_none_or(|call| lock.take(&call) == Some(true));
    one(lua, Value::Boolean(taken))
}
