//! Context, capabilities, configuration and logging (spec sieve.md §5.3).

use crate::fault::Fault;
use crate::machine::Call;
use crate::scene::Scene;
use crate::value::Value;
use crate::word::{Flow, Kind, Parameter, Word, needs};
use mail::{Dictionary, Phase};
use policy_api::Level;

const KEY: [Parameter; 1] = [needs("key", Kind::Text)];
const KEY_VALUE: [Parameter; 2] = [needs("key", Kind::Text), needs("value", Kind::Text)];

pub(super) static WORDS: &[Word] = &[
    Word::value("vctx_conn_get", conn_get)
        .takes(&KEY)
        .doc("A variable of the connection's context, or \"\"."),
    Word::action("vctx_conn_set", conn_set)
        .takes(&KEY_VALUE)
        .doc("Sets a variable of the connection's context."),
    Word::action("vctx_conn_delete", conn_delete).takes(&KEY).doc("Removes one."),
    Word::value("vctx_mess_get", mess_get).takes(&KEY).doc("A variable of the message's context, or \"\"."),
    Word::action("vctx_mess_set", mess_set)
        .takes(&KEY_VALUE)
        .doc("Sets a variable of the message's context."),
    Word::action("vctx_mess_delete", mess_delete).takes(&KEY).doc("Removes one."),
    Word::action("advertize_esmtp_capability", advertise)
        .takes(&[needs("capability", Kind::Text)])
        .at("CE")
        .doc("Adds a line to the reply to EHLO."),
    Word::action("disable_esmtp_capability", disable)
        .takes(&[needs("capability", Kind::Text)])
        .at("CE")
        .doc("Removes a line from the reply to EHLO."),
    Word::value("ec_config", configuration)
        .takes(&[
            needs("get or eval", Kind::OneOf(&["get", "eval"])),
            needs("scope or option", Kind::Text),
            crate::word::may("instance or option", Kind::Text),
            crate::word::may("scope or option", Kind::Text),
            crate::word::may("instance or option", Kind::Text),
            crate::word::may("scope or option", Kind::Text),
            crate::word::may("instance or option", Kind::Text),
            crate::word::may("option", Kind::Text),
        ])
        .doc("An option's text, list or hash: ec_config \"eval\" \"binding\" \"b1\" \"retry_interval\"."),
    Word::action("ec_log", log)
        .takes(&[needs("text", Kind::Text)])
        .doc("A line for paniclog, with file and line."),
    Word::action("hash_dump", dump).takes(&[needs("hash", Kind::Hash)]).doc("Writes a hash to paniclog."),
];

/// Keys and values of one context that a script may set.
const LONGEST_VALUE: usize = 1 << 20;
const MOST_KEYS: usize = 10_000;
/// Octets of one line of ec_log.
const LONGEST_LINE: usize = 1972;

fn get(dictionary: &Dictionary, key: &str) -> Value {
    Value::from(dictionary.get(key).unwrap_or(""))
}

fn set(dictionary: &mut Dictionary, key: &str, value: &str) -> Result<(), Fault> {
    if key.is_empty() {
        return Err(Fault::new("a context variable needs a name"));
    }
    if value.len() > LONGEST_VALUE {
        return Err(Fault::new(format!("a value of more than {LONGEST_VALUE} octets")));
    }
    if dictionary.len() >= MOST_KEYS && dictionary.get(key).is_none() {
        return Err(Fault::new(format!("more than {MOST_KEYS} variables in one context")));
    }
    dictionary.set(key, value);
    Ok(())
}

/// The message's dictionary is there from mailfrom on.
fn message<'c>(scene: &'c mut Scene<'_>) -> Result<&'c mut Dictionary, Fault> {
    if scene.phase() < Phase::Mailfrom {
        return Err(Fault::new(format!("there is no message in {}", scene.phase().name())));
    }
    Ok(&mut scene.contexts.message)
}

fn conn_get(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    Ok(get(&call.scene.contexts.connection, &call.text(0)))
}

fn conn_set(call: &mut Call<'_, '_>) -> Result<Flow, Fault> {
    let (key, value) = (call.text(0), call.text(1));
    call.account.hold(value.len())?;
    set(&mut call.scene.contexts.connection, &key, &value)?;
    Ok(Flow::On)
}

fn conn_delete(call: &mut Call<'_, '_>) -> Result<Flow, Fault> {
    let key = call.text(0);
    call.scene.contexts.connection.remove(&key);
    Ok(Flow::On)
}

fn mess_get(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let key = call.text(0);
    Ok(get(message(call.scene)?, &key))
}

fn mess_set(call: &mut Call<'_, '_>) -> Result<Flow, Fault> {
    let (key, value) = (call.text(0), call.text(1));
    call.account.hold(value.len())?;
    set(message(call.scene)?, &key, &value)?;
    Ok(Flow::On)
}

fn mess_delete(call: &mut Call<'_, '_>) -> Result<Flow, Fault> {
    let key = call.text(0);
    message(call.scene)?.remove(&key);
    Ok(Flow::On)
}

fn capability(call: &Call<'_, '_>) -> Result<Box<str>, Fault> {
    let text = call.text(0);
    let is_line = !text.is_empty() && text.bytes().all(|octet| (b' '..0x7f).contains(&octet));
    if !is_line || text.len() > 500 {
        return Err(Fault::new(format!("'{}' is no capability", text.escape_debug())));
    }
    call.permit(call.scene.rights().capabilities, "what EHLO offers")?;
    Ok((&*text).into())
}

fn advertise(call: &mut Call<'_, '_>) -> Result<Flow, Fault> {
    let capability = capability(call)?;
    call.scene.session.capabilities_added.push(capability);
    Ok(Flow::On)
}

fn disable(call: &mut Call<'_, '_>) -> Result<Flow, Fault> {
    let capability = capability(call)?;
    call.scene.session.capabilities_removed.push(capability);
    Ok(Flow::On)
}

/// Pairs of scope and instance, then the option.
fn configuration(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let words: Vec<_> = (1..call.count()).map(|index| call.text(index)).collect();
    let Some((option, path)) = words.split_last() else { return Err(Fault::new("no option is named")) };
    if path.len() % 2 != 0 {
        return Err(Fault::new("scopes and instances come in pairs before the option"));
    }
    let path: Vec<(&str, &str)> = path.chunks(2).map(|pair| (&*pair[0], &*pair[1])).collect();
    Ok(written(&call.scene.host.option(&path, option).unwrap_or_default()))
}

/// `( a b )` is a list, `[ k = v ]` a hash, in the language of the configuration; all else a text.
fn written(text: &str) -> Value {
    let is_several = text.starts_with(['(', '[']);
    let statements = is_several.then(|| config::parse("option", &format!("option = {text}")).ok());
    match statements.flatten().map(|(tree, _)| tree.statements).as_deref() {
        Some([config::Statement::Assignment(option)]) => match &option.value {
            config::Value::List(words) => words.iter().map(|word| word.text.to_string()).collect(),
            config::Value::Dictionary(pairs) => {
                let pairs = pairs.iter().map(|(key, value)| {
                    let key: crate::value::Text = (&*key.text).into();
                    (key, Value::from(&*value.text))
                });
                Value::Hash(crate::value::Hash::new(pairs.collect()))
            }
            config::Value::Scalar(_) => Value::from(text),
        },
        _ => Value::from(text),
    }
}

fn log(call: &mut Call<'_, '_>) -> Result<Flow, Fault> {
    let text = call.text(0);
    write(call, &text);
    Ok(Flow::On)
}

fn write(call: &mut Call<'_, '_>, text: &str) {
    let mut line = format!("{}: {}", call.place(), text.replace(['\r', '\n'], " "));
    line.truncate(line.floor_char_boundary(LONGEST_LINE));
    call.scene.report(Level::Critical, &line);
}

fn dump(call: &mut Call<'_, '_>) -> Result<Flow, Fault> {
    call.hash(0)?;
    let text = call.value(0).dump();
    call.account.hold(text.len())?;
    write(call, &text);
    Ok(Flow::On)
}
