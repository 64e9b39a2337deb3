//! `dns_cache lookup`

use crate::Shard;
use console::Record as Row;
use console::{Command, Document, Refused, Request, record};
use dns::{Answer, Kind, Name, Question, Record};
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command = Command::new(
    "dns_cache lookup",
    "<record> <A|MX|PTR|TXT|AAAA|CNAME|NS>",
    "Shows a cached answer without asking anybody.",
)
.explained("Every core has a cache of its own; the answer that lives longest is shown.");

const KINDS: [(&str, Kind); 7] = [
    ("A", Kind::A),
    ("AAAA", Kind::Aaaa),
    ("MX", Kind::Mx),
    ("TXT", Kind::Txt),
    ("PTR", Kind::Ptr),
    ("CNAME", Kind::Cname),
    ("NS", Kind::Ns),
];

/// The two operands of this command and of `dns_cache submit`.
pub fn question(request: &Request) -> Result<Question, Refused> {
    let [name, kind] = request.operands().exactly()?;
    let kind = KINDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(&kind)).map(|(_, kind)| *kind);
    let kind = kind.ok_or_else(|| request.usage())?;
    if kind == Kind::Ptr
        && let Ok(address) = name.parse()
    {
        return Ok(dns::lookup::reverse(address));
    }
    let name = Name::new(&name).map_err(|_| Refused(format!("not a name: {name}")))?;
    Ok(Question::new(name, kind))
}

fn kind_name(kind: Kind) -> &'static str {
    KINDS.iter().find(|(_, known)| *known == kind).map_or("?", |(name, _)| name)
}

fn data(record: &Record) -> String {
    match record {
        Record::A(address) => address.to_string(),
        Record::Aaaa(address) => address.to_string(),
        Record::Mx { preference, exchange } => format!("{preference} {exchange}"),
        Record::Txt(text) => format!("{:?}", String::from_utf8_lossy(text)),
        Record::Ptr(name) | Record::Ns(name) | Record::Cname(name) => name.to_string(),
    }
}

pub(super) async fn ask<W: World>(
    shard: Rc<Shard<W>>,
    request: Arc<Request>,
) -> Result<Option<Answer>, Refused> {
    let question = question(&request)?;
    Ok(shard.resolver.cached(&question, shard.world.now()))
}

pub(super) async fn merge<W: World>(
    _: Rc<Shard<W>>,
    request: Arc<Request>,
    parts: Vec<Option<Answer>>,
) -> Result<Document, Refused> {
    let question = question(&request)?;
    let ttl = |answer: &Answer| match answer {
        Answer::Records { ttl, .. } | Answer::NoData { ttl } | Answer::NoName { ttl } => *ttl,
        Answer::Failed(_) => 0,
    };
    let Some(answer) = parts.into_iter().flatten().max_by_key(ttl) else {
        return Err(Refused::new("Cached result not found, try a submit."));
    };
    let (name, kind, ttl) = (question.name.to_string(), kind_name(question.kind), ttl(&answer));
    let rows: Vec<Row> = answer
        .records()
        .iter()
        .map(data)
        .map(|data| record! { name: name.clone(), ttl: ttl, kind: kind, data: data })
        .collect();
    let asked = record! { name: name, kind: kind };
    let document = Document::new()
        .record("question", ";; QUESTION SECTION:\n{name} IN {kind}", asked)
        .text(";; ANSWER SECTION:");
    let document = document.rows("answer", "{name} {ttl} IN {kind} {data}", rows);
    Ok(match answer {
        Answer::Records { .. } => document,
        Answer::NoData { .. } => document.say(";; no record of this kind"),
        Answer::NoName { .. } => document.say(";; the name does not exist"),
        Answer::Failed(trouble) => document.say(format!(";; failed: {trouble:?}")),
    })
}
