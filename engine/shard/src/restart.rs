//! What a running process cannot change: options that are read once, at the start (config-language.md §11).

use config::{Scope, Snapshot, Stanza};
use std::collections::BTreeMap;

/// Read at the start only, wherever they stand. `bind_address` is not among them: the next connection obeys it.
const OPTIONS: [&str; 22] = [
    "crypto_lock_method",
    "delivery_pool",
    "dns_fallback_to_tcp",
    "event_loop",
    "keep_message_dicts_in_memory",
    "license",
    "listen_backlog",
    "maintainer_pool",
    "masterdb_file",
    "max_dns_ttl",
    "min_dns_ttl",
    "pidfile",
    "reception_memory",
    "resolv_conf",
    "sessions_stay_on_core",
    "spool_memory",
    "spool_mode",
    "spool_segment_size",
    "spoolbase",
    "ssl_lock_method",
    "tls_engine",
    "use_iflist_cache",
];

/// Stanzas of which all is read at the start only.
const STANZAS: [Scope; 5] =
    [Scope::Security, Scope::Snmp, Scope::SnmpTraps, Scope::Threadpool, Scope::Eventloop];

/// A warning for each setting that the new configuration changes and the process does not.
pub fn needing_restart(now: &Snapshot, new: &Snapshot) -> Vec<String> {
    let (now, new) = (settings(now), settings(new));
    let paths: std::collections::BTreeSet<&String> = now.keys().chain(new.keys()).collect();
    let changed = paths.into_iter().filter(|path| now.get(*path) != new.get(*path));
    let line = |path: &String| match new.get(path) {
        Some(value) => format!("warning: {path} = {value} takes effect when the server is started again"),
        None => format!("warning: that {path} is not set takes effect when the server is started again"),
    };
    changed.map(line).collect()
}

/// By path and name: what is set of these.
fn settings(snapshot: &Snapshot) -> BTreeMap<String, String> {
    let mut settings = BTreeMap::new();
    collect(snapshot.root(), &mut settings);
    settings
}

fn collect(stanza: Stanza<'_>, settings: &mut BTreeMap<String, String>) {
    let all = STANZAS.contains(&stanza.scope());
    for (option, value) in stanza.values() {
        if all || OPTIONS.contains(&option.name) {
            settings.insert(format!("{}{}", stanza.id(), option.name), value.to_string());
        }
    }
    // Domains and hosts hold nothing of the kind, and there may be very many.
    let walked = |child: &Stanza<'_>| !matches!(child.scope(), Scope::Domain | Scope::Host);
    stanza.children().filter(walked).for_each(|child| collect(child, settings));
}
