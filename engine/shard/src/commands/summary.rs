//! `summary`

use crate::Shard;
use crate::counters::Counters;
use crate::selection::walk;
use console::{Command, Document, Record, Refused, Request, record};
use mail::Time;
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command =
    Command::new("summary", "", "Shows rates, totals and queues of the whole server.")
        .explained("Rates are averages since the last summary reset; a counter is what happened since then.");

/// Spec console.md §4: a label, a blank, and the value right aligned in six, the first three in seven.
const LAYOUT: &str = "        Outbound Concurrency: {outbound_concurrency:>7}
        Inbound Concurrency: {inbound_concurrency:>7}
        Active Domains: {active_domains:>7}
        Active Queue Size: {active_queue_size:>6}
        Delayed Queue Size: {delayed_queue_size:>6}
        Destaged Queue Size: {destaged_queue_size:>6}
        Total Queue Size: {total_queue_size:>6}
        DNS A Queries: {dns_a_queries:>6}
        DNS AAAA Queries: {dns_aaaa_queries:>6}
        DNS MX Queries: {dns_mx_queries:>6}
        DNS TXT Queries: {dns_txt_queries:>6}
        DNS A Timeouts: {dns_a_timeouts:>6}
        DNS AAAA Timeouts: {dns_aaaa_timeouts:>6}
        DNS MX Timeouts: {dns_mx_timeouts:>6}
        DNS TXT Timeouts: {dns_txt_timeouts:>6}
        Pending DNS Queries: {pending_dns_queries:>6}
        Query Rate: {query_rate:>6} queries/second
        Successfully Delivered Messages: {successfully_delivered_messages:>6}
        Failed Messages: {failed_messages:>6}
        Rejected Messages: {rejected_messages:>6}
        Received Messages: {received_messages:>6}
        Delivery Rate: {delivery_rate:>6} messages/second
        Reception Rate: {reception_rate:>6} messages/second
        Statistics Last Reset: {statistics_last_reset:>6} seconds
        Uptime: {uptime:>6} seconds";

/// What is counted, in the order in which `record` takes it apart.
const COUNTERS: [&str; 15] = [
    "dns_a_queries",
    "dns_aaaa_queries",
    "dns_mx_queries",
    "dns_txt_queries",
    "dns_ptr_queries",
    "dns_a_timeouts",
    "dns_aaaa_timeouts",
    "dns_mx_timeouts",
    "dns_txt_timeouts",
    "deliveries",
    "permanent_failures",
    "transient_failures",
    "rejections",
    "receptions",
    "connections",
];

/// One shard's share.
pub struct Facts {
    gauges: [u64; 6],
    counters: [u64; 15],
    reset: Time,
    started: Time,
}

impl Facts {
    fn record(&self, now: Time) -> Record {
        let [outbound, inbound, domains, active, delayed, pending] = self.gauges;
        let [
            a,
            aaaa,
            mx,
            txt,
            ptr,
            a_late,
            aaaa_late,
            mx_late,
            txt_late,
            delivered,
            failed,
            deferred,
            rejected,
            received,
            _,
        ] = self.counters;
        let age = now.since(self.reset);
        // Within the first second a rate would say more than is known.
        let rate = |count: u64| count as f64 / age.as_secs_f64().max(1.0);
        record! {
            outbound_concurrency: outbound,
            inbound_concurrency: inbound,
            active_domains: domains,
            active_queue_size: active,
            delayed_queue_size: delayed,
            destaged_queue_size: 0u64,
            total_queue_size: active + delayed,
            dns_a_queries: a,
            dns_aaaa_queries: aaaa,
            dns_mx_queries: mx,
            dns_txt_queries: txt,
            dns_a_timeouts: a_late,
            dns_aaaa_timeouts: aaaa_late,
            dns_mx_timeouts: mx_late,
            dns_txt_timeouts: txt_late,
            pending_dns_queries: pending,
            query_rate: rate(a + aaaa + mx + txt + ptr),
            successfully_delivered_messages: delivered,
            failed_messages: failed,
            rejected_messages: rejected,
            received_messages: received,
            delivery_rate: rate(delivered + failed + deferred),
            reception_rate: rate(received),
            statistics_last_reset: age.as_secs(),
            uptime: now.since(self.started).as_secs(),
        }
    }
}

/// Active (in flight included), delayed, and connections.
async fn depths<W: World>(shard: &Rc<Shard<W>>) -> (u64, u64, u64) {
    let (mut active, mut delayed, mut connections) = (0, 0, 0);
    walk(shard, |queue| {
        active += queue.active as u64 + u64::from(queue.in_flight);
        delayed += queue.delayed as u64;
        connections += u64::from(queue.connections);
    })
    .await;
    (active, delayed, connections)
}

pub(super) async fn ask<W: World>(shard: Rc<Shard<W>>, request: Arc<Request>) -> Result<Facts, Refused> {
    request.operands().end()?;
    let counters = shard.counters.values();
    let before = shard.baseline.borrow().clone();
    let since = |name: &str| {
        let at = Counters::NAMES.iter().position(|known| *known == name).expect("a counter of the list");
        counters[at] - before.get(at).copied().unwrap_or(0)
    };
    let (active, delayed, connections) = depths(&shard).await;
    Ok(Facts {
        gauges: [
            connections,
            shard.sessions.borrow().len() as u64,
            shard.resolver.domains_known() as u64,
            active,
            delayed,
            shard.resolver.pending() as u64,
        ],
        counters: COUNTERS.map(since),
        reset: shard.reset_at.get(),
        started: shard.started,
    })
}

pub(super) async fn merge<W: World>(
    shard: Rc<Shard<W>>,
    _: Arc<Request>,
    parts: Vec<Facts>,
) -> Result<Document, Refused> {
    let mut sum = Facts { gauges: [0; 6], counters: [0; 15], reset: Time::NEVER, started: Time::NEVER };
    for part in parts {
        sum.gauges.iter_mut().zip(part.gauges).for_each(|(sum, value)| *sum += value);
        sum.counters.iter_mut().zip(part.counters).for_each(|(sum, value)| *sum += value);
        (sum.reset, sum.started) = (sum.reset.min(part.reset), sum.started.min(part.started));
    }
    Ok(Document::new().text("Summary Statistics").record("", LAYOUT, sum.record(shard.world.now())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use console::Format;

    #[test]
    fn the_layout_is_that_of_the_specification() {
        let counters = [300_000, 10_022, 140_551, 0, 0, 1, 2, 3, 4, 4_100_238, 51_210, 0, 311, 4_243_470, 0];
        let gauges = [1184, 46, 20_417, 3902, 88_120, 12];
        let (reset, started) = (Time::from_secs(2), Time::from_secs(0));
        let record = Facts { gauges, counters, reset, started }.record(Time::from_secs(58_442));
        let text = Document::new().record("", LAYOUT, record).to_text(Format::Text);
        for line in [
            "        Outbound Concurrency:    1184",
            "        Inbound Concurrency:      46",
            "        Active Domains:   20417",
            "        Active Queue Size:   3902",
            "        Delayed Queue Size:  88120",
            "        Destaged Queue Size:      0",
            "        Total Queue Size:  92022",
            "        DNS MX Queries: 140551",
            "        Pending DNS Queries:     12",
            "        Query Rate:   7.71 queries/second",
            "        Successfully Delivered Messages: 4100238",
            "        Failed Messages:  51210",
            "        Rejected Messages:    311",
            "        Delivery Rate:  71.04 messages/second",
            "        Reception Rate:  72.61 messages/second",
            "        Statistics Last Reset:  58440 seconds",
            "        Uptime:  58442 seconds",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line} is not in\n{text}");
        }
        assert_eq!(text.lines().count(), 25);
    }
}
