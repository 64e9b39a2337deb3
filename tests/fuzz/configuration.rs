//! Any bytes as a configuration: it is taken or refused, never a panic; every complaint can be printed; what
//! parses can be printed and parses to the same; what is set at the console is what is then in force.
//!
//! A line `#-- N` begins another file, called `N`: so includes and their cycles come up, too. A line `#> TEXT` is
//! a change at the console.

#![no_main]

use config::{Change, Edition, MemoryLoader, Registry, parse};
use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;

fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(shard::registry)
}

fuzz_target!(|bytes: &[u8]| {
    let (files, changes) = files(bytes);
    let loader = files.iter().fold(MemoryLoader::default(), |loader, (name, text)| loader.with(name, text));
    match Edition::read("m", &loader, registry(), &["", "d"]) {
        Ok((edition, warnings)) => {
            warnings.iter().for_each(|warning| assert!(!warning.to_string().is_empty()));
            let snapshot = edition.snapshot();
            let chain = snapshot.outbound("g", "b", "d.example");
            registry().options().for_each(|option| drop(snapshot.located(option, &chain)));
            let whole = snapshot.show("", registry(), true).expect("the global scope is there");
            assert!(parse("shown", &whole).is_ok(), "{whole}");
            change(edition, &changes, &loader);
        }
        Err(complaints) => {
            assert!(complaints.iter().all(|complaint| !complaint.to_string().is_empty()));
            assert!(complaints.iter().any(|complaint| complaint.severity == config::Severity::Error));
        }
    }
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Ok((tree, _)) = parse("m", text) {
        let printed = tree.to_string();
        match parse("printed", &printed) {
            Ok((again, _)) => assert_eq!(tree, again, "{printed}"),
            Err(complaints) => panic!("{printed}\n{complaints:?}"),
        }
    }
});

/// Each is a `set`, or an `unset` if it is no `set`.
fn change(mut edition: Edition, changes: &[String], loader: &MemoryLoader) {
    for text in changes.iter().take(4) {
        let change = Change::set(text, registry()).or_else(|_| Change::unset(text, registry()));
        let Ok(change) = change else { continue };
        let Ok((next, _)) = edition.changed(&change, loader, registry()) else { continue };
        if let (Some((_, value)), Some(option)) = (change.value(), change.option()) {
            let now = next.snapshot().get(&option, registry()).expect("it is set");
            assert_eq!(now.1, value, "{change}");
        } else if let Some(option) = change.option() {
            assert!(next.snapshot().get(&option, registry()).is_err(), "{change}");
        }
        drop(next.unwritten());
        edition = next;
    }
}

fn files(bytes: &[u8]) -> (Vec<(String, Vec<u8>)>, Vec<String>) {
    let mut files = vec![("m".to_owned(), Vec::new())];
    let mut changes = Vec::new();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let tail = |mark| line.strip_prefix(mark).and_then(|text| str::from_utf8(text).ok());
        if let Some(name) = tail(b"#-- ".as_slice()) {
            files.push((name.trim().to_owned(), Vec::new()));
        } else if let Some(text) = tail(b"#> ".as_slice()) {
            changes.push(text.trim().trim_start_matches("un").trim_start_matches("set ").to_owned());
        } else {
            files.last_mut().expect("the master").1.extend_from_slice(line);
        }
    }
    (files, changes)
}
