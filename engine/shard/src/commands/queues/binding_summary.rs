//! `binding summary`

use crate::Shard;
use crate::selection::walk;
use console::{Command, Document, Record, Refused, Request, record};
use mail::Time;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command = Command::new(
    "binding summary",
    "[<binding>|<slot>|group:<group>]",
    "Shows what bindings hold and have done since the start: all, one, or those of a group and their sum.",
);

/// The layout of a block: its heading, and what the messages in memory are called.
macro_rules! block {
    ($heading:literal, $resident:literal) => {
        concat!(
            $heading,
            "
        Open Connections:{connections:>8}
        Active Queue Size:{active:>7}
        Total Queue Size:{total:>7}
        Successfully Delivered Messages:{delivered:>7}
        Failed Messages:{failed:>7}
        Received Messages:{received:>7}
        ",
            $resident,
            ":{total:>7}
        Delivery Rate:{delivery_rate:>7} messages/second
        Reception Rate:{reception_rate:>7} messages/second
        Uptime:{uptime:>7} seconds"
        )
    };
}

const BINDING: &str = block!("Summary Statistics For Binding {binding}{in_group}", "Resident Messages");
const GROUP: &str = block!("Summary Statistics For Binding Group {group}", "Incore Messages");
const RULE: &str = "****************************************";

/// What one binding, or several, hold and have done.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Numbers {
    connections: u64,
    active: u64,
    total: u64,
    delivered: u64,
    failed: u64,
    received: u64,
    /// Since its first message.
    since: Option<Time>,
}

impl Numbers {
    fn add(&mut self, other: &Numbers) {
        self.connections += other.connections;
        self.active += other.active;
        self.total += other.total;
        self.delivered += other.delivered;
        self.failed += other.failed;
        self.received += other.received;
        self.since = self.since.into_iter().chain(other.since).min();
    }

    fn record(&self, now: Time) -> Record {
        let uptime = self.since.map_or(0, |since| now.since(since).as_secs());
        let rate = |count: u64| if uptime == 0 { 0.0 } else { count as f64 / uptime as f64 };
        record! {
            connections: self.connections,
            active: self.active,
            total: self.total,
            delivered: self.delivered,
            failed: self.failed,
            received: self.received,
            delivery_rate: rate(self.delivered + self.failed),
            reception_rate: rate(self.received),
            uptime: uptime,
        }
    }
}

/// By binding.
pub type All = BTreeMap<Box<str>, Numbers>;

pub async fn ask<W: World>(shard: Rc<Shard<W>>, request: Arc<Request>) -> Result<All, Refused> {
    operand(&request)?;
    let mut all = All::new();
    walk(&shard, |queue| {
        let waiting = (queue.active + queue.delayed) as u64 + u64::from(queue.in_flight);
        let own = Numbers {
            connections: queue.connections.into(),
            active: queue.active as u64,
            total: waiting,
            ..Numbers::default()
        };
        match all.get_mut(queue.binding) {
            Some(numbers) => numbers.add(&own),
            None => drop(all.insert(queue.binding.into(), own)),
        }
    })
    .await;
    for (binding, totals) in shard.schedule.borrow().totals() {
        let (delivered, failed, received) = (totals.delivered(), totals.failed(), totals.received());
        let own = Numbers { delivered, failed, received, since: Some(totals.since), ..Numbers::default() };
        all.entry(binding.into()).or_default().add(&own);
    }
    Ok(all)
}

fn operand(request: &Request) -> Result<Option<String>, Refused> {
    let mut words = request.operands().rest()?;
    if words.len() > 1 {
        return Err(request.usage());
    }
    Ok(words.pop())
}

pub async fn merge<W: World>(
    shard: Rc<Shard<W>>,
    request: Arc<Request>,
    parts: Vec<All>,
) -> Result<Document, Refused> {
    let mut all = All::new();
    for (binding, numbers) in parts.into_iter().flatten() {
        all.entry(binding).or_default().add(&numbers);
    }
    let site = shard.site();
    let known: Vec<(&str, &str)> = site.snapshot.bindings().collect();
    let wanted = operand(&request)?;
    let group = wanted.as_deref().and_then(|wanted| wanted.strip_prefix("group:"));
    let slot = wanted.as_deref().and_then(|wanted| known.get(wanted.parse::<usize>().ok()?));
    let is_meant = |group_of: &str, binding: &str| match (&wanted, group, slot) {
        (None, ..) => true,
        (_, Some(group), _) => group_of == group,
        // A binding whose name is a number goes before a slot.
        (Some(name), ..) if known.iter().any(|(_, binding)| binding == name) => binding == name,
        (_, _, Some((_, slot))) => binding == *slot,
        (Some(name), ..) => binding == name,
    };
    let meant: Vec<(&str, &str)> =
        known.iter().copied().filter(|(group, binding)| is_meant(group, binding)).collect();
    if meant.is_empty() {
        let wanted = wanted.as_deref().unwrap_or_default();
        return Err(Refused::new(format!("there is no binding or binding group {wanted}")));
    }
    Ok(document(&meant, &all, group, shard.world.now()))
}

fn document(meant: &[(&str, &str)], all: &All, group: Option<&str>, now: Time) -> Document {
    let mut sum = Numbers::default();
    let rows = meant.iter().map(|(group, binding)| {
        let numbers = all.get(*binding).copied().unwrap_or_default();
        sum.add(&numbers);
        let in_group = if *group == "default" { String::new() } else { format!(" in Binding Group {group}") };
        let mut row = record! { binding: *binding, group: *group, in_group: in_group };
        row.0.extend(numbers.record(now).0);
        row
    });
    let rows: Vec<Record> = rows.collect();
    let document = Document::new().rows("bindings", BINDING, rows);
    match group {
        None => document,
        Some(group) => {
            let mut row = record! { group: group };
            row.0.extend(sum.record(now).0);
            document.text(RULE).record("group", GROUP, row)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use console::Format;
    use std::time::Duration;

    #[test]
    fn the_block_of_a_binding_is_the_documented_one_and_a_group_is_its_sum() {
        let since = Time::from_secs(1_000_000);
        let now = since + Duration::from_secs(2081);
        let numbers = Numbers {
            connections: 9,
            active: 21,
            total: 24,
            delivered: 911,
            failed: 4,
            received: 939,
            since: Some(since),
        };
        let all = All::from([("out-a".into(), numbers), ("out-b".into(), numbers)]);
        let one = document(&[("default", "out-a")], &all, None, now).to_text(Format::Text);
        assert_eq!(
            one,
            "\
Summary Statistics For Binding out-a
        Open Connections:       9
        Active Queue Size:     21
        Total Queue Size:     24
        Successfully Delivered Messages:    911
        Failed Messages:      4
        Received Messages:    939
        Resident Messages:     24
        Delivery Rate:   0.44 messages/second
        Reception Rate:   0.45 messages/second
        Uptime:   2081 seconds
"
        );
        let members = [("pool1", "out-a"), ("pool1", "out-b"), ("pool1", "out-c")];
        let group = document(&members, &all, Some("pool1"), now).to_text(Format::Text);
        assert!(
            group.contains("For Binding out-c in Binding Group pool1\n        Open Connections:       0\n")
        );
        let sum = group.split_once(RULE).expect("a rule before the sum").1;
        assert!(
            sum.contains("Open Connections:      18\n") && sum.contains("Incore Messages:     48\n"),
            "{sum}"
        );
        assert!(sum.contains("Delivery Rate:   0.88 messages/second"), "{sum}");
    }
}
