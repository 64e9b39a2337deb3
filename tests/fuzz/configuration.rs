//! Any bytes as a configuration: it is taken or refused, never a panic; every complaint can be printed; what
//! parses can be printed and parses to the same.
//!
//! A line `#-- N` begins another file, called `N`: so includes and their cycles come up, too.

#![no_main]

use config::{MemoryLoader, Registry, load, parse};
use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;

fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(shard::registry)
}

fuzz_target!(|bytes: &[u8]| {
    let files = files(bytes);
    let loader = files.iter().fold(MemoryLoader::default(), |loader, (name, text)| loader.with(name, text));
    match load("m", &loader, registry(), &["", "d"]) {
        Ok((snapshot, warnings)) => {
            warnings.iter().for_each(|warning| assert!(!warning.to_string().is_empty()));
            let chain = snapshot.outbound("g", "b", "d.example");
            registry().options().for_each(|option| drop(snapshot.located(option, &chain)));
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

fn files(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut files = vec![("m".to_owned(), Vec::new())];
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_prefix(b"#-- ").and_then(|name| str::from_utf8(name).ok()) {
            Some(name) => files.push((name.trim().to_owned(), Vec::new())),
            None => files.last_mut().expect("the master").1.extend_from_slice(line),
        }
    }
    files
}
