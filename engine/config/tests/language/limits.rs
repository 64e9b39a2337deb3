//! Every limit answers with a complaint that names it; hostile text is answered soon.

use crate::declared::registry;
use config::{Limits, LoadFault, Loaded, Loader, MemoryLoader, Snapshot};

fn complaints(limits: Limits, text: &str) -> Vec<String> {
    let loader =
        MemoryLoader::default().with("m", text).with("a", "include b").with("b", "include c").with("c", "");
    let faults = config::load_within(limits, "m", &loader, &registry(), &[""]).err().unwrap_or_default();
    faults.iter().map(config::Complaint::line).collect()
}

#[test]
fn each_limit_is_named_when_it_is_reached() {
    let small = Limits {
        token_bytes: 20,
        file_bytes: 100,
        total_bytes: 120,
        nesting: 2,
        include_depth: 2,
        includes: 4,
        statements: 6,
        complaints: 3,
    };
    let long = "x".repeat(21);
    let padding = " ".repeat(101);
    for (text, expected) in [
        (format!("hostname = {}", "é".repeat(11)), "this word is too long"),
        (format!("hostname = {long}"), "this word is too long; expected at most 20 bytes"),
        (format!("hostname = h{padding}"), "at most 100 bytes in one file"),
        ("a { b { c { } } }".into(), "stanzas are nested more than 2 deep"),
        ("include a".into(), "at most 2 includes inside each other"),
        ("include c include c include c include c".into(), "at most 4 files in all"),
        ("hostname = h ".repeat(7), "more than 6 statements"),
        ("bad = 1 ".repeat(5), "there are more than 3 errors"),
    ] {
        let complaints = complaints(small, &text);
        assert!(complaints.iter().any(|line| line.contains(expected)), "{text}: {complaints:?}");
    }
}

#[test]
fn the_default_limits_bear_a_large_configuration() {
    let domains: String =
        (0..20_000).map(|n| format!("domain d{n}.example {{ retry_interval = {n} }}\n")).collect();
    assert_eq!(complaints(Limits::default(), &domains), [""; 0]);
}

#[test]
fn hostile_text_is_answered_in_bounded_time() {
    let megabytes = |unit: &str| unit.repeat((4 << 20) / unit.len());
    for text in [
        megabytes("{"),
        megabytes("a {"),
        megabytes("}"),
        megabytes("a b "),
        megabytes("\"\\"),
        megabytes("domain /a"),
        megabytes("/*"),
        megabytes("hostname = ("),
        megabytes("hostname = h; "),
        megabytes("x = “ "),
        megabytes("bad\n= 1\n"),
        format!("hostname = {}", megabytes("h")),
    ] {
        let complaints = complaints(Limits::default(), &text);
        let count = complaints.len();
        // Words that merely end in a semicolon are warnings, and there are too many statements of them.
        assert!((0..=102).contains(&count), "{count} complaints about {}", &text[..12]);
    }
}

/// Counts how often it is asked.
struct Counting<'a>(&'a MemoryLoader, std::cell::Cell<usize>);

impl Loader for Counting<'_> {
    fn load(&self, path: &str) -> Result<Loaded, LoadFault> {
        self.1.set(self.1.get() + 1);
        self.0.load(path)
    }
}

#[test]
fn include_loops_and_bombs_end_at_their_limits() {
    // Each file includes the next twice: a thousand million readings, if nobody counted.
    let bomb = (0..30).fold(MemoryLoader::default().with("m", "include f0"), |loader, n| {
        loader.with(&format!("f{n}"), format!("include f{}\ninclude f{}", n + 1, n + 1))
    });
    let bomb = bomb.with("f30", "hostname = h");
    let ring = (0..20).fold(MemoryLoader::default().with("m", "include r0"), |loader, n| {
        loader.with(&format!("r{n}"), format!("include ./r{}", (n + 1) % 20))
    });
    let folder =
        MemoryLoader::default().with("m", "include d").with("d/a", "include d").with("d/b", "include d");
    for (name, files, expected) in [
        ("bomb", bomb, "files in all"),
        ("ring", ring, "includes itself"),
        ("folder", folder, "includes itself"),
    ] {
        let loader = Counting(&files, Default::default());
        let complaints = config::load("m", &loader, &registry(), &[""]).expect_err(name);
        assert!(
            complaints.iter().any(|complaint| complaint.message.contains(expected)),
            "{name}: {complaints:?}"
        );
        assert!(complaints.len() <= 101 && loader.1.get() < 3000, "{name}: {} readings", loader.1.get());
    }
}

#[test]
fn tokens_of_a_megabyte_and_thousands_of_levels_are_one_complaint_each() {
    let megabyte = "x".repeat(1 << 20);
    let nested = |opener: &str| format!("{}{}", opener.repeat(10_000), "}".repeat(10_000));
    for (text, expected) in [
        (format!("hostname = {megabyte}"), "this word is too long"),
        (format!("hostname = \"{megabyte}\""), "this word is too long"),
        (format!("hostname = '{megabyte}"), "this string does not end"),
        (format!("{megabyte} = 1"), "this word is too long"),
        (format!("domain /{megabyte}/ {{ }}"), "this word is too long"),
        (format!("domain \"/{}/\" {{ }}", "(".repeat(60_000)), "does not compile"),
        (format!("relay_hosts = ( {megabyte} )"), "this word is too long"),
        (nested("domain x { "), "deep"),
        (nested("binding_group g { binding b { "), "deep"),
    ] {
        let complaints = complaints(Limits::default(), &text);
        assert!(complaints.iter().any(|line| line.contains(expected)), "{expected}: {complaints:?}");
        assert!(complaints.len() <= 101, "{expected}: {} complaints", complaints.len());
        assert!(complaints.iter().all(|line| line.len() < 2000), "{expected}: a complaint is readable");
    }
}

#[test]
fn warnings_do_not_crowd_out_errors() {
    let text = format!("{} bad = 1", "hostname = h; ".repeat(300));
    let complaints = complaints(Limits::default(), &text);
    assert_eq!(complaints.iter().filter(|line| line.contains(": error: ")).count(), 1);
    assert!(complaints.len() <= 101);
}

struct Broken;

impl Loader for Broken {
    fn load(&self, path: &str) -> Result<Loaded, LoadFault> {
        match path {
            "m" => Ok(Loaded::File(b"hostname = h\ninclude denied\ninclude latin\n".to_vec())),
            "latin" => Ok(Loaded::File(b"# one\nhostname = \xE9\n".to_vec())),
            "denied" => Err(LoadFault::Unreadable("Permission denied".into())),
            _ => Err(LoadFault::NotFound),
        }
    }
}

#[test]
fn what_cannot_be_read_is_said_with_its_reason() {
    let told = |master: &str| {
        let faults = config::load(master, &Broken, &registry(), &[""]).expect_err("a fault");
        faults.iter().map(config::Complaint::line).collect::<Vec<_>>()
    };
    assert_eq!(
        told("m"),
        [
            "m:2:9: error: failed to stat 'denied': Permission denied",
            "m:3:9: error: 'latin' is not UTF-8 in line 2"
        ]
    );
    assert_eq!(told("none"), ["error: none: failed to stat 'none': No such file or directory"]);
    assert_eq!(told("latin"), ["latin:1:1: error: 'latin' is not UTF-8 in line 2"]);
}

#[test]
fn a_snapshot_may_be_shared_by_all_shards() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Snapshot>();
    let (snapshot, _) =
        config::load("m", &MemoryLoader::default().with("m", ""), &registry(), &[""]).expect("empty");
    snapshot.number(7);
    assert_eq!(snapshot.generation(), 7);
}

config::options! {
    struct OneOptions { shared: config::Text = "", in [global, listen]; }
}
config::options! {
    struct OtherTypeOptions { shared: config::Integer = "0", in [global]; }
}
config::options! {
    struct ElsewhereOptions { shared: config::Integer = "0", in [peer]; }
}

#[test]
fn declarations_that_contradict_each_other_are_refused_at_the_start() {
    let declared = |families: &[&'static [config::OptionDef]]| {
        let families = families.to_vec();
        std::panic::catch_unwind(move || config::Registry::new(&families, &[]).options().count()).is_ok()
    };
    assert!(declared(&[OneOptions::DEFINITIONS, ElsewhereOptions::DEFINITIONS]));
    assert!(declared(&[OneOptions::DEFINITIONS, OneOptions::DEFINITIONS]));
    assert!(!declared(&[OneOptions::DEFINITIONS, OtherTypeOptions::DEFINITIONS]));
}
