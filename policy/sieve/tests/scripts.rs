//! Plays the cases of tests/sieve through the module, from its stanza to what it leaves behind.

#[path = "scripts/case.rs"]
mod case;
#[path = "scripts/play.rs"]
mod play;
#[path = "scripts/services.rs"]
mod services;

use case::{Case, read};
use std::fs;
use std::path::Path;

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/sieve");
    let mut files: Vec<_> =
        fs::read_dir(folder).expect("tests/sieve").flatten().map(|file| file.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "siv"));
    files.sort();
    let read_file = |file: &std::path::PathBuf| {
        let name = file.file_name().expect("a file").to_string_lossy().into_owned();
        read(&name, &fs::read_to_string(file).expect("a readable file"))
    };
    files.iter().flat_map(read_file).collect()
}

#[test]
fn every_script_does_what_its_case_says() {
    let cases = cases();
    assert!(cases.len() >= 300, "only {} cases were found", cases.len());
    let mut failures = Vec::new();
    for case in &cases {
        let played = play::play(case);
        services::clean();
        if let Err(text) = played {
            failures.push(format!("{}: {}: {text}", case.file, case.name));
        }
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), cases.len(), failures.join("\n"));
}
