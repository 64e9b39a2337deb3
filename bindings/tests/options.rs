//! From a configuration file to the settings of queues and hosts.

use bindings::options::{BindAddress, HostOptions, OutboundOptions};
use bindings::*;
use config::{MemoryLoader, Registry, Snapshot};
use std::sync::Arc;
use std::time::Duration;

fn load(text: &str) -> Result<Snapshot, Vec<String>> {
    let registry = Registry::new(&[OutboundOptions::DEFINITIONS, HostOptions::DEFINITIONS], &[]);
    let loader = MemoryLoader::default().with("/etc/impetus.conf", text);
    let loaded = config::load("/etc/impetus.conf", &loader, &registry, &["/etc"]);
    loaded
        .map(|(snapshot, _)| snapshot)
        .map_err(|complaints| complaints.iter().map(|complaint| complaint.to_string()).collect())
}

fn snapshot(text: &str) -> Snapshot {
    load(text).expect("the configuration is sound")
}

fn options(snapshot: &Snapshot, group: &str, binding: &str, domain: &str) -> OutboundOptions {
    OutboundOptions::resolve(&snapshot.outbound(group, binding, domain))
}

#[derive(Default)]
struct Cells {
    throttles: ThrottleCells,
    counters: CounterCells,
}

impl Cells {
    fn queue(&self, snapshot: &Snapshot, group: &str, binding: &str, domain: &str) -> QueueSettings {
        options(snapshot, group, binding, domain).settings(&self.throttles, &self.counters)
    }
}

#[test]
fn an_empty_configuration_has_the_documented_defaults() {
    let queue = Cells::default().queue(&snapshot(""), "default", "default", "x.example");
    assert_eq!(queue.max_outbound_connections, bindings::settings::MaxConnections(32));
    assert_eq!(queue.aggressiveness, Aggressiveness::NORMAL);
    assert_eq!(queue.retry, RetrySettings::default());
    assert_eq!(queue.connect_timeout_to_delay.0, Duration::from_secs(900));
    assert_eq!((queue.blackhole, queue.suspend_delivery), (Blackhole::Off, false));
    assert!(
        queue.limits.is_empty() && queue.message_throttle.is_none() && queue.connection_throttle.is_none()
    );
    let options = options(&snapshot(""), "default", "default", "x.example");
    assert_eq!((options.gateway.clone(), options.routes.clone()), (None, Routes::default()));
    assert_eq!(options.source(|_| None), Ok(Source::Any));
    assert_eq!((options.mx_failures_to_delay, options.delayed_binding_domain_fuzz), (50, 0));
}

/// Each row of config-language.md §10: who shares a budget with whom.
#[test]
fn throttles_are_shared_by_whoever_falls_back_to_one_declaration() {
    const RATE: &str = "outbound_throttle_messages = ";
    let global = format!("{RATE}\"100\"\nbinding a {{ }}\nbinding b {{ }}");
    let group = format!("binding_group g {{ {RATE}\"10\"\n binding a {{ }}\n binding b {{ }} }}");
    let children = format!(
        "binding_group g {{ {RATE}\"10\"\n binding a {{ {RATE}\"10\" }}\n binding b {{ {RATE}\"10\" }} }}"
    );
    let pattern = format!("domain \"/\\.example$/\" {{ {RATE}\"10\" }}");
    let domain = format!("domain \"x.example\" {{ {RATE}\"10\" }}\nbinding a {{ }}\nbinding b {{ }}");
    for (name, text, group, one, other, shared) in [
        ("global", global, "default", ("a", "x.example"), ("b", "y.example"), true),
        ("group", group, "g", ("a", "x.example"), ("b", "y.example"), true),
        ("each child", children, "g", ("a", "x.example"), ("b", "x.example"), false),
        ("regex domain", pattern, "default", ("a", "x.example"), ("b", "y.example"), true),
        ("domain", domain, "default", ("a", "x.example"), ("b", "x.example"), true),
    ] {
        let (cells, snapshot) = (Cells::default(), snapshot(&text));
        let cell = |(binding, domain): (&str, &str)| {
            let throttle = cells.queue(&snapshot, group, binding, domain).message_throttle;
            throttle.unwrap_or_else(|| panic!("{name}: {binding} {domain} is throttled"))
        };
        assert_eq!(Arc::ptr_eq(&cell(one), &cell(other)), shared, "{name}");
        assert!(Arc::ptr_eq(&cell(one), &cell(one)), "{name}");
    }
}

#[test]
fn a_budget_survives_a_reload_unless_its_value_changes() {
    let cells = Cells::default();
    let cell = |rate: &str| {
        let snapshot =
            snapshot(&format!("domain \"x.example\" {{ outbound_throttle_messages = \"{rate}\" }}"));
        cells.queue(&snapshot, "default", "a", "x.example").message_throttle.unwrap()
    };
    let before = cell("10/60");
    assert_eq!(before.rate(), Rate { events: 10, seconds: 60 });
    assert!(Arc::ptr_eq(&before, &cell("10/60")));
    assert!(!Arc::ptr_eq(&before, &cell("20/60")));
}

#[test]
fn limits_of_scope_and_binding_count_together_with_those_who_share_them() {
    let snapshot = snapshot(
        "domain \"x.example\" { scope_max_outbound_connections = 3 }\n\
         binding a { server_max_outbound_connections = 5 }\n\
         binding b { }",
    );
    let cells = Cells::default();
    let limits = |binding, domain| cells.queue(&snapshot, "default", binding, domain).limits;
    let most = |limits: &[SharedLimit]| limits.iter().map(|limit| limit.most).collect::<Vec<_>>();
    let (both, scope, own) = (limits("a", "x.example"), limits("b", "x.example"), limits("a", "y.example"));
    assert_eq!((most(&both), most(&scope), most(&own)), (vec![3, 5], vec![3], vec![5]));
    assert!(Arc::ptr_eq(&both[0].counter, &scope[0].counter));
    assert!(Arc::ptr_eq(&both[1].counter, &own[0].counter));
    assert!(limits("b", "y.example").is_empty());
}

#[test]
fn a_binding_beats_a_global_domain_and_words_become_values() {
    let snapshot = snapshot(
        "message_expiration = 604800\n\
         domain \"x.example\" { message_expiration = 120\n max_retries = none\n blackhole = internal }\n\
         binding a { message_expiration = 3600\n max_outbound_connections = -1\n max_retries = 5\n\
           connection_allocation_aggressiveness = high\n suspend_delivery = true }\n\
         binding b { connection_allocation_aggressiveness = 0.5\n blackhole = true }",
    );
    let cells = Cells::default();
    let a = cells.queue(&snapshot, "default", "a", "x.example");
    assert_eq!(a.retry.message_expiration, Duration::from_secs(3600));
    assert_eq!(a.retry.max_retries, MaxRetries::Count(5));
    assert_eq!(a.max_outbound_connections.0, u32::MAX);
    assert_eq!((a.aggressiveness, a.suspend_delivery), (Aggressiveness::HIGH, true));
    let b = cells.queue(&snapshot, "default", "b", "x.example");
    assert_eq!(b.retry.message_expiration, Duration::from_secs(120));
    assert_eq!((b.retry.max_retries, b.blackhole), (MaxRetries::Unlimited, Blackhole::Inline));
    assert_eq!(Some(b.aggressiveness), Aggressiveness::fraction(0.5));
    let c = cells.queue(&snapshot, "default", "c", "x.example");
    assert_eq!(c.blackhole, Blackhole::Internal);
}

#[test]
fn hosts_have_limits_of_their_own_and_no_fallback() {
    let snapshot = snapshot(
        "max_outbound_connections = 7\n\
         host \"mx.x.example\" { max_outbound_connections = 2\n scope_max_outbound_connections = 4 }",
    );
    let cells = Cells::default();
    let limits = |binding: &str, host: &str| {
        let options = HostOptions::resolve(&snapshot.host("default", binding, host));
        options.limits(binding, host, &cells.throttles, &cells.counters).limits
    };
    assert!(limits("a", "mx.y.example").is_empty(), "the global value is none of a host's");
    let (a, b) = (limits("a", "mx.x.example"), limits("b", "mx.x.example"));
    assert_eq!((a[0].most, a[1].most), (2, 4));
    assert!(!Arc::ptr_eq(&a[0].counter, &b[0].counter), "one counter for each binding");
    assert!(Arc::ptr_eq(&a[1].counter, &b[1].counter), "one counter for the scope");
}

#[test]
fn sources_gateways_and_routes_are_read() {
    let snapshot = snapshot(
        "binding a { bind_address = \"192.0.2.1\"\n bind_address_secondary = \"2001:db8::1\"\n\
           gateway = \"[2001:db8::2]\" }\n\
         binding b { bind_address = \"out.example\"\n gateway = \"Smart.Example\" }\n\
         domain \"x.example\" { routes = ( \"smtp://relay.example?pref=10&port=2525\" __mx__ ) }",
    );
    let a = options(&snapshot, "default", "a", "x.example");
    let addresses = Source::new("192.0.2.1".parse().ok(), "2001:db8::1".parse().ok()).unwrap();
    assert_eq!(a.source(|_| None), Ok(addresses));
    assert_eq!(a.gateway.as_ref().map(Gateway::domain).as_deref(), Some("2001:db8::2"));
    assert_eq!(
        a.routes.0.iter().map(|hop| (hop.rank, hop.port)).collect::<Vec<_>>(),
        [(10, Some(2525)), (11, None)]
    );
    let b = options(&snapshot, "default", "b", "y.example");
    assert_eq!(b.bind_address, BindAddress::Name("out.example".into()));
    let named = b.source(|name| (name == "out.example").then(|| "192.0.2.9".parse().unwrap()));
    assert_eq!(named, Ok(Source::new("192.0.2.9".parse().ok(), None).unwrap()));
    assert_eq!(b.source(|_| None), Ok(Source::NOWHERE), "better not at all than from a wrong address");
    assert_eq!(b.gateway.as_ref().map(Gateway::domain).as_deref(), Some("smart.example"));
    assert!(b.routes.0.is_empty());
}

#[test]
fn what_cannot_be_obeyed_is_refused_when_it_is_loaded() {
    for (text, expected) in [
        ("gateway = \"two words\"", "a host name, an IP address or [IPv6]"),
        ("routes = ( ok.example \"ftp://x\" )", "one of the schemes smtp, apn, gcm, mm7, http"),
        ("bind_address = \"nowhere at all\"", "an IP address, a host name, or *"),
        ("connection_allocation_aggressiveness = 3", "normal, high, or a fraction from 0 to 1"),
        ("max_retries = often", "auto, none or a number of retries"),
        ("blackhole = maybe", "one of: false, no"),
    ] {
        let complaints = load(text).expect_err(text);
        assert!(complaints.iter().any(|complaint| complaint.contains(expected)), "{text}: {complaints:?}");
    }
}
