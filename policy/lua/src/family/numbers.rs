//! Numbers that all shards share: counters, gauge caches, audit series.
//!
//! The law: a number belongs to the shard of its key; adding posts, reading asks and waits.

use crate::call::{Call, Pending};
use crate::function::tier2::{later, now};
use crate::function::{Family, namespace};
use crate::machine::{Machine, calling};
use crate::value::{Accept, Text, class, none, number, one};
use ipnet::IpNet;
use mlua::{Error, FromLua as _, FromLuaMulti, Lua, MultiValue, Table, Value};
use policy_api::{Tally, audit};
use std::cell::RefCell;
use std::collections::HashMap;
use std::future::ready;
use std::rc::Rc;
use std::time::Duration;

pub static FAMILY: Family = Family {
    name: "numbers",
    definitions: &[
        now("msys.counter.open", "msys.counter.open(path, [semantics])", "A handle of a counter.", open),
        now("msys.counter.inc", "msys.counter.inc(counter|path)", "Adds one.", inc),
        now("msys.counter.add", "msys.counter.add(counter|path, delta)", "Adds a number.", add),
        later("msys.counter.read", "msys.counter.read(counter|path)", "The value, over all shards.", read),
        later("msys.counter.reset", "msys.counter.reset(counter|path)", "Back to zero.", reset),
        later(
            "msys.counter.unlink",
            "msys.counter.unlink(path)",
            "Back to zero; a path without use is nothing here.",
            reset,
        ),
        now(
            "msys.gauge_cache.define",
            "msys.gauge_cache.define(name, maxelems, ttl, [replicated])",
            "Declares a cache of numbers that expire.",
            define_gauge,
        ),
        now("msys.gauge_cache.inc", "msys.gauge_cache.inc(name, key)", "Adds one.", gauge_inc),
        now("msys.gauge_cache.dec", "msys.gauge_cache.dec(name, key)", "Takes one.", gauge_dec),
        later("msys.gauge_cache.get", "msys.gauge_cache.get(name, key)", "The number of a key.", gauge_get),
        later(
            "msys.gauge_cache.remove_item",
            "msys.gauge_cache.remove_item(name, key)",
            "Forgets a key.",
            gauge_remove,
        ),
        now(
            "msys.audit_series.define",
            "msys.audit_series.define(name, cidr|cidr_ipv6|string, interval, windows, [options])",
            "Declares a series of windows.",
            define_series,
        ),
        now(
            "msys.audit_series.add",
            "msys.audit_series.add(name, [{count=1, key=…}|key])",
            "Adds to the newest window.",
            series_add,
        ),
        later(
            "msys.audit_series.count",
            "msys.audit_series.count(name, [{startv=0, endv=0, key=…}|key])",
            "The sum over windows; 0 is the newest.",
            series_count,
        ),
        later(
            "msys.audit_series.remove_item",
            "msys.audit_series.remove_item(name, [key])",
            "Forgets a key.",
            series_remove,
        ),
    ],
    set_up,
};

struct Handle(String);

/// What scripts have declared.
#[derive(Default)]
struct Declared(RefCell<HashMap<String, Series>>);

#[derive(Clone)]
struct Series {
    tally: Tally,
    /// Keys are texts; else addresses.
    by_text: bool,
}

/// Declared names of one machine.
const MOST: usize = 1000;
const LONGEST_KEY: usize = 1024;

fn set_up(machine: &Machine) -> mlua::Result<()> {
    machine.lua.set_app_data(Declared::default());
    class::<Handle>(machine, "counter", |_| {})?;
    let counter = namespace(machine, "msys.counter")?;
    counter.set("STRICT", 0)?;
    counter.set("RELAXED", 1)
}

fn counters() -> Tally {
    Tally { name: "lua counters".into(), slot: Duration::ZERO, slots: 1 }
}

fn path(value: &Value, lua: &Lua) -> mlua::Result<String> {
    let handle =
        value.as_userdata().and_then(|object| object.borrow::<Handle>().ok().map(|handle| handle.0.clone()));
    handle.map_or_else(|| key(Text::from_lua(value.clone(), lua)?.0), Ok)
}

fn key(text: String) -> mlua::Result<String> {
    if text.len() > LONGEST_KEY {
        return Err(Error::runtime("a key has at most 1024 octets"));
    }
    Ok(text)
}

fn open(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (name, _semantics) = <(Text, Option<f64>)>::from_lua_multi(arguments, lua)?;
    one(lua, lua.create_any_userdata(Handle(key(name.0)?))?)
}

fn inc(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let path = path(&Value::from_lua_multi(arguments, lua)?, lua)?;
    calling(lua, "msys.counter.inc")?.host.add(&counters(), &path, 1);
    none()
}

fn add(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (counter, delta) = <(Value, f64)>::from_lua_multi(arguments, lua)?;
    calling(lua, "msys.counter.add")?.host.add(&counters(), &path(&counter, lua)?, delta as i64);
    none()
}

/// The sum over the newest windows.
fn sum(call: &Rc<Call>, tally: &Tally, key: &str, from: u32, to: u32) -> Pending {
    let newer = (from > 0).then(|| call.host.count(tally, key, from));
    let all = call.host.count(tally, key, to.saturating_add(1));
    Box::pin(async move {
        let newer = match newer {
            Some(newer) => newer.await,
            None => 0,
        };
        Ok(MultiValue::from_iter([Value::Number((all.await - newer) as f64)]))
    })
}

fn forget(call: &Rc<Call>, tally: Tally, key: String) -> Pending {
    let (host, all) = (call.host.clone(), call.host.count(&tally, &key, tally.slots));
    Box::pin(async move {
        let all = all.await;
        host.add(&tally, &key, -all);
        Ok(MultiValue::new())
    })
}

fn read(lua: &Lua, call: &Rc<Call>, arguments: MultiValue) -> mlua::Result<Pending> {
    Ok(sum(call, &counters(), &path(&Value::from_lua_multi(arguments, lua)?, lua)?, 0, 0))
}

fn reset(lua: &Lua, call: &Rc<Call>, arguments: MultiValue) -> mlua::Result<Pending> {
    Ok(forget(call, counters(), path(&Value::from_lua_multi(arguments, lua)?, lua)?))
}

fn declare(lua: &Lua, name: &str, series: Series) -> mlua::Result<MultiValue> {
    let declared = lua.app_data_ref::<Declared>().ok_or_else(|| Error::runtime("nothing can be declared"))?;
    let mut declared = declared.0.borrow_mut();
    if declared.len() >= MOST && !declared.contains_key(name) {
        return Err(Error::runtime("at most 1000 caches and series can be declared"));
    }
    declared.insert(name.to_owned(), series);
    none()
}

fn declared(lua: &Lua, kind: &str, name: &str) -> mlua::Result<Series> {
    let declared = lua.app_data_ref::<Declared>();
    let found = declared.and_then(|declared| declared.0.borrow().get(&format!("{kind} {name}")).cloned());
    found.ok_or_else(|| Error::runtime(format!("{kind} '{name}' was not defined: define it in init()")))
}

fn seconds(value: f64) -> mlua::Result<Duration> {
    let wrong = || Error::runtime("an interval is a positive number of seconds");
    Duration::try_from_secs_f64(value).ok().filter(|time| !time.is_zero()).ok_or_else(wrong)
}

fn define_gauge(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (name, _most, ttl) = <(Text, f64, f64)>::from_lua_multi(arguments, lua)?;
    let name = format!("gauge_cache {}", name.0);
    // Two windows: what was changed less than ttl ago is there, what was not for twice as long is gone.
    let tally = Tally { name: name.as_str().into(), slot: seconds(ttl)?, slots: 2 };
    declare(lua, &name, Series { tally, by_text: true })
}

fn gauge(lua: &Lua, arguments: MultiValue) -> mlua::Result<(Tally, String)> {
    let (name, text) = <(Text, Text)>::from_lua_multi(arguments, lua)?;
    Ok((declared(lua, "gauge_cache", &name.0)?.tally, key(text.0)?))
}

fn gauge_inc(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (tally, key) = gauge(lua, arguments)?;
    calling(lua, "msys.gauge_cache.inc")?.host.add(&tally, &key, 1);
    none()
}

fn gauge_dec(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (tally, key) = gauge(lua, arguments)?;
    calling(lua, "msys.gauge_cache.dec")?.host.add(&tally, &key, -1);
    none()
}

fn gauge_get(lua: &Lua, call: &Rc<Call>, arguments: MultiValue) -> mlua::Result<Pending> {
    let (tally, key) = gauge(lua, arguments)?;
    Ok(sum(call, &tally, &key, 0, 1))
}

fn gauge_remove(lua: &Lua, call: &Rc<Call>, arguments: MultiValue) -> mlua::Result<Pending> {
    let (tally, key) = gauge(lua, arguments)?;
    Ok(forget(call, tally, key))
}

fn define_series(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (name, kind, interval, windows) = <(Text, Text, f64, f64)>::from_lua_multi(arguments, lua)?;
    let by_text = match kind.0.as_str() {
        "cidr" | "cidr_ipv6" => false,
        "string" => true,
        other => return Err(Error::runtime(format!("'{other}' is none of cidr, cidr_ipv6, string"))),
    };
    if !(1.0..=100_000.0).contains(&windows) {
        return Err(Error::runtime("a series has 1 to 100000 windows"));
    }
    let tally = audit::series(&name.0, seconds(interval)?, windows as u32);
    declare(lua, &tally.name.clone(), Series { tally, by_text })
}

/// The series, its key, and a number of the options.
struct Asked {
    series: Series,
    key: Key,
    options: Option<Table>,
}

enum Key {
    Text(String),
    Network(IpNet),
    /// A client without an address: never counted.
    Nobody,
}

impl Asked {
    fn read(lua: &Lua, arguments: MultiValue) -> mlua::Result<Asked> {
        let (name, rest) = <(Text, Value)>::from_lua_multi(arguments, lua)?;
        let series = declared(lua, "audit_series", &name.0)?;
        let (options, wanted) = match rest {
            Value::Table(options) => (Some(options.clone()), options.get::<Value>("key")?),
            other => (None, other),
        };
        let peer = |call: &Call| call.client.peer.map(|peer| peer.ip().to_canonical().to_string());
        let accept = wanted
            .as_userdata()
            .and_then(|object| object.borrow::<Accept>().ok()?.0.get().map(|call| peer(&call)));
        let text = match (accept, &wanted) {
            (Some(peer), _) => peer.unwrap_or_default(),
            (None, Value::Nil) if series.by_text => {
                return Err(Error::runtime(format!(
                    "audit_series '{}' counts texts: a key is needed",
                    name.0
                )));
            }
            (None, Value::Nil) => {
                calling(lua, "msys.audit_series").map(|call| peer(&call).unwrap_or_default())?
            }
            (None, _) => Text::from_lua(wanted, lua)?.0,
        };
        let key = match series.by_text {
            true => Key::Text(key(text)?),
            false if text.is_empty() => Key::Nobody,
            false => Key::Network(audit::network(&text).map_err(Error::runtime)?),
        };
        Ok(Asked { series, key, options })
    }

    fn number(&self, name: &str, otherwise: f64) -> mlua::Result<f64> {
        let value = self.options.as_ref().map_or(Ok(Value::Nil), |options| options.get::<Value>(name))?;
        Ok(number(&value).unwrap_or(otherwise))
    }
}

fn series_add(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let asked = Asked::read(lua, arguments)?;
    let count = asked.number("count", 1.0)? as i64;
    let (call, tally) = (calling(lua, "msys.audit_series.add")?, &asked.series.tally);
    match &asked.key {
        Key::Text(key) => call.host.add(tally, key, count),
        Key::Network(network) => audit::add(&*call.host, tally, network.addr(), count),
        Key::Nobody => {}
    }
    none()
}

fn series_count(lua: &Lua, call: &Rc<Call>, arguments: MultiValue) -> mlua::Result<Pending> {
    let asked = Asked::read(lua, arguments)?;
    let (from, to) =
        (asked.number("startv", 0.0)?.max(0.0) as u32, asked.number("endv", 0.0)?.max(0.0) as u32);
    let tally = &asked.series.tally;
    match &asked.key {
        Key::Text(key) => Ok(sum(call, tally, key, from, to.max(from))),
        Key::Network(network) => {
            let count = audit::count(&call.host, tally, *network, (from, to.max(from)));
            let count = count.map_err(Error::runtime)?;
            Ok(Box::pin(async move { Ok(MultiValue::from_iter([Value::Number(count.await as f64)])) }))
        }
        Key::Nobody => Ok(Box::pin(ready(Ok(MultiValue::from_iter([Value::Number(0.0)]))))),
    }
}

fn series_remove(lua: &Lua, call: &Rc<Call>, arguments: MultiValue) -> mlua::Result<Pending> {
    let asked = Asked::read(lua, arguments)?;
    match asked.key {
        Key::Text(key) => Ok(forget(call, asked.series.tally, key)),
        Key::Network(network) => {
            let forgotten = audit::forget(&call.host, &asked.series.tally, network.addr());
            Ok(Box::pin(async move {
                forgotten.await;
                Ok(MultiValue::new())
            }))
        }
        Key::Nobody => Ok(Box::pin(ready(Ok(MultiValue::new())))),
    }
}
