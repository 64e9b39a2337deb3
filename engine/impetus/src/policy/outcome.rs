//! What became of a traced message, and all of it as a document.

use serde_json::{Map, Value, json};
use shard::rehearsal::{Change, Dictionaries, Exchange, Note, Queued, Step, Transcript};
use std::time::Duration;

/// What a sender would say of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// So many recipients would get it.
    Accepted(usize),
    /// The client hears a success, and nobody gets it.
    Discarded,
    Rejected,
}

impl Outcome {
    pub fn of(transcript: &Transcript) -> Self {
        let copies = transcript.queued.iter().filter(|queued| !queued.is_internal).count();
        // One of a session, one for each recipient of a generated message.
        let mut messages = transcript.exchanges.iter().filter(|exchange| exchange.command.starts_with('('));
        match messages.any(|message| message.reply.starts_with('2')) {
            true if copies == 0 => Outcome::Discarded,
            true => Outcome::Accepted(copies),
            false => Outcome::Rejected,
        }
    }

    pub fn is_accepted(self) -> bool {
        matches!(self, Outcome::Accepted(_))
    }

    pub fn name(self) -> &'static str {
        match self {
            Outcome::Accepted(_) => "accepted",
            Outcome::Discarded => "discarded",
            Outcome::Rejected => "rejected",
        }
    }
}

/// Milliseconds with three places.
fn milliseconds(time: Duration) -> f64 {
    time.as_micros() as f64 / 1000.0
}

pub fn json(transcript: &Transcript, outcome: &Outcome) -> Value {
    json!({
        "listener": transcript.listener,
        "client": transcript.client,
        "outcome": outcome.name(),
        "session": transcript.exchanges.iter().map(exchange).collect::<Vec<_>>(),
        "contexts": dictionaries(&transcript.contexts),
        "queued": transcript.queued.iter().map(queued).collect::<Vec<_>>(),
        "rejectlog": transcript.rejections,
        "paniclog": transcript.complaints,
    })
}

fn exchange(exchange: &Exchange) -> Value {
    json!({
        "command": exchange.command,
        "steps": exchange.steps.iter().map(step).collect::<Vec<_>>(),
        "reply": exchange.reply,
        "tarpit_s": exchange.held.as_secs_f64(),
        "took_ms": milliseconds(exchange.took),
    })
}

fn step(step: &Step) -> Value {
    json!({
        "phase": step.phase,
        "recipient": step.recipient,
        "module": step.module,
        "instance": step.instance,
        "verdict": step.verdict,
        "took_ms": milliseconds(step.took),
        "notes": step.notes.iter().map(note).collect::<Vec<_>>(),
        "changes": step.changes.iter().map(change).collect::<Vec<_>>(),
    })
}

fn note(note: &Note) -> Value {
    json!({ "what": note.what, "text": note.text, "took_ms": note.took.map(milliseconds) })
}

fn change(change: &Change) -> Value {
    json!({ "what": change.what, "name": change.name, "before": change.before, "after": change.after })
}

fn queued(queued: &Queued) -> Value {
    let header = queued.header.iter().map(|(name, value)| json!([name, value]));
    json!({
        "internal": queued.is_internal,
        "sender": queued.sender,
        "recipient": queued.recipient,
        "binding": queued.binding,
        "domain": queued.domain,
        "priority": queued.priority,
        "header": header.collect::<Vec<_>>(),
        "octets": queued.octets,
        "contexts": dictionaries(&queued.contexts),
    })
}

fn dictionaries(contexts: &Dictionaries) -> Value {
    let object = |pairs: &[(String, String)]| {
        let pairs = pairs.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str())));
        Value::Object(pairs.collect::<Map<_, _>>())
    };
    json!({ "connection": object(&contexts.connection), "message": object(&contexts.message) })
}
