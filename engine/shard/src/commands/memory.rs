//! `memory`

use crate::Shard;
use console::{Command, Document, Record, Refused, Request, record};
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command = Command::new("memory", "[type]", "Shows what memory is taken for.")
    .explained("Contents and receptions have a budget for the process; the rest is added up over the cores.");

const ROW: &str = "{memory_type:<24} {active_objects:>14} {current_bytes:>16}";

/// Kind, objects, octets.
type Uses = Vec<(&'static str, u64, u64)>;

pub(super) async fn ask<W: World>(
    shard: Rc<Shard<W>>,
    request: Arc<Request>,
) -> Result<(Uses, u64), Refused> {
    if request.operands.len() > 1 {
        return Err(request.usage());
    }
    // The budgets are the process's: the first shard speaks for all.
    let of_process = |bytes: usize| if shard.index == 0 { bytes as u64 } else { 0 };
    let (questions, dns_bytes) = shard.resolver.cache_size();
    let uses = vec![
        ("message contents", shard.schedule.borrow().messages() as u64, of_process(shard.budget.used())),
        (
            "receptions",
            shard.sessions.borrow().len() as u64,
            of_process(shard.common.reception_budget.used()),
        ),
        ("dns cache", questions as u64, dns_bytes as u64),
    ];
    Ok((uses, shard.world.load().peak_memory))
}

pub(super) async fn merge<W: World>(
    _: Rc<Shard<W>>,
    request: Arc<Request>,
    parts: Vec<(Uses, u64)>,
) -> Result<Document, Refused> {
    let mut sums: Uses = Vec::new();
    let peak = parts.iter().map(|(_, peak)| *peak).max().unwrap_or(0);
    for (part, _) in parts {
        for (place, (name, objects, bytes)) in part.into_iter().enumerate() {
            match sums.get_mut(place) {
                Some((_, all_objects, all_bytes)) => {
                    *all_objects += objects;
                    *all_bytes += bytes;
                }
                None => sums.push((name, objects, bytes)),
            }
        }
    }
    let wanted = request.operands.first();
    let rows: Vec<Record> = sums
        .into_iter()
        .filter(|(name, ..)| wanted.is_none_or(|wanted| name.contains(wanted.as_str())))
        .map(|(name, objects, bytes)| record! { memory_type: name, active_objects: objects, current_bytes: bytes })
        .collect();
    Ok(Document::new()
        .text("memory type              active objects    current bytes")
        .rows("memory", ROW, rows)
        .record("", "Peak RSS: {peak_rss} bytes", record! { peak_rss: peak }))
}
