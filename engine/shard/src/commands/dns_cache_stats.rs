//! `dns_cache stats`

use crate::Shard;
use console::{Command, Document, Refused, Request, record};
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command = Command::new(
    "dns_cache stats",
    "",
    "Shows what was asked of the name servers, and how often the caches knew it.",
);

const LAYOUT: &str = "DNS Queries:
        TXT: {txt:>6}
        PTR: {ptr:>6}
        MX: {mx:>6}
        A: {a:>6}
        AAAA: {aaaa:>6}
DNS responses:
        Total: {total:>6}
        Bad: {bad:>6}
DNS cache:
        Lookups: {lookups:>6}
        Hit Rate: {hit_rate:>6}%";

pub(super) async fn ask<W: World>(shard: Rc<Shard<W>>, request: Arc<Request>) -> Result<[u64; 9], Refused> {
    request.operands().end()?;
    let counters = &shard.counters;
    Ok([
        &counters.dns_txt_queries,
        &counters.dns_ptr_queries,
        &counters.dns_mx_queries,
        &counters.dns_a_queries,
        &counters.dns_aaaa_queries,
        &counters.dns_responses,
        &counters.dns_bad_responses,
        &counters.dns_lookups,
        &counters.dns_hits,
    ]
    .map(|counter| counter.get()))
}

pub(super) async fn merge<W: World>(
    _: Rc<Shard<W>>,
    _: Arc<Request>,
    parts: Vec<[u64; 9]>,
) -> Result<Document, Refused> {
    let mut sums = [0; 9];
    parts.iter().for_each(|part| sums.iter_mut().zip(part).for_each(|(sum, value)| *sum += value));
    let [txt, ptr, mx, a, aaaa, total, bad, lookups, hits] = sums;
    let hit_rate = 100.0 * hits as f64 / (lookups.max(1)) as f64;
    let known = record! {
        txt: txt, ptr: ptr, mx: mx, a: a, aaaa: aaaa, total: total, bad: bad, lookups: lookups, hit_rate: hit_rate,
    };
    Ok(Document::new().record("", LAYOUT, known))
}
