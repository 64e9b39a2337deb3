//! `counters`

use crate::Shard;
use crate::counters::Counters;
use console::{Command, Document, Record, Refused, Request, record};
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command = Command::new(
    "counters",
    "",
    "Shows everything that this server counts, since its start, and what it holds.",
)
.explained("One name and one value a line; not in Momentum.");

type Counts = Vec<(&'static str, u64)>;

pub(super) async fn ask<W: World>(shard: Rc<Shard<W>>, request: Arc<Request>) -> Result<Counts, Refused> {
    request.operands().end()?;
    let mut counts: Counts = Counters::NAMES.iter().copied().zip(shard.counters.values()).collect();
    let schedule = shard.schedule.borrow();
    let status = shard.spool.journal.borrow().status();
    counts.extend([
        ("queued_messages", schedule.messages() as u64),
        ("queues", schedule.queues() as u64),
        ("sessions", shard.sessions.borrow().len() as u64),
        ("deliveries_under_way", shard.deliveries.get() as u64),
        ("spool_promises", status.promises_living),
        ("spool_segments_in_use", status.segments_in_use),
        ("spool_segments_ready", status.segments_ready),
        ("spool_bytes_committed", status.bytes_committed),
        // One budget for the process: the first shard speaks for it.
        ("content_bytes_in_memory", if shard.index == 0 { shard.budget.used() as u64 } else { 0 }),
    ]);
    Ok(counts)
}

pub(super) async fn merge<W: World>(
    _: Rc<Shard<W>>,
    _: Arc<Request>,
    parts: Vec<Counts>,
) -> Result<Document, Refused> {
    let mut sums: Counts = Vec::new();
    for part in parts {
        if sums.is_empty() {
            sums = part;
        } else {
            sums.iter_mut().zip(part).for_each(|((_, sum), (_, count))| *sum += count);
        }
    }
    let rows: Vec<Record> =
        sums.into_iter().map(|(name, value)| record! { name: name, value: value }).collect();
    Ok(Document::new().rows("counters", "{name:<32} {value}", rows))
}
