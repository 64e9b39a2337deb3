//! `mailq`

use crate::Shard;
use crate::selection::walk;
use console::{Command, Document, Refused, Request, record};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command = Command::new(
    "mailq",
    "[--domain|-d <domain>]… [--binding|-b <binding>]… [--limit|-l <n>]",
    "Shows how deep the queues are, the deepest first; 20 of them without a limit.",
);

const HEADING: &str = "Group/Binding                                       Domain      AQ      DQ";
const RULE: &str = "--------------------------------------------------------------------------";
const ROW: &str = "{binding:<27} {domain:>30} {active:>7} {delayed:>7}";

/// Rows without `--limit`.
const LIMIT: usize = 20;
/// Rows at most.
const MOST: usize = 100_000;

/// A row. The deepest queue is the greatest; names decide between equals.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Depth {
    messages: usize,
    domain: Reverse<Box<str>>,
    binding: Reverse<Box<str>>,
    active: usize,
    delayed: usize,
}

struct Wanted {
    domains: Vec<String>,
    bindings: Vec<String>,
    limit: usize,
}

impl Wanted {
    fn read(request: &Request) -> Result<Wanted, Refused> {
        let mut operands = request.operands();
        let domains = operands.values(&["--domain", "-d"])?;
        let domains = domains.iter().map(|domain| mail::address::fold_domain(domain)).collect();
        let bindings = operands.values(&["--binding", "-b"])?;
        let limit = operands.parsed(&["--limit", "-l"])?.unwrap_or(LIMIT);
        operands.end()?;
        Ok(Wanted { domains, bindings, limit: limit.min(MOST) })
    }

    fn covers(&self, binding: &str, domain: &str) -> bool {
        let among =
            |names: &[String], name: &str| names.is_empty() || names.iter().any(|wanted| wanted == name);
        among(&self.bindings, binding) && among(&self.domains, domain)
    }
}

/// The deepest queues of those shown to it.
struct Deepest {
    limit: usize,
    /// The least on top.
    kept: BinaryHeap<Reverse<Depth>>,
}

impl Deepest {
    fn put(&mut self, depth: Depth) {
        self.kept.push(Reverse(depth));
        if self.kept.len() > self.limit {
            self.kept.pop();
        }
    }

    /// Whether a queue of so many messages can be among them.
    fn may_keep(&self, messages: usize) -> bool {
        self.kept.len() < self.limit || self.kept.peek().is_some_and(|least| least.0.messages <= messages)
    }
}

pub async fn ask<W: World>(shard: Rc<Shard<W>>, request: Arc<Request>) -> Result<Vec<Depth>, Refused> {
    let wanted = Wanted::read(&request)?;
    let site = shard.site();
    let mut deepest = Deepest { limit: wanted.limit, kept: BinaryHeap::new() };
    walk(&shard, |queue| {
        let messages = queue.active + queue.delayed;
        let is_wanted = messages > 0 && deepest.may_keep(messages);
        if is_wanted && wanted.covers(queue.binding, queue.domain) {
            let binding = format!("{}/{}", site.group_of(queue.binding), queue.binding).into();
            deepest.put(Depth {
                messages,
                domain: Reverse(queue.domain.into()),
                binding: Reverse(binding),
                active: queue.active,
                delayed: queue.delayed,
            });
        }
    })
    .await;
    Ok(deepest.kept.into_iter().map(|depth| depth.0).collect())
}

pub async fn merge<W: World>(
    _: Rc<Shard<W>>,
    request: Arc<Request>,
    parts: Vec<Vec<Depth>>,
) -> Result<Document, Refused> {
    Ok(document(parts, Wanted::read(&request)?.limit))
}

fn document(parts: Vec<Vec<Depth>>, limit: usize) -> Document {
    let mut depths: Vec<Depth> = parts.into_iter().flatten().collect();
    depths.sort_by(|one, other| other.cmp(one));
    depths.truncate(limit);
    let rows = depths.into_iter().map(|depth| {
        record! {
            binding: depth.binding.0, domain: depth.domain.0, active: depth.active, delayed: depth.delayed,
        }
    });
    Document::new().text(HEADING).text(RULE).rows("queues", ROW, rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use console::Format;

    #[test]
    fn the_deepest_come_first_and_the_columns_are_the_documented_ones() {
        let depth = |binding: &str, domain: &str, active: usize, delayed: usize| Depth {
            messages: active + delayed,
            domain: Reverse(domain.into()),
            binding: Reverse(binding.into()),
            active,
            delayed,
        };
        let mut deepest = Deepest { limit: 2, kept: BinaryHeap::new() };
        for (domain, active) in [("c.example", 5), ("b.example", 9), ("alpha.example", 21), ("a.example", 9)]
        {
            if deepest.may_keep(active) {
                deepest.put(depth("pool1/out-a", domain, active, 0));
            }
        }
        let first: Vec<Depth> = deepest.kept.into_iter().map(|depth| depth.0).collect();
        let second = vec![depth("pool1/out-b", "alpha.example", 3, 18)];
        let text = document(vec![first, second], 3).to_text(Format::Text);
        assert_eq!(
            text,
            "\
Group/Binding                                       Domain      AQ      DQ
--------------------------------------------------------------------------
pool1/out-a                                  alpha.example      21       0
pool1/out-b                                  alpha.example       3      18
pool1/out-a                                      a.example       9       0
"
        );
    }
}
