//! The body test (RFC 5173, spec sieve.md §4). Large messages are decoded and searched on a side thread.

use crate::aside;
use crate::fault::Fault;
use crate::machine::Call;
use crate::matching::{Comparator, MatchType, Matching, contains_bytes};
use crate::pattern::Patterns;
use crate::program::BodyPart;
use crate::value::Value;
use crate::word::Got;
use content::Content;

/// A question to a body; all that it needs, so that any thread can answer it.
struct Question {
    content: Content,
    matching: Matching,
    body: BodyPart,
    /// None: text parts.
    types: Option<Vec<Box<str>>>,
    /// Octets to skip, for `:binary`.
    offset: usize,
    keys: Vec<Box<str>>,
}

pub(super) fn body(call: &mut Call<'_, '_>) -> Result<Got, Fault> {
    let content = call.scene.message.content.clone();
    let boxed =
        |value: &Value| value.texts().iter().map(|text| Box::from(&**text)).collect::<Vec<Box<str>>>();
    let offset =
        call.of_tag(call.form.offset).map(|offset| offset.text().trim().parse::<usize>()).transpose();
    let question = Question {
        matching: call.form.matching,
        body: call.form.body,
        types: call.of_tag(call.form.types).map(boxed),
        offset: offset.map_err(|_| "the :offset is no whole number")?.unwrap_or(0),
        keys: boxed(call.value(0)),
        content,
    };
    let octets = question.content.len();
    for key in &question.keys {
        call.account.look(question.matching.weight(octets, key))?;
    }
    // Decoded text, or two digits for each octet.
    call.account.hold(if question.body == BodyPart::Raw { 0 } else { octets * 2 })?;
    let is_pattern = question.matching.kind == MatchType::Regex;
    let most = if is_pattern { aside::LONG_FOR_A_PATTERN } else { aside::LONG_FOR_A_BODY };
    if octets > most && call.may_wait() {
        let job = move || question.answer(&Patterns::default());
        return Ok(Got::Later(aside::work(call.scene.host, job, Value::from)));
    }
    Ok(question.answer(&call.scene.shared.patterns)?.into())
}

impl Question {
    fn answer(&self, patterns: &Patterns) -> Result<bool, String> {
        let body = self.content.body();
        match (self.body, self.matching.kind) {
            // Octets are looked for in octets: most bodies need not be text.
            (BodyPart::Raw, MatchType::Contains) => {
                let casemap = self.matching.comparator == Comparator::Casemap;
                Ok(self.keys.iter().any(|key| contains_bytes(body, key.as_bytes(), casemap)))
            }
            (BodyPart::Raw, _) => self.matching.any(&[String::from_utf8_lossy(body)], &self.keys, patterns),
            _ => self.matching.any(&self.parts(), &self.keys, patterns),
        }
    }

    /// What `:text`, `:content` and `:binary` look at.
    fn parts(&self) -> Vec<String> {
        let tree = self.content.tree();
        let mut parts = tree.walk(tree.root());
        parts.retain(|part| {
            tree.children(*part).is_empty() && self.is_wanted(&tree.content_type(*part).value)
        });
        let text = |part| match self.body {
            BodyPart::Binary => hexadecimal(tree.decoded(part).get(self.offset..).unwrap_or_default()),
            _ => tree.text(part),
        };
        parts.into_iter().map(text).collect()
    }

    /// `text`, `text/plain`, or "" for all (RFC 5173 §5.2).
    fn is_wanted(&self, kind: &str) -> bool {
        let main = kind.split('/').next().unwrap_or("");
        let fits = |wanted: &str| {
            wanted.is_empty() || wanted.eq_ignore_ascii_case(kind) || wanted.eq_ignore_ascii_case(main)
        };
        match &self.types {
            None => fits("text"),
            Some(types) => types.iter().any(|wanted| fits(wanted)),
        }
    }
}

fn hexadecimal(octets: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| DIGITS[usize::from(nibble)] as char;
    octets.iter().flat_map(|octet| [digit(octet >> 4), digit(octet & 15)]).collect()
}
