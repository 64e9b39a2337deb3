//! What the preflight finds on this host, and what it says of it.

use runtime::{Needs, Severity, Subject, preflight};
use std::path::PathBuf;
use world::Endpoint;

#[test]
fn a_host_that_has_everything_gets_at_most_hints() {
    let needs = Needs {
        spool: Some(PathBuf::from(env!("CARGO_TARGET_TMPDIR"))),
        listeners: vec![Endpoint::Inet("127.0.0.1:0".parse().unwrap())],
        sources: vec!["127.0.0.2".parse().unwrap()],
        descriptors: 100,
    };
    let findings = preflight(&needs);
    assert!(findings.iter().all(|finding| finding.severity == Severity::Hint), "{findings:?}");
    assert!(findings.iter().all(|finding| finding.subject == Subject::ReuseportMigration), "{findings:?}");
}

#[test]
fn what_is_missing_is_named_with_its_exit_code_and_its_remedy() {
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = Endpoint::Inet(holder.local_addr().unwrap());
    let unplumbed = Endpoint::Inet("192.0.2.1:25".parse().unwrap());
    let homeless = Endpoint::Unix { path: "/no/such/folder/control".into(), mode: 0o600 };
    let needs = Needs {
        spool: Some("/no/such/folder".into()),
        listeners: vec![taken.clone(), unplumbed.clone(), homeless.clone()],
        sources: vec!["192.0.2.7".parse().unwrap()],
        descriptors: 1 << 40,
    };
    let findings = preflight(&needs);
    for (subject, code, word) in [
        (Subject::Descriptors, None, "LimitNOFILE"),
        (Subject::Spool("/no/such/folder".into()), Some(78), "make the folder"),
        (Subject::Listener(taken), Some(69), "another process"),
        (Subject::Listener(unplumbed), Some(78), "192.0.2.1:25"),
        (Subject::Listener(homeless), Some(78), "folder of the socket"),
        (Subject::Source("192.0.2.7".parse().unwrap()), Some(78), "out of its binding"),
    ] {
        let finding = findings.iter().find(|finding| finding.subject == subject).expect("found");
        assert_eq!(finding.severity.exit_code(), code, "{finding}");
        assert!(finding.text.contains(word), "{finding}");
    }
}
