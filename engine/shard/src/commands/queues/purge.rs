//! What the commands share that fail queued mail: the order on a shard, and the words of the answer.

use crate::Shard;
use crate::orders::{Action, Done, Order};
use crate::selection::Selection;
use console::{Document, Refused, Request, record};
use std::rc::Rc;
use world::World;

/// What is to be failed, and with which words.
pub struct Purge {
    pub binding: Option<String>,
    /// None: all domains.
    pub domain: Option<String>,
    pub note: Option<String>,
}

impl Purge {
    /// `<domain> [note…]`, behind so many words of other meaning.
    pub fn read(request: &Request, is_of_binding: bool) -> Result<Purge, Refused> {
        let mut words = request.operands().rest()?.into_iter();
        let binding = if is_of_binding { Some(words.next().ok_or_else(|| request.usage())?) } else { None };
        let domain = words.next().ok_or_else(|| request.usage())?;
        // Only on one binding may all domains be meant without a filter (console.md §3).
        let is_all = domain.eq_ignore_ascii_case("all");
        if is_all && !is_of_binding {
            let hint = "fail domain takes one domain: see fail all, or binding fail domain <binding> all";
            return Err(Refused::new(hint));
        }
        Ok(Purge { binding, domain: Some(domain).filter(|_| !is_all), note: note(words) })
    }

    /// `[note…]` alone; without a filter everything would be meant, and that is refused.
    pub fn read_all(request: &Request) -> Result<Purge, Refused> {
        if request.filter.is_none() {
            return Err(Refused::new("fail all needs --meta <key> <value> or --header <name> <line>"));
        }
        let words = request.operands().rest()?.into_iter();
        Ok(Purge { binding: None, domain: None, note: note(words) })
    }

    pub async fn carry_out<W: World>(
        self,
        shard: &Rc<Shard<W>>,
        request: &Request,
        is_quiet: bool,
    ) -> Result<Done, Refused> {
        let selection = Selection::new(self.binding.as_deref(), self.domain.as_deref());
        let action = Action::fail(self.note, is_quiet);
        let filter = request.filter.as_ref();
        Ok(Order { selection, filter, action, dry_run: request.dry_run }.carry_out(shard).await)
    }

    /// The filtered form has a full stop where the plain one has a comma.
    pub fn answer(&self, request: &Request, parts: Vec<Done>) -> Document {
        let domain = self.domain.as_deref().unwrap_or("All domains");
        if request.dry_run {
            return rehearsed(domain, parts, "would be failed");
        }
        let messages: u64 = parts.iter().map(|done| done.messages).sum();
        let layout = match (self.domain.is_some(), request.filter.is_some()) {
            (true, false) => "{domain} purged, {messages} messages failed.",
            (true, true) => "{domain} purged. {messages} messages failed.",
            (false, true) => "All domains purged. {messages} messages failed.",
            (false, false) => "All domains purged.  {messages} messages failed.",
        };
        Document::new().record("", layout, record! { domain: domain, messages: messages })
    }
}

fn note(words: impl Iterator<Item = String>) -> Option<String> {
    let note = words.collect::<Vec<_>>().join(" ");
    (!note.is_empty()).then_some(note)
}

/// The answer of a dry run.
pub fn rehearsed(what: &str, parts: Vec<Done>, would: &str) -> Document {
    const NAMED: &str = "  {id}  domain={domain} from=<{from}> to=<{to}>";
    let mut all = Done::default();
    parts.into_iter().for_each(|done| all.add(done));
    let layout = "[dry-run] {what}: {messages} messages {would}.";
    let summary = record! { what: what, messages: all.messages, would: would, dry_run: true };
    Document::new().rows("matches", NAMED, all.named).record("", layout, summary)
}
