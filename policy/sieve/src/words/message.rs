//! What is known about the message (spec sieve.md §5.2).

use crate::fault::Fault;
use crate::machine::Call;
use crate::scene::Scene;
use crate::value::Value;
use crate::word::{Kind, Word, may, needs};
use content::encoded_word;
use mail::{Address, MessageId, Protocol, Reply};
use policy_api::Origin;

const ALL: &str = "DXRBS";

pub(super) static WORDS: &[Word] = &[
    Word::value("ec_get_message_code", code)
        .at(ALL)
        .doc("The status that the message carries: NNN text CRLF."),
    Word::value("ec_get_message_creation_time", creation_time)
        .at(ALL)
        .doc("Seconds since the epoch when the message began."),
    Word::value("ec_get_message_num_retries", retries).at(ALL).doc("Delivery attempts up to now."),
    Word::value("ec_get_message_size", size).at(ALL).doc("Octets of the message."),
    Word::value("ec_get_message_id", id).at(ALL).doc("Identity of the message."),
    Word::value("ec_get_message_spool_name", spool_name).at(ALL).doc("Name of the message in the spool."),
    Word::value("ec_get_message_mailfrom", mailfrom).at(ALL).doc("MAIL FROM:<sender>"),
    Word::value("ec_get_message_rcptto", rcptto).at(ALL).doc("RCPT TO:<recipient>"),
    Word::value("ec_get_message_protocol", protocol).at(ALL).doc("ESMTP, LMTP, INTERNAL, …"),
    Word::value("ec_get_message_received_from", received_from).at(ALL).doc("Address of the client."),
    Word::value("ec_get_message_received_from_port", received_from_port).at(ALL).doc("Port of the client."),
    Word::value("ec_get_message_received_via", received_via)
        .at(ALL)
        .doc("Our address that the client found."),
    Word::value("ec_get_message_received_via_port", received_via_port).at(ALL).doc("Our port."),
    Word::value("ec_mime_boundary_create", new_boundary).doc("A boundary that occurs in no message."),
    Word::value("ec_rfc2047_encode_header", encode)
        .takes(&[needs("text", Kind::Text)])
        .doc("Encoded words (RFC 2047) where the text is not ASCII."),
    Word::value("ec_rfc2047_encode_addresses", encode)
        .takes(&[needs("text", Kind::Text)])
        .at("DXS")
        .doc("As ec_rfc2047_encode_header; addresses stay as they are."),
    Word::value("ec_rfc3464_delivery_status", delivery_status)
        .takes(&[may("fields", Kind::Hash)])
        .at("DXSBF")
        .doc("Fields of a delivery status (RFC 3464), each with CRLF; the hash adds or replaces some."),
    Word::value("ec_bounce_classify", classify)
        .at("DXSB")
        .doc("Class of what a bounce reports, or of the message's status: number, name, original recipient or \"\"."),
];

fn status(scene: &Scene<'_>) -> Reply {
    let carried = scene.message.code.clone().or_else(|| scene.disposition.reply.clone());
    let carried = carried.or_else(|| scene.told.cloned());
    carried.unwrap_or(Reply::fixed(250, (2, 0, 0), "OK"))
}

fn code(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    Ok(Value::from(format!("{}\r\n", status(call.scene))))
}

/// The second is a part of the identity.
fn creation_time(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let id = identity(call.scene);
    let second = if id == MessageId::NONE { call.scene.host.now().secs() } else { u64::from(id.second) };
    Ok(number(second))
}

fn number(number: u64) -> Value {
    Value::Number(number.to_string().into())
}

fn identity(scene: &Scene<'_>) -> MessageId {
    scene.message.id
}

/// Nothing that a script sees was tried before.
fn retries(_: &mut Call<'_, '_>) -> Result<Value, Fault> {
    Ok(number(0))
}

fn size(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    Ok(Value::from(call.scene.message.content.len().to_string()))
}

fn id(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    Ok(Value::from(identity(call.scene).to_string()))
}

/// Messages stand in journals, so the name is made of the identity as Momentum made its files' names.
fn spool_name(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let id = identity(call.scene).to_string();
    Ok(Value::from(id.rsplit('/').next().unwrap_or_default().to_owned()))
}

fn mailfrom(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let sender = call.scene.message.sender.as_ref().map_or("", Address::as_str);
    Ok(Value::from(format!("MAIL FROM:<{sender}>")))
}

fn rcptto(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let recipient = call.scene.recipients().first().map_or("", |address| address.as_str());
    Ok(Value::from(format!("RCPT TO:<{recipient}>")))
}

fn protocol(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let name = match (call.scene.message.origin, call.scene.client.protocol) {
        (Origin::Internal, _) | (_, Protocol::Internal) => "INTERNAL",
        (Origin::Http, _) | (_, Protocol::Rest) => "HTTP",
        (Origin::Smtp, _) => "ESMTP",
    };
    Ok(Value::from(name))
}

fn received_from(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let peer = call.scene.client.peer.map(|peer| peer.ip().to_canonical().to_string());
    Ok(Value::from(peer.unwrap_or_default()))
}

fn received_from_port(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    Ok(number(call.scene.client.peer.map_or(0, |peer| u64::from(peer.port()))))
}

fn received_via(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let local = call.scene.client.local.map(|local| local.ip().to_canonical().to_string());
    Ok(Value::from(local.unwrap_or_default()))
}

fn received_via_port(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    Ok(number(call.scene.client.local.map_or(0, |local| u64::from(local.port()))))
}

pub(super) fn boundary(scene: &Scene<'_>) -> String {
    format!("={:016x}{:016x}", scene.host.chance(), scene.host.now().micros())
}

fn new_boundary(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    Ok(Value::from(boundary(call.scene)))
}

fn encode(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let text = call.text(0);
    Ok(Value::from(encoded_word::encode_words(&text)))
}

/// RFC 3464 §2.2 and §2.3; overriding is by name, in any case.
fn delivery_status(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let scene = &call.scene;
    let reply = status(scene);
    let (class, subject, detail) = bounce::status(&reply);
    let action = match reply.code {
        500.. => "failed",
        400..500 => "delayed",
        _ => "delivered",
    };
    let recipient = scene.recipients().first().map_or("", |address| address.as_str()).to_owned();
    let mut fields = vec![
        ("Reporting-MTA".to_owned(), format!("dns; {}", scene.shared.hostname)),
        ("Arrival-Date".to_owned(), scene.host.now().to_string()),
        ("Final-Recipient".to_owned(), format!("rfc822; {recipient}")),
        ("Action".to_owned(), action.to_owned()),
        ("Status".to_owned(), format!("{class}.{subject}.{detail}")),
        ("Diagnostic-Code".to_owned(), format!("smtp; {reply}")),
    ];
    if call.count() > 0 {
        for (name, value) in call.hash(0)?.iter() {
            let value = value.text().to_string();
            match fields.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
                Some(field) => field.1 = value,
                None => fields.push((name.to_string(), value)),
            }
        }
    }
    let mut out = String::new();
    for (name, value) in fields {
        out.push_str(&super::header::written(&name, &value.replace(['\r', '\n'], " "))?);
    }
    Ok(Value::from(out))
}

/// A bounce is read for what it reports; any other message is classed by the status that it carries, and has no
/// original recipient.
fn classify(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let content = &call.scene.message.content;
    call.account.look(content.len())?;
    let is_bounce = call.scene.message.sender.is_none() || bounce::status_fields(content).is_some();
    let reported = is_bounce.then(|| bounce::read(content, |_| false)).and_then(|all| all.into_iter().next());
    let (class, original) = match reported {
        Some(reported) => (reported.class, reported.recipient.unwrap_or_default()),
        None => (bounce::classify(&status(call.scene)), String::new()),
    };
    Ok([class.code().to_string(), class.name().to_owned(), original].into_iter().collect())
}
