//! The module's stanza: both forms of naming scripts, and what is wrong with one.

use config::{MemoryLoader, Registry, Snapshot};
use mail::{Phase, Time};
use policy_api::testing::{Conversation, Peer};
use policy_api::{
    Cell, Endpoint, Finding, Level, Make, Module, ModuleCommand, Row, Services, Sources, Told, Verdict,
};
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
    sources.insert("/s/pattern.siv", &b"if ec_test :regex \"abc\" \"b+\" { stop; }"[..]);
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
            "script \"data_phase1\" { source = \"https://a/\" }",
            "data_phase1:1:12",
            "https is not available here",
        ),
        (
            "script \"accept_phase1\" { source = \":datasource:a:b\" }",
            "accept_phase1:1:12",
            "no script can wait for this in this phase",
        ),
        ("script \"data_phase1\" { source = \"/s/none\" }", "", "/s/none: no such file"),
        ("script \"data_phase1\" { source = \"/s/latin1.siv\" }", "", "it is not UTF-8 at octet 10"),
        ("script \"data_phase1\" { source = \"/s/bad.siv\" }", "/s/bad.siv:2:1", "unknown action 'kepp'"),
        (
            "hook \"core_mailq_get_next_active\" { source = \"/s/no.siv\" }",
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
fn a_script_may_stand_on_a_server_and_is_kept_for_a_time() {
    let module = make(
        "sieve \"t\" { script \"data_phase1\" { source = \"http://192.0.2.80:81/a%20b.siv\" } cache_life = 60 }",
    )
    .unwrap();
    let mut conversation = Conversation::default();
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\nreject \"5.7.1\";";
    let peer = Peer { answers: [answer.into()].into(), ..Peer::default() };
    let heard = peer.heard.clone();
    conversation.host.peers.borrow_mut().insert(Endpoint::Inet("192.0.2.80:81".parse().unwrap()), peer);
    let mut asks = |seconds: u64| {
        conversation.host.clock.set(Time::from_secs(seconds));
        assert_eq!(conversation.ask(&*module, Phase::Data), Verdict::Done);
        assert_eq!(conversation.code(), Some(550));
        String::from_utf8_lossy(&heard.borrow()).matches("GET /a%20b.siv HTTP/1.1").count()
    };
    assert_eq!([asks(1000), asks(1059), asks(1060), asks(1061)], [1, 1, 2, 2]);
    let told = conversation.order(&module, command("sieve:<instance> flush cache"), &[]).unwrap();
    assert_eq!(told.head, [("entries", Cell::Count(1))]);
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

fn command(name: &str) -> &'static ModuleCommand {
    let all = sieve::MODULE.commands.iter().chain(sieve::LIBRARY.commands);
    all.copied().find(|command| command.name == name).expect("a command")
}

#[test]
fn an_operator_sees_what_scripts_count_and_resets_it() {
    let module = make("sieve \"t\" { script \"data_phase1\" { source = \"/s/no.siv\" } }").unwrap();
    let mut conversation = Conversation::default();
    (0..3).for_each(|_| drop(conversation.ask(&*module, Phase::Data)));
    let stats = |conversation: &Conversation| {
        let told = conversation.order(&module, command("sieve:<instance> stats"), &[]).unwrap();
        let row = |row: &Row| row.iter().map(|(_, cell)| format!("{cell:?}")).collect::<Vec<_>>().join(" ");
        (told.head, told.rows.iter().map(row).collect::<Vec<_>>())
    };
    let (_, rows) = stats(&conversation);
    assert_eq!(
        rows,
        [
            r#"Text("") Text("sieve-processed") Text("sieve-processed") Text("informational") Count(3)"#,
            r#"Text("data_phase1") Text("a:b") Text("a") Text("5xx") Count(3)"#,
        ]
    );
    conversation.host.clock.set(Time::from_secs(77));
    let told = conversation.order(&module, command("sieve:<instance> reset"), &[]).unwrap();
    assert_eq!(told, Told::default());
    assert_eq!(stats(&conversation), (vec![("since", Cell::Time(Time::from_secs(77)))], vec![]));
    assert!(conversation.host.resets.borrow().iter().any(|(what, _)| what == "summary"));
}

#[test]
fn an_operator_tries_scripts_without_running_them() {
    let module = make("sieve \"t\" { script \"data_phase1\" { source = \"/s/no.siv\" } }").unwrap();
    let file = std::env::temp_dir().join(format!("impetus-testfile-{}.siv", std::process::id()));
    std::fs::write(&file, "discard;").unwrap();
    let file = file.to_str().unwrap();
    for (name, operands, expected) in [
        ("test", &["data", "keep;"][..], Ok(())),
        ("test", &["core_final_validation", "ec_log \"x\";"], Ok(())),
        ("test", &["data", "ec_include \"/s/no.siv\";"], Ok(())),
        ("test", &["data", "kepp;"], Err("unknown action 'kepp'")),
        ("test", &["connect", "discard;"], Err("discard")),
        ("test", &["data_phase1", "keep;"], Err("is no phase of Sieve; expected one of accept, connect")),
        ("test", &["data"], Err("usage: sieve:<instance> test <phase> <script>")),
        ("testfile", &["data", file], Ok(())),
        ("testfile", &["connect", file], Err("discard")),
        ("testfile", &["data", "/none"], Err("/none: No such file")),
        ("testfile", &["data", "http://x/"], Err("is no file")),
    ] {
        let conversation = Conversation::default();
        let command = command(&format!("sieve:<instance> {name}"));
        let told = conversation.order(&module, command, operands);
        match expected {
            Ok(()) => assert!(told.is_ok(), "{operands:?}: {told:?}"),
            Err(part) => assert!(told.as_ref().unwrap_err().contains(part), "{operands:?}: {told:?}"),
        }
        assert!(conversation.code().is_none() && conversation.host.counters.borrow().is_empty());
    }
    std::fs::remove_file(file).unwrap();
}

#[test]
fn an_operator_changes_the_gauges_of_scripts() {
    let conversation = Conversation::default();
    let module = (sieve::LIBRARY.make)(
        snapshot("sievelib { }").modules().next().expect("a stanza"),
        &Make {
            sources: &sources(),
            services: &Rc::new(Services::default()),
            hostname: "mx.example",
            debug_level: Level::Error,
            shard: 0,
            shards: 1,
        },
    )
    .unwrap();
    for (name, operands, value) in [
        ("add", &["c", "k", "5"][..], Ok("5")),
        ("sub", &["c", "k", "2"], Ok("3")),
        ("show", &["c", "k"], Ok("3")),
        ("show", &["c", "other"], Ok("0")),
        ("delete", &["c", "k"], Ok("0")),
        ("add", &["c", "k", "x"], Err("'x' is no whole number".to_owned())),
        ("show", &["c"], Err("usage: sievelib gauge_cache show <cache> <key>".to_owned())),
    ] {
        let told = conversation.order(&module, command(&format!("sievelib gauge_cache {name}")), operands);
        let expected = value.map(|value| Told::head(vec![("value", Cell::Text(value.into()))]));
        assert_eq!(told, expected, "{name} {operands:?}");
    }
}

#[test]
fn an_operator_has_patterns_forgotten() {
    let module = make("sieve \"t\" { script \"data_phase1\" { source = \"/s/pattern.siv\" } }").unwrap();
    let mut conversation = Conversation::default();
    let flushed = |conversation: &Conversation| {
        conversation.order(&module, command("sieve:<instance> flush cache"), &[]).unwrap().head
    };
    conversation.ask(&*module, Phase::Data);
    assert_eq!(flushed(&conversation), [("entries", Cell::Count(1))]);
    assert_eq!(flushed(&conversation), [("entries", Cell::Count(0))]);
    conversation.ask(&*module, Phase::Data);
    assert_eq!(flushed(&conversation), [("entries", Cell::Count(1))]);
}
