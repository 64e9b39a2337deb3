//! The choice of an address, played with fixed lots.

use super::*;
use crate::throttle::Rate;

const RETRY: Duration = Duration::from_secs(120);

fn candidate(host: &str, preference: u64, address: &str) -> Candidate {
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
        let count = |candidate: &Candidate| self.hosts.metrics(&self.binding, candidate.address).connections;
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
    let player = Player::with([candidate("a", 10, "[2001:db8::1]:25"), candidate("a", 20, "192.0.2.1:25")]);
    let choose = |source: &Source| {
        player.hosts.choose(&player.binding, source, &player.candidates, RETRY, player.now, 0)
    };
    let v4 = Source::new(Some("198.51.100.1".parse().unwrap()), None).unwrap();
    assert!(matches!(choose(&v4), Choice::Host { index: 1, source: SourceChoice::Address(_), .. }));
    assert!(matches!(choose(&Source::Any), Choice::Host { index: 0, source: SourceChoice::Any, .. }));
    assert!(matches!(choose(&Source::NOWHERE), Choice::NoneUsable));
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
