//! Throttles and counters by reference: equal references are one budget (§10).

use crate::declared::{HostOptions, InboundOptions, OutboundOptions, registry};
use config::{CounterRef, MemoryLoader, Snapshot, ThrottleRef};
use std::time::Duration;

fn snapshot(text: &str) -> Snapshot {
    let loader = MemoryLoader::default().with("m", text);
    let (snapshot, _) = config::load("m", &loader, &registry(), &[""]).expect("a valid configuration");
    snapshot
}

fn throttle(snapshot: &Snapshot, group: &str, binding: &str, domain: &str) -> Option<ThrottleRef> {
    OutboundOptions::resolve(&snapshot.outbound(group, binding, domain)).outbound_throttle_messages
}

#[test]
fn a_global_throttle_is_one_for_the_whole_server() {
    let snapshot = snapshot("outbound_throttle_messages = 100 binding a {} binding b {}");
    let one = throttle(&snapshot, "default", "a", "x").expect("a throttle");
    assert_eq!(
        (one.events, one.window, one.option),
        (100, Duration::from_secs(1), "outbound_throttle_messages")
    );
    assert_eq!(throttle(&snapshot, "default", "b", "y"), Some(one));
}

#[test]
fn a_throttle_of_a_group_is_shared_by_all_inside() {
    let snapshot = snapshot(
        "binding_group g { outbound_throttle_messages = 10/60 binding a { domain x {} } binding b {} }",
    );
    let one = throttle(&snapshot, "g", "a", "x");
    assert!(one.is_some());
    assert_eq!(throttle(&snapshot, "g", "b", "y"), one);
    assert_eq!(throttle(&snapshot, "default", "c", "y"), None);
}

#[test]
fn the_same_line_in_each_child_is_a_throttle_for_each() {
    let line = "outbound_throttle_messages = 10";
    let snapshot =
        snapshot(&format!("binding_group g {{ {line} binding a {{ {line} }} binding b {{ {line} }} }}"));
    let (one, other) = (throttle(&snapshot, "g", "a", "x"), throttle(&snapshot, "g", "b", "x"));
    let group = throttle(&snapshot, "g", "c", "x");
    assert!(one.is_some() && one != other && one != group && other != group);
    assert_eq!(throttle(&snapshot, "g", "a", "y"), one);
}

#[test]
fn a_pattern_is_one_throttle_for_all_it_matches() {
    let snapshot =
        snapshot("domain /mail/ { outbound_throttle_messages = 10 scope_max_outbound_connections = 4 }");
    let one = throttle(&snapshot, "default", "default", "bigmail.example");
    assert!(one.is_some());
    assert_eq!(throttle(&snapshot, "default", "other", "hugemail.example"), one);
    let counter = |domain| {
        OutboundOptions::resolve(&snapshot.outbound("default", "a", domain)).scope_max_outbound_connections
    };
    assert!(matches!(counter("mail"), Some(CounterRef { limit: 4, .. })));
    assert_eq!(counter("mail"), counter("xmail"));
    assert_eq!(counter("other"), None);
}

#[test]
fn a_domain_is_one_throttle_for_all_bindings_that_reach_it() {
    let text = "domain x { outbound_throttle_messages = 1 } binding a {} binding b { outbound_throttle_messages = 1 }";
    let snapshot = snapshot(text);
    let domain = throttle(&snapshot, "default", "a", "x");
    assert!(domain.is_some());
    assert_eq!(throttle(&snapshot, "default", "default", "x"), domain);
    assert_ne!(throttle(&snapshot, "default", "b", "x"), domain);
}

#[test]
fn zero_and_nothing_are_no_throttle_and_end_the_search() {
    let snapshot = snapshot(
        "outbound_throttle_messages = 5 domain x { outbound_throttle_messages = 0 } domain y { outbound_throttle_messages = \"\" }",
    );
    assert_eq!(throttle(&snapshot, "default", "a", "x"), None);
    assert_eq!(throttle(&snapshot, "default", "a", "y"), None);
    assert!(throttle(&snapshot, "default", "a", "z").is_some());
}

#[test]
fn a_reload_keeps_a_budget_unless_its_value_changed() {
    let before = snapshot("binding a { outbound_throttle_messages = 10 }");
    let same = snapshot(
        "hostname = h domain other {} binding b {} binding a { outbound_throttle_messages = \"10/1\" }",
    );
    let other = snapshot("binding a { outbound_throttle_messages = 11 }");
    let throttle = |snapshot: &Snapshot| throttle(snapshot, "default", "a", "x");
    assert_eq!(throttle(&before), throttle(&same));
    assert_ne!(throttle(&before), throttle(&other));
}

#[test]
fn two_options_of_one_instance_are_two_budgets() {
    let snapshot = snapshot("outbound_throttle_messages = 10 outbound_throttle_connections = 10");
    let options = OutboundOptions::resolve(&snapshot.global());
    assert_ne!(options.outbound_throttle_messages, options.outbound_throttle_connections);
}

#[test]
fn pathways_and_hosts_declare_their_own() {
    let snapshot = snapshot(
        "inbound_throttle_messages = 9 pathway p { inbound_throttle_messages = 9 } pathway q {}
         host /mx/ { max_outbound_connections = 3 scope_max_outbound_connections = 2 }",
    );
    let inbound = |pathway| InboundOptions::resolve(&snapshot.pathway(pathway)).inbound_throttle_messages;
    assert_ne!(inbound("p"), inbound("q"));
    assert_eq!(inbound("q"), inbound("default"));
    let view = snapshot.host("default", "default", "mx1");
    assert_eq!(HostOptions::resolve(&view).max_outbound_connections, 3);
    assert_eq!(
        OutboundOptions::resolve(&view).scope_max_outbound_connections.map(|counter| counter.limit),
        Some(2)
    );
}
