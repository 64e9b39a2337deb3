//! `msys.validate.opendkim`: signing on a side thread, and verification of every signature.
//!
//! The law: keys are read and used beside the shard; what a signature needs of the DNS is asked through the host.

use super::letter::of;
use crate::call::{Call, Letter, Pending};
use crate::function::{Body, Definition, Family, Plain, Waiting, namespace};
use crate::machine::Machine;
use crate::value::{Text, class, this};
use authentication::dkim::{BodyHash, Canon, Limits, Recipe, Signature, Verifier, Want};
use authentication::{Fields, Kind, PrivateKey, Reply};
use bytes::Bytes;
use content::address::{Component, parse_list};
use mlua::{Error, FromLuaMulti, Lua, MultiValue, Table, Value};
use policy_api::{Host, Job, LookupFault, Pool, Record, RecordKind};
use std::any::Any;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

const fn getter(name: &'static str, signature: &'static str, doc: &'static str, body: Plain) -> Definition {
    Definition { name, signature, tier: 2, doc, body: Body::Now(body) }
}

const fn first(name: &'static str, signature: &'static str, doc: &'static str, body: Waiting) -> Definition {
    Definition { name, signature, tier: 1, doc, body: Body::Always(body) }
}

pub static FAMILY: Family = Family {
    name: "opendkim",
    definitions: &[
        first(
            "msys.validate.opendkim.sign",
            "msys.validate.opendkim.sign(msg, vctx, [options])",
            "Adds a DKIM signature on top.",
            sign,
        ),
        first(
            "msys.validate.opendkim.verify",
            "msys.validate.opendkim.verify(msg)",
            "Verifies all signatures: a handle and a DKIM_STAT.",
            verify,
        ),
        getter(
            "msys.validate.opendkim.get_num_sigs",
            "msys.validate.opendkim.get_num_sigs(dkim)",
            "How many signatures there are.",
            get_num_sigs,
        ),
        getter(
            "msys.validate.opendkim.get_sig",
            "msys.validate.opendkim.get_sig(dkim, [number])",
            "A signature, counted from 0.",
            get_sig,
        ),
        getter(
            "msys.validate.opendkim.get_sig_canons",
            "msys.validate.opendkim.get_sig_canons(sig)",
            "Its canonicalization, header/body.",
            get_sig_canons,
        ),
        getter(
            "msys.validate.opendkim.get_sig_domain",
            "msys.validate.opendkim.get_sig_domain(sig)",
            "Its d= domain.",
            get_sig_domain,
        ),
        getter(
            "msys.validate.opendkim.get_sig_errorstr",
            "msys.validate.opendkim.get_sig_errorstr(sig)",
            "Why it does not count.",
            get_sig_errorstr,
        ),
        getter(
            "msys.validate.opendkim.get_sig_flags",
            "msys.validate.opendkim.get_sig_flags(sig)",
            "Bits of opendkim.dkim.DKIM_SIGFLAG_*.",
            get_sig_flags,
        ),
        getter(
            "msys.validate.opendkim.get_sig_hdrsigned",
            "msys.validate.opendkim.get_sig_hdrsigned(sig, name)",
            "Whether it covers a field.",
            get_sig_hdrsigned,
        ),
        getter(
            "msys.validate.opendkim.get_sig_identity",
            "msys.validate.opendkim.get_sig_identity(dkim, sig)",
            "Its i= identity.",
            get_sig_identity,
        ),
        getter(
            "msys.validate.opendkim.get_sig_keysize",
            "msys.validate.opendkim.get_sig_keysize(sig)",
            "Bits of its key.",
            get_sig_keysize,
        ),
        getter(
            "msys.validate.opendkim.get_sig_selector",
            "msys.validate.opendkim.get_sig_selector(sig)",
            "Its s= selector.",
            get_sig_selector,
        ),
        getter(
            "msys.validate.opendkim.get_sig_signalg",
            "msys.validate.opendkim.get_sig_signalg(sig)",
            "Its algorithm.",
            get_sig_signalg,
        ),
    ],
    set_up,
};

/// In the order of their numbers.
const STATS: [&str; 16] = [
    "OK",
    "BADSIG",
    "NOSIG",
    "NOKEY",
    "CANTVRFY",
    "SYNTAX",
    "NORESOURCE",
    "INTERNAL",
    "REVOKED",
    "INVALID",
    "NOTIMPLEMENT",
    "KEYFAIL",
    "CBREJECT",
    "CBINVALID",
    "CBTRYAGAIN",
    "CBERROR",
];
const FLAGS: [(&str, i64); 5] =
    [("IGNORE", 1), ("PROCESSED", 2), ("PASSED", 4), ("TESTKEY", 8), ("NOSUBDOMAIN", 16)];

/// All signatures of a message, judged.
struct Dkim(Rc<Vec<Judged>>);
/// One of them.
struct Sig(Rc<Vec<Judged>>, usize);

struct Judged {
    signature: Option<Signature>,
    reason: &'static str,
    stat: &'static str,
    flags: i64,
    bits: u32,
}

fn set_up(machine: &Machine) -> mlua::Result<()> {
    class::<Dkim>(machine, "DKIM", |_| {})?;
    class::<Sig>(machine, "DKIM_SIGINFO", |_| {})?;
    for place in ["opendkim.dkim", "msys.validate.opendkim"] {
        let table = namespace(machine, place)?;
        for name in STATS {
            table.set(format!("DKIM_STAT_{name}"), stat(name))?;
        }
        for (name, bit) in FLAGS {
            table.set(format!("DKIM_SIGFLAG_{name}"), bit)?;
        }
    }
    Ok(())
}

fn stat(name: &str) -> i64 {
    STATS.iter().position(|known| *known == name).map_or(7, |at| at as i64)
}

/// How one signature is to be made.
struct Order {
    octets: Bytes,
    recipe: Recipe,
    key: Key,
    now_s: u64,
}

enum Key {
    File(String),
    Text(String),
}

fn sign(lua: &Lua, call: &Rc<Call>, arguments: MultiValue) -> mlua::Result<Pending> {
    let (letter, rest) = of(arguments, "msys.validate.opendkim.sign")?;
    let (_vctx, options) = <(Value, Option<Table>)>::from_lua_multi(rest, lua)?;
    if !call.rights.content {
        return Err(Error::runtime("msys.validate.opendkim.sign cannot change the message in this phase"));
    }
    letter.close_tree();
    let order = order(call, &letter, options)?;
    let job: Job = Box::new(move || -> Box<dyn Any + Send> { Box::new(make(&order)) });
    let work = call.host.work(Pool::Cpu, job);
    Ok(Box::pin(async move {
        let done = work.await.map_err(|fault| fault.to_string());
        let field = done.and_then(|done| match done.downcast::<Result<String, String>>() {
            Ok(field) => *field,
            Err(_) => Err("the side thread has answered something else".to_owned()),
        });
        let field = field.map_err(|text| Error::runtime(format!("msys.validate.opendkim.sign: {text}")))?;
        letter.message.borrow_mut().content.prepend_written(field.as_bytes());
        Ok(MultiValue::from_iter([Value::Boolean(true)]))
    }))
}

/// The script's options go before those of the module.
fn order(call: &Rc<Call>, letter: &Letter, options: Option<Table>) -> mlua::Result<Order> {
    let option = |name: &str| -> mlua::Result<Option<String>> {
        let given = options.as_ref().map_or(Ok(None), |options| options.get::<Option<Text>>(name))?;
        Ok(given.map(|text| text.0).filter(|text| !text.is_empty()))
    };
    let module = |name: &str| {
        let of = |instance: &str| call.host.option(&[("opendkim", instance)], name);
        of("").or_else(|| of("opendkim")).filter(|text| !text.is_empty())
    };
    let lacks =
        |what: &str| Error::runtime(format!("msys.validate.opendkim.sign: no {what} is given or configured"));
    let domain = match option("signing_domain")?.or(option("base_domain")?) {
        Some(domain) => domain,
        None => responsible(letter).ok_or_else(|| lacks("domain"))?,
    };
    let selector = option("selector")?.or_else(|| module("selector")).ok_or_else(|| lacks("selector"))?;
    let key = match (option("keybuf")?, option("keyfile")?.or_else(|| module("key"))) {
        (Some(text), _) => Key::Text(text),
        (None, Some(file)) => Key::File(file.replace("%{d}", &domain).replace("%{s}", &selector)),
        (None, None) => return Err(lacks("keyfile or keybuf")),
    };
    let canon = |name: &str| -> mlua::Result<Canon> {
        let text = option(name)?.or_else(|| module(name)).unwrap_or_else(|| "simple".to_owned());
        Canon::named(&text)
            .ok_or_else(|| Error::runtime(format!("{name} '{text}' is none of simple, relaxed")))
    };
    if option("digest")?.is_some_and(|digest| digest.eq_ignore_ascii_case("rsa-sha1")) {
        return Err(Error::runtime("rsa-sha1 signs nothing any more (RFC 8301 §3.1), use rsa-sha256"));
    }
    let mut recipe = Recipe::new(&domain, &selector);
    (recipe.header_canon, recipe.body_canon) = (canon("header_canon")?, canon("body_canon")?);
    recipe.identity = option("identity")?.map(Into::into);
    if let Some(list) = option("headerlist")? {
        recipe.names = list
            .split([':', ',', ' '])
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(Into::into)
            .collect();
    }
    recipe.body_length = option("body_length_limit")?.is_some_and(|text| text != "false" && text != "0");
    let octets = letter.message.borrow().content.octets();
    Ok(Order { octets, recipe, key, now_s: call.host.now().secs() })
}

/// The domain of Sender, else of From.
fn responsible(letter: &Letter) -> Option<String> {
    let message = letter.message.borrow();
    ["Sender", "From"].into_iter().find_map(|name| {
        let field = message.content.field(name)?;
        parse_list(&String::from_utf8_lossy(&field.value())).first()?.component(Component::named("domain")?)
    })
}

/// Keys of a side thread, and when they were read.
const KEPT: usize = 256;
const FRESH: Duration = Duration::from_secs(300);

thread_local! {
    static KEYS: RefCell<Vec<(String, Instant, Rc<PrivateKey>)>> = const { RefCell::new(Vec::new()) };
}

fn key(wanted: &Key) -> Result<Rc<PrivateKey>, String> {
    let file = match wanted {
        Key::Text(text) => {
            return PrivateKey::from_base64(text).map(Rc::new).map_err(|fault| fault.to_string());
        }
        Key::File(file) => file,
    };
    KEYS.with_borrow_mut(|keys| {
        keys.retain(|(_, read, _)| read.elapsed() < FRESH);
        if let Some((_, _, key)) = keys.iter().find(|(known, ..)| known == file) {
            return Ok(key.clone());
        }
        let text = std::fs::read(file).map_err(|error| format!("{file}: {error}"))?;
        let key = PrivateKey::from_pem(&text).map_err(|fault| format!("{file}: {fault}"))?;
        let key = Rc::new(key);
        if keys.len() >= KEPT {
            keys.remove(0);
        }
        keys.push((file.clone(), Instant::now(), key.clone()));
        Ok(key)
    })
}

fn make(order: &Order) -> Result<String, String> {
    let key = key(&order.key)?;
    let fields = Fields::of(&order.octets);
    let mut body = BodyHash::new(order.recipe.body_canon, None);
    while !body.is_over() {
        body.step(&order.octets[fields.body()..]);
    }
    let unsigned = order.recipe.unsigned(&order.octets, &fields, &body, key.algorithm(), order.now_s);
    let signature = key.sign(&unsigned.octets);
    Ok(unsigned.signed(&signature))
}

fn verify(lua: &Lua, call: &Rc<Call>, arguments: MultiValue) -> mlua::Result<Pending> {
    let (letter, _) = of(arguments, "msys.validate.opendkim.verify")?;
    letter.flush();
    let (host, octets) = (call.host.clone(), letter.message.borrow().content.octets());
    let lua = lua.clone();
    Ok(Box::pin(async move {
        let mut verifier = Verifier::new(octets, host.now().secs(), Limits::default());
        loop {
            match verifier.want() {
                None => break,
                Some(Want::Ask(question)) => {
                    let reply = lookup(&host, question).await;
                    verifier.answered(&reply);
                }
                Some(Want::Compute) => {
                    verifier.compute();
                    host.breathe().await;
                }
            }
        }
        let judged: Vec<Judged> = verifier.results().map(|checked| judged(&checked)).collect();
        let stat = overall(&judged);
        let handle = lua.create_any_userdata(Dkim(Rc::new(judged)))?;
        Ok(MultiValue::from_iter([Value::UserData(handle), Value::Number(stat as f64)]))
    }))
}

/// DKIM asks for texts only.
async fn lookup(host: &Rc<dyn Host>, question: &authentication::Question) -> Reply {
    debug_assert_eq!(question.kind, Kind::Txt);
    match host.lookup(policy_api::Question::new(&*question.name, RecordKind::Txt)).await {
        Ok(answers) => Reply::Texts(
            answers
                .records
                .into_iter()
                .filter_map(|record| match record {
                    Record::Txt(text) => Some(text.to_vec()),
                    _ => None,
                })
                .collect(),
        ),
        Err(LookupFault::NoData) => Reply::NoData,
        Err(LookupFault::NxDomain | LookupFault::BadName) => Reply::NoName,
        Err(LookupFault::ServFail | LookupFault::Timeout) => Reply::Failed,
    }
}

fn judged(checked: &authentication::dkim::Checked<'_>) -> Judged {
    let bit = |name: &str, set: bool| {
        FLAGS.iter().find(|(known, _)| *known == name).map_or(0, |(_, bit)| if set { *bit } else { 0 })
    };
    let (testing, strict) = checked.key.map_or((false, false), |key| (key.is_testing, key.is_strict));
    let flags = bit("PROCESSED", true)
        | bit("PASSED", checked.fault.is_none())
        | bit("TESTKEY", testing)
        | bit("NOSUBDOMAIN", strict);
    Judged {
        signature: checked.signature.cloned(),
        reason: checked.fault.map_or("", |fault| fault.as_str()),
        stat: checked.fault.map_or("OK", |fault| fault.stat()),
        flags,
        bits: checked.key.map_or(0, |key| key.bits),
    }
}

/// One good signature makes the message good; else the first says why not.
fn overall(judged: &[Judged]) -> i64 {
    let name = match judged.iter().find(|judged| judged.stat == "OK").or(judged.first()) {
        Some(judged) => judged.stat,
        None => "NOSIG",
    };
    stat(name)
}

fn answer(lua: &Lua, value: impl mlua::IntoLua) -> mlua::Result<MultiValue> {
    Ok(MultiValue::from_iter([value.into_lua(lua)?, Value::Number(0.0)]))
}

fn get_num_sigs(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (count, _) = this::<Dkim, _>(arguments, "get_num_sigs", |dkim| dkim.0.len())?;
    answer(lua, count)
}

fn get_sig(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (all, rest) = this::<Dkim, _>(arguments, "get_sig", |dkim| dkim.0.clone())?;
    let number = Option::<f64>::from_lua_multi(rest, lua)?.unwrap_or(0.0);
    if number < 0.0 || number as usize >= all.len() {
        return Ok(MultiValue::from_iter([Value::Nil, Value::Number(stat("INVALID") as f64)]));
    }
    answer(lua, lua.create_any_userdata(Sig(all, number as usize))?)
}

/// A fact about a signature that could be read.
fn fact<V: mlua::IntoLua>(
    lua: &Lua,
    arguments: MultiValue,
    name: &str,
    fact: impl FnOnce(&Judged, Option<&Signature>) -> Option<V>,
) -> mlua::Result<MultiValue> {
    let (value, _) =
        this::<Sig, _>(arguments, name, |sig| fact(&sig.0[sig.1], sig.0[sig.1].signature.as_ref()))?;
    match value {
        Some(value) => answer(lua, value),
        None => Ok(MultiValue::from_iter([Value::Nil, Value::Number(stat("SYNTAX") as f64)])),
    }
}

fn get_sig_canons(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    fact(lua, arguments, "get_sig_canons", |_, sig| {
        sig.map(|sig| format!("{}/{}", sig.header_canon.as_str(), sig.body_canon.as_str()))
    })
}

fn get_sig_domain(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    fact(lua, arguments, "get_sig_domain", |_, sig| sig.map(|sig| sig.domain.to_string()))
}

fn get_sig_errorstr(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    fact(lua, arguments, "get_sig_errorstr", |judged, _| Some(judged.reason))
}

fn get_sig_flags(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    fact(lua, arguments, "get_sig_flags", |judged, _| Some(judged.flags))
}

fn get_sig_hdrsigned(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let name = arguments.get(1).cloned().unwrap_or(Value::Nil);
    let name = Text::from_lua_multi(MultiValue::from_iter([name]), lua)?.0;
    fact(lua, arguments, "get_sig_hdrsigned", |_, sig| sig.map(|sig| sig.signs(&name)))
}

fn get_sig_identity(lua: &Lua, mut arguments: MultiValue) -> mlua::Result<MultiValue> {
    arguments.pop_front();
    fact(lua, arguments, "get_sig_identity", |_, sig| sig.map(|sig| sig.identity.to_string()))
}

fn get_sig_keysize(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    fact(lua, arguments, "get_sig_keysize", |judged, _| Some(judged.bits))
}

fn get_sig_selector(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    fact(lua, arguments, "get_sig_selector", |_, sig| sig.map(|sig| sig.selector.to_string()))
}

fn get_sig_signalg(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    fact(lua, arguments, "get_sig_signalg", |_, sig| {
        Some(sig.map_or("unknown", |sig| sig.algorithm.as_str()))
    })
}
