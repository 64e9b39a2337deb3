//! Which address a new connection goes to, and what is remembered of each address (mail-flow.md §6.4).
//!
//! What is remembered is per binding and address: a peer that refuses one source may serve another. All
//! queues of a shard share it, so a dead exchanger is found dead once, not once a domain.

use crate::limit::{Held, SharedLimit};
use crate::source::{Source, SourceChoice};
use crate::throttle::ThrottleCell;
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
    pub preference: u32,
    pub address: SocketAddr,
    /// `max_outbound_connections` and `scope_max_outbound_connections` of its Host stanza.
    pub limits: Rc<[SharedLimit]>,
    /// `outbound_throttle_connections` of its Host stanza: on top of the queue's.
    pub throttle: Option<Arc<ThrottleCell>>,
}

/// What is remembered of an address, seen from one binding.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Metrics {
    pub last_failure: Option<Time>,
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
            (metrics.last_failure, metrics.failures) = (None, 0);
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
    standing: (u32, u32),
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
mod tests {
    use super::*;
    use crate::throttle::Rate;

    const RETRY: Duration = Duration::from_secs(120);

    fn candidate(host: &str, preference: u32, address: &str) -> Candidate {
        let limits: Rc<[SharedLimit]> = Rc::new([]);
        Candidate { host: host.into(), preference, address: address.parse().unwrap(), limits, throttle: None }
    }

    /// MX 10 a with two addresses, MX 20 b with one: the worked example of mail-flow.md §15.
    fn example() -> [Candidate; 3] {
        [
            candidate("a", 10, "192.0.2.1:25"),
            candidate("a", 10, "192.0.2.2:25"),
            candidate("b", 20, "192.0.2.3:25"),
        ]
    }

    struct Player {
        hosts: Hosts,
        binding: Rc<str>,
        candidates: Vec<Candidate>,
        now: Time,
        chance: u64,
    }

    impl Player {
        fn with(candidates: impl Into<Vec<Candidate>>) -> Self {
            let binding = "b1".into();
            let candidates = candidates.into();
            Player { hosts: Hosts::default(), binding, candidates, now: Time::from_secs(1000), chance: 1 }
        }

        fn choose(&mut self) -> Choice {
            // A fixed multiplicative sequence, so that lots differ and runs do not.
            self.chance = self.chance.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(0x1234_5678_9ABC_DEF1);
            let candidates = &self.candidates;
            self.hosts.choose(&self.binding, &Source::Any, candidates, RETRY, self.now, self.chance)
        }

        fn connect(&mut self) -> Option<usize> {
            let Choice::Host { index, held, .. } = self.choose() else { return None };
            std::mem::forget(held);
            self.hosts.connecting(&self.binding, self.candidates[index].address, self.now);
            Some(index)
        }

        fn fail(&mut self, index: usize) {
            self.hosts.failed(&self.binding, self.candidates[index].address, self.now);
            self.hosts.closed(&self.binding, self.candidates[index].address, self.now);
        }

        fn connections(&self) -> Vec<u32> {
            let count =
                |candidate: &Candidate| self.hosts.metrics(&self.binding, candidate.address).connections;
            self.candidates.iter().map(count).collect()
        }
    }

    #[test]
    fn connections_spread_evenly_over_the_best_preference_only() {
        let mut player = Player::with(example());
        for _ in 0..7 {
            player.connect();
        }
        let connections = player.connections();
        assert!(connections == [4, 3, 0] || connections == [3, 4, 0], "{connections:?}");
    }

    #[test]
    fn a_failed_address_leaves_its_share_to_the_others_of_its_preference() {
        let mut player = Player::with(example());
        player.hosts.failed(&player.binding, player.candidates[0].address, player.now);
        assert_eq!((0..7).filter_map(|_| player.connect()).collect::<Vec<_>>(), [1; 7]);
        player.now = player.now + RETRY;
        assert_eq!(player.connect(), Some(0), "after host_failure_retry it is tried again");
    }

    #[test]
    fn the_next_preference_serves_while_a_better_one_is_out() {
        let mut player = Player::with(example());
        let start = player.now;
        for (index, again) in [(0, None), (1, None), (2, Some(start + RETRY))] {
            player.hosts.connecting(&player.binding, player.candidates[index].address, player.now);
            player.fail(index);
            match (player.choose(), again) {
                (Choice::Host { index: next, .. }, None) => assert_eq!(next, if index == 0 { 1 } else { 2 }),
                (Choice::NotNow { until }, Some(again)) => assert_eq!(until, again),
                (other, _) => panic!("after {index}: {other:?}"),
            }
            player.now = player.now + Duration::from_secs(1);
        }
    }

    #[test]
    fn a_host_at_its_limit_is_left_out_and_gives_its_units_back() {
        let mut candidates = example();
        let limit = SharedLimit::alone(2);
        candidates[0].limits = Rc::new([limit.clone()]);
        candidates[1].limits = Rc::new([limit.clone()]);
        let mut player = Player::with(candidates);
        let mut chosen: Vec<_> = (0..3).map(|_| player.connect().unwrap()).collect();
        chosen[..2].sort_unstable();
        assert_eq!(chosen, [0, 1, 2]);
        assert_eq!(limit.free(), 0);
        player.candidates.truncate(2);
        assert!(matches!(player.choose(), Choice::NotNow { until } if until == player.now + LIMIT_LOOK));
    }

    #[test]
    fn a_host_that_is_refused_by_one_limit_holds_none_of_the_others() {
        let (open, shut) = (SharedLimit::alone(5), SharedLimit::alone(0));
        let mut only = candidate("a", 10, "192.0.2.1:25");
        only.limits = Rc::new([open.clone(), shut]);
        assert!(matches!(Player::with([only]).choose(), Choice::NotNow { .. }));
        assert_eq!(open.free(), 5);
    }

    #[test]
    fn an_exhausted_host_throttle_counts_like_a_limit() {
        let mut candidates = example();
        let cell = Arc::new(ThrottleCell::new(Rate { events: 1, seconds: 60 }));
        candidates[0].throttle = Some(Arc::clone(&cell));
        candidates[1].throttle = Some(cell);
        let mut player = Player::with(candidates);
        assert!(player.connect().unwrap() < 2);
        assert_eq!(player.connect(), Some(2));
    }

    #[test]
    fn families_without_a_source_address_are_no_candidates() {
        let player =
            Player::with([candidate("a", 10, "[2001:db8::1]:25"), candidate("a", 20, "192.0.2.1:25")]);
        let choose = |source: &Source| {
            player.hosts.choose(&player.binding, source, &player.candidates, RETRY, player.now, 0)
        };
        let v4 = Source::new(Some("198.51.100.1".parse().unwrap()), None).unwrap();
        assert!(matches!(choose(&v4), Choice::Host { index: 1, source: SourceChoice::Address(_), .. }));
        assert!(matches!(choose(&Source::Any), Choice::Host { index: 0, source: SourceChoice::Any, .. }));
        let nothing = Source::Addresses { v4: None, v6: None };
        assert!(matches!(choose(&nothing), Choice::NoneUsable));
    }

    #[test]
    fn a_domain_is_lost_when_every_address_failed_often_enough() {
        let mut player = Player::with(example());
        for round in 1..=3 {
            (0..3).for_each(|index| player.fail(index));
            let lost = player.hosts.are_lost(&player.binding, &player.candidates, 3);
            assert_eq!(lost, round == 3);
        }
        assert!(!player.hosts.are_lost(&player.binding, &player.candidates, 0), "zero is never");
        let address = player.candidates[1].address;
        player.hosts.connected(&player.binding, address, Duration::from_millis(40), player.now);
        assert!(!player.hosts.are_lost(&player.binding, &player.candidates, 3));
        assert!(!player.hosts.are_lost(&player.binding, &[], 3));
    }

    #[test]
    fn of_equals_the_faster_is_chosen_more_often() {
        let mut player = Player::with(example());
        for (index, took) in [(0, 30), (1, 300)] {
            let address = player.candidates[index].address;
            player.hosts.connected(&player.binding, address, Duration::from_millis(took), player.now);
        }
        let choices = (0..1000).filter(|_| matches!(player.choose(), Choice::Host { index: 0, .. })).count();
        assert!((700..1000).contains(&choices), "{choices} of 1000");
    }

    #[test]
    fn averages_decay_and_old_memories_go() {
        let mut player = Player::with(example());
        let address = player.candidates[0].address;
        for took in [80, 160] {
            player.hosts.delivered(&player.binding, address, Duration::from_millis(took), player.now);
        }
        assert_eq!(player.hosts.metrics(&player.binding, address).delivery_ms, Some(90.0));
        player.hosts.connecting(&player.binding, player.candidates[1].address, player.now);
        player.now = player.now + Duration::from_secs(1800);
        player.hosts.cleanse(Duration::from_secs(1800), player.now);
        assert_eq!(player.hosts.metrics(&player.binding, address), Metrics::default());
        assert_eq!(player.connections(), [0, 1, 0], "an address with a connection is kept");
    }
}
