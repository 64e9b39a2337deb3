//! Plays the cases of tests/config/changes: console commands on files, and what the files say afterwards.
//!
//! ```text
//! #== A sentence that names the case
//! #> set domain x retry_interval 5     a command, without `config`; a bar and a letter is another session: #> |b begin
//! #< Retry_Interval = 5                each line of its answer; none is an answer without text
//! #! conflict                          instead: a part of the refusal
//! ...the master file...
//! #-- other.conf                       another file
//! #=> other.conf                       what writeback writes there; (unsaved) what it cannot save
//! ```

use crate::declared::registry;
use config::{Deed, Desk, Edition, MemoryLoader, Registry, Said, Transaction, Verb};
use std::collections::BTreeMap;
use std::path::Path;

const VERBS: [(&str, Verb); 14] = [
    ("begin from scratch", Verb::BeginFromScratch),
    ("begin", Verb::Begin),
    ("set", Verb::Set),
    ("unset", Verb::Unset),
    ("get", Verb::Get),
    ("eval", Verb::Eval),
    ("showrecurse", Verb::ShowRecurse),
    ("show", Verb::Show),
    ("locate", Verb::Locate),
    ("replay", Verb::Replay),
    ("commit", Verb::Commit),
    ("rollback", Verb::Rollback),
    ("reload", Verb::Reload),
    ("write", Verb::Write),
];

#[derive(Default)]
struct Case {
    title: String,
    /// Command, answer, part of the refusal.
    steps: Vec<(String, Vec<String>, Option<String>)>,
    files: BTreeMap<String, String>,
    written: BTreeMap<String, String>,
}

#[test]
fn every_change_goes_where_its_case_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/config/changes");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let registry = registry();
    let mut failures = Vec::new();
    let mut played = 0;
    for path in paths {
        for case in cases(&std::fs::read_to_string(&path).unwrap()) {
            played += 1;
            failures
                .extend(play(&case, &registry).into_iter().map(|fault| format!("{}: {fault}", case.title)));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(played >= 30, "{played} cases");
}

fn cases(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut section = (false, "etc/main.conf".to_owned());
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim_end();
        if let Some(title) = trimmed.strip_prefix("#== ") {
            cases.push(Case { title: title.into(), ..Case::default() });
            section = (false, "etc/main.conf".into());
            continue;
        }
        let case = cases.last_mut().expect("a case has a title");
        if let Some(command) = trimmed.strip_prefix("#> ") {
            case.steps.push((command.into(), Vec::new(), None));
        } else if let Some(answer) = trimmed.strip_prefix("#< ") {
            case.steps.last_mut().expect("a command").1.push(answer.into());
        } else if let Some(refusal) = trimmed.strip_prefix("#! ") {
            case.steps.last_mut().expect("a command").2 = Some(refusal.into());
        } else if let Some(name) = trimmed.strip_prefix("#-- ") {
            section = (false, name.into());
            case.files.entry(name.into()).or_default();
        } else if let Some(name) = trimmed.strip_prefix("#=> ") {
            section = (true, name.into());
            case.written.entry(name.into()).or_default();
        } else {
            let files = if section.0 { &mut case.written } else { &mut case.files };
            files.entry(section.1.clone()).or_default().push_str(line);
        }
    }
    // A blank line before the next title is for the eye.
    let trim = |text: &mut String| {
        if text.ends_with("\n\n") || text == "\n" {
            text.pop();
        }
    };
    for case in &mut cases {
        case.files.values_mut().chain(case.written.values_mut()).for_each(trim);
    }
    cases
}

fn play(case: &Case, registry: &Registry) -> Vec<String> {
    let files = case.files.iter();
    let loader = files.fold(MemoryLoader::default(), |loader, (name, text)| loader.with(name, text));
    let read = Edition::read("main.conf", &loader, registry, &["etc"]);
    let Ok((mut running, _)) = read else { return vec![format!("it is rejected: {:?}", read.err())] };
    running.snapshot().number(1);
    let mut sessions: BTreeMap<char, Option<Transaction>> = BTreeMap::new();
    let mut failures = Vec::new();
    for (command, answer, refusal) in &case.steps {
        let (session, words) = match command.strip_prefix('|') {
            Some(rest) => (rest.chars().next().expect("a letter"), rest[1..].trim_start()),
            None => ('a', &**command),
        };
        let verb = VERBS.iter().find(|(name, _)| words.starts_with(name)).expect("a command");
        let transaction = sessions.entry(session).or_default();
        let mut desk = Desk { running: &running, transaction, loader: &loader, registry };
        let deed = desk.carry_out(verb.1, &words[verb.0.len()..]);
        let said = match (deed, refusal) {
            (Err(why), Some(part)) if why.contains(part) => continue,
            (Err(why), _) => Err(why),
            (Ok(_), Some(part)) => Err(format!("not refused with {part}")),
            (Ok(Deed::Say(said)), None) => Ok(text(said)),
            (Ok(Deed::Enforce(edition, said)), None) => {
                let next = running.snapshot().generation() + 1;
                running = edition.numbered(next);
                if verb.1 == Verb::Commit {
                    sessions.insert(session, None);
                }
                Ok(text(said))
            }
            (Ok(other), None) => Ok(format!("{other:?}")),
        };
        match said {
            Ok(said) if said == answer.join("\n") => {}
            Ok(said) => failures.push(format!("{command}: {said:?}, not {:?}", answer.join("\n"))),
            Err(why) => failures.push(format!("{command}: {why}")),
        }
    }
    let unwritten = running.unwritten();
    let mut written: BTreeMap<String, String> =
        unwritten.files.iter().map(|(name, (_, text))| (name.clone(), text.to_string())).collect();
    if unwritten.unsaved.is_some() || !unwritten.read_only.is_empty() {
        let files = unwritten.read_only.iter().map(|name| format!("{name}!\n")).collect::<String>();
        written.insert("(unsaved)".into(), files + unwritten.unsaved.as_deref().unwrap_or(""));
    }
    if written != case.written {
        failures.push(format!("written: {written:#?}, not {:#?}", case.written));
    }
    // What is written is what runs.
    let saved = written.iter().filter(|(name, _)| !name.starts_with('('));
    let after = saved.fold(loader.clone(), |loader, (name, text)| loader.with(name, text));
    let again = Edition::read("main.conf", &after, registry, &["etc"]);
    let shown = |edition: &Edition| edition.snapshot().show("", registry, true);
    match again {
        Ok((again, _)) if unwritten.unsaved.is_none() && unwritten.read_only.is_empty() => {
            if shown(&again) != shown(&running) {
                failures.push(format!("reads again as {:?}, not {:?}", shown(&again), shown(&running)));
            }
        }
        Ok(_) => {}
        Err(complaints) => failures.push(format!("does not read again: {complaints:?}")),
    }
    failures
}

/// As the console shows it.
fn text(said: Said) -> String {
    match said {
        Said::Nothing => String::new(),
        Said::Pair((name, value)) | Said::Effective((name, value)) => format!("{name} = {value}"),
        Said::Unset(name, None) => format!("\"{name}\" has been unset."),
        Said::Unset(name, Some((option, value))) => {
            format!("\"{name}\" has been unset. Effective value is now:\n{option} = {value}")
        }
        Said::Text(text) => text,
        Said::Located(found) => found
            .into_iter()
            .map(|(title, path)| format!("{title}\n  is at {path}"))
            .collect::<Vec<_>>()
            .join("\n"),
    }
}
