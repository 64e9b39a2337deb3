//! Files that scripts write, and lines of the chunk logger.
//!
//! The law: a file is opened and written on a side thread; only plain files are, which cannot block for ever.

use crate::call::{Call, Pending};
use crate::function::Family;
use crate::function::tier2::{later, now};
use crate::machine::{Machine, calling};
use crate::value::{Octets, Text, class, none, this};
use mlua::{Error, FromLuaMulti, Lua, MultiValue, Value};
use policy_api::{Job, Pool};
use std::any::Any;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::rc::Rc;
use std::sync::Arc;

pub static FAMILY: Family = Family {
    name: "files",
    definitions: &[
        later(
            "msys.core.io_wrapper_open",
            "msys.core.io_wrapper_open(name, [O_*], [mode])",
            "A handle of a plain file, or nil and the reason.",
            open,
        ),
        later(
            "handle:write",
            "handle:write(text, [length])",
            "Octets written, or nil and the reason.",
            write,
        ),
        now(
            "msys.ts.chunk_logger.log",
            "msys.ts.chunk_logger.log(text)",
            "A line with its time for the file of the module chunk_logger.",
            log,
        ),
        now(
            "msys.beta.chunk_logger_int.log",
            "msys.beta.chunk_logger_int.log(text)",
            "The same under its older name.",
            log,
        ),
    ],
    set_up,
};

struct Handle(Arc<File>);

fn set_up(machine: &Machine) -> mlua::Result<()> {
    class::<Handle>(machine, "handle", |_| {})
}

/// Octets that one call writes.
const LARGEST: usize = 4 << 20;
const WRITE_ONLY: i32 = 1;
const READ_WRITE: i32 = 2;
const CREATE: i32 = 64;
/// O_EXCL, O_TRUNC, O_APPEND
const FLAGS: i32 = 128 | 512 | 1024;

fn failure(lua: &Lua, reason: &str) -> mlua::Result<MultiValue> {
    Ok(MultiValue::from_iter([Value::Nil, Value::String(lua.create_string(reason)?)]))
}

/// Has a job done on a side thread that answers a value or a reason.
fn aside<R: Send + 'static>(
    lua: &Lua,
    call: &Rc<Call>,
    job: impl FnOnce() -> Result<R, String> + Send + 'static,
    then: impl FnOnce(&Lua, R) -> mlua::Result<Value> + 'static,
) -> Pending {
    let job: Job = Box::new(move || -> Box<dyn Any + Send> { Box::new(job()) });
    let (lua, work) = (lua.clone(), call.host.work(Pool::Io, job));
    Box::pin(async move {
        let done = match work.await {
            Ok(done) => done
                .downcast::<Result<R, String>>()
                .map_or_else(|_| Err("no answer".to_owned()), |done| *done),
            Err(fault) => Err(fault.to_string()),
        };
        match done {
            Ok(value) => Ok(MultiValue::from_iter([then(&lua, value)?])),
            Err(reason) => failure(&lua, &reason),
        }
    })
}

fn open(lua: &Lua, call: &Rc<Call>, arguments: MultiValue) -> mlua::Result<Pending> {
    let (name, options, mode) = <(Text, Option<f64>, Option<f64>)>::from_lua_multi(arguments, lua)?;
    let (options, mode) = (options.unwrap_or(0.0) as i32, mode.unwrap_or(0.0) as u32);
    let path = name.0.strip_prefix("file://").unwrap_or(&name.0).to_owned();
    if path.split_once("://").is_some() {
        let reason = format!("{path}: only files can be opened here");
        let answer = failure(lua, &reason);
        return Ok(Box::pin(std::future::ready(answer)));
    }
    let job = move || {
        let failed = |error: std::io::Error| format!("{path}: {error}");
        // A pipe or a device could keep the thread for ever.
        if std::fs::metadata(&path).is_ok_and(|known| !known.is_file()) {
            return Err(format!("{path}: is no plain file"));
        }
        let access = options & (WRITE_ONLY | READ_WRITE);
        std::fs::OpenOptions::new()
            .read(access != WRITE_ONLY)
            .write(access != 0)
            .create(access != 0 && options & CREATE != 0)
            .custom_flags(options & FLAGS)
            .mode(if mode == 0 { 0o644 } else { mode & 0o777 })
            .open(&path)
            .map_err(failed)
    };
    Ok(aside(lua, call, job, |lua, file| {
        lua.create_any_userdata(Handle(Arc::new(file))).map(Value::UserData)
    }))
}

fn write(lua: &Lua, call: &Rc<Call>, arguments: MultiValue) -> mlua::Result<Pending> {
    let (file, rest) = this::<Handle, _>(arguments, "handle:write", |handle| handle.0.clone())?;
    let (mut text, length) = <(Octets, Option<f64>)>::from_lua_multi(rest, lua)?;
    if let Some(length) = length {
        text.0.truncate(length.max(0.0) as usize);
    }
    if text.0.len() > LARGEST {
        return Err(Error::runtime("handle:write: at most 4 MiB at a time"));
    }
    let length = text.0.len();
    let job = move || (&*file).write_all(&text.0).map_err(|error| error.to_string());
    Ok(aside(lua, call, job, move |_, ()| Ok(Value::Number(length as f64))))
}

fn log(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    const NAME: &str = "msys.ts.chunk_logger.log";
    let text = Text::from_lua_multi(arguments, lua)?.0;
    let call = calling(lua, NAME)?;
    policy_api::chunk_log(&*call.host, &text)
        .map_err(|problem| Error::runtime(format!("{NAME}: {problem}")))?;
    none()
}
