//! Strings and lists (spec sieve.md §5.4).

use crate::aside;
use crate::fault::Fault;
use crate::machine::Call;
use crate::macros::base64;
use crate::pattern::Patterns;
use crate::value::Value;
use crate::word::{Got, Kind, Word, may, needs};
use content::Encoding;

pub(super) static WORDS: &[Word] = &[
    Word::value("split", split)
        .takes(&[needs("delimiter", Kind::Text), needs("text", Kind::Text)])
        .doc("The pieces of a text."),
    Word::value("ec_explode", split)
        .takes(&[needs("delimiter", Kind::Text), needs("text", Kind::Text)])
        .doc("As split."),
    Word::value("join", join)
        .takes(&[needs("delimiter", Kind::Text), needs("list", Kind::Texts)])
        .doc("The elements of a list as one text."),
    Word::value("reverse", reverse)
        .takes(&[needs("text or list", Kind::Texts)])
        .doc("The characters of a text, or the elements of a list, backwards."),
    Word::value("reverse_delim", reverse_delim)
        .takes(&[needs("delimiter", Kind::Text), needs("text", Kind::Text)])
        .doc("The pieces of a text backwards: \"4.3.2.1\" of \"1.2.3.4\"."),
    Word::value("ec_tolower", lower).takes(&[needs("text", Kind::Text)]).doc("The text in lower case."),
    Word::wait("ec_pcre_match", pcre)
        .takes(&[needs("text", Kind::Text), needs("pattern", Kind::Text)])
        .doc("The whole match and the groups; an empty list if there is none."),
    Word::value("ec_base64_encode", encode_base64)
        .takes(&[needs("text", Kind::Text)])
        .doc("Base64, in one line."),
    Word::value("ec_base64_decode", decode_base64).takes(&[needs("text", Kind::Text)]).doc("The reverse."),
    Word::value("qp_encode", quoted_printable)
        .takes(&[needs("text", Kind::Text), may("charset", Kind::Text)])
        .doc("Quoted-printable, of the text in UTF-8 or another character set."),
];

/// Elements that one call may make.
const MOST_PIECES: usize = 100_000;

fn pieces(call: &mut Call<'_, '_>) -> Result<Vec<String>, Fault> {
    let (delimiter, text) = (call.text(0), call.text(1));
    if delimiter.is_empty() {
        return Err(Fault::new("the delimiter is empty"));
    }
    if text.is_empty() {
        return Ok(Vec::new());
    }
    call.account.look(text.len())?;
    let count = text.matches(&*delimiter).count() + 1;
    if count > MOST_PIECES {
        return Err(Fault::limit("memory", format!("more than {MOST_PIECES} pieces")));
    }
    call.account.hold(text.len() + count * 64)?;
    Ok(text.split(&*delimiter).map(str::to_owned).collect())
}

fn split(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    Ok(pieces(call)?.into_iter().collect())
}

fn join(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let (delimiter, list) = (call.text(0), call.texts(1));
    let octets: usize = list.iter().map(|text| text.len() + delimiter.len()).sum();
    call.account.hold(octets)?;
    let mut joined = String::with_capacity(octets);
    for (index, text) in list.iter().enumerate() {
        joined.push_str(if index > 0 { &delimiter } else { "" });
        joined.push_str(text);
    }
    Ok(Value::from(joined))
}

fn reverse(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    Ok(match call.value(0) {
        Value::List(list) => list.iter().rev().cloned().collect(),
        other => Value::from(other.text().chars().rev().collect::<String>()),
    })
}

fn reverse_delim(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let mut pieces = pieces(call)?;
    pieces.reverse();
    Ok(Value::from(pieces.join(&call.text(0))))
}

fn lower(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    Ok(Value::from(call.text(0).to_lowercase()))
}

fn pcre(call: &mut Call<'_, '_>) -> Result<Got, Fault> {
    let (text, pattern) = (call.text(0), call.text(1));
    call.account.look(text.len())?;
    if text.len() > aside::LONG_FOR_A_PATTERN && call.may_wait() {
        let (text, pattern) = (text.to_string(), pattern.to_string());
        let job = move || groups(&text, &pattern, &Patterns::default());
        return Ok(Got::Later(aside::work(call.scene.host, job, |groups| groups.into_iter().collect())));
    }
    Ok(Got::Value(groups(&text, &pattern, &call.scene.shared.patterns)?.into_iter().collect()))
}

/// The whole match and its groups.
fn groups(text: &str, pattern: &str, patterns: &Patterns) -> Result<Vec<String>, String> {
    let pattern = patterns.get(pattern, false)?;
    let Some(captures) = pattern.captures(text)? else { return Ok(Vec::new()) };
    let group = |index| captures.get(index).map_or(&[][..], |found| found.as_bytes());
    Ok((0..captures.len()).map(|index| String::from_utf8_lossy(group(index)).into_owned()).collect())
}

fn encode_base64(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let text = call.text(0);
    call.account.hold(text.len() * 2)?;
    Ok(Value::from(base64(text.as_bytes())))
}

fn decode_base64(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let decoded = Encoding::Base64.decode(call.text(0).as_bytes());
    Ok(Value::from(String::from_utf8_lossy(&decoded).into_owned()))
}

fn quoted_printable(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let text = call.text(0);
    call.account.hold(text.len() * 3)?;
    let octets = match call.optional(1) {
        None => text.as_bytes().to_vec(),
        Some(charset) => content::charset::encode(&text, &charset)
            .ok_or_else(|| Fault::new(format!("the text cannot be written in '{charset}'")))?,
    };
    let encoded = Encoding::QuotedPrintable.encode(&octets);
    Ok(Value::from(String::from_utf8_lossy(&encoded).into_owned()))
}
