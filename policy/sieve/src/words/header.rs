//! Header fields, addresses and disclaimers (spec sieve.md §5.2).

use super::new_mail::with_line_ends;
use crate::fault::Fault;
use crate::machine::Call;
use crate::scene::Aspect;
use crate::value::Value;
use crate::word::{Flow, Kind, Tags, Word, needs};
use content::Place;

const ADDRESS: Tags = Tags { part: true, ..Tags::NONE };

pub(super) static WORDS: &[Word] = &[
    Word::action("ec_header_add", add)
        .takes(&[needs("name", Kind::Text), needs("body", Kind::Text)])
        .at("DXS")
        .doc("Puts a field before all others."),
    Word::action("ec_header_delete", delete)
        .takes(&[needs("name", Kind::Text)])
        .at("DXS")
        .doc("Removes all fields of this name."),
    Word::value("ec_header_get", get)
        .takes(&[needs("name", Kind::Text)])
        .at("DXSB")
        .doc("The values of all fields of this name."),
    Word::action("ec_header_prefix", prefix)
        .takes(&[needs("name", Kind::Text), needs("text", Kind::Text)])
        .at("DXS")
        .doc("Puts text before the value of an existing field."),
    Word::action("ec_header_postfix", postfix)
        .takes(&[needs("name", Kind::Text), needs("text", Kind::Text)])
        .at("DXS")
        .doc("Puts text behind the value of an existing field."),
    Word::value("address", address)
        .takes(&[needs("names", Kind::Texts)])
        .tagged(ADDRESS)
        .at("DMRSXB")
        .doc("The first address in one of the header fields, or a part of it."),
    Word::value("envelope", envelope)
        .takes(&[needs("from or to", Kind::OneOf(&["from", "to"]))])
        .tagged(ADDRESS)
        .doc("The sender or the first recipient of the envelope, or a part of it."),
    Word::action("disclaimer_add", disclaimer)
        .takes(&[needs("texts", Kind::Hash)])
        .at("DXS")
        .doc("Appends text (keys html and plain) to the text parts that are no attachments."),
    Word::action("ec_trace_context", trace).at("DXS").doc("Adds X-Trace-Context with both dictionaries."),
];

/// A field with its line end, folded and encoded where needed.
pub(super) fn written(name: &str, value: &str) -> Result<String, Fault> {
    let mut content = content::Content::default();
    content.put_field(Place::First, name, value).map_err(|bad| Fault::new(format!("{name}: {bad}")))?;
    let octets = content.header_octets();
    let field = content.header().first(name).map(|field| field.raw().to_vec()).unwrap_or(octets.to_vec());
    String::from_utf8(field).map_err(|_| Fault::new(format!("{name}: not text")))
}

fn may_edit(call: &Call<'_, '_>) -> Result<(), Fault> {
    call.permit(call.scene.rights().content, "the content")
}

fn add(call: &mut Call<'_, '_>) -> Result<Flow, Fault> {
    may_edit(call)?;
    let (name, body) = (call.text(0), call.text(1));
    call.account.hold(call.scene.message.content.header_octets().len() + body.len())?;
    let body = single_line(&body);
    let put = call.scene.message.content.put_field(Place::First, &name, &body);
    put.map_err(|bad| Fault::new(format!("'{name}': {bad}")))?;
    Ok(Flow::On)
}

/// Line ends of a multi-line text become folds; no text of a script can begin another field.
fn single_line(text: &str) -> String {
    let lines =
        text.split('\n').map(|line| line.trim_matches(['\r', ' ', '\t'])).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("\r\n ")
}

fn delete(call: &mut Call<'_, '_>) -> Result<Flow, Fault> {
    may_edit(call)?;
    let name = call.text(0);
    call.account.hold(call.scene.message.content.header_octets().len())?;
    call.scene.message.content.delete_fields(&name);
    Ok(Flow::On)
}

fn get(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let name = call.text(0);
    call.scene.fields(&name, Aspect::Values, call.account).map(Value::List)
}

fn prefix(call: &mut Call<'_, '_>) -> Result<Flow, Fault> {
    edit(call, |old, text| format!("{text}{old}"))
}

fn postfix(call: &mut Call<'_, '_>) -> Result<Flow, Fault> {
    edit(call, |old, text| format!("{old}{text}"))
}

/// A field that is not there stays away.
fn edit(call: &mut Call<'_, '_>, change: fn(&str, &str) -> String) -> Result<Flow, Fault> {
    may_edit(call)?;
    let (name, text) = (call.text(0), call.text(1));
    call.account.hold(call.scene.message.content.header_octets().len() + text.len())?;
    let content = &mut call.scene.message.content;
    let Some(old) = content.field(&name).map(|field| field.text()) else { return Ok(Flow::On) };
    let put = content.put_field(Place::Instead, &name, &single_line(&change(&old, &text)));
    put.map_err(|bad| Fault::new(format!("'{name}': {bad}")))?;
    Ok(Flow::On)
}

fn address(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let found = super::test::fields(call, Aspect::Addresses(call.form.part))?;
    Ok(found.first().cloned().map_or_else(Value::default, Value::Text))
}

fn envelope(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    Ok(Value::from(super::test::envelope_values(call).into_iter().next().unwrap_or_default()))
}

fn disclaimer(call: &mut Call<'_, '_>) -> Result<Flow, Fault> {
    may_edit(call)?;
    let texts = call.hash(0)?.clone();
    call.account.hold(call.scene.message.content.len())?;
    let mut tree = call.scene.message.content.tree();
    for part in tree.texts(tree.root()) {
        let kind = &tree.content_type(part).value;
        let key = match kind.as_str() {
            "text/html" => "html",
            "text/plain" => "plain",
            _ => continue,
        };
        let Some(added) = texts.get(key).map(Value::text) else { continue };
        let added = String::from_utf8_lossy(&with_line_ends(&added)).into_owned();
        let old = tree.text(part);
        let text = match key {
            "html" => before_end_of_body(&old, &added),
            _ if old.is_empty() || old.ends_with('\n') => format!("{old}{added}"),
            _ => format!("{old}\r\n{added}"),
        };
        tree.set_text(part, &text);
    }
    call.scene.message.content.adopt(&tree);
    Ok(Flow::On)
}

/// HTML behind `</body>` is not shown by every reader.
fn before_end_of_body(html: &str, added: &str) -> String {
    let at = html.to_ascii_lowercase().rfind("</body").unwrap_or(html.len());
    format!("{}{added}{}", &html[..at], &html[at..])
}

fn trace(call: &mut Call<'_, '_>) -> Result<Flow, Fault> {
    may_edit(call)?;
    let contexts = &call.scene.contexts;
    let line = |prefix: &str, dictionary: &mail::Dictionary| -> Vec<String> {
        dictionary.iter().map(|(key, value)| format!("{prefix} {key}={value};")).collect()
    };
    let mut entries = line("conn", &contexts.connection);
    entries.extend(line("mess", &contexts.message));
    let value =
        entries.iter().map(|entry| entry.replace(['\r', '\n'], " ")).collect::<Vec<_>>().join("\r\n ");
    call.account.hold(value.len())?;
    let put = call.scene.message.content.put_field(Place::First, "X-Trace-Context", &value);
    put.map_err(|bad| Fault::new(bad.to_string()))?;
    Ok(Flow::On)
}
