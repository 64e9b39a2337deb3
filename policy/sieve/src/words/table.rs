//! Hashes (spec sieve.md §5.4): keys are strings, values anything.

use crate::fault::Fault;
use crate::machine::Call;
use crate::value::{Hash, Value};
use crate::word::{Flow, Kind, Word, needs};
use std::rc::Rc;

pub(super) static WORDS: &[Word] = &[
    Word::value("hash_create", |_| Ok(Value::Hash(Hash::default()))).doc("An empty hash."),
    Word::action("hash_set", set)
        .takes(&[needs("hash", Kind::Variable), needs("key", Kind::Text), needs("value", Kind::Any)])
        .doc("Sets an element of the hash in a variable."),
    Word::value("hash_get", get)
        .takes(&[needs("hash", Kind::Hash), needs("key", Kind::Text)])
        .doc("An element, or \"\"."),
    Word::value("hash_keys", |call| Ok(call.hash(0)?.keys().cloned().collect()))
        .takes(&[needs("hash", Kind::Hash)])
        .doc("The keys, in no order to rely on."),
    Word::value("hash_values", |call| Ok(call.hash(0)?.values().map(Value::text).collect()))
        .takes(&[needs("hash", Kind::Hash)])
        .doc("The values, in the order of the keys."),
];

/// Hashes in hashes.
const DEEPEST: usize = 16;

fn depth(value: &Value) -> usize {
    match value {
        Value::Hash(hash) => 1 + hash.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn set(call: &mut Call<'_, '_>) -> Result<Flow, Fault> {
    let (key, value) = (call.text(0), call.value(1).clone());
    if depth(&value) >= DEEPEST {
        return Err(Fault::limit("depth", format!("hashes in hashes, deeper than {DEEPEST}")));
    }
    let Value::Hash(hash) = call.variable() else {
        let kind = call.variable().kind();
        return Err(Fault::new(format!("the variable holds a {kind}, not a hash (made with hash_create)")));
    };
    // A hash that another variable holds too is copied.
    let copied = if Rc::strong_count(hash) > 1 { hash.len() * 64 } else { 0 };
    let octets = copied + key.len() + value.size();
    call.account.hold(octets)?;
    if let Value::Hash(hash) = call.variable() {
        Rc::make_mut(hash).insert(key, value);
    }
    Ok(Flow::On)
}

fn get(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let key = call.text(1);
    Ok(call.hash(0)?.get(&key).cloned().unwrap_or_default())
}
