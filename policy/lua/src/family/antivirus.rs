//! `msys.av`: the engines of the antivirus module, asked by a script.

use crate::call::{Call, Letter, Pending};
use crate::function::{Body, Definition, Family, nothing};
use crate::machine::Machine;
use crate::value::{Msg, Text, one};
use bytes::Bytes;
use mlua::{Error, FromLuaMulti, Lua, MultiValue, Value};
use policy_api::{Scan, VirusScanner};
use std::rc::Rc;

pub static FAMILY: Family = Family {
    name: "antivirus",
    definitions: &[
        Definition {
            name: "msys.av.engines",
            signature: "msys.av.engines()",
            tier: 2,
            doc: "The names of the engines.",
            body: Body::Now(engines),
        },
        Definition {
            name: "msys.av.scan",
            signature: "msys.av.scan([engine], [msg], [vctx])",
            tier: 2,
            doc: "Scans the message: EC_AV_*, what was found, the engine.",
            body: Body::Later(scan),
        },
        Definition {
            name: "msys.av.scan_part",
            signature: "msys.av.scan_part(part, [engine], [vctx])",
            tier: 2,
            doc: "Scans the decoded content of one part: EC_AV_*, what was found, the engine.",
            body: Body::Later(scan_part),
        },
    ],
    set_up: nothing,
};

/// Names under which modules offer engines.
const ENGINES: [&str; 1] = ["clamav"];
const CLEAN: i64 = 0;
const INFECTED: i64 = 1;
const UNSCANNABLE: i64 = 2;
const FAILED: i64 = 3;
const NO_ENGINE: i64 = 4;
const NAME_TOO_LONG: i64 = 5;
const IS_CONTAINER: i64 = 6;

fn found(lua: &Lua, name: &str) -> Option<Rc<dyn VirusScanner>> {
    let services = Machine::of(lua).ok()?.services.borrow().clone()?;
    services.find::<Rc<dyn VirusScanner>>(name).map(|scanner| (*scanner).clone())
}

fn engines(lua: &Lua, _: MultiValue) -> mlua::Result<MultiValue> {
    one(lua, lua.create_sequence_from(ENGINES.into_iter().filter(|name| found(lua, name).is_some()))?)
}

fn answers(lua: &Lua, status: i64, text: &str, engine: Option<&str>) -> mlua::Result<MultiValue> {
    let engine = engine.map_or(Ok(Value::Nil), |engine| lua.create_string(engine).map(Value::String))?;
    Ok(MultiValue::from_iter([Value::Number(status as f64), Value::String(lua.create_string(text)?), engine]))
}

/// Asks the named engine, or all of them until one finds something.
fn ask(lua: &Lua, call: &Rc<Call>, engine: Option<String>, content: Bytes) -> mlua::Result<Pending> {
    if engine.as_ref().is_some_and(|name| name.len() > 40) {
        let answer = answers(lua, NAME_TOO_LONG, "", None)?;
        return Ok(Box::pin(std::future::ready(Ok(answer))));
    }
    let wanted = ENGINES.into_iter().filter(|name| engine.as_ref().is_none_or(|engine| engine == name));
    let scanners: Vec<_> = wanted.filter_map(|name| Some((name, found(lua, name)?))).collect();
    let (lua, host) = (lua.clone(), call.host.clone());
    Ok(Box::pin(async move {
        let mut answer = answers(&lua, NO_ENGINE, "", None)?;
        for (name, scanner) in scanners {
            answer = match scanner.scan(content.clone(), &host).await {
                Scan::Clean => answers(&lua, CLEAN, "", Some(name))?,
                Scan::Infected(virus) => return answers(&lua, INFECTED, &virus, Some(name)),
                Scan::Unscannable(why) => answers(&lua, UNSCANNABLE, &why, Some(name))?,
                Scan::Failed(why) => answers(&lua, FAILED, &why, Some(name))?,
            };
        }
        Ok(answer)
    }))
}

fn scan(lua: &Lua, call: &Rc<Call>, arguments: MultiValue) -> mlua::Result<Pending> {
    let mut letter: Rc<Letter> = call.letter.clone();
    let mut engine = None;
    for argument in arguments {
        match &argument {
            Value::UserData(object) => {
                if let Ok(msg) = object.borrow::<Msg>() {
                    letter = msg.0.shown("msg")?;
                }
            }
            Value::Nil => {}
            _ => engine = Some(Text::from_lua_multi(MultiValue::from_iter([argument]), lua)?.0),
        }
    }
    letter.flush();
    let octets = letter.message.borrow().content.octets();
    ask(lua, call, engine, octets)
}

fn scan_part(lua: &Lua, call: &Rc<Call>, mut arguments: MultiValue) -> mlua::Result<Pending> {
    let first = arguments.len().min(1);
    let rest = arguments.split_off(first);
    if arguments.front().is_none_or(Value::is_nil) {
        return Err(Error::runtime("msys.av.scan_part needs a part"));
    }
    let (held, _) = super::letter::held(arguments, "msys.av.scan_part")?;
    let octets = held.read(|tree, id| tree.children(id).is_empty().then(|| tree.decoded(id)));
    let Some(octets) = octets else {
        let answer = answers(lua, IS_CONTAINER, "", None)?;
        return Ok(Box::pin(std::future::ready(Ok(answer))));
    };
    let engine = rest.into_iter().find(|value| value.is_string());
    let engine = engine.map(|name| Text::from_lua_multi(MultiValue::from_iter([name]), lua)).transpose()?;
    ask(lua, call, engine.map(|text| text.0), octets.into())
}
