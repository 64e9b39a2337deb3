//! `msys.*` without a namespace of its own, and what of `msys.core` is no constant.

use crate::call::{Call, Pending};
use crate::function::tier1::{later, lua, now};
use crate::function::{Body, Definition, Family, namespace};
use crate::machine::{Machine, calling, current};
use crate::value::{EcString, Octets, Text, class, none, one, this, type_of};
use mlua::{Error, FromLuaMulti, Function, Lua, MultiValue, Table, UserDataMethods as _, Value};
use policy_api::{Job, Pool};
use std::any::Any;
use std::rc::Rc;
use std::time::Duration;

pub static FAMILY: Family = Family {
    name: "msys",
    definitions: &[
        now(
            "msys.registerModule",
            "msys.registerModule(name, table)",
            "Registers callouts; the name is that of the script's stanza.",
            register_module,
        ),
        now(
            "msys.registerAuth",
            "msys.registerAuth(scheme, table)",
            "Has table:authenticate(rest, parameters, user, password) check the users of scheme:// URIs.",
            register_auth,
        ),
        Definition {
            name: "msys.registerControl",
            signature: "msys.registerControl(prefix, function)",
            tier: 2,
            doc: "Has function(cc) carry out a command of the console: cc.argc, cc.argv[0..]; print answers.",
            body: Body::Now(register_control),
        },
        now("msys.asyncOk", "msys.asyncOk()", "Whether the script may wait here.", async_ok),
        now("msys.type", "msys.type(value)", "As type(), with the classes of the host's objects.", type_name),
        now(
            "msys.parseRFC2822Addresses",
            "msys.parseRFC2822Addresses(text, component)",
            "One component of each address of a list.",
            parse_addresses,
        ),
        now(
            "msys.expandMacro",
            "msys.expandMacro(text)",
            "Expands %{…}: vctx_conn, vctx_mess, rfc822:date, rfc2822.",
            expand_macro,
        ),
        now(
            "msys.config",
            "msys.config(\"get\", [stanza, name, …] option)",
            "The text of an option.",
            config,
        ),
        later("msys.sleep", "msys.sleep(seconds)", "Suspends the script.", sleep),
        later("msys.readfile", "msys.readfile(name)", "A whole file, read on a side thread.", read_file),
        lua("msys.dumper.Dumper", "msys.dumper.Dumper(value)", "A value as Lua source."),
        now("msys.core.get_now_ts", "msys.core.get_now_ts()", "Seconds since 1970.", get_now),
        now("msys.core.string_new", "msys.core.string_new()", "An empty mutable string.", string_new),
        now("ec_string:write", "ec_string:write(text, [length])", "Appends octets.", string_write),
        now("ec_string:set", "ec_string:set(text)", "Replaces the content.", string_set),
        lua("print", "print(…)", "A line in the panic log."),
    ],
    set_up,
};

const CHUNK: &str = include_str!("builtin.lua");

fn set_up(machine: &Machine) -> mlua::Result<()> {
    class::<EcString>(machine, "ec_string", |registry| {
        registry.add_meta_method("__tostring", |lua, this, ()| lua.create_string(&*this.0.borrow()));
        registry.add_meta_method("__len", |_, this, ()| Ok(this.0.borrow().len()));
        registry.add_meta_function("__concat", |lua, (a, b): (Octets, Octets)| {
            lua.create_string([a.0, b.0].concat())
        });
        use mlua::UserDataFields as _;
        registry.add_field_method_get("buffer", |lua, this| lua.create_string(&*this.0.borrow()));
    })?;
    machine.lua.load(CHUNK).set_name("=prelude").call::<()>(namespace(machine, "msys")?)
}

/// Functables by name, in the order of registration.
pub const MODULES: &str = "impetus modules";

fn register_module(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (name, functions) = <(Text, Table)>::from_lua_multi(arguments, lua)?;
    if current(lua).is_some() {
        return Err(Error::runtime("msys.registerModule: modules are registered while their script loads"));
    }
    let list: Table = lua.named_registry_value(MODULES)?;
    let entry = lua.create_table()?;
    entry.set("name", name.0)?;
    entry.set("functions", functions)?;
    list.push(entry)?;
    none()
}

/// Tables that check users, by the scheme of the URI.
pub const AUTHENTICATORS: &str = "impetus authenticators";

fn register_auth(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (scheme, table) = <(Text, Table)>::from_lua_multi(arguments, lua)?;
    if current(lua).is_some() {
        return Err(Error::runtime("msys.registerAuth: schemes are registered by init()"));
    }
    let right = !scheme.0.is_empty()
        && scheme.0.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-._".contains(&byte));
    if !right {
        return Err(Error::runtime("msys.registerAuth: a scheme is what stands before :// in a URI"));
    }
    if !matches!(table.get::<Value>("authenticate")?, Value::Function(_)) {
        return Err(Error::runtime("msys.registerAuth: the table has no function 'authenticate'"));
    }
    lua.named_registry_value::<Table>(AUTHENTICATORS)?.raw_set(scheme.0, table)?;
    none()
}

/// Functions that carry out commands of the console, by their first words.
pub const CONTROLS: &str = "impetus controls";

fn register_control(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (prefix, function) = <(Text, Function)>::from_lua_multi(arguments, lua)?;
    if current(lua).is_some() {
        return Err(Error::runtime("msys.registerControl: commands are registered while scripts load"));
    }
    let prefix = prefix.0.split_whitespace().collect::<Vec<_>>().join(" ");
    if prefix.is_empty() || prefix.len() > 256 {
        return Err(Error::runtime("msys.registerControl: a command begins with a word"));
    }
    lua.named_registry_value::<Table>(CONTROLS)?.raw_set(prefix, function)?;
    none()
}

fn async_ok(lua: &Lua, _: MultiValue) -> mlua::Result<MultiValue> {
    one(lua, current(lua).is_some_and(|call| call.may_wait()))
}

fn type_name(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    one(lua, type_of(arguments.front().unwrap_or(&Value::Nil)))
}

fn parse_addresses(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (text, wanted) = <(Text, Option<Text>)>::from_lua_multi(arguments, lua)?;
    let wanted = super::letter::component(wanted.as_ref().map(|text| text.0.as_str()))?;
    let list = content::address::parse_list(&text.0);
    one(lua, lua.create_sequence_from(list.into_iter().filter_map(|mailbox| mailbox.component(wanted)))?)
}

fn expand_macro(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let text = Text::from_lua_multi(arguments, lua)?.0;
    one(lua, crate::macros::expand(&*calling(lua, "msys.expandMacro")?, &text)?)
}

/// `get`, then pairs of stanza and name, then the option; a stanza without a name has an empty one.
fn config(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let words = arguments
        .into_iter()
        .map(|value| Text::from_lua_multi(MultiValue::from_iter([value]), lua).map(|text| text.0));
    let words = words.collect::<mlua::Result<Vec<String>>>()?;
    let [action, path @ .., option] = &words[..] else {
        return Err(Error::runtime("msys.config: \"get\" and an option are needed"));
    };
    if action != "get" {
        return Err(Error::runtime(format!(
            "msys.config(\"{action}\") is not available here, use the console or the file"
        )));
    }
    let path: Vec<(&str, &str)> =
        path.chunks(2).map(|pair| (pair[0].as_str(), pair.get(1).map_or("", String::as_str))).collect();
    one(lua, calling(lua, "msys.config")?.host.option(&path, option))
}

/// Longer than any session.
const LONGEST: Duration = Duration::from_secs(3600);

fn sleep(lua: &Lua, call: &Rc<Call>, arguments: MultiValue) -> mlua::Result<Pending> {
    let seconds = f64::from_lua_multi(arguments, lua)?;
    let delay =
        Duration::try_from_secs_f64(seconds).map_err(|_| Error::runtime("msys.sleep takes seconds"))?;
    let pause = call.host.pause(delay.min(LONGEST));
    Ok(Box::pin(async move {
        pause.await;
        Ok(MultiValue::new())
    }))
}

/// Octets of a file that a script reads.
const LARGEST_FILE: u64 = 16 << 20;

fn read_file(lua: &Lua, call: &Rc<Call>, arguments: MultiValue) -> mlua::Result<Pending> {
    let name = Text::from_lua_multi(arguments, lua)?.0;
    let name = name.strip_prefix("file://").unwrap_or(&name).to_owned();
    let job: Job = Box::new(move || -> Box<dyn Any + Send> {
        use std::io::Read as _;
        let read = std::fs::File::open(&name).and_then(|file| {
            let mut octets = Vec::new();
            file.take(LARGEST_FILE + 1).read_to_end(&mut octets)?;
            Ok(octets)
        });
        Box::new(match read {
            Ok(octets) if octets.len() as u64 > LARGEST_FILE => Err(format!("{name}: larger than 16 MiB")),
            Ok(octets) => Ok(octets),
            Err(error) => Err(format!("{name}: {error}")),
        })
    });
    let (lua, work) = (lua.clone(), call.host.work(Pool::Io, job));
    Ok(Box::pin(async move {
        let done = work.await.map_err(|fault| fault.to_string());
        match done.and_then(|done| {
            *done.downcast::<Result<Vec<u8>, String>>().unwrap_or_else(|_| Err("no answer".into()).into())
        }) {
            Ok(octets) => Ok(MultiValue::from_iter([Value::String(lua.create_string(&octets)?)])),
            Err(text) => Ok(MultiValue::from_iter([Value::Nil, Value::String(lua.create_string(&text)?)])),
        }
    }))
}

fn get_now(lua: &Lua, _: MultiValue) -> mlua::Result<MultiValue> {
    let seconds = match current(lua) {
        Some(call) => call.host.now().micros() as f64 / 1e6,
        None => lua.globals().get::<Table>("os")?.get::<Function>("time")?.call(())?,
    };
    one(lua, seconds)
}

fn string_new(lua: &Lua, _: MultiValue) -> mlua::Result<MultiValue> {
    one(lua, lua.create_any_userdata(EcString::default())?)
}

/// Octets of a mutable string, which the machine's own budget does not see.
const LARGEST_STRING: usize = 4 << 20;

fn string_write(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (string, rest) = this::<EcString, _>(arguments, "ec_string:write", EcString::clone)?;
    let (text, length) = <(Octets, Option<f64>)>::from_lua_multi(rest, lua)?;
    let length = length.map_or(text.0.len(), |length| (length.max(0.0) as usize).min(text.0.len()));
    let mut octets = string.0.borrow_mut();
    if octets.len() + length > LARGEST_STRING {
        return Err(Error::runtime("a string of the host holds at most 4 MiB"));
    }
    octets.extend_from_slice(&text.0[..length]);
    one(lua, length as f64)
}

fn string_set(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (string, rest) = this::<EcString, _>(arguments, "ec_string:set", EcString::clone)?;
    let mut text = Octets::from_lua_multi(rest, lua)?.0;
    text.truncate(LARGEST_STRING);
    string.0.replace(text);
    none()
}
