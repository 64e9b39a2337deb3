//! What a rehearsal found out, as texts and numbers: for whoever prints it.

use content::Content;
use mail::{Contexts, Protocol, Reception};
use std::time::Duration;

/// A whole session.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    /// Empty: no session, a generated message.
    pub listener: String,
    pub client: String,
    pub exchanges: Vec<Exchange>,
    /// Both dictionaries as they were when the last phase ended that all recipients share.
    pub contexts: Dictionaries,
    /// What would be in the queues now: the message for each of its recipients, and what policy sent beside it.
    pub queued: Vec<Queued>,
    /// What rejectlog would say, without the times.
    pub rejections: Vec<String>,
    /// What paniclog would say.
    pub complaints: Vec<String>,
}

/// What the client said, what came of it, and what it heard.
#[derive(Clone, Debug, Default)]
pub struct Exchange {
    /// Empty: it connected.
    pub command: String,
    pub steps: Vec<Step>,
    /// All lines, without the last line end; empty if the connection was closed without a word.
    pub reply: String,
    /// Tarpits; they are not sat out.
    pub held: Duration,
    pub took: Duration,
}

/// One module at one phase or hook.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    pub phase: &'static str,
    /// The recipient that it is about.
    pub recipient: Option<String>,
    /// `engine`: what the engine sets itself.
    pub module: &'static str,
    /// The name of its stanza; empty where it has none.
    pub instance: String,
    /// `continue`, `done` or why it failed.
    pub verdict: String,
    pub took: Duration,
    /// What it asked of the engine, and what its scripts did line by line.
    pub notes: Vec<Note>,
    pub changes: Vec<Change>,
}

/// Something on the way of a step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Note {
    /// `lookup`, `connect`, `work`, `send`, `pause`, `report`, or the place in a script.
    pub what: String,
    pub text: String,
    /// None: it took no time of its own.
    pub took: Option<Duration>,
}

/// Something that is otherwise behind a step than before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// `connection`, `message` (dictionaries), `header`, `body`, `sender`, `recipient`, …
    pub what: &'static str,
    /// A key, the name of a field; empty where there is only one.
    pub name: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// Both contexts, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dictionaries {
    pub connection: Vec<(String, String)>,
    pub message: Vec<(String, String)>,
}

impl From<&Contexts> for Dictionaries {
    fn from(contexts: &Contexts) -> Self {
        let pairs = |dictionary: &mail::Dictionary| {
            dictionary.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
        };
        Dictionaries { connection: pairs(&contexts.connection), message: pairs(&contexts.message) }
    }
}

/// One copy of a message, as it would be journalled.
#[derive(Clone, Debug)]
pub struct Queued {
    /// Written here: a forward, a copy, a notice.
    pub is_internal: bool,
    /// Empty: the null sender.
    pub sender: String,
    pub recipient: String,
    pub binding: String,
    /// The queue's domain.
    pub domain: String,
    pub priority: bool,
    /// Name and value on one line.
    pub header: Vec<(String, String)>,
    /// Octets, header and body.
    pub octets: usize,
    pub contexts: Dictionaries,
}

impl Queued {
    pub(super) fn of(reception: &Reception) -> Vec<Queued> {
        let one = |envelope: &mail::Envelope| {
            let content = Content::new(reception.bodies[usize::from(envelope.body)].clone());
            Queued {
                is_internal: reception.protocol == Protocol::Internal,
                sender: reception.sender.as_ref().map_or_else(String::new, |sender| sender.as_str().into()),
                recipient: envelope.recipient.as_str().into(),
                binding: envelope.binding.to_string(),
                domain: envelope.domain.to_string(),
                priority: envelope.priority,
                header: content.header().fields().map(|field| super::difference::shown(&field)).collect(),
                octets: content.len(),
                contexts: envelope.contexts.as_ref().unwrap_or(&reception.contexts).into(),
            }
        };
        reception.envelopes.iter().map(one).collect()
    }
}
