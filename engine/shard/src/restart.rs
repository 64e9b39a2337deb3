//! What a running process cannot change: options that are read once, at the start (config-language.md §11).

use config::{Scope, Snapshot, Stanza};
use std::collections::{BTreeMap, BTreeSet};

/// Read at the start only, wherever they stand. `bind_address` is not among them: the next connection obeys it.
const OPTIONS: [&str; 23] = [
    "crypto_lock_method",
    "delivery_pool",
    "dns_fallback_to_tcp",
    "event_loop",
    "file_mode",
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
    let (now, new) = (Settings::of(now), Settings::of(new));
    let paths: BTreeSet<&String> = now.values.keys().chain(new.values.keys()).collect();
    let changed = paths.into_iter().filter(|path| now.values.get(*path) != new.values.get(*path));
    let line = |path: &String| match new.values.get(path) {
        Some(value) => format!("warning: {path} = {value} takes effect when the server is started again"),
        None => format!("warning: that {path} is not set takes effect when the server is started again"),
    };
    changed.filter(|path| !new.opens(path, &now)).map(line).collect()
}

/// What is set of these, by path and name.
#[derive(Default)]
struct Settings {
    values: BTreeMap<String, String>,
    /// What is listened on: a socket that is opened now obeys all its options.
    listens: BTreeSet<String>,
}

impl Settings {
    fn of(snapshot: &Snapshot) -> Settings {
        let mut settings = Settings::default();
        settings.collect(snapshot.root());
        settings
    }

    fn collect(&mut self, stanza: Stanza<'_>) {
        let all = STANZAS.contains(&stanza.scope());
        for (option, value) in stanza.values() {
            if all || OPTIONS.contains(&option.name) {
                self.values.insert(format!("{}{}", stanza.id(), option.name), value.to_string());
            }
        }
        if stanza.scope() == Scope::Listen {
            self.listens.insert(stanza.id().to_string());
        }
        // Domains and hosts hold nothing of the kind, and there may be very many.
        let walked = |child: &Stanza<'_>| !matches!(child.scope(), Scope::Domain | Scope::Host);
        stanza.children().filter(walked).for_each(|child| self.collect(child));
    }

    /// Whether a setting stands in what is listened on for the first time.
    fn opens(&self, path: &str, before: &Settings) -> bool {
        self.listens
            .iter()
            .any(|listen| path.starts_with(listen.as_str()) && !before.listens.contains(listen))
    }
}
