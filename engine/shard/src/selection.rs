//! Which queues and which messages an operator means.

use crate::Shard;
use crate::parcel::Kept;
use bindings::{QueueId, QueueSummary};
use console::Filter;
use mail::address::fold_domain;
use std::rc::Rc;
use std::time::Duration;
use world::World;

/// Places of queues that are looked at in one piece: about fifty microseconds.
const PLACES_AT_ONCE: u32 = 64;

/// What a long look leaves to everybody else after each piece of it: an operator can wait, a client should not.
const REST: Duration = Duration::from_millis(1);

/// Queues by the names that were given; none is any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selection {
    pub binding: Option<String>,
    /// Folded.
    pub domain: Option<String>,
}

impl Selection {
    /// `all` is any name, whatever its case.
    pub fn new(binding: Option<&str>, domain: Option<&str>) -> Self {
        let named = |name: &&str| !name.eq_ignore_ascii_case("all");
        Selection {
            binding: binding.filter(named).map(str::to_owned),
            domain: domain.filter(named).map(fold_domain),
        }
    }

    pub fn covers(&self, binding: &str, domain: &str) -> bool {
        self.binding.as_deref().is_none_or(|only| only == binding)
            && self.domain.as_deref().is_none_or(|only| only == domain)
    }

    /// The queues of this shard, as many as there are: eight bytes each.
    pub async fn queues<W: World>(&self, shard: &Rc<Shard<W>>) -> Vec<QueueId> {
        if let (Some(binding), Some(domain)) = (&self.binding, &self.domain) {
            return shard.schedule.borrow().find(binding, domain).into_iter().collect();
        }
        let mut queues = Vec::new();
        let covered = |queue: QueueSummary<'_>| {
            if self.covers(queue.binding, queue.domain) {
                queues.push(queue.id);
            }
        };
        walk(shard, covered).await;
        queues
    }
}

/// Shows every queue of the shard, in pieces.
pub(crate) async fn walk<W: World>(shard: &Rc<Shard<W>>, mut see: impl FnMut(QueueSummary<'_>)) {
    let mut from = Some(0);
    while let Some(start) = from {
        from = shard.schedule.borrow().walk(start, PLACES_AT_ONCE, &mut see);
        if from.is_some() {
            rest(shard).await;
        }
    }
}

/// Between two pieces of a long answer.
pub(crate) async fn rest<W: World>(shard: &Shard<W>) {
    shard.world.sleep_until(shard.world.now() + REST).await;
}

/// Whether a copy is meant (spec console.md §3): the message context first, then that of the connection; a
/// physical line of the header exactly.
pub(crate) fn matches(filter: &Filter, content: &Kept, copy: u32) -> bool {
    let envelope = &content.envelopes[copy as usize];
    match filter {
        Filter::Meta { key, value } => {
            let contexts = content.contexts_of(envelope);
            let found = contexts.message.get(key).or_else(|| contexts.connection.get(key));
            found == Some(value.as_str())
        }
        Filter::Header { name, line } => has_line(&content.bodies[usize::from(envelope.body)], name, line),
    }
}

/// A line of a folded field counts as a line of that field, its leading blank included.
fn has_line(body: &[u8], name: &str, wanted: &str) -> bool {
    let mut is_field = false;
    for line in body.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return false;
        }
        if !line.starts_with(b" ") && !line.starts_with(b"\t") {
            let field = line.split(|byte| *byte == b':').next().unwrap_or_default();
            is_field = field.trim_ascii_end().eq_ignore_ascii_case(name.as_bytes());
        }
        if is_field && line == wanted.as_bytes() {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_covers_what_it_names() {
        for (binding, domain, covered) in [
            (None, None, true),
            (Some("all"), Some("ALL"), true),
            (Some("out-a"), None, true),
            (Some("out-b"), None, false),
            (None, Some("Alpha.Example"), true),
            (Some("out-a"), Some("beta.example"), false),
        ] {
            let selection = Selection::new(binding, domain);
            assert_eq!(selection.covers("out-a", "alpha.example"), covered, "{selection:?}");
        }
    }

    #[test]
    fn a_header_line_matches_physically_and_exactly() {
        let body =
            b"Subject: one\r\n two\r\nX-Tag : a\r\nX-Other: Subject: one\r\n\r\nSubject: in the body\r\n";
        for (name, line, found) in [
            ("subject", "Subject: one", true),
            ("Subject", " two", true),
            ("Subject", "two", false),
            ("Subject", "Subject: one two", false),
            ("Subject", "subject: one", false),
            ("X-Tag", "X-Tag : a", true),
            ("X-Other", " two", false),
            ("Subject", "Subject: in the body", false),
        ] {
            assert_eq!(has_line(body, name, line), found, "{name} {line}");
        }
    }
}
