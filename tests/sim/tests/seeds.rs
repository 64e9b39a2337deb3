//! The proof: thousands of stories, each from its seed. `SEED=17 cargo test -p sim --test seeds` tells one
//! with its trace; `SEEDS=100` tells that many.

use sim::story::{Failure, Summary, tell};

/// Stories of a run.
const SEEDS: u64 = 4000;
/// Failures that are shown with all they have.
const SHOWN: usize = 3;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn show(seed: u64, failure: &Failure) -> String {
    let violations: Vec<String> =
        failure.violations.iter().map(|violation| format!("  {violation}\n")).collect();
    format!("SEED={seed}\n{}{:?}\n{}", violations.concat(), failure.plan, failure.trace)
}

#[test]
fn every_250_ends_delivered_or_bounced_whatever_happens() {
    if let Some(seed) = number("SEED") {
        match tell(seed, true) {
            Ok(summary) => println!("SEED={seed} {summary:?}"),
            Err(failure) => panic!("{}", show(seed, &failure)),
        }
        return;
    }
    let seeds = number("SEEDS").unwrap_or(SEEDS);
    let mut total = Summary::default();
    let mut failures = Vec::new();
    for seed in 0..seeds {
        match tell(seed, false) {
            Ok(summary) => add(&mut total, summary),
            Err(failure) => failures.push((seed, failure)),
        }
    }
    println!("{seeds} seeds: {total:?}");
    let shown: Vec<String> =
        failures.iter().take(SHOWN).map(|(seed, failure)| show(*seed, failure)).collect();
    let failed: Vec<u64> = failures.iter().map(|(seed, _)| *seed).collect();
    assert!(failures.is_empty(), "{} seeds failed: {failed:?}\n{}", failed.len(), shown.concat());
    // A story without mail, power cuts, notices or orders would prove nothing.
    assert!(
        total.promised as u64 > seeds * 5 && total.starts > seeds * 2 && total.notices as u64 > seeds / 2
    );
    assert!(total.orders as u64 > seeds / 2, "{} orders", total.orders);
}

fn add(total: &mut Summary, one: Summary) {
    total.polls += one.polls;
    total.starts += one.starts;
    total.copies += one.copies;
    total.promised += one.promised;
    total.doubled += one.doubled;
    total.notices += one.notices;
    total.orders += one.orders;
}

#[test]
fn a_seed_tells_the_same_story_twice() {
    for seed in 0..20 {
        let told = || tell(seed, false).map(|summary| summary.fingerprint).ok();
        assert_eq!(told(), told(), "SEED={seed}");
    }
}
