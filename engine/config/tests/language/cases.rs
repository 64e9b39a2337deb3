//! Plays the cases of tests/config. A file holds several; each is a configuration with what to expect of it:
//!
//! ```text
//! #== A sentence that names the case
//! #> QUESTION = ANSWER            what a lookup answers; without any such line, only that it loads
//! #! error 3:5 part of the text   a complaint at line 3, column 5; these are all that there are, besides what
//!                                 becomes of settings
//! ...the master file, line 1...
//! #-- other.conf
//! ...another file...
//! ```
//!
//! Questions: `global O`, `outbound group/binding/domain O`, `host group/binding/host O`, `inbound listener
//! endpoint peer pathway O` (`-` for none), `pathway P O`, `module name/instance O`, `context listener
//! endpoint peer`, `located …`, `modules`, `bindings`, `files`, `listeners scope`. A default answers `default`.

use crate::declared::{CASES, registry};
use config::{Complaint, Endpoint, Inbound, MemoryLoader, OptionDef, Registry, Scope, Snapshot, View};
use std::path::Path;

struct Case {
    title: String,
    questions: Vec<(String, String)>,
    complaints: Vec<String>,
    files: Vec<(String, String)>,
}

#[test]
fn every_case_answers_as_its_header_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(CASES);
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "conf"));
    paths.sort();
    let registry = registry();
    let (mut positive, mut negative, mut failures) = (0, 0, Vec::new());
    for path in paths {
        for case in cases(&std::fs::read_to_string(&path).unwrap()) {
            let rejected = case.complaints.iter().any(|complaint| complaint.starts_with("error"));
            *if rejected { &mut negative } else { &mut positive } += 1;
            let name = path.file_name().unwrap().to_string_lossy();
            failures.extend(
                play(&case, &registry).into_iter().map(|fault| format!("{name}: {}: {fault}", case.title)),
            );
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(positive + negative >= 80, "{positive} accepted, {negative} rejected");
}

fn cases(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim_end();
        if let Some(title) = trimmed.strip_prefix("#== ") {
            cases.push(Case {
                title: title.into(),
                questions: Vec::new(),
                complaints: Vec::new(),
                files: vec![("etc/main.conf".into(), String::new())],
            });
            continue;
        }
        let Some(case) = cases.last_mut() else { continue };
        if let Some(question) = trimmed.strip_prefix("#> ") {
            let (question, answer) = question.split_once(" = ").expect("a question and its answer");
            case.questions.push((question.into(), answer.trim().into()));
        } else if let Some(complaint) = trimmed.strip_prefix("#! ") {
            case.complaints.push(complaint.into());
        } else if let Some(name) = trimmed.strip_prefix("#-- ") {
            case.files.push((name.into(), String::new()));
        } else {
            case.files.last_mut().expect("the master file").1.push_str(line);
        }
    }
    cases
}

fn play(case: &Case, registry: &Registry) -> Vec<String> {
    let loader =
        case.files.iter().fold(MemoryLoader::default(), |loader, (name, text)| loader.with(name, text));
    let loaded = config::load("main.conf", &loader, registry, &["etc", "etc/conf/default"]);
    let (snapshot, complaints) = match loaded {
        Ok((snapshot, warnings)) => (Some(snapshot), warnings),
        Err(complaints) => (None, complaints),
    };
    let mut failures = compare(&case.complaints, &complaints);
    match snapshot {
        Some(snapshot) => failures.extend(case.questions.iter().filter_map(|(question, expected)| {
            let answer = answer(&snapshot, registry, question);
            (answer != *expected).then(|| format!("{question} = {answer}, not {expected}"))
        })),
        None if !case.questions.is_empty() => failures.push("it is rejected".into()),
        None => {}
    }
    failures
}

fn compare(expected: &[String], complaints: &[Complaint]) -> Vec<String> {
    let told: Vec<_> = complaints.iter().map(one_line).collect();
    let matches = |line: &String, complaint: &String| {
        let (head, part) = line.split_at(line.match_indices(' ').nth(1).map_or(line.len(), |(at, _)| at));
        complaint.starts_with(head) && complaint.contains(part.trim())
    };
    let missing = expected.iter().filter(|line| !told.iter().any(|complaint| matches(line, complaint)));
    let mut failures: Vec<_> = missing.map(|line| format!("no complaint '{line}' among {told:?}")).collect();
    let unexpected =
        told.iter().filter(|told| !is_standing(told) && !expected.iter().any(|line| matches(line, told)));
    failures.extend(unexpected.map(|complaint| format!("unexpected: {complaint}")));
    failures
}

/// What becomes of a setting is said in many cases that are about something else, and changes when somebody
/// builds what obeys it: it is compared only where the case asks for it.
fn is_standing(complaint: &str) -> bool {
    ["' has no effect yet: it waits for ", "' is ignored: ", "' is approximated: "]
        .iter()
        .any(|words| complaint.contains(words))
}

fn one_line(complaint: &Complaint) -> String {
    let spot =
        complaint.place.as_ref().map(|spot| (&*spot.position.file, spot.position.line, spot.position.column));
    let place = match spot {
        Some(("etc/main.conf", line, column)) => format!("{line}:{column}"),
        Some((file, line, column)) => format!("{file}:{line}:{column}"),
        None => "-".into(),
    };
    let text = complaint.line();
    let text = text.split_once(&format!("{}: ", complaint.severity.name())).map_or("", |(_, text)| text);
    format!("{} {place} {text}", complaint.severity.name())
}

fn answer(snapshot: &Snapshot, registry: &Registry, question: &str) -> String {
    let words: Vec<_> = question.split_whitespace().collect();
    let list = |items: Vec<String>| items.join(" ");
    match words[..] {
        ["modules"] => {
            list(snapshot.modules().map(|module| format!("{}/{}", module.keyword(), module.name())).collect())
        }
        ["bindings"] => {
            list(snapshot.bindings().map(|(group, binding)| format!("{group}/{binding}")).collect())
        }
        ["files"] => list(
            snapshot.files().map(|(file, fixed)| format!("{file}{}", if fixed { "!" } else { "" })).collect(),
        ),
        ["listeners", scope] => {
            list(snapshot.listeners(scope).map(|(endpoint, _)| endpoint.to_string()).collect())
        }
        ["context", listener, endpoint, peer] => {
            let view = inbound(snapshot, listener, endpoint, peer, "-");
            let dictionary = view.overlaid(named(registry, "context"));
            list(dictionary.iter().map(|(key, value)| format!("{key}={value}")).collect())
        }
        ["located", ref question @ ..] => {
            let (view, option) = view(snapshot, question);
            let located = snapshot.located(named(registry, option), &view);
            let places = located.set.iter().chain(&located.shadowed);
            list(places.map(|place| format!("{}{}", place.instance, place.position.line)).collect())
        }
        ["module", path, option] => {
            let (module, instance) = path.split_once('/').expect("module/instance");
            match snapshot.module(module, instance) {
                Some(stanza) => {
                    stanza.value(option).map_or("default".into(), |found| found.value.to_string())
                }
                None => "absent".into(),
            }
        }
        ref words => {
            let (view, option) = view(snapshot, words);
            let found = registry.named(option).find_map(|option| view.found(option).next());
            found.map_or("default".into(), |found| found.value.to_string())
        }
    }
}

fn named(registry: &Registry, name: &str) -> &'static OptionDef {
    registry.named(name).next().expect("a declared option")
}

fn view<'a, 'q>(snapshot: &'a Snapshot, words: &[&'q str]) -> (View<'a>, &'q str) {
    let parts = |path: &'q str| -> [&'q str; 3] {
        path.splitn(3, '/').collect::<Vec<_>>().try_into().expect("three parts with slashes")
    };
    match *words {
        ["global", option] => (snapshot.global(), option),
        ["outbound", path, option] => {
            let [group, binding, domain] = parts(path);
            (snapshot.outbound(group, binding, domain), option)
        }
        ["host", path, option] => {
            let [group, binding, host] = parts(path);
            (snapshot.host(group, binding, host), option)
        }
        ["inbound", listener, endpoint, peer, pathway, option] => {
            (inbound(snapshot, listener, endpoint, peer, pathway), option)
        }
        ["pathway", pathway, option] => (snapshot.pathway(pathway), option),
        _ => panic!("not a question: {words:?}"),
    }
}

fn inbound<'a>(
    snapshot: &'a Snapshot,
    listener: &str,
    endpoint: &str,
    peer: &str,
    pathway: &str,
) -> View<'a> {
    let endpoint: Endpoint = endpoint.parse().expect("an endpoint");
    snapshot.inbound(Inbound {
        listener: Scope::named(listener).expect("a scope"),
        endpoint: &endpoint,
        peer: (peer != "-").then(|| peer.parse().expect("an address")),
        pathway: (pathway != "-").then_some(pathway),
    })
}
