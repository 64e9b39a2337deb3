//! Which address a new connection goes to, and what is remembered of each address (mail-flow.md §6.4).
//!
//! What is remembered is per binding and address: a peer that refuses one source may serve another. All
//! queues of a shard share it, so a dead exchanger is found dead once, not once a domain.

use crate::limit::{Held, SharedLimit};
use crate::source::{Source, SourceChoice};
use crate::throttle::ThrottleCell;
use crate::why::{Exhausted, Limit};
use hashbrown::HashMap;
use mail::Time;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// An address that the domain's exchangers or routes lead to.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The exchanger as its record names it: the name of its Host stanza.
    pub host: Rc<str>,
    /// Lower is better.
    pub preference: u64,
    pub address: SocketAddr,
    /// `max_outbound_connections` and `scope_max_outbound_connections` of its Host stanza.
    pub limits: Rc<[SharedLimit]>,
    /// `outbound_throttle_connections` of its Host stanza: on top of the queue's.
    pub throttle: Option<Arc<ThrottleCell>>,
}

/// What of its Host stanza keeps further connections away from a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostBarrier {
    Limit(Limit),
    Throttle(Exhausted),
}

impl Candidate {
    pub fn barrier(&self, now: Time) -> Option<HostBarrier> {
        let full = self.limits.iter().find(|limit| limit.free() == 0);
        let limit = full.map(|limit| {
            HostBarrier::Limit(Limit { option: limit.option, most: limit.most, held: limit.counter.count() })
        });
        limit.or_else(|| {
            let cell = self.throttle.as_ref()?;
            let (rate, until) = (cell.rate(), cell.exhausted_until(now)?);
            Some(HostBarrier::Throttle(Exhausted { option: "outbound_throttle_connections", rate, until }))
        })
    }
}

/// What is remembered of an address, seen from one binding.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Metrics {
    pub last_failure: Option<Time>,
    /// The first of the failures since the last success.
    pub failing_since: Option<Time>,
    /// Failures since the last success.
    pub failures: u32,
    /// Connections of this shard, those being opened included.
    pub connections: u32,
    /// Decayed averages in milliseconds; none before the first sample.
    pub connect_ms: Option<f32>,
    /// From MAIL FROM to the final reply.
    pub delivery_ms: Option<f32>,
    pub updated: Time,
}

/// The choice for a new connection.
#[derive(Debug)]
pub enum Choice {
    /// Connect to this candidate from this source; the permit is to `hold` what is held.
    Host { index: usize, source: SourceChoice, held: Vec<Held> },
    /// None can be used before this; messages stay active.
    NotNow { until: Time },
    /// No candidate has an address family that the binding can speak: `NO_VALID_HOSTS`.
    NoneUsable,
}

pub const NO_VALID_HOSTS: &str = "451 4.4.1 [internal] No valid hosts";
pub const NONE_REACHABLE: &str = "451 4.4.1 [internal] No valid hosts (unable to make any connections)";

/// Addresses of one domain that are considered; further ones are as if they were not there.
pub const CANDIDATES_AT_MOST: usize = 128;

/// Addresses remembered; beyond this a new one is used without being remembered.
pub const ADDRESSES_AT_MOST: usize = 1 << 20;

/// A host at its limit is asked again so soon.
const LIMIT_LOOK: Duration = Duration::from_secs(1);

/// A new sample weighs an eighth, as in TCP's estimate of round-trip times (RFC 6298 §2).
const SAMPLE_WEIGHT: f32 = 0.125;

/// The memory of a shard.
#[derive(Debug, Default)]
pub struct Hosts {
    metrics: HashMap<(Rc<str>, SocketAddr), Metrics>,
}

impl Hosts {
    /// The best preference that has an eligible address; in it the address with the fewest connections; of
    /// several, one at random, faster ones more likely. `chance` is any random number.
    pub fn choose(
        &self,
        binding: &Rc<str>,
        source: &Source,
        candidates: &[Candidate],
        failure_retry: Duration,
        now: Time,
        chance: u64,
    ) -> Choice {
        let candidates = &candidates[..candidates.len().min(CANDIDATES_AT_MOST)];
        let mut rivals = Vec::with_capacity(candidates.len());
        let mut until = Time::NEVER;
        for (index, candidate) in candidates.iter().enumerate() {
            let source = source.towards(candidate.address.ip());
            if source == SourceChoice::None {
                continue;
            }
            let metrics = self.metrics(binding, candidate.address);
            match metrics.last_failure.map(|failure| failure + failure_retry).filter(|again| *again > now) {
                Some(again) => until = until.min(again),
                None => rivals.push(Rival::new(index, source, candidate, &metrics)),
            }
        }
        if rivals.is_empty() && until.is_never() {
            return Choice::NoneUsable;
        }
        while !rivals.is_empty() {
            let Rival { index, source, .. } = rivals.swap_remove(pick(&rivals, chance));
            match admit(&candidates[index], now) {
                Ok(held) => return Choice::Host { index, source, held },
                Err(again) => until = until.min(again),
            }
        }
        Choice::NotNow { until }
    }

    /// A connect to the address starts.
    pub fn connecting(&mut self, binding: &Rc<str>, address: SocketAddr, now: Time) {
        self.update(binding, address, now, |metrics| metrics.connections += 1);
    }

    /// It is connected, after so long.
    pub fn connected(&mut self, binding: &Rc<str>, address: SocketAddr, took: Duration, now: Time) {
        self.update(binding, address, now, |metrics| {
            (metrics.last_failure, metrics.failing_since, metrics.failures) = (None, None, 0);
            metrics.connect_ms = Some(averaged(metrics.connect_ms, took));
        });
    }

    /// A message was answered finally, after so long.
    pub fn delivered(&mut self, binding: &Rc<str>, address: SocketAddr, took: Duration, now: Time) {
        self.update(binding, address, now, |metrics| {
            metrics.delivery_ms = Some(averaged(metrics.delivery_ms, took));
        });
    }

    /// The connect or the protocol failed: not a 4xx or 5xx answer to a message. `closed` is told besides.
    pub fn failed(&mut self, binding: &Rc<str>, address: SocketAddr, now: Time) {
        self.update(binding, address, now, |metrics| {
            metrics.last_failure = Some(now);
            metrics.failing_since.get_or_insert(now);
            metrics.failures = metrics.failures.saturating_add(1);
        });
    }

    /// The connection, or the attempt to connect, is over.
    pub fn closed(&mut self, binding: &Rc<str>, address: SocketAddr, now: Time) {
        // Saturating: the address may have come into the memory only after this connection began.
        self.update(binding, address, now, |metrics| {
            metrics.connections = metrics.connections.saturating_sub(1);
        });
    }

    /// Whether every candidate has failed `failures` times in a row (`mx_failures_to_delay`; zero is never).
    pub fn are_lost(&self, binding: &Rc<str>, candidates: &[Candidate], failures: u32) -> bool {
        let lost = |candidate: &Candidate| self.metrics(binding, candidate.address).failures >= failures;
        failures > 0 && !candidates.is_empty() && candidates.iter().all(lost)
    }

    pub fn metrics(&self, binding: &Rc<str>, address: SocketAddr) -> Metrics {
        self.metrics.get(&(Rc::clone(binding), address)).copied().unwrap_or_default()
    }

    /// Forgets addresses without connections that nothing was learnt about for `lifetime`
    /// (`address_metrics_lifetime`, every `address_metrics_cleanse_interval`).
    pub fn cleanse(&mut self, lifetime: Duration, now: Time) {
        self.metrics.retain(|_, metrics| metrics.connections > 0 || now.since(metrics.updated) < lifetime);
    }

    fn update(
        &mut self,
        binding: &Rc<str>,
        address: SocketAddr,
        now: Time,
        change: impl FnOnce(&mut Metrics),
    ) {
        let is_full = self.metrics.len() >= ADDRESSES_AT_MOST;
        let key = (Rc::clone(binding), address);
        if is_full && !self.metrics.contains_key(&key) {
            return;
        }
        let metrics = self.metrics.entry(key).or_default();
        change(metrics);
        metrics.updated = now;
    }
}

/// A candidate that could be connected to.
struct Rival {
    index: usize,
    source: SourceChoice,
    /// Preference, then connections: the least wins.
    standing: (u64, u32),
    weight: u64,
}

impl Rival {
    fn new(index: usize, source: SourceChoice, candidate: &Candidate, metrics: &Metrics) -> Self {
        let slowness = metrics.connect_ms.unwrap_or(0.0) + metrics.delivery_ms.unwrap_or(0.0);
        // An unknown address counts as fast, so that it becomes known.
        let weight = 1_000_000 / (slowness as u64).saturating_add(10).min(1_000_000);
        Rival { index, source, standing: (candidate.preference, metrics.connections), weight }
    }
}

/// The position of the winner: the least standing, the lot among equals.
fn pick(rivals: &[Rival], chance: u64) -> usize {
    let best = rivals.iter().map(|rival| rival.standing).min().expect("there are rivals");
    let total: u64 = rivals.iter().filter(|rival| rival.standing == best).map(|rival| rival.weight).sum();
    let mut lot = ((u128::from(chance) * u128::from(total)) >> 64) as u64;
    let wins = |rival: &Rival| {
        let won = rival.standing == best && lot < rival.weight;
        if rival.standing == best && !won {
            lot -= rival.weight;
        }
        won
    };
    rivals.iter().position(wins).expect("a lot below the total falls on somebody")
}

/// The units of a host, or when to ask again.
fn admit(candidate: &Candidate, now: Time) -> Result<Vec<Held>, Time> {
    let held: Option<Vec<Held>> = candidate.limits.iter().map(SharedLimit::take).collect();
    let held = held.ok_or(now + LIMIT_LOOK)?;
    match &candidate.throttle {
        Some(cell) if cell.take(1, now) == 0 => Err(cell.exhausted_until(now).unwrap_or(now)),
        _ => Ok(held),
    }
}

fn averaged(old: Option<f32>, took: Duration) -> f32 {
    let sample = took.as_secs_f32() * 1000.0;
    old.map_or(sample, |old| old + (sample - old) * SAMPLE_WEIGHT)
}

#[cfg(test)]
mod tests;
