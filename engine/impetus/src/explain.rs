//! `impetus explain`: what applies to a queue or a session, where it was set, and who shares its budgets.

use crate::arguments::Arguments;
use crate::configuration::{self, EX_CONFIG};
use crate::{show, usage};
use config::{Cell, Domains, Endpoint, Explained, Explanation, Names, Place, Registry, Snapshot, Standing};
use serde_json::{Value, json};
use std::fmt::Write;
use std::net::IpAddr;
use std::process::ExitCode;

/// What is asked about.
enum Subject {
    Queue { binding: String, domain: String, host: Option<String> },
    Session { endpoint: Endpoint, peer: Option<IpAddr> },
}

struct Wish {
    file: Option<String>,
    json: bool,
    subject: Subject,
}

pub fn explain(arguments: Arguments) -> ExitCode {
    let wish = match wish(arguments) {
        Ok(wish) => wish,
        Err(problem) => return usage(&problem),
    };
    let registry = shard::registry();
    let examined = configuration::examine(wish.file.as_deref(), &registry);
    let Some(snapshot) = examined.snapshot.as_ref().filter(|_| !examined.rejected) else {
        configuration::print(&examined.complaints);
        return ExitCode::from(EX_CONFIG);
    };
    match answer(snapshot, &registry, &wish.subject, wish.json) {
        Ok(text) => show(&text),
        Err(problem) => {
            eprintln!("impetus: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn wish(mut arguments: Arguments) -> Result<Wish, String> {
    const USAGE: &str = "explain wants BINDING DOMAIN, or --listener ENDPOINT --peer IP";
    let file = arguments.value(&["-c", "--config"])?;
    let json = arguments.one_of("--format", &["text", "json"])? == "json";
    let (host, listener, peer) =
        (arguments.value(&["--host"])?, arguments.value(&["--listener"])?, arguments.value(&["--peer"])?);
    let subject = match listener {
        Some(listener) => Subject::Session {
            endpoint: listener.parse().map_err(|expected: config::Expected| {
                format!("--listener: {listener} is not {}", expected.what)
            })?,
            peer: peer
                .map(|peer| peer.parse().map_err(|_| format!("--peer: {peer} is not an IP address")))
                .transpose()?,
        },
        None => {
            let binding = arguments.next_word().ok_or(USAGE)?;
            Subject::Queue { binding, domain: arguments.next_word().ok_or(USAGE)?, host }
        }
    };
    arguments.end().map(|()| Wish { file, json, subject })
}

/// Title, and the explanation.
fn answer(snapshot: &Snapshot, registry: &Registry, subject: &Subject, json: bool) -> Result<String, String> {
    let (title, explanation) = match subject {
        Subject::Queue { binding, domain, host } => {
            let group = snapshot.group_of_binding(binding).map_err(|near| {
                let hint = near.map(|near| format!("; did you mean '{near}'?")).unwrap_or_default();
                format!("there is no binding '{binding}'{hint}")
            })?;
            let explanation = snapshot.explain_queue(registry, group, binding, domain, host.as_deref());
            let at = host.as_ref().map(|host| format!(", host {host}")).unwrap_or_default();
            (format!("Binding {binding} of group {group}, domain {domain}{at}"), explanation)
        }
        Subject::Session { endpoint, peer } => {
            if snapshot.listeners("esmtp_listener").all(|(known, _)| known != endpoint) {
                let known: Vec<_> =
                    snapshot.listeners("esmtp_listener").map(|(known, _)| known.to_string()).collect();
                return Err(format!(
                    "ESMTP_Listener has no endpoint {endpoint}; it has: {}",
                    known.join(" ")
                ));
            }
            let explanation = snapshot.explain_session(registry, endpoint, *peer);
            let peer = peer.map_or("a client of the socket".into(), |peer| format!("peer {peer}"));
            let pathway = &explanation.pathway;
            (format!("Listener {endpoint}, {peer}, pathway {pathway}"), explanation)
        }
    };
    Ok(if json { format!("{:#}\n", as_json(&title, &explanation)) } else { as_text(&title, &explanation) })
}

fn as_text(title: &str, explanation: &Explanation) -> String {
    let mut text = format!("{title}\n");
    section(&mut text, &explanation.options);
    if !explanation.host.is_empty() {
        text.push_str("\nOf the host alone\n");
        section(&mut text, &explanation.host);
    }
    text
}

/// What somebody set, then the defaults in short.
fn section(text: &mut String, options: &[Explained]) {
    let (set, unset): (Vec<_>, Vec<_>) = options.iter().partition(|option| option.located.set.is_some());
    for explained in set {
        let _ = writeln!(text, "\n{} = {}", explained.option.name, explained.value);
        if explained.standing != Standing::Honoured {
            let _ = writeln!(text, "    {}: {}", explained.standing.name(), explained.standing.reason());
        }
        let places = explained.located.set.iter().map(|place| ("set at", place));
        let shadowed = explained.located.shadowed.iter().map(|place| ("shadows", place));
        for (word, place) in places.chain(shadowed) {
            let _ = writeln!(text, "    {word} {}", shown(place, word == "shadows"));
        }
        if let Some(cell) = &explained.cell {
            let _ = writeln!(text, "    one budget for {}", sharers(cell));
        }
    }
    let (obeyed, rest): (Vec<_>, Vec<_>) =
        unset.into_iter().partition(|explained| explained.option.standing == Standing::Honoured);
    let _ = writeln!(text, "\nDefaults ({} more of options that nothing obeys)", rest.len());
    for explained in obeyed {
        let _ = writeln!(text, "  {} = {}", explained.option.name, shown_default(&explained.value));
    }
}

fn shown_default(value: &str) -> &str {
    if value.is_empty() { "(unset)" } else { value }
}

fn shown(place: &Place, with_text: bool) -> String {
    let scope = if place.instance.as_str().is_empty() { "Global" } else { place.instance.as_str() };
    let text = if with_text { format!(": {}", place.text) } else { String::new() };
    format!("{} in {scope}{text}", place.position)
}

fn sharers(cell: &Cell) -> String {
    let domains = match &cell.domains {
        None => String::new(),
        Some(Domains::All(but)) if but.count == 0 => ", all domains".into(),
        Some(Domains::All(but)) => format!(", all domains but {}", listed(but)),
        Some(Domains::Only(names)) => format!(", domains {}", listed(names)),
    };
    let everybody = if cell.domains.is_some() { "all bindings" } else { "all who fall back to it" };
    let shared_by = if cell.shared_by.all { everybody.into() } else { listed(&cell.shared_by) };
    format!("{shared_by}{domains}")
}

fn listed(names: &Names) -> String {
    let more = names.count - names.named.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", names.named.join(" "))
}

fn as_json(title: &str, explanation: &Explanation) -> Value {
    let all = |options: &[Explained]| options.iter().map(option).collect::<Vec<_>>();
    json!({ "subject": title, "options": all(&explanation.options), "host": all(&explanation.host) })
}

fn option(explained: &Explained) -> Value {
    let place = |place: &Place| {
        json!({
            "file": &*place.position.file, "line": place.position.line, "column": place.position.column,
            "scope": place.instance.as_str(), "text": place.text,
        })
    };
    let names = |names: &Names| json!({ "names": names.named, "count": names.count, "all": names.all });
    let cell = explained.cell.as_ref().map(|cell| {
        let domains = cell.domains.as_ref().map(|domains| match domains {
            Domains::All(but) => json!({ "all_but": names(but) }),
            Domains::Only(only) => json!({ "only": names(only) }),
        });
        json!({ "declared": cell.declared.as_str(), "shared_by": names(&cell.shared_by), "domains": domains })
    });
    json!({
        "option": explained.option.name, "value": explained.value, "unit": explained.option.unit,
        "set": explained.located.set.as_ref().map(place),
        "shadowed": explained.located.shadowed.iter().map(place).collect::<Vec<_>>(),
        "standing": explained.standing.name(), "reason": explained.standing.reason(), "cell": cell,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::MemoryLoader;

    const TEXT: &str = "\
outbound_throttle_messages = 100
binding_group g {
  retry_interval = 60
  binding a { outbound_throttle_messages = 5/60 }
  binding b { domain x { max_outbound_connections = 1 } }
}
domain x { outbound_throttle_messages = 7 retry_interval = 90 }
host mx { max_outbound_connections = 3 scope_max_outbound_connections = 4 }
pathway p { inbound_throttle_messages = 9 }
esmtp_listener {
  listen :25 {
    pathway = p
    peer 10.0.0.0/8 { context = [ a = 1 b = 2 ] }
    peer 10.1.0.0/16 { context = [ b = 3 ] idle_time = 5 }
  }
  listen :587 { pathway = p }
  listen :465 { }
}
";

    fn told(subject: Subject, json: bool) -> String {
        let registry = shard::registry();
        let loader = MemoryLoader::default().with("m", TEXT);
        let (snapshot, _) = config::load("m", &loader, &registry, &[""]).expect("a valid configuration");
        answer(&snapshot, &registry, &subject, json).unwrap_or_else(|problem| problem)
    }

    fn queue(binding: &str, domain: &str, host: Option<&str>) -> Subject {
        Subject::Queue { binding: binding.into(), domain: domain.into(), host: host.map(str::to_owned) }
    }

    fn session(endpoint: &str, peer: &str) -> Subject {
        Subject::Session { endpoint: endpoint.parse().unwrap(), peer: peer.parse().ok() }
    }

    #[test]
    fn a_queue_says_what_applies_where_it_was_set_and_what_it_shadows() {
        let text = told(queue("b", "x", Some("mx")), false);
        for part in [
            "Binding b of group g, domain x, host mx\n",
            "\nretry_interval = 60\n    set at m:3:3 in Binding_Group:g:\n    shadows m:7:43 in Domain:x:: retry_interval = 90\n",
            "\noutbound_throttle_messages = 7\n    set at m:7:12 in Domain:x:\n    shadows m:1:1 in Global: outbound_throttle_messages = 100\n    one budget for default/default g/b, domains x\n",
            "Of the host alone\n\nmax_outbound_connections = 3\n",
            "  message_expiration = 86400\n",
        ] {
            assert!(text.contains(part), "{part}\n---\n{text}");
        }
    }

    #[test]
    fn a_budget_names_who_shares_it() {
        for (subject, part) in [
            (queue("b", "y", None), "one budget for default/default g/b, all domains but x\n"),
            (queue("a", "x", None), "one budget for g/a, all domains\n"),
            (queue("a", "x", Some("mx")), "one budget for all who fall back to it\n"),
            (session(":25", "10.1.2.3"), "one budget for *:25 *:587\n"),
        ] {
            let text = told(subject, false);
            assert!(text.contains(part), "{part}\n---\n{text}");
        }
    }

    #[test]
    fn a_session_lays_contexts_over_each_other_and_replaces_all_else() {
        let text = told(session(":25", "10.1.2.3"), false);
        assert!(text.starts_with("Listener *:25, peer 10.1.2.3, pathway p\n"), "{text}");
        for part in
            ["context = [ a = \"1\" b = \"3\" ]\n", "idle_time = 5\n", "inbound_throttle_messages = 9\n"]
        {
            assert!(text.contains(part), "{part}\n---\n{text}");
        }
    }

    #[test]
    fn what_does_not_exist_is_said() {
        assert_eq!(told(queue("bb", "x", None), false), "there is no binding 'bb'; did you mean 'b'?");
        assert_eq!(
            told(session(":26", "::1"), false),
            "ESMTP_Listener has no endpoint *:26; it has: *:25 *:587 *:465"
        );
    }

    #[test]
    fn programs_read_the_same_as_a_document() {
        let document: Value = serde_json::from_str(&told(queue("b", "x", None), true)).expect("a document");
        let options = document["options"].as_array().expect("options");
        let option =
            options.iter().find(|option| option["option"] == "outbound_throttle_messages").expect("it");
        assert_eq!(option["value"], "7");
        assert_eq!(option["set"]["line"], 7);
        assert_eq!(option["cell"]["declared"], "Domain:x:");
        assert_eq!(option["cell"]["domains"]["only"]["names"], json!(["x"]));
        assert_eq!(option["shadowed"][0]["scope"], "");
    }
}
