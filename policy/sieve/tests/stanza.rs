//! The module's stanza: both forms of naming scripts, and what is wrong with one.

use config::{MemoryLoader, Registry, Snapshot};
use mail::Phase;
use policy_api::testing::Conversation;
use policy_api::{Finding, Level, Make, Module, Services, Sources, Verdict};
use std::rc::Rc;
use std::sync::Arc;

fn snapshot(configuration: &str) -> Snapshot {
    let registry = Registry::new(&[], &[sieve::MODULE.syntax, sieve::LIBRARY.syntax]);
    let loader = MemoryLoader::default().with("/test.conf", configuration);
    match config::load("/test.conf", &loader, &registry, &[]) {
        Ok((snapshot, _)) => snapshot,
        Err(complaints) => panic!("{}", complaints[0]),
    }
}

fn sources() -> Arc<Sources> {
    let mut sources = Sources::default();
    sources.insert("/s/no.siv", &b"ec_action 550 \"no\" \"a:b\";"[..]);
    sources.insert("/s/bad.siv", &b"keep;\nkepp;"[..]);
    sources.insert("/s/latin1.siv", &b"ec_log \"gr\xfcn\";"[..]);
    Arc::new(sources)
}

fn make(configuration: &str) -> Result<Rc<dyn Module>, Finding> {
    let snapshot = snapshot(configuration);
    let stanza = snapshot.modules().next().expect("a stanza");
    let make = Make {
        sources: &sources(),
        services: &Rc::new(Services::default()),
        hostname: "mx.example",
        debug_level: Level::Error,
        shard: 0,
        shards: 1,
    };
    (sieve::MODULE.make)(stanza, &make)
}

#[test]
fn scripts_are_named_in_the_newer_and_in_the_older_form() {
    for (configuration, phase) in [
        ("sieve \"s\" { script \"data_phase1\" { source = \"/s/no.siv\" } }", Phase::Data),
        ("sieve \"s\" { script \"ehlo_phase2\" { source = \"file:///s/no.siv\" } }", Phase::Ehlo),
        ("Validate validate/sieve sieve { data_phase1 = /s/no.siv }", Phase::Data),
        ("sieve \"s\" { rcptto_phase2 = \"/s/no.siv\" }", Phase::Rcptto),
    ] {
        let module = make(configuration).unwrap_or_else(|finding| panic!("{configuration}: {finding}"));
        for asked in Phase::ALL {
            let mut conversation = Conversation::default();
            let verdict = conversation.ask(&*module, asked);
            assert_eq!(conversation.code(), (asked == phase).then_some(550), "{configuration} {asked:?}");
            assert_eq!(verdict == Verdict::Done, asked == phase, "{configuration} {asked:?}");
        }
    }
}

#[test]
fn a_stanza_that_cannot_be_obeyed_says_why() {
    for (inside, place, text) in [
        ("script \"data_phase3\" { source = \"/s/no.siv\" }", "/test.conf:2:1", "did you mean 'data_phase"),
        ("script \"data_phase1\" { }", "/test.conf:2:1", "script 'data_phase1' has no source"),
        (
            "script \"data_phase1\" { source = \"http://a/\" }",
            "/test.conf:1:1",
            "is no file; expected a path",
        ),
        ("script \"data_phase1\" { source = \"/s/none\" }", "", "/s/none: no such file"),
        ("script \"data_phase1\" { source = \"/s/latin1.siv\" }", "", "it is not UTF-8 at octet 10"),
        ("script \"data_phase1\" { source = \"/s/bad.siv\" }", "/s/bad.siv:2:1", "unknown action 'kepp'"),
        (
            "hook \"core_log_delivery_v1\" { source = \"/s/no.siv\" }",
            "/test.conf:2:1",
            "cannot run at the hook",
        ),
        (
            "data_phase1 = \"/s/no.siv\" script \"data_phase1\" { source = \"/s/no.siv\" }",
            "/test.conf:1:1",
            "two scripts 'data_phase1'",
        ),
    ] {
        let configuration = format!("sieve \"s\" {{\n{inside}\n}}");
        let finding = make(&configuration).err().expect(inside);
        assert_eq!(finding.place, place, "{inside}: {finding}");
        assert!(finding.text.contains(text), "{inside}: {finding}");
        let snapshot = snapshot(&configuration);
        let stanza = snapshot.modules().next().expect("a stanza");
        let said = (sieve::MODULE.check.expect("it checks"))(stanza, &sources());
        assert!(said.iter().any(|finding| finding.text.contains(text)), "{inside}: {said:?}");
    }
}

#[test]
fn the_files_of_a_stanza_are_its_scripts_and_their_folders() {
    let snapshot = snapshot("sieve \"s\" { script \"data_phase1\" { source = \"/etc/s/no.siv\" } }");
    let stanza = snapshot.modules().next().expect("a stanza");
    let files = (sieve::MODULE.files.expect("it has files"))(stanza);
    assert_eq!(files, ["/etc/s", "/etc/s/no.siv"].map(std::path::PathBuf::from));
}

#[test]
fn the_stanza_of_the_library_is_taken() {
    let snapshot = snapshot("sievelib { }");
    assert_eq!(snapshot.modules().next().map(|stanza| stanza.keyword()), Some("sievelib"));
}
