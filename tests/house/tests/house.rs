//! Each test is one rule of the house; a failure names the file and the rule.

use house::{code, dependencies, root, sources};
use std::fs;
use std::process::Command;

/// (folder, crates of ours that it may depend on): the arrows of the map in Cargo.toml.
const ARROWS: [(&str, &[&str]); 24] = [
    ("engine/mail", &[]),
    ("engine/world", &["mail"]),
    ("engine/config", &["mail"]),
    ("engine/smtp", &["mail", "config"]),
    ("engine/dns", &["mail", "config"]),
    ("engine/logs", &["mail", "config"]),
    ("engine/console", &["mail", "config"]),
    ("spool", &["mail", "config", "world"]),
    ("bindings", &["mail", "config"]),
    ("policy/content", &["mail"]),
    ("policy/api", &["mail", "config", "content"]),
    ("policy/authentication", &["mail", "content"]),
    ("policy/data", &["mail", "config", "content", "policy-api"]),
    ("policy/lua", &["mail", "config", "content", "policy-api", "authentication", "bounce", "data"]),
    ("policy/sieve", &["mail", "config", "content", "policy-api", "authentication", "bounce", "data"]),
    (
        "policy/modules",
        &["mail", "config", "content", "policy-api", "authentication", "bounce", "data", "lua", "sieve"],
    ),
    ("policy/bounce", &["mail", "config", "content"]),
    (
        "engine/shard",
        &[
            "mail",
            "config",
            "world",
            "smtp",
            "dns",
            "logs",
            "console",
            "spool",
            "bindings",
            "content",
            "policy-api",
            "policy-modules",
            "data",
            "lua",
            "sieve",
            "bounce",
        ],
    ),
    ("engine/runtime", &["mail", "world"]),
    ("bench", &["mail", "world", "runtime"]),
    (
        "engine/impetus",
        &["mail", "config", "world", "shard", "runtime", "bench", "spool", "logs", "console", "dns"],
    ),
    ("tests/sim", &["mail", "config", "world", "shard", "spool", "dns", "smtp", "bindings", "policy-api"]),
    ("tests/house", &[]),
    ("tests/e2e", &[]),
];

/// Whether the code says these words, not as a part of longer ones.
fn says(code: &str, words: &str) -> bool {
    code.match_indices(words).any(|(at, _)| {
        let next = code[at + words.len()..].chars().next();
        !next.is_some_and(|next| next.is_alphanumeric() || next == '_')
    })
}

/// Crates in which nothing may wait: law 1.
const DECIDERS: [&str; 11] = [
    "engine/mail",
    "engine/config",
    "engine/smtp",
    "engine/dns",
    "engine/logs",
    "engine/console",
    "spool",
    "bindings",
    "policy/bounce",
    "policy/content",
    "policy/authentication",
];

fn ours() -> Vec<String> {
    ARROWS.iter().filter_map(|(folder, _)| package(folder)).collect()
}

fn package(folder: &str) -> Option<String> {
    let manifest = fs::read_to_string(root().join(folder).join("Cargo.toml")).ok()?;
    let line = manifest.lines().find(|line| line.starts_with("name"))?;
    line.split('"').nth(1).map(str::to_owned)
}

#[test]
fn the_top_level_is_exactly_what_was_asked_for() {
    let mut names: Vec<String> = fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('.') && name != "target" && name != "var")
        .collect();
    names.sort();
    let asked = [
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE",
        "README.md",
        "bench",
        "bindings",
        "deploy",
        "engine",
        "policy",
        "spool",
        "tests",
    ];
    assert_eq!(names, asked);
}

#[test]
fn every_top_folder_has_a_readme() {
    for folder in ["engine", "spool", "bindings", "policy", "bench", "deploy", "tests"] {
        assert!(root().join(folder).join("README.md").is_file(), "{folder} has no README.md");
    }
}

#[test]
fn dependencies_run_down_only() {
    let ours = ours();
    for (folder, allowed) in ARROWS {
        if package(folder).is_none() {
            continue;
        }
        for name in dependencies(folder).iter().filter(|name| ours.contains(name)) {
            assert!(allowed.contains(&name.as_str()), "{folder} must not depend on {name}");
        }
    }
}

#[test]
fn only_the_runtime_names_glommio_and_io_uring() {
    for (folder, _) in ARROWS.iter().filter(|(folder, _)| *folder != "engine/runtime") {
        if package(folder).is_none() {
            continue;
        }
        for name in dependencies(folder) {
            assert!(!["glommio", "io-uring"].contains(&name.as_str()), "{folder} names {name}");
        }
    }
}

#[test]
fn deciders_neither_wait_nor_look_at_a_clock() {
    const FORBIDDEN: [&str; 9] = [
        "async fn",
        "async move",
        ".await",
        "Instant::now",
        "SystemTime::now",
        "std::thread",
        "std::fs::",
        "std::net::TcpStream",
        "std::net::UdpSocket",
    ];
    for folder in DECIDERS {
        for (file, text) in sources(&format!("{folder}/src")) {
            let code = code(&text);
            for word in FORBIDDEN {
                assert!(!says(&code, word), "{file} says `{word}`, but {folder} is a decider");
            }
        }
    }
}

#[test]
fn unsafe_stands_only_in_the_runtime_and_with_its_reason() {
    for (folder, _) in ARROWS {
        if package(folder).is_none() {
            continue;
        }
        for (file, text) in sources(folder) {
            if file.starts_with("tests/house") {
                continue;
            }
            let lines: Vec<&str> = text.lines().collect();
            for (index, line) in lines.iter().enumerate() {
                let code = line.split("//").next().unwrap_or("");
                if !(code.contains("unsafe {") || code.contains("unsafe impl") || code.contains("unsafe fn"))
                {
                    continue;
                }
                assert!(file.starts_with("engine/runtime"), "{file}:{}: unsafe outside runtime", index + 1);
                let reason = lines[index.saturating_sub(8)..=(index + 1).min(lines.len() - 1)]
                    .iter()
                    .any(|line| line.contains("SAFETY") || line.contains("# Safety"));
                assert!(reason, "{file}:{}: unsafe without a SAFETY comment", index + 1);
            }
        }
    }
}

#[test]
fn every_source_opens_with_what_it_owns() {
    for folder in ["engine", "spool", "bindings", "policy", "bench", "tests"] {
        for (file, text) in sources(folder) {
            assert!(text.starts_with("//!"), "{file} does not open with //!");
        }
    }
}

#[test]
fn every_dependency_has_its_reason() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let section = manifest.split("[workspace.dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
    for line in section.lines().filter(|line| line.contains('=') && !line.contains("path =")) {
        assert!(line.contains('#'), "no reason given: {line}");
    }
}

#[test]
fn licences_are_permissive() {
    /// SPDX expressions that may be linked; an OR needs one of them, an AND all.
    const PERMISSIVE: [&str; 14] = [
        "MIT",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "ISC",
        "Zlib",
        "Unlicense",
        "0BSD",
        "CC0-1.0",
        "BSL-1.0",
        "Unicode-3.0",
        "MIT-0",
        "Apache-2.0 WITH LLVM-exception",
        "CDLA-Permissive-2.0",
    ];
    /// (crate, licence): file-level copyleft, used unmodified through glommio.
    const EXCEPTIONS: [(&str, &str); 1] = [("bitmaps", "MPL-2.0+")];
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--manifest-path"])
        .arg(root().join("Cargo.toml"))
        .output()
        .expect("cargo metadata runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 30, "cargo metadata lists the whole graph");
    for package in packages {
        let name = package["name"].as_str().unwrap();
        let licence = package["license"].as_str().unwrap_or("none").replace('/', " OR ");
        let permitted = |term: &str| PERMISSIVE.contains(&term.trim().trim_matches(['(', ')']).trim());
        let fine = licence.split(" OR ").any(|choice| choice.split(" AND ").all(permitted))
            || licence.split(" AND ").all(|part| part.split(" OR ").any(permitted))
            || EXCEPTIONS.contains(&(name, licence.as_str()));
        assert!(fine, "{name} is under {licence}");
    }
}
