//! `msys.http.client` and `curl`: requests to HTTP servers.
//!
//! The law: a request has a time in which all of it must be done, and its answer a bound.

use crate::call::{Call, Pending};
use crate::function::tier2::{later, lua, now};
use crate::function::{Family, namespace};
use crate::machine::Machine;
use crate::value::{Octets, Text, class, none, one, this};
use data::http::{Reader, Response, Url, escape, exchange, field, request, unescape};
use mlua::{Error, FromLuaMulti, Lua, MultiValue, Table, Value};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

pub static FAMILY: Family = Family {
    name: "http",
    definitions: &[
        now(
            "msys.http.client.new",
            "msys.http.client.new()",
            "A client for requests, one after the other.",
            new,
        ),
        later(
            "client:do_request",
            "client:do_request(method, url, [data])",
            "Sends a request and reads its answer: true, or nil and the reason.",
            do_request,
        ),
        now("client:get_body", "client:get_body()", "The body of the last answer.", get_body),
        now("client:get_headers", "client:get_headers()", "The lines of its header.", get_headers),
        now(
            "client:get_status",
            "client:get_status()",
            "Its code and what the server says to it.",
            get_status,
        ),
        now(
            "client:parse_headers",
            "client:parse_headers(lines)",
            "The lines of a header as a table by name.",
            parse_headers,
        ),
        now(
            "client:set_header",
            "client:set_header([\"Name: value\"])",
            "Adds a field to the requests to come; without one forgets all.",
            set_header,
        ),
        now(
            "client:set_timeout",
            "client:set_timeout([seconds])",
            "The time that a request may take: 60 seconds at first, at most 300.",
            set_timeout,
        ),
        now(
            "msys.httpclnt.http_status_classifier",
            "msys.httpclnt.http_status_classifier(status)",
            "msys.delivery.DELIVERY_SUCCESS for 2xx, else DELIVERY_PERMFAILED.",
            classifier,
        ),
        lua("curl.new", "curl.new()", "A handle for one transfer after the other."),
        now("curl.escape", "curl.escape(text)", "Percent-encoding.", curl_escape),
        now("curl.unescape", "curl.unescape(text)", "Percent-encoding undone.", curl_unescape),
        lua("c:setopt", "c:setopt(curl.OPT_*, value)", "Sets an option of the transfer."),
        lua("c:perform", "c:perform()", "Runs the transfer: true, or nil and the reason."),
        lua("c:close", "c:close()", "Ends the handle."),
    ],
    set_up,
};

/// What became of a delivery, as scripts of other channels name it.
const DELIVERY: [(&str, i64); 5] = [
    ("DELIVERY_SUCCESS", SUCCESS),
    ("DELIVERY_TEMPFAILED", 1),
    ("DELIVERY_PERMFAILED", PERMFAILED),
    ("DELIVERY_CONTINUE", 3),
    ("DELIVERY_DONE", 4),
];
const SUCCESS: i64 = 0;
const PERMFAILED: i64 = 2;

#[derive(Default)]
struct State {
    fields: RefCell<Vec<(String, String)>>,
    timeout: Cell<Option<Duration>>,
    answer: RefCell<Response>,
}

struct Client(Rc<State>);

const TIMEOUT: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(300);
const MOST_FIELDS: usize = 100;
const LARGEST_REQUEST: usize = 8 << 20;

fn set_up(machine: &Machine) -> mlua::Result<()> {
    class::<Client>(machine, "client", |_| {})?;
    let delivery = namespace(machine, "msys.delivery")?;
    for (name, number) in DELIVERY {
        delivery.set(name, number)?;
    }
    let new: mlua::Function = namespace(machine, "msys.http.client")?.get("new")?;
    let curl = namespace(machine, "curl")?;
    machine.lua.load(include_str!("curl.lua")).set_name("=prelude").call::<()>((curl, new))
}

fn new(lua: &Lua, _: MultiValue) -> mlua::Result<MultiValue> {
    let state = State::default();
    state.timeout.set(Some(TIMEOUT));
    one(lua, lua.create_any_userdata(Client(Rc::new(state)))?)
}

fn of(arguments: MultiValue, name: &str) -> mlua::Result<(Rc<State>, MultiValue)> {
    this::<Client, _>(arguments, name, |client| client.0.clone())
}

fn do_request(lua: &Lua, call: &Rc<Call>, arguments: MultiValue) -> mlua::Result<Pending> {
    let (state, rest) = of(arguments, "client:do_request")?;
    let (method, url, data) = <(Text, Text, Option<Octets>)>::from_lua_multi(rest, lua)?;
    let method = method.0.to_ascii_uppercase();
    if method.is_empty() || method.len() > 16 || !method.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err(Error::runtime("client:do_request: the method is a word such as GET or POST"));
    }
    let data = data.map(|data| data.0).or_else(|| matches!(&*method, "POST" | "PUT").then(Vec::new));
    if data.as_ref().is_some_and(|data| data.len() > LARGEST_REQUEST) {
        return Err(Error::runtime("client:do_request: a request has at most 8 MiB"));
    }
    state.answer.take();
    let asked = Url::parse(&url.0).map(|url| {
        let octets = request(&method, &url, &state.fields.borrow(), data.as_deref());
        (url, octets)
    });
    let (lua, host) = (lua.clone(), call.host.clone());
    let within = state.timeout.get().unwrap_or(LONGEST);
    Ok(Box::pin(async move {
        let answer = match asked {
            Ok((url, octets)) => exchange(&host, &url, octets, Reader::new(&method), within).await,
            Err(wrong) => Err(wrong),
        };
        match answer {
            Ok(answer) => {
                state.answer.replace(answer);
                Ok(MultiValue::from_iter([Value::Boolean(true)]))
            }
            Err(reason) => {
                state.answer.borrow_mut().reason.clone_from(&reason);
                Ok(MultiValue::from_iter([Value::Nil, Value::String(lua.create_string(&reason)?)]))
            }
        }
    }))
}

fn get_body(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (state, _) = of(arguments, "client:get_body")?;
    one(lua, lua.create_string(&state.answer.borrow().body)?)
}

fn get_headers(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (state, _) = of(arguments, "client:get_headers")?;
    let answer = state.answer.borrow();
    one(lua, lua.create_sequence_from(answer.fields.iter().map(|(name, value)| format!("{name}: {value}")))?)
}

fn get_status(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (state, _) = of(arguments, "client:get_status")?;
    let answer = state.answer.borrow();
    let reason = Value::String(lua.create_string(&answer.reason)?);
    Ok(MultiValue::from_iter([Value::Number(f64::from(answer.status)), reason]))
}

/// Fields of one name are one, with commas (RFC 9110 §5.3).
fn parse_headers(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (_, rest) = of(arguments, "client:parse_headers")?;
    let lines = Table::from_lua_multi(rest, lua)?;
    let table = lua.create_table()?;
    for line in lines.sequence_values::<Text>() {
        let line = line?.0;
        let Some((name, value)) = line.split_once(':') else { continue };
        let value = match table.raw_get::<Option<String>>(name)? {
            Some(before) => format!("{before}, {}", value.trim()),
            None => value.trim().to_owned(),
        };
        table.raw_set(name, value)?;
    }
    one(lua, table)
}

fn set_header(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (state, rest) = of(arguments, "client:set_header")?;
    let Some(line) = Option::<Text>::from_lua_multi(rest, lua)? else {
        state.fields.take();
        return none();
    };
    let field = field(&line.0).map_err(|wrong| Error::runtime(format!("client:set_header: {wrong}")))?;
    let mut fields = state.fields.borrow_mut();
    if fields.len() >= MOST_FIELDS || field.1.len() > 8192 {
        return Err(Error::runtime("client:set_header: at most 100 fields of 8192 octets"));
    }
    fields.push(field);
    none()
}

fn set_timeout(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (state, rest) = of(arguments, "client:set_timeout")?;
    let seconds = Option::<f64>::from_lua_multi(rest, lua)?;
    let timeout = seconds.map(|seconds| {
        let wrong = || Error::runtime("client:set_timeout takes a positive number of seconds");
        Duration::try_from_secs_f64(seconds).ok().filter(|time| !time.is_zero()).ok_or_else(wrong)
    });
    state.timeout.set(timeout.transpose()?.map(|time| time.min(LONGEST)));
    none()
}

fn classifier(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let status = f64::from_lua_multi(arguments, lua)?;
    one(lua, if (200.0..300.0).contains(&status) { SUCCESS } else { PERMFAILED })
}

fn curl_escape(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    one(lua, escape(&Octets::from_lua_multi(arguments, lua)?.0))
}

fn curl_unescape(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    one(lua, lua.create_string(unescape(&Octets::from_lua_multi(arguments, lua)?.0))?)
}
