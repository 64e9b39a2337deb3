//! The answer to "why is this not moving": the causes that the schedule knows, in words, with the place where
//! each limit is set and what is known of names and hosts.
//!
//! Law: `answer` is a function of `Known` alone; `gather` borrows and looks, and changes nothing.

use crate::Shard;
use crate::find::Found;
use crate::options::GlobalOptions;
use crate::selection::walk;
use bindings::hosts::HostBarrier;
use bindings::options::{HostOptions, OutboundOptions};
use bindings::why::{Exhausted, Limit, why};
use bindings::{Authority, Cause, Place, QueueId, Rate};
use config::{OptionDef, View};
use console::{Record, date, record};
use mail::{Stage, Time};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use world::World;

/// What matters for one queue, or for one message of it, at one moment.
pub(crate) struct Known<'a> {
    pub now: Time,
    pub binding: String,
    pub domain: String,
    pub causes: Vec<Cause<'a>>,
    /// Where an option is set that a cause names; none: nowhere, its default holds.
    pub set_at: &'a dyn Fn(&str) -> Option<Set>,
    /// What was said last about mail of the queue, and when; of the message if one is asked about.
    pub said: Option<(String, Option<Time>)>,
    pub names_failing: Option<NamesFailing>,
    pub hosts_failing: Vec<HostFailing>,
    pub hosts_full: Vec<HostFull>,
    pub deliveries: Vec<Under>,
    /// Queues of this shard that hold connections of the limit that is waited for, those with most in front.
    pub holders: Vec<Holder>,
    pub message: Option<Waiting>,
}

/// A declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Set {
    /// `file:line:column`
    pub position: String,
    /// The scope instance; empty is the global scope.
    pub scope: String,
}

/// Lookups of the domain that fail in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NamesFailing {
    pub since: Time,
    pub failures: u32,
    pub again: Time,
}

/// An address that refused or did not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostFailing {
    pub host: String,
    pub address: IpAddr,
    pub since: Time,
    pub failures: u32,
}

/// An address that has as many connections as its Host stanza allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostFull {
    pub host: String,
    pub address: IpAddr,
    pub barrier: HostBarrier,
    pub set: Option<Set>,
}

/// A connection of the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Under {
    /// None before one is chosen.
    pub address: Option<IpAddr>,
    pub stage: Stage,
    pub since: Time,
}

/// A queue with connections that count against a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    pub queue: String,
    pub connections: u32,
}

/// The message that is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub place: Place,
    pub attempts: u16,
    pub next_attempt: Time,
}

/// One sentence for each cause, the one that must end first in front.
pub(crate) fn answer(known: &Known<'_>) -> Vec<Record> {
    let mut rows = Vec::new();
    let delayed = known.message.filter(|message| message.place == Place::Delayed);
    if let Some(message) = delayed {
        rows.push(known.next_attempt(message.next_attempt, Some(message.attempts)));
    }
    for cause in &known.causes {
        let about_others = known.message.is_some()
            && matches!(cause, Cause::NextAttempt(_) | Cause::BeingDelivered { .. } | Cause::NoMail);
        // A message that is not due does not wait for a connection yet; who suspends it matters all the same.
        let is_early = delayed.is_some() && !is_order(cause);
        if !about_others && !is_early {
            rows.push(known.cause(cause));
        }
    }
    let wants_hosts = known.causes.iter().any(|cause| {
        matches!(
            cause,
            Cause::NotConnecting(_) | Cause::HostsFull(_) | Cause::Connecting { .. } | Cause::NextAttempt(_)
        )
    });
    if wants_hosts {
        rows.extend(known.names_failing.map(names_sentence));
        rows.extend(known.hosts_failing.iter().map(host_sentence));
        rows.extend(known.hosts_full.iter().map(host_full_sentence));
    }
    rows
}

fn is_order(cause: &Cause<'_>) -> bool {
    matches!(cause, Cause::BlackHole | Cause::SuspendedByConfiguration | Cause::SuspendedByOrder { .. })
}

fn sentence(kind: &'static str, text: String) -> Record {
    record! { cause: kind, text: text }
}

fn plural(count: impl Into<u64>, one: &str, many: &str) -> String {
    let count = count.into();
    format!("{count} {}", if count == 1 { one } else { many })
}

fn time(at: Time) -> String {
    date(at, " ")
}

impl Known<'_> {
    fn cause(&self, cause: &Cause<'_>) -> Record {
        match *cause {
            Cause::NoMail => {
                sentence("no mail", format!("no mail is queued for {} on {}", self.domain, self.binding))
            }
            Cause::BlackHole => self.set("black hole", "blackhole", "all mail of this scope is being failed"),
            Cause::SuspendedByConfiguration => {
                self.set("suspended", "suspend_delivery", "no attempts are made until it is false")
            }
            Cause::SuspendedByOrder { scope, order } => {
                let what = crate::commands::queues::suspend::spoken(scope);
                let (by, at) = (&order.by, time(order.at));
                let text = match order.authority {
                    Authority::Operator => format!("{what}: suspended by {by} at {at}, until resume"),
                    Authority::Curfew => format!("{what}: held since {at} by {by}, until it is over"),
                };
                sentence("suspended", text).with("by", order.by.clone()).with("since", order.at)
            }
            Cause::BeingDelivered { messages, connections } => {
                let messages = plural(messages, "message is", "messages are");
                let connections = plural(connections, "connection", "connections");
                let text = format!("{messages} being delivered now on {connections}{}", self.towards());
                sentence("being delivered", text)
            }
            Cause::Throttled { throttle, waiting } => self.throttled(throttle, waiting),
            Cause::LimitReached { limit, waiting } => self.limited(limit, waiting),
            Cause::ServerFull(limit) => self.limited(limit, 0),
            Cause::NotConnecting(pause) => {
                let failed = plural(pause.failures, "attempt", "attempts");
                let text = format!(
                    "no connection before {}: {failed} to connect failed in a row, the first at {}",
                    time(pause.until),
                    time(pause.since),
                );
                sentence("not connecting", text).with("until", pause.until).with("since", pause.since)
            }
            Cause::HostsFull(until) => {
                let text = format!(
                    "no further connection before {}: every host that could be tried is at its limits",
                    time(until)
                );
                sentence("hosts at their limits", text).with("until", until)
            }
            Cause::AllBusy { connections, most } => {
                let text =
                    format!("all {connections} connections of max_outbound_connections = {most} are busy");
                self.placed("limit reached", "max_outbound_connections", text)
            }
            Cause::Enough { connections } => {
                let busy = plural(connections, "connection is", "connections are");
                let text = format!("{busy} open; more are opened only for a longer queue");
                self.placed("enough connections", "connection_allocation_aggressiveness", text)
            }
            Cause::Connecting { connections } => {
                let connections = plural(connections, "connection is", "connections are");
                sentence("connecting", format!("{connections} being opened{}", self.towards()))
            }
            Cause::ItsTurn { ahead } => {
                let queues = plural(ahead, "queue", "queues");
                sentence(
                    "its turn comes",
                    format!("nothing is in its way: {queues} of this core go before it"),
                )
            }
            Cause::NextAttempt(at) => self.next_attempt(at, None),
        }
    }

    fn next_attempt(&self, at: Time, attempts: Option<u16>) -> Record {
        let mut text = if at <= self.now {
            "the next attempt is due now".to_owned()
        } else {
            format!("next attempt at {}, in {} s", time(at), at.since(self.now).as_secs())
        };
        if let Some(attempts) = attempts.filter(|attempts| *attempts > 0) {
            text.push_str(&format!(", after {}", plural(attempts, "failed attempt", "failed attempts")));
        }
        let mut row = sentence("next attempt", String::new()).with("at", at);
        if let Some((reply, when)) = &self.said {
            let reply = reply.replace('\n', " ");
            let when = when.map(|when| format!(" at {}", time(when))).unwrap_or_default();
            text.push_str(&format!("; last said{when}: {reply}"));
            row = row.with("reply", reply);
        }
        row.0[1].1 = text.into();
        row
    }

    fn throttled(&self, throttle: Exhausted, waiting: u32) -> Record {
        let Exhausted { option, rate, until } = throttle;
        let shared = self.shared(option);
        let waiting = plural(waiting, "queue", "queues");
        let text = format!(
            "waiting until {} for {option} = {}/{}{shared}; {waiting} of this core wait for it",
            time(until),
            rate.events,
            rate.seconds
        );
        self.placed("throttled", option, text).with("until", until)
    }

    fn limited(&self, limit: Limit, waiting: u32) -> Record {
        let Limit { option, most, held } = limit;
        let shared = self.shared(option);
        let waiting = match waiting {
            0 => String::new(),
            waiting => format!("; {} of this core wait for it", plural(waiting, "queue", "queues")),
        };
        let holders = self.held_by();
        let text =
            format!("all connections of {option} = {most} are taken ({held} open){shared}{holders}{waiting}");
        self.placed("limit reached", option, text)
    }

    /// With whom a budget is shared.
    fn shared(&self, option: &str) -> String {
        match (self.set_at)(option) {
            None => String::new(),
            Some(Set { position, scope }) if scope.is_empty() => {
                format!(", set at {position}, shared by all queues without one of their own")
            }
            Some(Set { position, scope }) => {
                format!(", set at {position}, shared by all queues that fall back to {scope}")
            }
        }
    }

    fn held_by(&self) -> String {
        const SHOWN: usize = 3;
        let show = |holder: &Holder| format!("{} ({})", holder.queue, holder.connections);
        let shown: Vec<String> = self.holders.iter().take(SHOWN).map(show).collect();
        let more = if self.holders.len() > SHOWN { " and others" } else { "" };
        if shown.is_empty() {
            String::new()
        } else {
            format!("; held on this core by {}{more}", shown.join(", "))
        }
    }

    /// An option that stops mail, and where.
    fn set(&self, kind: &'static str, option: &str, effect: &str) -> Record {
        let place = (self.set_at)(option).map(|set| format!(" at {}", set.position)).unwrap_or_default();
        self.placed(kind, option, format!("{option} is set{place}: {effect}"))
    }

    fn placed(&self, kind: &'static str, option: &str, text: String) -> Record {
        let set = (self.set_at)(option);
        let position = set.map(|set| set.position);
        sentence(kind, text).with("option", option).with_some("set_at", position)
    }

    /// The addresses and states of the connections, as far as they fit on a line.
    fn towards(&self) -> String {
        const SHOWN: usize = 3;
        let show = |under: &Under| {
            let address = under.address.map_or("an address not yet chosen".to_owned(), |at| at.to_string());
            let seconds = self.now.since(under.since).as_secs();
            format!("{address} ({}, {seconds} s)", under.stage.text())
        };
        let shown: Vec<String> = self.deliveries.iter().take(SHOWN).map(show).collect();
        let more = if self.deliveries.len() > SHOWN { " and others" } else { "" };
        if shown.is_empty() { String::new() } else { format!(": {}{more}", shown.join(", ")) }
    }
}

fn names_sentence(failing: NamesFailing) -> Record {
    let NamesFailing { since, failures, again } = failing;
    let lookups = plural(failures, "lookup", "lookups");
    let text = format!("DNS has failed since {} ({lookups}); asked again at {}", time(since), time(again));
    sentence("DNS fails", text).with("since", since).with("until", again)
}

fn host_sentence(failing: &HostFailing) -> Record {
    let HostFailing { host, address, since, failures } = failing;
    let failures = plural(*failures, "failure", "failures");
    let text =
        format!("host {host} [{address}] has not taken a connection since {} ({failures})", time(*since));
    sentence("host fails", text).with("host", host.as_str()).with("since", *since)
}

fn host_full_sentence(full: &HostFull) -> Record {
    let HostFull { host, address, barrier, set } = full;
    let (option, limit) = match barrier {
        HostBarrier::Limit(limit) => (limit.option, format!("{} ({} open)", limit.most, limit.held)),
        HostBarrier::Throttle(throttle) => {
            let Rate { events, seconds } = throttle.rate;
            (throttle.option, format!("{events}/{seconds} (until {})", time(throttle.until)))
        }
    };
    let place = set.as_ref().map(|set| format!(", set at {}", set.position)).unwrap_or_default();
    let text = format!("host {host} [{address}] takes no further connection: {option} = {limit}{place}");
    sentence("host at its limit", text)
        .with("host", host.as_str())
        .with("option", option)
        .with_some("set_at", set.as_ref().map(|set| set.position.clone()))
}

/// A message that a connection has in hand.
pub(crate) fn in_hand(presence: &Under, now: Time) -> Record {
    let address = presence.address.map_or("a host".to_owned(), |address| address.to_string());
    let seconds = now.since(presence.since).as_secs();
    let stage = presence.stage.text();
    sentence(
        "being delivered",
        format!("nothing: it is being delivered now to {address} ({stage}, {seconds} s)"),
    )
}

/// Looks at a queue of this shard, and at one message of it. None: the queue has gone.
pub(crate) async fn of_queue<W: World>(
    shard: &Rc<Shard<W>>,
    queue: QueueId,
    message: Option<(&Found, String)>,
) -> Option<Vec<Record>> {
    let holders = holders(shard, queue).await;
    let is_there = shard.schedule.borrow().exists(queue);
    is_there.then(|| look(shard, queue, message, holders))
}

/// Holders that are looked for: three are shown, and whether there are more.
const HOLDERS: usize = 4;

/// Who holds the connections that the queue waits for: queue by queue, in pieces.
async fn holders<W: World>(shard: &Rc<Shard<W>>, queue: QueueId) -> Vec<Holder> {
    let awaited = shard.schedule.borrow().awaited_counter(queue, shard.world.now());
    let Some(counter) = awaited else { return Vec::new() };
    let mut connected = Vec::new();
    walk(shard, |queue| {
        if queue.connections > 0 {
            connected.push((queue.connections, queue.id));
        }
    })
    .await;
    connected.sort_unstable_by_key(|(connections, _)| std::cmp::Reverse(*connections));
    let schedule = shard.schedule.borrow();
    let holds = |(_, queue): &(u32, QueueId)| schedule.exists(*queue) && schedule.counts_at(*queue, &counter);
    let name = |(connections, queue)| {
        let (binding, domain) = schedule.names(queue);
        Holder { queue: format!("{binding}/{domain}"), connections }
    };
    connected.into_iter().filter(holds).take(HOLDERS).map(name).collect()
}

fn look<W: World>(
    shard: &Shard<W>,
    queue: QueueId,
    message: Option<(&Found, String)>,
    holders: Vec<Holder>,
) -> Vec<Record> {
    let now = shard.world.now();
    let site = shard.site();
    let schedule = shard.schedule.borrow();
    let (binding, domain) = schedule.names(queue);
    let outbound = site.snapshot.outbound(site.group_of(binding), binding, domain);
    let global = site.snapshot.global();
    let set_at = |option: &str| {
        let located = |definitions: &'static [OptionDef], view: &View<'_>| {
            let option = definitions.iter().find(|definition| definition.name == option)?;
            site.snapshot.located(option, view).set
        };
        let place = located(OutboundOptions::DEFINITIONS, &outbound)
            .or_else(|| located(GlobalOptions::DEFINITIONS, &global))?;
        Some(Set { position: place.position.to_string(), scope: place.instance.to_string() })
    };
    let said = match &message {
        Some((_, reply)) => Some((reply.clone(), None)).filter(|(reply, _)| !reply.is_empty()),
        None => schedule.last_reply(queue).map(|last| (last.text.to_string(), Some(last.at))),
    };
    let waiting = message.map(|(found, _)| Waiting {
        place: found.place,
        attempts: found.info.attempts,
        next_attempt: found.info.next_attempt,
    });
    let known = Known {
        now,
        binding: binding.to_string(),
        domain: domain.to_string(),
        causes: why(&schedule.facts(queue, now)),
        set_at: &set_at,
        said,
        names_failing: shard.resolver.failing(domain),
        hosts_failing: hosts_failing(shard, binding, domain),
        hosts_full: hosts_full(shard, binding, domain),
        holders,
        deliveries: shard.presences.of(queue).iter().map(|presence| presence.under()).collect(),
        message: waiting,
    };
    answer(&known)
}

/// Addresses of the domain's record that have failed since they last served.
fn hosts_failing<W: World>(shard: &Shard<W>, binding: &Rc<str>, domain: &str) -> Vec<HostFailing> {
    let site = shard.site();
    let port = site.outbound(binding, domain).port;
    let hosts = shard.idle.hosts.borrow();
    let failing = |(host, address): (String, IpAddr)| {
        let metrics = hosts.metrics(binding, SocketAddr::new(address, port));
        let since = metrics.failing_since?;
        Some(HostFailing { host, address, since, failures: metrics.failures })
    };
    shard.resolver.addresses(domain).into_iter().filter_map(failing).collect()
}

/// Addresses of the domain's record that the limits of their Host stanzas close now.
fn hosts_full<W: World>(shard: &Shard<W>, binding: &Rc<str>, domain: &str) -> Vec<HostFull> {
    let (site, now) = (shard.site(), shard.world.now());
    let outbound = site.outbound(binding, domain);
    let full = |(host, address): (String, IpAddr)| {
        let barrier = outbound.candidate(&host, 0, SocketAddr::new(address, outbound.port)).barrier(now)?;
        let (HostBarrier::Limit(Limit { option, .. }) | HostBarrier::Throttle(Exhausted { option, .. })) =
            barrier;
        let view = site.snapshot.host(site.group_of(binding), binding, &host);
        let definition = HostOptions::DEFINITIONS.iter().find(|definition| definition.name == option);
        let place = definition.and_then(|definition| site.snapshot.located(definition, &view).set);
        let set = place
            .map(|place| Set { position: place.position.to_string(), scope: place.instance.to_string() });
        Some(HostFull { host, address, barrier, set })
    };
    shard.resolver.addresses(domain).into_iter().filter_map(full).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bindings::why::Pause;
    use bindings::{Order, Scope};
    use std::time::Duration;

    const NOW: Time = Time::from_secs(1_770_244_190);

    fn after(seconds: u64) -> Time {
        NOW + Duration::from_secs(seconds)
    }

    fn set_at(option: &str) -> Option<Set> {
        let set = |position: &str, scope: &str| Some(Set { position: position.into(), scope: scope.into() });
        match option {
            "outbound_throttle_messages" => set("ec.conf:12:3", "Binding:out-a:"),
            "suspend_delivery" => set("ec.conf:7:1", ""),
            "server_max_outbound_connections" => set("ec.conf:1:1", ""),
            _ => None,
        }
    }

    fn known<'a>(causes: Vec<Cause<'a>>) -> Known<'a> {
        Known {
            now: NOW,
            binding: "out-a".into(),
            domain: "x.example".into(),
            causes,
            set_at: &set_at,
            said: None,
            names_failing: None,
            hosts_failing: Vec::new(),
            hosts_full: Vec::new(),
            deliveries: Vec::new(),
            holders: vec![Holder { queue: "out-a/y.example".into(), connections: 2 }],
            message: None,
        }
    }

    fn texts(known: &Known<'_>) -> Vec<String> {
        let text = |row: Record| match row.get("text") {
            Some(console::Value::Text(text)) => text.clone(),
            other => panic!("{other:?}"),
        };
        answer(known).into_iter().map(text).collect()
    }

    #[test]
    fn each_cause_says_what_where_and_until_when() {
        let rate = Rate { events: 5, seconds: 60 };
        let throttle = Exhausted { option: "outbound_throttle_messages", rate, until: after(30) };
        let server = Limit { option: "server_max_outbound_connections", most: 2, held: 2 };
        let order = Order { authority: Authority::Operator, by: "ann".into(), at: NOW };
        let curfew = Order { authority: Authority::Curfew, by: "curfew, /c.conf:3".into(), at: NOW };
        let pause = Pause { until: after(20), failures: 2, since: NOW };
        for (cause, text) in [
            (Cause::NoMail, "no mail is queued for x.example on out-a"),
            (Cause::BlackHole, "blackhole is set: all mail of this scope is being failed"),
            (
                Cause::SuspendedByConfiguration,
                "suspend_delivery is set at ec.conf:7:1: no attempts are made until it is false",
            ),
            (
                Cause::SuspendedByOrder { scope: Scope::Binding("out-a"), order: &order },
                "binding out-a: suspended by ann at 2026-02-04 22:29:50, until resume",
            ),
            (
                Cause::SuspendedByOrder { scope: Scope::Domain("x.example"), order: &curfew },
                "domain x.example: held since 2026-02-04 22:29:50 by curfew, /c.conf:3, until it is over",
            ),
            (
                Cause::Throttled { throttle, waiting: 3 },
                "waiting until 2026-02-04 22:30:20 for outbound_throttle_messages = 5/60, set at ec.conf:12:3, \
                 shared by all queues that fall back to Binding:out-a:; 3 queues of this core wait for it",
            ),
            (
                Cause::ServerFull(server),
                "all connections of server_max_outbound_connections = 2 are taken (2 open), set at \
                 ec.conf:1:1, shared by all queues without one of their own; held on this core by out-a/y.example (2)",
            ),
            (
                Cause::NotConnecting(pause),
                "no connection before 2026-02-04 22:30:10: 2 attempts to connect failed in a row, the first at \
                 2026-02-04 22:29:50",
            ),
            (
                Cause::AllBusy { connections: 4, most: 4 },
                "all 4 connections of max_outbound_connections = 4 are busy",
            ),
            (Cause::ItsTurn { ahead: 1 }, "nothing is in its way: 1 queue of this core go before it"),
            (Cause::NextAttempt(after(65)), "next attempt at 2026-02-04 22:30:55, in 65 s"),
        ] {
            assert_eq!(texts(&known(vec![cause])), [text]);
        }
    }

    #[test]
    fn hosts_and_names_that_fail_are_told_where_a_connection_is_wanted() {
        let pause = Pause { until: after(20), failures: 2, since: NOW };
        let mut known = known(vec![Cause::NotConnecting(pause)]);
        known.names_failing = Some(NamesFailing { since: NOW, failures: 3, again: after(40) });
        known.hosts_failing = vec![HostFailing {
            host: "mx.x.example".into(),
            address: [192, 0, 2, 7].into(),
            since: NOW,
            failures: 1,
        }];
        let said = texts(&known);
        assert_eq!(
            said[1..],
            [
                "DNS has failed since 2026-02-04 22:29:50 (3 lookups); asked again at 2026-02-04 22:30:30",
                "host mx.x.example [192.0.2.7] has not taken a connection since 2026-02-04 22:29:50 (1 failure)",
            ]
        );
        known.causes = vec![Cause::HostsFull(after(1))];
        (known.names_failing, known.hosts_failing) = (None, Vec::new());
        known.hosts_full = vec![HostFull {
            host: "mx.x.example".into(),
            address: [192, 0, 2, 7].into(),
            barrier: HostBarrier::Limit(Limit { option: "max_outbound_connections", most: 1, held: 1 }),
            set: Some(Set { position: "ec.conf:3:5".into(), scope: "Host:mx.x.example:".into() }),
        }];
        assert_eq!(
            texts(&known),
            [
                "no further connection before 2026-02-04 22:29:51: every host that could be tried is at its limits",
                "host mx.x.example [192.0.2.7] takes no further connection: max_outbound_connections = 1 (1 open), \
                 set at ec.conf:3:5",
            ]
        );
        known.causes = vec![Cause::SuspendedByConfiguration];
        assert_eq!(texts(&known).len(), 1, "they are not to blame");
    }

    #[test]
    fn a_message_has_its_own_time_and_its_own_last_reply() {
        let order = Order { authority: Authority::Operator, by: "ann".into(), at: NOW };
        let suspended = Cause::SuspendedByOrder { scope: Scope::All, order: &order };
        let causes = vec![suspended, Cause::ItsTurn { ahead: 0 }, Cause::NextAttempt(after(1))];
        let mut known = known(causes);
        known.said = Some(("451 4.7.1 come\nback".into(), None));
        known.message = Some(Waiting { place: Place::Delayed, attempts: 2, next_attempt: after(600) });
        assert_eq!(
            texts(&known),
            [
                "next attempt at 2026-02-04 22:39:50, in 600 s, after 2 failed attempts; last said: 451 4.7.1 come \
                 back",
                "all deliveries: suspended by ann at 2026-02-04 22:29:50, until resume",
            ]
        );
        known.message = Some(Waiting { place: Place::Active, attempts: 2, next_attempt: NOW });
        known.causes.remove(0);
        assert_eq!(texts(&known), ["nothing is in its way: 0 queues of this core go before it"]);
    }
}
