//! Cross checks (spec config-language.md §13): values that are right alone and wrong together. What is set is
//! read as it was written, so that a check asks nobody whether he obeys an option.

use crate::fault::Fault;
use crate::option::key;
use crate::snapshot::{Instance, Stored};
use crate::{Inbound, Scope, Snapshot, Value, Word};
use std::collections::HashMap;

type Check = fn(&Snapshot, &mut Vec<Fault>);

/// Said of whatever could be read.
pub(crate) const CONTRADICTIONS: [Check; 10] = [
    exclusive_switches,
    cluster_limits_in_groups,
    encrypted_twice,
    compressed_and_mapped,
    empty_match_cache,
    greetings,
    changes_without_a_file,
    one_socket_twice,
    ranges,
    sweep_rules,
];

/// Said only where everything could be read: what seems missing may stand in what could not.
pub(crate) const DANGLING: [Check; 6] =
    [pathways, thread_pools, alias_schemes, one_binding_in_two_groups, authorization, alerting];

impl Instance {
    fn given(&self, option: &str) -> Option<&Stored> {
        self.stored(key(option))
    }

    fn is_on(&self, option: &str) -> bool {
        self.given(option).and_then(text).and_then(crate::types::truth) == Some(true)
    }
}

fn text(stored: &Stored) -> Option<&str> {
    match &stored.value {
        Value::Scalar(word) => Some(&word.text),
        _ => None,
    }
}

fn number(stored: &Stored) -> Option<i64> {
    text(stored)?.parse().ok()
}

/// The words of a value, whatever its shape; of a dictionary none.
fn words(stored: &Stored) -> &[Word] {
    match &stored.value {
        Value::Scalar(word) => std::slice::from_ref(word),
        Value::List(words) => words,
        Value::Dictionary(_) => &[],
    }
}

/// Every place where an option is set.
fn everywhere<'a>(snapshot: &'a Snapshot, option: &'a str) -> impl Iterator<Item = &'a Stored> + 'a {
    snapshot.instances.iter().filter_map(move |instance| instance.given(option))
}

fn exclusive_switches(snapshot: &Snapshot, faults: &mut Vec<Fault>) {
    for instance in &snapshot.instances {
        if let (true, Some(follow)) = (instance.is_on("enable_duravip"), instance.given("duravip_follow")) {
            let message = "'duravip_follow' and 'enable_duravip' exclude each other";
            faults.push(Fault::error(follow.span, message).expected("one of them"));
        }
        if let (true, Some(allow), true) =
            (instance.is_on("always_deny"), instance.given("always_allow"), instance.is_on("always_allow"))
        {
            let message = "'always_allow' means nothing beside 'always_deny', which wins";
            faults.push(Fault::warning(allow.span, message));
        }
        if let (Some(user), None) =
            (instance.given("outbound_smtp_auth_user"), instance.given("outbound_smtp_auth_pass"))
        {
            let message = "'outbound_smtp_auth_user' stands without 'outbound_smtp_auth_pass'";
            faults.push(Fault::warning(user.span, message).expected("both in one place"));
        }
    }
}

fn cluster_limits_in_groups(snapshot: &Snapshot, faults: &mut Vec<Fault>) {
    for group in snapshot.stanzas("binding_group") {
        for member in group.stanzas("binding") {
            let Some(found) = member.value("cluster_max_outbound_connections") else { continue };
            let message = "'cluster_max_outbound_connections' is not valid in a binding inside a group";
            faults.push(Fault::error(found.span, message).expected("it in the group"));
        }
    }
}

fn encrypted_twice(snapshot: &Snapshot, faults: &mut Vec<Fault>) {
    for (endpoint, _) in snapshot.listeners("esmtp_listener") {
        let inbound = Inbound { listener: Scope::EsmtpListener, endpoint, peer: None, pathway: None };
        let view = snapshot.inbound(inbound);
        let first = |option| view.chain().find_map(|instance| instance.given(option));
        let Some(ssl) = first("use_ssl") else { continue };
        let encrypted = text(ssl).and_then(crate::types::truth) == Some(true);
        let offers = |word: &Word| word.text.eq_ignore_ascii_case("STARTTLS");
        if encrypted && first("smtp_extensions").is_some_and(|offered| words(offered).iter().any(offers)) {
            let message = format!("{endpoint} has 'use_ssl' and offers STARTTLS");
            faults.push(Fault::error(ssl.span, message).expected("one of them"));
        }
    }
}

fn compressed_and_mapped(snapshot: &Snapshot, faults: &mut Vec<Fault>) {
    let compresses = snapshot.stanzas("compress_spool").next().is_some();
    let Some(mapped) = snapshot.instances[0].given("use_mmap") else { return };
    if compresses && snapshot.instances[0].is_on("use_mmap") {
        faults.push(Fault::error(mapped.span, "'use_mmap' and the module compress_spool exclude each other"));
    }
}

fn empty_match_cache(snapshot: &Snapshot, faults: &mut Vec<Fault>) {
    let zero = everywhere(snapshot, "match_cache_size").filter(|stored| number(stored) == Some(0));
    faults.extend(zero.map(|stored| {
        Fault::error(stored.span, "'match_cache_size' cannot be 0")
            .expected("the number of matches remembered")
    }));
}

fn greetings(snapshot: &Snapshot, faults: &mut Vec<Fault>) {
    let other =
        |stored: &&Stored| text(stored).is_some_and(|text| !text.is_empty() && !text.starts_with("220"));
    faults.extend(everywhere(snapshot, "static_banner").filter(other).map(|stored| {
        Fault::error(stored.span, "'static_banner' is no greeting")
            .expected("a complete reply: 220 and a text")
    }));
}

fn changes_without_a_file(snapshot: &Snapshot, faults: &mut Vec<Fault>) {
    let global = &snapshot.instances[0];
    if let (Some(only), true) = (global.given("local_changes_only"), global.is_on("local_changes_only"))
        && global.given("local_changes_file").is_none()
    {
        let fault = Fault::error(only.span, "'local_changes_only' has no file to save to");
        faults.push(fault.expected("'local_changes_file' beside it"));
    }
}

/// Two listeners cannot have one socket.
fn one_socket_twice(snapshot: &Snapshot, faults: &mut Vec<Fault>) {
    let listeners = crate::CATALOGUE.iter().filter(|row| Scope::Listen.may_stand_in(row.scope));
    let mut taken = HashMap::new();
    for row in listeners {
        for (endpoint, stanza) in snapshot.listeners(row.keyword) {
            let Some(span) = stanza.opened() else { continue };
            if let Some(other) = taken.insert(endpoint, row.keyword) {
                let message = format!("{endpoint} is taken by {other} already");
                faults.push(Fault::error(span, message).expected("another endpoint"));
            }
        }
    }
}

/// (what should be less or equal, what it should be compared with)
const ORDERED: [(&str, &str); 4] = [
    ("min_dns_ttl", "max_dns_ttl"),
    ("retry_interval", "max_retry_interval"),
    ("memory_goal", "memory_hwm"),
    ("low_threshold", "high_threshold"),
];

fn ranges(snapshot: &Snapshot, faults: &mut Vec<Fault>) {
    let fraction = |stored: &Stored| text(stored).and_then(|text| text.parse::<f64>().ok());
    for instance in &snapshot.instances {
        for (less, more) in ORDERED {
            let (Some(low), Some(high)) = (instance.given(less), instance.given(more)) else { continue };
            if fraction(low) > fraction(high) {
                faults.push(Fault::warning(low.span, format!("'{less}' is above '{more}'")));
            }
        }
    }
}

fn sweep_rules(snapshot: &Snapshot, faults: &mut Vec<Fault>) {
    for rule in snapshot.instances.iter().filter(|instance| instance.scope == Scope::AdaptiveSweepRule) {
        let codes = rule.given("codes").map(words).unwrap_or_default();
        let has = |kind: &str| codes.iter().any(|code| code.text.starts_with(kind));
        let message = match (has("bc:"), has("fbl:")) {
            (false, false) => "this rule counts nothing: it has no codes",
            (true, true) => "this rule counts nothing: it mixes bounces and complaints",
            _ => continue,
        };
        let span = rule.opened.first().copied().unwrap_or_default();
        faults.push(Fault::warning(span, message).expected("codes that all begin with bc: or all with fbl:"));
    }
}

fn pathways(snapshot: &Snapshot, faults: &mut Vec<Fault>) {
    for stored in everywhere(snapshot, "pathway") {
        let Some(name) = text(stored).filter(|name| !name.is_empty() && !snapshot.has_pathway(name)) else {
            continue;
        };
        let known = snapshot.stanzas("pathway").map(|pathway| pathway.name());
        let grouped = snapshot.pathway_groups.keys().map(|name| &**name);
        let suggestion = crate::suggestion::nearest(name, known.chain(grouped));
        let message = format!("there is no pathway '{}'", crate::fault::shorten(name));
        faults.push(Fault::warning(stored.span, message).suggesting(suggestion));
    }
}

fn thread_pools(snapshot: &Snapshot, faults: &mut Vec<Fault>) {
    for stored in everywhere(snapshot, "pool_name") {
        let known = || snapshot.stanzas("threadpool").map(|pool| pool.name());
        let Some(name) = text(stored).filter(|name| !name.is_empty()) else { continue };
        if known().all(|pool| pool != name) {
            let message = format!("there is no thread pool '{}'", crate::fault::shorten(name));
            let suggestion = crate::suggestion::nearest(name, known());
            faults.push(Fault::warning(stored.span, message).suggesting(suggestion));
        }
    }
}

fn alias_schemes(snapshot: &Snapshot, faults: &mut Vec<Fault>) {
    let known: Vec<_> = snapshot
        .stanzas("alias")
        .flat_map(|alias| alias.stanzas("scheme").map(|scheme| scheme.name()).collect::<Vec<_>>())
        .collect();
    for word in everywhere(snapshot, "alias_schemes").flat_map(words) {
        if !word.text.is_empty() && !known.contains(&&*word.text) {
            let message = format!("no module alias has a scheme '{}'", crate::fault::shorten(&word.text));
            let suggestion = crate::suggestion::nearest(&word.text, known.iter().copied());
            faults.push(Fault::warning(word.span, message).suggesting(suggestion));
        }
    }
}

fn one_binding_in_two_groups(snapshot: &Snapshot, faults: &mut Vec<Fault>) {
    let mut homes = HashMap::new();
    for group in snapshot.stanzas("binding_group") {
        for binding in group.stanzas("binding") {
            let Some(span) = binding.opened() else { continue };
            if let Some(other) = homes.insert(binding.name(), group.name()) {
                let message = format!("binding '{}' stands in group '{other}' already", binding.name());
                faults.push(Fault::warning(span, message).expected("a binding in one group"));
            }
        }
    }
}

fn authorization(snapshot: &Snapshot, faults: &mut Vec<Fault>) {
    if snapshot.stanzas("authorization").next().is_some() {
        return;
    }
    let asking = snapshot.instances.iter().filter(|instance| instance.is_on("enable_authorization"));
    faults.extend(asking.filter_map(|instance| instance.given("enable_authorization")).map(|stored| {
        let message = "'enable_authorization' permits nothing: there is no stanza Authorization";
        Fault::warning(stored.span, message).expected("Authorization { Role \"name\" { allow = ( ... ) } }")
    }));
}

fn alerting(snapshot: &Snapshot, faults: &mut Vec<Fault>) {
    if snapshot.stanzas("alerting").next().is_none()
        && let Some(span) = snapshot.stanzas("scriptlet").next().and_then(|stanza| stanza.opened())
    {
        faults.push(
            Fault::note(span, "Momentum wants the module alerting beside scriptlet").expected("alerting { }"),
        );
    }
}
