//! The tests (spec sieve.md §4): of RFC 5228, of RFC 5173, and Momentum's own.

use crate::fault::Fault;
use crate::machine::{Call, compare};
use crate::scene::Aspect;
use crate::value::{List, Text, Value};
use crate::word::{Got, Kind, Tags, Word, needs};
use content::address::{Component, Mailbox};
use mail::{Address, Contexts, Dictionary};
use std::net::IpAddr;

const KEYS: [crate::word::Parameter; 2] = [needs("names", Kind::Texts), needs("keys", Kind::Texts)];
const VALUES: [crate::word::Parameter; 2] = [needs("keys", Kind::Texts), needs("values", Kind::Texts)];

pub(super) static WORDS: &[Word] = &[
    Word::test("size", size)
        .takes(&[needs("octets", Kind::Number)])
        .tagged(Tags { size: true, ..Tags::NONE })
        .at("DXSB")
        .doc("The message is larger or smaller than this."),
    Word::test("exists", exists)
        .takes(&[needs("names", Kind::Texts)])
        .at("DXSB")
        .doc("All these header fields are there."),
    Word::test("header", header)
        .takes(&KEYS)
        .tagged(Tags::RFC)
        .at("DXSB")
        .doc("A value of one of the header fields matches a key."),
    Word::test("address", address_test)
        .takes(&KEYS)
        .tagged(Tags { part: true, ..Tags::RFC })
        .at("DXSB")
        .doc("An address in one of the header fields matches a key."),
    Word::test("envelope", envelope)
        .takes(&[needs("from or to", Kind::OneOf(&["from", "to"])), needs("keys", Kind::Texts)])
        .tagged(Tags { part: true, ..Tags::RFC })
        .doc("The sender or a recipient of the envelope matches a key."),
    Word::test("body", super::body::body)
        .takes(&[needs("keys", Kind::Texts)])
        .tagged(Tags { body: true, ..Tags::RFC })
        .at("DXSB")
        .doc("The body matches a key; :binary compares lower-case hexadecimal digits."),
    Word::test("isset", isset)
        .takes(&[needs("list or hash", Kind::Any), needs("index or key", Kind::Text)])
        .doc("The list or the hash has such an element."),
    Word::test("is_valid_ip", is_valid_ip)
        .takes(&[needs("addresses", Kind::Texts)])
        .doc("All of them are IP addresses."),
    Word::test("is_rfc821_ip", is_rfc821_ip)
        .takes(&[needs("addresses", Kind::Texts)])
        .doc("All of them are IP addresses, with or without []."),
    Word::test("vctx", vctx)
        .takes(&VALUES)
        .tagged(Tags::MATCH)
        .doc("A variable of the message's or the connection's context matches; \"\" tests that it is there."),
    Word::test("vctx_conn", vctx_conn)
        .takes(&VALUES)
        .tagged(Tags::MATCH)
        .doc("A variable of the connection's context matches."),
    Word::test("vctx_mess", vctx_mess)
        .takes(&VALUES)
        .tagged(Tags::MATCH)
        .doc("A variable of the message's context matches."),
    Word::test("ec_test", generic)
        .takes(&[needs("value", Kind::Texts), needs("key", Kind::Texts)])
        .tagged(Tags::MATCH)
        .doc("A value matches a key; either may be a list."),
    Word::test("is_true", is_true)
        .takes(&[needs("value", Kind::Any)])
        .doc("The value is not empty, \"0\", \"false\" or \"no\"."),
    Word::test("type", kind)
        .takes(&[
            needs("value", Kind::Any),
            needs("type", Kind::OneOf(&["string", "number", "stringlist", "hash", "tag"])),
        ])
        .tagged(Tags::MATCH)
        .doc("What a variable holds."),
    Word::test("ec_mime_parts", mime_parts)
        .takes(&[needs("what", Kind::OneOf(&["filename"])), needs("keys", Kind::Texts)])
        .tagged(Tags::RFC)
        .at("DXBS")
        .doc("The file name of a MIME part matches a key."),
    Word::test("ec_valid_mime", valid_mime).at("DXBS").doc("The MIME structure has no fault."),
    Word::test("ec_valid_binding", valid_binding)
        .takes(&[needs("name", Kind::Text)])
        .doc("There is such a binding."),
    Word::test("ec_valid_binding_group", valid_group)
        .takes(&[needs("name", Kind::Text)])
        .doc("There is such a group of bindings."),
];

fn size(call: &mut Call<'_, '_>) -> Result<Got, Fault> {
    let limit = call.whole(0)?;
    let content = &call.scene.message.content;
    let octets = content.octets();
    // On the wire each line that begins with a dot has one more.
    let stuffed = memchr::memmem::find_iter(&octets, b"\n.").count() + usize::from(octets.starts_with(b"."));
    let size = (octets.len() + stuffed) as u64;
    Ok(if call.form.is_over { size > limit } else { size < limit }.into())
}

fn exists(call: &mut Call<'_, '_>) -> Result<Got, Fault> {
    for name in call.texts(0).iter() {
        if call.scene.fields(name, Aspect::Values, call.account)?.is_empty() {
            return Ok(false.into());
        }
    }
    Ok(true.into())
}

/// What the header fields of some names say.
pub(super) fn fields(call: &mut Call<'_, '_>, aspect: Aspect) -> Result<List, Fault> {
    let names = call.texts(0);
    if let [name] = &*names {
        return call.scene.fields(name, aspect, call.account);
    }
    let mut values = Vec::new();
    for name in names.iter() {
        values.extend_from_slice(&call.scene.fields(name, aspect, call.account)?);
    }
    Ok(List::new(values))
}

fn header(call: &mut Call<'_, '_>) -> Result<Got, Fault> {
    let (values, keys) = (fields(call, Aspect::Values)?, call.texts(1));
    call.matches(&values, &keys)
}

fn address_test(call: &mut Call<'_, '_>) -> Result<Got, Fault> {
    let (values, keys) = (fields(call, Aspect::Addresses(call.form.part))?, call.texts(1));
    call.matches(&values, &keys)
}

/// The asked part of the sender or of the recipients. The null sender is empty, whatever part is asked for
/// (RFC 5228 §5.4).
pub(super) fn envelope_values(call: &Call<'_, '_>) -> Vec<String> {
    let scene = &call.scene;
    let part = |address: &Address| component(address, call.form.part);
    if !scene.has_envelope() {
        return Vec::new();
    }
    let mut values = Vec::new();
    for which in call.texts(0).iter() {
        match (which.eq_ignore_ascii_case("from"), &scene.message.sender) {
            (true, Some(sender)) => values.extend(part(sender)),
            (true, None) => values.push(String::new()),
            (false, _) => values.extend(scene.recipients().into_iter().filter_map(part)),
        }
    }
    values
}

fn component(address: &Address, part: Component) -> Option<String> {
    match part {
        Component::All => Some(address.as_str().to_owned()),
        Component::Domain => Some(address.domain().to_owned()),
        _ => {
            let local = address.local().to_owned();
            Mailbox { local, ..Mailbox::default() }.component(part)
        }
    }
}

fn envelope(call: &mut Call<'_, '_>) -> Result<Got, Fault> {
    let values = envelope_values(call);
    let keys = call.texts(1);
    call.matches(&values, &keys)
}

fn isset(call: &mut Call<'_, '_>) -> Result<Got, Fault> {
    let key = call.text(1);
    let is_set = match call.value(0) {
        // A variable without a value has no first element.
        Value::Text(text) if text.is_empty() => false,
        value => value.element(&key).is_some(),
    };
    Ok(is_set.into())
}

fn is_valid_ip(call: &mut Call<'_, '_>) -> Result<Got, Fault> {
    Ok(all(&call.texts(0), |text| text.parse::<IpAddr>().is_ok()).into())
}

/// An address literal of RFC 5321 §4.1.3, or a bare address.
fn is_rfc821_ip(call: &mut Call<'_, '_>) -> Result<Got, Fault> {
    let is_literal = |text: &str| {
        let inside = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        let bare = inside.map(|inside| inside.strip_prefix("IPv6:").unwrap_or(inside)).unwrap_or(text);
        bare.parse::<IpAddr>().is_ok()
    };
    Ok(all(&call.texts(0), is_literal).into())
}

fn all(texts: &[Text], holds: impl Fn(&str) -> bool) -> bool {
    !texts.is_empty() && texts.iter().all(|text| holds(text))
}

/// The variables of these names in some dictionaries, compared where they stand.
fn in_contexts(call: &mut Call<'_, '_>, of: fn(&Contexts) -> [Option<&Dictionary>; 2]) -> Result<Got, Fault> {
    let (names, keys) = (call.texts(0), call.texts(1));
    let scene = &*call.scene;
    let dictionaries = of(scene.contexts);
    let named = |name: &Text| dictionaries.map(|dictionary| dictionary.and_then(|among| among.get(name)));
    // Mostly one name is asked for: its values need no room of their own.
    if let [name] = &*names {
        return match named(name) {
            [Some(one), Some(other)] => {
                compare(call.form.matching, call.account, scene, &[one, other], &keys)
            }
            [Some(one), None] | [None, Some(one)] => {
                compare(call.form.matching, call.account, scene, &[one], &keys)
            }
            [None, None] => compare::<&str>(call.form.matching, call.account, scene, &[], &keys),
        };
    }
    let values: Vec<&str> = names.iter().flat_map(named).flatten().collect();
    compare(call.form.matching, call.account, scene, &values, &keys)
}

fn vctx(call: &mut Call<'_, '_>) -> Result<Got, Fault> {
    in_contexts(call, |contexts| [Some(&contexts.message), Some(&contexts.connection)])
}

fn vctx_conn(call: &mut Call<'_, '_>) -> Result<Got, Fault> {
    in_contexts(call, |contexts| [Some(&contexts.connection), None])
}

fn vctx_mess(call: &mut Call<'_, '_>) -> Result<Got, Fault> {
    in_contexts(call, |contexts| [Some(&contexts.message), None])
}

fn generic(call: &mut Call<'_, '_>) -> Result<Got, Fault> {
    let (values, keys) = (call.texts(0), call.texts(1));
    call.matches(&values, &keys)
}

fn is_true(call: &mut Call<'_, '_>) -> Result<Got, Fault> {
    Ok(call.value(0).is_true().into())
}

fn kind(call: &mut Call<'_, '_>) -> Result<Got, Fault> {
    let (kind, keys) = (call.value(0).kind(), call.texts(1));
    call.matches(&[kind], &keys)
}

fn mime_parts(call: &mut Call<'_, '_>) -> Result<Got, Fault> {
    let content = call.scene.message.content.clone();
    call.account.look(content.len())?;
    let tree = content.tree();
    let name_of = |part| {
        let disposition = tree.header(part).first("Content-Disposition");
        let parsed = disposition.map(|field| content::ContentType::parse(&field.text()));
        let filename = parsed.as_ref().and_then(|field| field.parameter("filename").map(str::to_owned));
        filename.or_else(|| tree.content_type(part).parameter("name").map(str::to_owned))
    };
    let names: Vec<String> = tree.walk(tree.root()).into_iter().filter_map(name_of).collect();
    let keys = call.texts(1);
    call.matches(&names, &keys)
}

/// Faults that the parser steps over: a multipart without parts, and lines in a header that are no fields.
fn valid_mime(call: &mut Call<'_, '_>) -> Result<Got, Fault> {
    let content = call.scene.message.content.clone();
    call.account.look(content.len())?;
    let tree = content.tree();
    let is_valid = tree.walk(tree.root()).into_iter().all(|part| {
        let is_whole = !tree.content_type(part).is_multipart() || !tree.children(part).is_empty();
        is_whole && tree.header(part).fields().all(|field| !field.name().is_empty())
    });
    Ok(is_valid.into())
}

fn valid_binding(call: &mut Call<'_, '_>) -> Result<Got, Fault> {
    Ok(call.scene.host.knows_binding(&call.text(0)).into())
}

fn valid_group(call: &mut Call<'_, '_>) -> Result<Got, Fault> {
    Ok(call.scene.host.knows_binding_group(&call.text(0)).into())
}
