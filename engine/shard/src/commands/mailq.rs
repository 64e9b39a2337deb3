//! `mailq`

use crate::Shard;
use console::{Command, Document, Refused, Request, record};
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command = Command::new(
    "mailq",
    "[--domain|-d <domain>]… [--binding|-b <binding>]… [--limit|-l <n>]",
    "Shows how deep the queues are, the deepest first.",
);

const HEADING: &str = "Group/Binding                                       Domain      AQ      DQ";
const RULE: &str = "--------------------------------------------------------------------------";
const ROW: &str = "{binding:<27} {domain:>30} {active:>7} {delayed:>7}";

/// Rows without `--limit`.
const LIMIT: usize = 20;

/// A row.
pub struct Depth {
    binding: String,
    domain: String,
    active: usize,
    delayed: usize,
}

pub(super) async fn ask<W: World>(shard: Rc<Shard<W>>, request: Arc<Request>) -> Result<Vec<Depth>, Refused> {
    let mut operands = request.operands();
    let domains = operands.values(&["--domain", "-d"])?;
    let bindings = operands.values(&["--binding", "-b"])?;
    let limit = operands.parsed(&["--limit", "-l"])?.unwrap_or(LIMIT);
    operands.end()?;
    let site = shard.site();
    let among = |names: &[String], name: &str| names.is_empty() || names.iter().any(|wanted| wanted == name);
    let schedule = shard.schedule.borrow();
    let queues = schedule.summaries().filter(|queue| queue.active + queue.delayed > 0);
    let wanted = queues.filter(|queue| among(&domains, queue.domain) && among(&bindings, queue.binding));
    let mut depths: Vec<Depth> = wanted
        .map(|queue| Depth {
            binding: format!("{}/{}", site.group_of(queue.binding), queue.binding),
            domain: queue.domain.to_owned(),
            active: queue.active,
            delayed: queue.delayed,
        })
        .collect();
    keep_deepest(&mut depths, limit);
    Ok(depths)
}

pub(super) async fn merge<W: World>(
    _: Rc<Shard<W>>,
    request: Arc<Request>,
    parts: Vec<Vec<Depth>>,
) -> Result<Document, Refused> {
    let limit = request.operands().parsed(&["--limit", "-l"])?.unwrap_or(LIMIT);
    let mut depths: Vec<Depth> = parts.into_iter().flatten().collect();
    keep_deepest(&mut depths, limit);
    let rows = depths.into_iter().map(|depth| {
        record! { binding: depth.binding, domain: depth.domain, active: depth.active, delayed: depth.delayed }
    });
    Ok(Document::new().text(HEADING).text(RULE).rows("queues", ROW, rows))
}

fn keep_deepest(depths: &mut Vec<Depth>, limit: usize) {
    depths.sort_by(|one, other| {
        let depth = |depth: &Depth| depth.active + depth.delayed;
        depth(other).cmp(&depth(one)).then_with(|| one.domain.cmp(&other.domain))
    });
    depths.truncate(limit);
}
