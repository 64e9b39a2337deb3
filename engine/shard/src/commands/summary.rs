//! `summary`

use crate::Shard;
use crate::answer::Part;
use crate::counters::Counters;
use console::Command;
use std::rc::Rc;
use world::World;

pub const COMMAND: Command = Command {
    name: "summary",
    arguments: "",
    summary: "What this server has done since its start, and what it holds.",
    is_destructive: false,
};

pub(super) fn ask<W: World>(shard: &Rc<Shard<W>>, _: &[String]) -> Part {
    let named = Counters::NAMES.iter().zip(shard.counters.values());
    let mut counts: Vec<(String, u64)> = named.map(|(name, value)| ((*name).to_owned(), value)).collect();
    let schedule = shard.schedule.borrow();
    let status = shard.spool.journal.borrow().status();
    let mut add = |name: &str, value: u64| counts.push((name.to_owned(), value));
    add("queued_messages", schedule.messages() as u64);
    add("queues", schedule.queues() as u64);
    add("sessions", shard.sessions.borrow().len() as u64);
    add("deliveries_under_way", shard.deliveries.get() as u64);
    add("spool_promises", status.promises_living);
    add("spool_segments_in_use", status.segments_in_use);
    add("spool_segments_ready", status.segments_ready);
    add("spool_bytes_committed", status.bytes_committed);
    // One budget for the process: the first shard speaks for it.
    add("content_bytes_in_memory", if shard.index == 0 { shard.budget.used() as u64 } else { 0 });
    Part::Counts(counts)
}
