//! Engines of policy, and modules that look at connections and envelopes.

use super::{KnownModule, fields};
use crate::{Bool, Instances, Integer, List, Seconds, Size, Standing, Text};

pub const MODULES: &[KnownModule] = &[
    KnownModule::built("conntrol", 1, "Waits before the greeting and notices clients that speak first."),
    KnownModule::built("mail_loop", 1, "Refuses messages that have passed too many hosts."),
    KnownModule::built("scriptlet", 1, "Policy in Lua, bound to phases and hooks."),
    KnownModule::built("sieve", 1, "Policy in Sieve, at phases and hooks."),
    KnownModule::built("sievelib", 1, "Functions that Sieve scripts share; they are always there."),
    KnownModule::listed(
        "alerting",
        1,
        "Lets scripts send alerts by mail, at a limited rate.",
        Standing::Coming("alerts by mail"),
        Instances::Singleton,
        &[fields! {
            alerting_cache_ttl: Seconds = "3600" "Seconds in which an alert is not repeated.";
            alerting_cache_size: Size = "1048576" "Bytes of alerts remembered.";
        }],
    ),
    KnownModule::built("sched", 2, "Runs console commands at set times."),
    KnownModule::built("inbound_audit", 1, "Counts connections, receptions and rejections by address."),
    KnownModule::listed(
        "outbound_audit",
        2,
        "Counts deliveries and their failures by domain.",
        Standing::Coming("counters of deliveries by domain"),
        Instances::Any,
        &[fields! {
            monitors: List<Text> = "" "Windows: \"seconds,count\".";
            monitor_domains: Bool = "true" "False: only sums over all domains.";
            threshold: Integer = "0" "Messages before a domain is counted.";
            domainlist: List<Text> = "" "Domains that are counted, whatever the threshold.";
        }],
    ),
    KnownModule::built("cidrdb", 1, "Tables of address blocks for scripts."),
    KnownModule::built("url_ripper", 1, "Asks a DNS list about peers, sender domains and links."),
    KnownModule::built("smtp_cbv", 2, "Asks a sender's own host whether the sender exists."),
    KnownModule::built(
        "smtp_rcptto_proxy",
        2,
        "Lets scripts ask a host behind us whether it takes a recipient.",
    ),
    KnownModule::listed(
        "fingerprint",
        3,
        "Guesses a peer's operating system with p0f.",
        Standing::Ignored("p0f is not asked"),
        Instances::Any,
        &[fields! {
            max_cache_size: Integer = "10000" "Guesses remembered.";
        }],
    ),
    KnownModule::built("reception_timing", 2, "Measures how long receptions take."),
    KnownModule::built("seedlist", 2, "Copies the first message of a campaign to seed addresses."),
    KnownModule::built("disclaimer", 2, "Lets Sieve scripts append a text; it is always there."),
];
