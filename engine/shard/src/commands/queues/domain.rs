//! `domain`

use super::depth::Depth;
use crate::Shard;
use crate::resolve::KnownDomain;
use crate::selection::{Selection, walk};
use console::{Command, Document, Record, Refused, Request, record};
use mail::Stage;
use mail::address::fold_domain;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use world::World;

pub const COMMAND: Command = Command::new(
    "domain",
    "<domain>",
    "Shows everything known of a domain: its options, hosts, queues and connections.",
)
.explained(
    "=> is the address that is used next, * one whose last connect failed. Latencies are decayed averages of all \
     bindings of the core that knows most. The descriptor of a connection is not shown: it belongs to its core.",
);

const ADDRESS: &str = "{flag:<3}     [{address}] {family} ({connect:.2}ms con {delivery:.2}ms dlv){failure}";
const QUEUE: &str = "\
Domain has had {connect_failures} consecutive connection failures
Queue:
        Active:{active:>11}
        Delayed:{delayed:>10}
Deliveries:{deliveries:>10}
Failures:{failures:>12}
Active Connections: {connections}";
const CONNECTION: &str = "[{number:>2}] FD:      -  IP:{address:>16}  State: {state} ({ms:.2}ms)";

/// What one shard knows.
#[derive(Default)]
pub struct Part {
    depth: Depth,
    failed: u64,
    connect_failures: u32,
    is_known: bool,
    connections: Vec<(Option<IpAddr>, Stage, Duration)>,
    record: Option<(KnownDomain, Vec<Address>)>,
}

/// An address of the domain's record, over the bindings that have a queue for it here.
#[derive(Clone, Debug)]
pub struct Address {
    address: IpAddr,
    connect_ms: Option<f32>,
    delivery_ms: Option<f32>,
    failed: Option<Duration>,
}

pub async fn ask<W: World>(shard: Rc<Shard<W>>, request: Arc<Request>) -> Result<Part, Refused> {
    let [domain] = request.operands().exactly()?;
    let domain = fold_domain(&domain);
    let selection = Selection::new(None, Some(&domain));
    let mut part = Part::default();
    let mut queues = Vec::new();
    walk(&shard, |queue| {
        if selection.covers(queue.binding, queue.domain) {
            part.is_known = true;
            part.depth.connections += u64::from(queue.connections);
            part.depth.active += queue.active as u64;
            part.depth.delayed += queue.delayed as u64;
            part.depth.sent += queue.delivered;
            part.failed += queue.failed;
            part.connect_failures = part.connect_failures.max(queue.connect_failures);
            queues.push(queue.id);
        }
    })
    .await;
    let now = shard.world.now();
    for queue in &queues {
        let under = shard.presences.of(*queue);
        part.connections.extend(under.iter().map(|presence| {
            let under = presence.under();
            (under.address, under.stage, now.since(under.since))
        }));
    }
    part.record = shard.resolver.known(&domain, now).map(|known| {
        let addresses = known.hosts.iter().flat_map(|host| &host.addresses);
        let addresses = addresses.map(|address| look(&shard, &queues, *address)).collect();
        (known, addresses)
    });
    Ok(part)
}

/// What is remembered of an address.
fn look<W: World>(shard: &Shard<W>, queues: &[bindings::QueueId], address: IpAddr) -> Address {
    let now = shard.world.now();
    let (schedule, hosts, site) = (shard.schedule.borrow(), shard.idle.hosts.borrow(), shard.site());
    let mut seen = Address { address, connect_ms: None, delivery_ms: None, failed: None };
    for queue in queues.iter().filter(|queue| schedule.exists(**queue)) {
        let (binding, domain) = schedule.names(*queue);
        let port = site.outbound(binding, domain).port;
        let metrics = hosts.metrics(binding, SocketAddr::new(address, port));
        seen.connect_ms = seen.connect_ms.or(metrics.connect_ms);
        seen.delivery_ms = seen.delivery_ms.or(metrics.delivery_ms);
        seen.failed = seen.failed.or(metrics.last_failure.map(|failure| now.since(failure)));
    }
    seen
}

pub async fn merge<W: World>(
    shard: Rc<Shard<W>>,
    request: Arc<Request>,
    parts: Vec<Part>,
) -> Result<Document, Refused> {
    let [domain] = request.operands().exactly()?;
    let domain = fold_domain(&domain);
    if !parts.iter().any(|part| part.is_known || part.record.is_some()) {
        return Err(Refused::new(format!(
            "{domain}: no mail is queued for it, and it was not looked up lately"
        )));
    }
    let document = with_options(Document::new(), &shard, &domain);
    Ok(show(document, &domain, parts))
}

/// The Domain stanza, if there is one.
fn with_options<W: World>(document: Document, shard: &Shard<W>, domain: &str) -> Document {
    let site = shard.site();
    let is_its = |stanza: &config::Stanza<'_>| fold_domain(stanza.name()) == domain;
    let Some(stanza) = site.snapshot.stanzas("domain").find(is_its) else { return document };
    let rows: Vec<Record> = stanza
        .values()
        .map(|(option, value)| record! { option: option.name, value: value.to_string() })
        .collect();
    document.text(format!("Domain {domain} {{")).rows("options", "  {option} = {value}", rows).text("}")
}

fn show(document: Document, domain: &str, parts: Vec<Part>) -> Document {
    let (mut depth, mut failed, mut connect_failures) = (Depth::default(), 0, 0);
    let mut connections = Vec::new();
    let mut best: Option<(KnownDomain, Vec<Address>)> = None;
    for part in parts {
        depth.add(part.depth);
        failed += part.failed;
        connect_failures = connect_failures.max(part.connect_failures);
        connections.extend(part.connections);
        let samples = |known: &Option<(KnownDomain, Vec<Address>)>| {
            let is_measured = |address: &&Address| address.connect_ms.is_some() || address.failed.is_some();
            known.as_ref().map(|(_, addresses)| addresses.iter().filter(is_measured).count())
        };
        if samples(&part.record) > samples(&best) {
            best = part.record;
        }
    }
    let mut document = document;
    match best {
        Some((known, addresses)) => document = hosts(document, domain, &known, &addresses),
        None => document = document.text(format!("Domain '{domain}' is not in the route cache")),
    }
    let queue = record! {
        connect_failures: connect_failures,
        active: depth.active,
        delayed: depth.delayed,
        deliveries: depth.sent,
        failures: failed,
        connections: connections.len(),
    };
    let rows = connections.into_iter().zip(1u64..).map(|((address, stage, took), number)| {
        record! {
            number: number,
            address: address.map_or("-".to_owned(), |address| address.to_string()),
            state: stage.text(),
            ms: took.as_secs_f64() * 1000.0,
        }
    });
    document.record("queue", QUEUE, queue).rows("connection", CONNECTION, rows)
}

fn hosts(document: Document, domain: &str, known: &KnownDomain, addresses: &[Address]) -> Document {
    const HEAD: &str = "Domain '{domain}' has {mxs} MXs and a TTL of {ttl} seconds";
    const HOST: &str = "  [{preference} {host} TTL:{ttl}]";
    let head = record! { domain: domain, mxs: known.hosts.len(), ttl: known.ttl };
    let mut document = document.record("route", HEAD, head);
    if let Some(trouble) = &known.trouble {
        document = document.say(trouble.clone());
    }
    let (mut rest, mut next_is_due) = (addresses.iter(), true);
    let mut hosts: Vec<Record> = Vec::new();
    for host in &known.hosts {
        let line = record! { preference: host.preference, host: host.name.as_ref(), ttl: known.ttl };
        let mut text = String::new();
        console::fill(HOST, &line, &mut text);
        for address in rest.by_ref().take(host.addresses.len()) {
            let is_next = std::mem::take(&mut next_is_due) && address.failed.is_none();
            next_is_due |= !is_next && address.failed.is_some() && hosts.is_empty();
            console::fill(ADDRESS, &address.record(is_next), &mut text);
            hosts.push(address.record(is_next).with("host", host.name.as_ref()));
        }
        document = document.text(text);
    }
    document.rows("addresses", "", hosts)
}

impl Address {
    fn record(&self, is_next: bool) -> Record {
        let flag = match (self.failed, is_next) {
            (Some(_), _) => " *",
            (None, true) => " =>",
            (None, false) => "",
        };
        let failure = self.failed.map(|ago| format!(" {:.2}s since failure", ago.as_secs_f64()));
        record! {
            flag: flag,
            address: self.address.to_string(),
            family: if self.address.is_ipv4() { "IPv4" } else { "IPv6" },
            connect: f64::from(self.connect_ms.unwrap_or(0.0)),
            delivery: f64::from(self.delivery_ms.unwrap_or(0.0)),
            failure: failure.unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use console::Format;

    #[test]
    fn a_domain_is_shown_as_documented() {
        let host = |preference, name: &str, last| dns::route::Host {
            name: name.into(),
            preference,
            addresses: vec![[192, 0, 2, last].into()],
        };
        let known = KnownDomain {
            ttl: 611,
            hosts: vec![host(10, "mx1.alpha.example", 10), host(20, "mx2.alpha.example", 20)],
            trouble: None,
        };
        let address = |last, connect_ms, delivery_ms, failed: Option<u64>| Address {
            address: [192, 0, 2, last].into(),
            connect_ms: Some(connect_ms),
            delivery_ms: Some(delivery_ms),
            failed: failed.map(Duration::from_millis),
        };
        let addresses = vec![address(10, 41.2, 390.77, None), address(20, 0.0, 512.1, Some(33_400))];
        let part = Part {
            depth: Depth { connections: 1, active: 21, delayed: 3, sent: 911 },
            failed: 4,
            connect_failures: 1,
            is_known: true,
            connections: vec![(
                Some([192, 0, 2, 10].into()),
                Stage::ReadingConfirmation,
                Duration::from_micros(212_510),
            )],
            record: Some((known, addresses)),
        };
        let text = show(Document::new(), "alpha.example", vec![Part::default(), part]).to_text(Format::Text);
        assert_eq!(
            text,
            "\
Domain 'alpha.example' has 2 MXs and a TTL of 611 seconds
  [10 mx1.alpha.example TTL:611]
 =>     [192.0.2.10] IPv4 (41.20ms con 390.77ms dlv)
  [20 mx2.alpha.example TTL:611]
 *      [192.0.2.20] IPv4 (0.00ms con 512.10ms dlv) 33.40s since failure
Domain has had 1 consecutive connection failures
Queue:
        Active:         21
        Delayed:         3
Deliveries:       911
Failures:           4
Active Connections: 1
[ 1] FD:      -  IP:      192.0.2.10  State: reading confirmation (212.51ms)
"
        );
    }
}
