//! The outbound chain, exhaustively: whatever subset of its levels sets an option, the first one wins (§9.1).

use crate::declared::{HostOptions, OutboundOptions, registry};
use config::MemoryLoader;

/// Levels in order, each as a statement with its value.
const LEVELS: [&str; 12] = [
    "binding_group g { binding b { domain d { retry_interval = 0 } } }",
    "binding_group g { binding b { domain /d/ { retry_interval = 1 } } }",
    "binding b { domain d { retry_interval = 2 } }",
    "binding b { domain /d/ { retry_interval = 3 } }",
    "binding_group g { domain d { retry_interval = 4 } }",
    "binding_group g { domain /d/ { retry_interval = 5 } }",
    "binding_group g { binding b { retry_interval = 6 } }",
    "binding b { retry_interval = 7 }",
    "binding_group g { retry_interval = 8 }",
    "domain d { retry_interval = 9 }",
    "domain /d/ { retry_interval = 10 }",
    "retry_interval = 11",
];

#[test]
fn the_first_level_that_sets_an_option_wins() {
    let registry = registry();
    for subset in 0..1_u32 << LEVELS.len() {
        let chosen = LEVELS.iter().enumerate().filter(|(level, _)| subset & 1 << level != 0);
        // Order of statements means nothing between scopes: write them narrowest last.
        let text: Vec<_> = chosen.map(|(_, statement)| *statement).rev().collect();
        let loader = MemoryLoader::default().with("m", text.join("\n"));
        let (snapshot, _) = config::load("m", &loader, &registry, &[""]).expect("a valid configuration");
        let got = OutboundOptions::resolve(&snapshot.outbound("g", "b", "d")).retry_interval.as_secs();
        let expected = if subset == 0 { 1200 } else { u64::from(subset.trailing_zeros()) };
        assert_eq!(got, expected, "{subset:012b}");
    }
}

#[test]
fn strangers_see_only_what_is_theirs() {
    let loader = MemoryLoader::default().with("m", LEVELS.join("\n"));
    let (snapshot, _) = config::load("m", &loader, &registry(), &[""]).expect("a valid configuration");
    for (group, binding, domain, expected) in [
        ("g", "b", "d", 0),
        ("g", "b", "dd", 1),
        ("h", "b", "d", 2),
        ("h", "b", "dd", 3),
        ("g", "c", "d", 4),
        ("g", "c", "dd", 5),
        ("g", "b", "x", 6),
        ("h", "b", "x", 7),
        ("g", "c", "x", 8),
        ("h", "c", "d", 9),
        ("h", "c", "dd", 10),
        ("h", "c", "x", 11),
        ("", "", "", 11),
    ] {
        let got =
            OutboundOptions::resolve(&snapshot.outbound(group, binding, domain)).retry_interval.as_secs();
        assert_eq!(got, expected, "{group}/{binding}/{domain}");
    }
}

const HOST_LEVELS: [&str; 4] = [
    "binding_group g { binding b { host h { max_outbound_connections = 0 } } }",
    "binding_group g { host h { max_outbound_connections = 1 } }",
    "binding b { host h { max_outbound_connections = 2 } }",
    "host h { max_outbound_connections = 3 }",
];

#[test]
fn hosts_fall_back_among_themselves_only() {
    let registry = registry();
    for subset in 0..1_u32 << HOST_LEVELS.len() {
        let chosen = HOST_LEVELS.iter().enumerate().filter(|(level, _)| subset & 1 << level != 0);
        let text: String = chosen.map(|(_, statement)| *statement).collect();
        let loader = MemoryLoader::default().with("m", format!("max_outbound_connections = 99 {text}"));
        let (snapshot, _) = config::load("m", &loader, &registry, &[""]).expect("a valid configuration");
        let got = HostOptions::resolve(&snapshot.host("g", "b", "h")).max_outbound_connections;
        let expected = if subset == 0 { -1 } else { i64::from(subset.trailing_zeros()) };
        assert_eq!(got, expected, "{subset:04b}");
    }
}
