//! One virtual machine of one shard and scriptlet instance: its sandbox, its slices, its memory.
//!
//! The law: nothing that a script does can touch the outside but through the functions of `family`.

use crate::budget::{self, Slice, Turn};
use crate::call::Call;
use crate::{dialect, strings};
use mlua::{Error, Function, Lua, LuaOptions, MultiValue, StdLib, Table, Value, VmState};
use std::cell::RefCell;
use std::rc::Rc;

const PRELUDE: &str = include_str!("prelude.lua");

/// The machine's own state, reachable from every function of the host.
pub struct Machine {
    pub lua: Lua,
    pub slice: Rc<Slice>,
    pub patterns: RefCell<crate::pattern::Patterns>,
    /// What other modules offer; none where there is no configuration.
    pub services: RefCell<Option<Rc<policy_api::Services>>>,
    pub chores: crate::chores::Chores,
    pub lane: crate::lane::Lane,
    pub known: strings::Known,
    /// The script that runs has asked for its coroutine.
    pub is_thread_known: std::cell::Cell<bool>,
    /// Our name, once the module is made.
    pub hostname: RefCell<String>,
    /// What scripts print while they load, when there is no host yet.
    pub printed: RefCell<Vec<String>>,
    operators: MultiValue,
    host: Table,
}

/// Which call runs now; none while scripts are loaded.
#[derive(Default)]
pub struct Current(RefCell<Option<Rc<Call>>>);

/// The call that runs now, if one does.
pub fn current(lua: &Lua) -> Option<Rc<Call>> {
    lua.app_data_ref::<Current>().and_then(|current| current.0.borrow().clone())
}

/// The call that runs now, for functions that make no sense while scripts are loaded.
pub fn calling(lua: &Lua, name: &str) -> mlua::Result<Rc<Call>> {
    current(lua).ok_or_else(|| {
        Error::runtime(format!("{name} needs a session: it cannot be called while scripts load"))
    })
}

/// How a chunk gets its file: `require "a.b"` to source text and the path that errors name.
pub type Finder = dyn Fn(&str) -> Result<(String, String), String>;

impl Machine {
    pub fn new(finder: Rc<Finder>) -> mlua::Result<Rc<Machine>> {
        let libraries = StdLib::ALL_SAFE;
        let lua = Lua::new_with(libraries, LuaOptions::new())?;
        lua.set_app_data(Current::default());
        let slice = Rc::new(Slice::default());
        let host = lua.create_table()?;
        let machine = Machine {
            lua,
            slice: slice.clone(),
            patterns: RefCell::default(),
            services: RefCell::default(),
            chores: crate::chores::Chores::default(),
            lane: crate::lane::Lane::default(),
            known: strings::Known::default(),
            is_thread_known: std::cell::Cell::default(),
            hostname: RefCell::new("localhost".to_owned()),
            printed: RefCell::default(),
            operators: MultiValue::new(),
            host,
        };
        machine.prelude(finder)?;
        let operators: Table = machine.host.get("operators")?;
        let operators = operators.sequence_values::<Value>().collect::<mlua::Result<MultiValue>>()?;
        let machine = Rc::new(Machine { operators, ..machine });
        machine.lua.set_app_data(Rc::downgrade(&machine));
        machine.lua.set_interrupt(move |lua| match slice.turn() {
            Turn::GoOn => Ok(VmState::Continue),
            Turn::Suspend => Ok(VmState::Yield),
            // An interrupt is no call: what it says has no stack but this.
            Turn::End(reason) => {
                Err(Error::RuntimeError(made(lua, || Ok(lua.traceback(Some(reason), 0)?.to_string_lossy()))?))
            }
        });
        Ok(machine)
    }

    fn prelude(&self, finder: Rc<Finder>) -> mlua::Result<()> {
        let (lua, host) = (&self.lua, &self.host);
        host.set("user", Value::LightUserData(USER))?;
        host.set("suspend", Value::LightUserData(SUSPEND))?;
        host.set("error_text", lua.create_function(|lua, error: Value| error_text(lua, error))?)?;
        host.set("bitwise", lua.create_function(bitwise)?)?;
        host.set("find", lua.create_function(find)?)?;
        host.set("seek", lua.create_function(strings::find)?)?;
        host.set("matched", lua.create_function(strings::matched)?)?;
        host.set("replaced", lua.create_function(strings::replaced)?)?;
        host.set("within", lua.create_function(strings::within)?)?;
        host.set(
            "keep",
            lua.create_function(|lua, ()| {
                Machine::of(lua)?.is_thread_known.set(true);
                Ok(())
            })?,
        )?;
        host.set("print", lua.create_function(print)?)?;
        host.set("session", lua.create_function(|lua, ()| calling(lua, "_TLS")?.session_table(lua))?)?;
        host.set(
            "compile",
            lua.create_function(|lua, (source, name): (String, String)| {
                let machine = Machine::of(lua)?;
                Ok(match machine.compile(&source, name.trim_start_matches(['=', '@'])) {
                    Ok(chunk) => (Some(chunk), None),
                    Err(error) => (None, Some(error)),
                })
            })?,
        )?;
        host.set(
            "find_module",
            lua.create_function(move |lua, name: String| {
                let machine = Machine::of(lua)?;
                let compiled = finder(&name).and_then(|(source, file)| machine.compile(&source, &file));
                Ok(match compiled {
                    Ok(chunk) => (Some(chunk), None),
                    Err(reason) => (None, Some(reason)),
                })
            })?,
        )?;
        lua.load(PRELUDE).set_name("=prelude").call::<()>(host)
    }

    /// The machine that owns this state.
    pub fn of(lua: &Lua) -> mlua::Result<Rc<Machine>> {
        let machine = lua.app_data_ref::<std::rc::Weak<Machine>>().and_then(|machine| machine.upgrade());
        machine.ok_or_else(|| Error::runtime("the machine is gone"))
    }

    /// A source of the dialect as a function; errors read `file:line: what`.
    pub fn compile(&self, source: &str, file: &str) -> Result<Function, String> {
        let text = dialect::translate(source).map_err(|error| format!("{file}:{error}"))?;
        let chunk = self.lua.load(text).set_name(format!("@{file}")).set_mode(mlua::chunk::ChunkMode::Text);
        chunk.call::<Function>(self.operators.clone()).map_err(|error| first_line(&error.to_string()))
    }

    /// Wraps a function that starts something into one that waits for it.
    pub fn suspending(&self, start: Function) -> mlua::Result<Function> {
        self.host.get::<Function>("suspending")?.call(start)
    }

    /// The same for one that says first whether it has answered already.
    pub fn perhaps_suspending(&self, start: Function) -> mlua::Result<Function> {
        self.host.get::<Function>("perhaps")?.call(start)
    }

    /// Runs until the script ends, waits or has had its slice. Why it was ended, if it was.
    pub fn slice<T>(&self, call: &Rc<Call>, run: impl FnOnce() -> T) -> (T, Option<&'static str>) {
        let before = self.lua.used_memory();
        let kept = call.spent.memory.get();
        let left = (budget::MEMORY as isize - kept).max(1 << 16) as usize;
        let outer = self.enter(Some(call.clone()));
        self.slice.begin(&call.spent);
        let result = limited(&self.lua, (before + left).min(budget::MACHINE_MEMORY), run);
        let ended = self.slice.end(&call.spent);
        self.enter(outer);
        call.spent.memory.set(kept + self.lua.used_memory() as isize - before as isize);
        (result, ended)
    }

    /// Runs a chunk while scripts load: it cannot wait, and has a call's budget.
    pub fn load<T>(&self, run: impl FnOnce() -> mlua::Result<T>) -> mlua::Result<T> {
        self.slice.begin_loading();
        let result = limited(&self.lua, budget::MACHINE_MEMORY, run);
        match self.slice.end_loading() {
            Some(reason) => Err(Error::runtime(reason)),
            None => result,
        }
    }

    fn enter(&self, call: Option<Rc<Call>>) -> Option<Rc<Call>> {
        let current = self.lua.app_data_ref::<Current>()?;
        current.0.replace(call)
    }
}

/// A limit of memory in place of another, until this is dropped, after a panic too. With one, the machine makes every
/// object of ours behind a barrier against running out: scripts run with a limit, what the host makes between their
/// slices has none.
struct Limit<'a> {
    lua: &'a Lua,
    before: usize,
}

impl<'a> Limit<'a> {
    fn set(lua: &'a Lua, limit: usize) -> Self {
        // Cannot fail: the machine owns its allocator.
        Limit { lua, before: lua.set_memory_limit(limit).unwrap_or(budget::MACHINE_MEMORY) }
    }
}

impl Drop for Limit<'_> {
    fn drop(&mut self) {
        let _ = self.lua.set_memory_limit(self.before);
    }
}

/// Runs something under a limit of memory.
fn limited<T>(lua: &Lua, limit: usize, run: impl FnOnce() -> T) -> T {
    let _limit = Limit::set(lua, limit);
    run()
}

/// Makes something that the host holds already: without the barrier, and an error if the script cannot hold it too.
pub fn made<T>(lua: &Lua, make: impl FnOnce() -> mlua::Result<T>) -> mlua::Result<T> {
    let unlimited = Limit::set(lua, 0);
    let result = make();
    if unlimited.before != 0 && lua.used_memory() > unlimited.before {
        return Err(Error::MemoryError("not enough memory".to_owned()));
    }
    result
}

/// Marks what a script yields, and what the engine does.
pub const USER: mlua::LightUserData = mlua::LightUserData(std::ptr::without_provenance_mut(1));
pub const SUSPEND: mlua::LightUserData = mlua::LightUserData(std::ptr::without_provenance_mut(2));

fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.trim_start_matches("syntax error: ").trim_start_matches("runtime error: ").to_owned()
}

/// An error as Lua would have it: `file:line: text`. Values that are no errors of the host stay what they are.
fn error_text(lua: &Lua, error: Value) -> mlua::Result<Value> {
    let Value::Error(error) = error else { return Ok(error) };
    lua.create_string(plain_text(&error)).map(Value::String)
}

/// The text of an error, with the script's line before what the host has said.
pub fn plain_text(error: &Error) -> String {
    match error {
        Error::CallbackError { traceback, cause } => {
            let text = plain_text(cause);
            match script_line(traceback) {
                Some(place) if !text.starts_with(place) => format!("{place}: {text}"),
                _ => text,
            }
        }
        Error::WithContext { cause, .. } => plain_text(cause),
        Error::RuntimeError(text) => text.split("\nstack traceback:").next().unwrap_or(text).to_owned(),
        Error::BadArgument { to, pos, name: _, cause } => {
            let to = to.as_deref().unwrap_or("?");
            format!("bad argument #{pos} to '{to}' ({})", plain_text(cause))
        }
        Error::FromLuaConversionError { from, to, message } => match message {
            Some(message) => format!("{to} expected, got {from}: {message}"),
            None => format!("{to} expected, got {from}"),
        },
        Error::MemoryError(_) => "not enough memory: the script has used up its budget".to_owned(),
        other => first_line(&other.to_string()),
    }
}

/// `file:line` of the first function of a script in a traceback.
fn script_line(traceback: &str) -> Option<&str> {
    let line = traceback.lines().map(str::trim).find(|line| {
        !line.is_empty()
            && !line.starts_with("stack traceback")
            && !line.starts_with("[C]")
            && !line.starts_with("prelude:")
    })?;
    let (_, rest) = line.split_once(':')?;
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    (digits > 0).then(|| &line[..line.len() - rest.len() + digits])
}

/// The Lua stack of an error on one line, for the panic log.
pub fn stack(error: &Error) -> String {
    let text = error.to_string();
    let lines = text.split("stack traceback:").nth(1).unwrap_or_default().lines().map(str::trim);
    let places =
        lines.filter(|line| !line.is_empty() && !line.starts_with("[C]") && !line.starts_with("prelude:"));
    places.take(20).collect::<Vec<_>>().join(" < ")
}

fn integer(value: &Value) -> mlua::Result<i64> {
    let number = match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Number(number) => Some(*number),
        Value::String(text) => text.to_str().ok().and_then(|text| text.trim().parse().ok()),
        _ => None,
    };
    let wrong =
        || Error::runtime(format!("attempt to perform bitwise arithmetic on a {} value", value.type_name()));
    let number: f64 = number.ok_or_else(wrong)?;
    // As a conversion of C: towards zero; what is beyond 63 bits wraps like an unsigned number.
    Ok(if number >= 9_223_372_036_854_775_808.0 { number as u64 as i64 } else { number as i64 })
}

fn bitwise(_: &Lua, (name, a, b): (String, Value, Value)) -> mlua::Result<f64> {
    let (a, b) = (integer(&a)?, integer(&b)?);
    let result = match name.as_str() {
        "__and" => a & b,
        "__or" => a | b,
        "__xor" => a ^ b,
        "__shl" => u32::try_from(b).ok().and_then(|b| a.checked_shl(b)).unwrap_or(0),
        "__shr" => u32::try_from(b).ok().and_then(|b| (a as u64).checked_shr(b)).unwrap_or(0) as i64,
        "__not" => !a,
        _ => return Ok((a as f64 / b as f64).floor()),
    };
    Ok(result as f64)
}

fn find(_: &Lua, (text, wanted, init): (mlua::LuaString, mlua::LuaString, i64)) -> mlua::Result<MultiValue> {
    let (text, wanted) = (text.as_bytes(), wanted.as_bytes());
    let start = if init < 0 { (text.len() as i64 + init).max(0) } else { (init - 1).max(0) } as usize;
    let found = text.get(start..).and_then(|rest| memchr::memmem::find(rest, &wanted));
    Ok(match found {
        Some(at) => {
            let first = (start + at + 1) as i64;
            MultiValue::from_iter([Value::Integer(first), Value::Integer(first + wanted.len() as i64 - 1)])
        }
        None => MultiValue::from_iter([Value::Nil]),
    })
}

fn print(lua: &Lua, text: mlua::LuaString) -> mlua::Result<()> {
    let mut text = text.to_string_lossy();
    if text.len() > LINE {
        text.truncate((0..=LINE).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0));
        text.push('…');
    }
    match current(lua) {
        Some(call) => match &mut *call.output.borrow_mut() {
            Some(output) if output.len() + text.len() > OUTPUT => {
                return Err(Error::runtime("a command prints at most 1 MiB"));
            }
            Some(output) => {
                output.push_str(&text);
                output.push('\n');
            }
            None => call.host.report(policy_api::Level::Error, &format!("scriptlet: {text}")),
        },
        None => {
            let machine = Machine::of(lua)?;
            let mut printed = machine.printed.borrow_mut();
            if printed.len() < 1000 {
                printed.push(text);
            }
        }
    }
    Ok(())
}

/// Octets that a command prints for its operator.
const OUTPUT: usize = 1 << 20;
/// Octets of a line that a script prints.
const LINE: usize = 8192;
