//! Large and hostile mail: what would hold a shard up is done aside, with the same answer; limits hold.

use bytes::Bytes;
use config::{MemoryLoader, Registry};
use content::Content;
use mail::{Address, Phase};
use policy_api::testing::Conversation;
use policy_api::{Level, Make, Services, Sources, Verdict};
use std::rc::Rc;
use std::sync::Arc;

/// Runs a script at a phase, for a message.
fn run(script: &str, phase: &str, message: &[u8], conversation: &mut Conversation) -> Verdict {
    let mut sources = Sources::default();
    sources.insert("/case.siv", script.as_bytes().to_vec());
    let configuration = format!("sieve \"t\" {{ script \"{phase}_phase1\" {{ source = \"/case.siv\" }} }}");
    let loader = MemoryLoader::default().with("/test.conf", configuration);
    let registry = Registry::new(&[], &[sieve::MODULE.syntax]);
    let (snapshot, _) = config::load("/test.conf", &loader, &registry, &[]).expect("a configuration");
    let make = Make {
        sources: &Arc::new(sources),
        services: &Rc::new(Services::default()),
        hostname: "mx.example",
        debug_level: Level::Error,
        shard: 0,
        shards: 1,
    };
    let stanza = snapshot.module("sieve", "t").expect("the stanza");
    let module = (sieve::MODULE.make)(stanza, &make).unwrap_or_else(|finding| panic!("{finding}"));
    conversation.message.content = Content::new(Bytes::copy_from_slice(message));
    conversation.message.sender = Some(Address::new("a", "b.example"));
    conversation.message.recipients = vec![Address::new("c", "d.example")];
    let phase = sieve::script_named(&format!("{phase}_phase1")).expect("a phase").0;
    conversation.ask(&*module, phase)
}

fn is_true(test: &str, message: &[u8]) -> bool {
    let mut conversation = Conversation::default();
    let script =
        format!("if {test} {{ vctx_conn_set \"r\" \"true\"; }} else {{ vctx_conn_set \"r\" \"false\"; }}");
    let verdict = run(&script, "data", message, &mut conversation);
    assert_eq!(verdict, Verdict::Continue, "{test}");
    conversation.contexts.connection.is_true("r")
}

fn large(kind: &str) -> Vec<u8> {
    let mut message =
        format!("Subject: {}needle\r\nContent-Type: {kind}\r\n\r\n", "x".repeat(5000)).into_bytes();
    for _ in 0..20_000 {
        message.extend_from_slice(b"A line of a text of a message.\r\n");
    }
    message.extend_from_slice(b"Here is the Needle.\r\n");
    message
}

#[test]
fn large_messages_are_searched_to_their_end() {
    let message = large("text/plain");
    for (test, expected) in [
        ("body :raw :contains \"the needle\"", true),
        ("body :raw :contains :comparator \"i;octet\" \"the needle\"", false),
        ("body :text :contains \"the needle\"", true),
        ("body :content \"text\" :contains [\"thread\", \"the needle\"]", true),
        ("body :content \"image\" :contains \"needle\"", false),
        ("body :text :regex \"the n[e]+dle[.]\\\\s*$\"", true),
        ("body :raw :regex \"the thread\"", false),
        ("body :text :matches \"*the needle*\"", true),
        ("body :binary \"text\" :contains \"4e6565646c65\"", true),
        ("header :regex \"subject\" \"^x+needle$\"", true),
        ("header :regex \"subject\" \"^x+thread$\"", false),
        ("size :over 600K", true),
    ] {
        assert_eq!(is_true(test, &message), expected, "{test}");
    }
}

#[test]
fn groups_of_a_long_text_are_found() {
    let script = "$s = ec_header_get \"subject\"; ($all, $end) = ec_pcre_match \"${s}\" \"x(need.*)\"; \
                  vctx_conn_set \"r\" $end;";
    let mut conversation = Conversation::default();
    run(script, "data", &large("text/plain"), &mut conversation);
    assert_eq!(conversation.contexts.connection.get("r"), Some("needle"));
}

#[test]
fn a_pattern_that_gives_up_on_a_long_text_is_a_fault_too() {
    let message = format!("Subject: {}!\r\n\r\n", "a".repeat(5000));
    let mut conversation = Conversation::default();
    let script = "if header :regex \"subject\" \"^(a+)+$\" { keep; }";
    match run(script, "data", message.as_bytes(), &mut conversation) {
        Verdict::Failed(text) => assert!(text.contains("/case.siv:1: header: the pattern gave up"), "{text}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn where_nobody_may_wait_the_answer_comes_at_once() {
    let message = large("text/plain");
    let mut conversation = Conversation::default();
    let script = "if header :regex \"subject\" \"needle$\" { vctx_mess_set \"r\" \"yes\"; }";
    assert_eq!(run(script, "set_binding", &message, &mut conversation), Verdict::Continue);
    assert_eq!(conversation.contexts.message.get("r"), Some("yes"));
}

#[test]
fn a_value_cannot_grow_without_end() {
    let script = format!("$a = \"0123456789\";\n{}", "$a = \"${a}${a}\";\n".repeat(40));
    match run(&script, "data", b"A: b\r\n\r\n", &mut Conversation::default()) {
        Verdict::Failed(text) => assert!(text.contains("octets of values"), "{text}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_script_that_computes_for_long_comes_to_its_end() {
    // Each of these looks at 6,000 octets with a glob that goes back for every one of them.
    let message = format!("Subject: {}\r\n\r\n", "a".repeat(6000));
    let script = "if header :matches \"subject\" \"*a*a*a*a*b\" { keep; }\n".repeat(300);
    let mut conversation = Conversation::default();
    assert_eq!(run(&script, "data", message.as_bytes(), &mut conversation), Verdict::Continue);
}

#[test]
fn several_shards_make_the_module_at_the_same_time() {
    let mut sources = Sources::default();
    sources.insert("/case.siv", &b"keep;"[..]);
    let sources = Arc::new(sources);
    let configuration = "sieve \"t\" { script \"data_phase1\" { source = \"/case.siv\" } }";
    let loader = MemoryLoader::default().with("/test.conf", configuration);
    let registry = Registry::new(&[], &[sieve::MODULE.syntax]);
    let (snapshot, _) = config::load("/test.conf", &loader, &registry, &[]).expect("a configuration");
    let snapshot = &snapshot;
    let sources = &sources;
    let shards: Vec<Phase> = std::thread::scope(|scope| {
        let make = move |shard| {
            let services = Rc::new(Services::default());
            let make = Make {
                sources,
                services: &services,
                hostname: "mx.example",
                debug_level: Level::Error,
                shard,
                shards: 4,
            };
            let module = (sieve::MODULE.make)(snapshot.module("sieve", "t").expect("the stanza"), &make);
            let mut conversation = Conversation::default();
            assert!(
                conversation.ask(&*module.unwrap_or_else(|finding| panic!("{finding}")), Phase::Data)
                    == Verdict::Continue
            );
            Phase::Data
        };
        let shards: Vec<_> = (0..4).map(|shard| scope.spawn(move || make(shard))).collect();
        shards.into_iter().map(|shard| shard.join().expect("no panic")).collect()
    });
    assert_eq!(shards.len(), 4);
}

#[test]
fn the_reference_names_every_word_of_the_manual() {
    let manual: Vec<&str> = include_str!("manual_names.txt").split_whitespace().collect();
    assert_eq!(manual.len(), 158);
    let reference = sieve::reference();
    let missing: Vec<&&str> = manual
        .iter()
        .filter(|name| **name != "stop" && **name != "ec_include")
        .filter(|name| !reference.iter().any(|word| word.name == **name))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(reference.iter().all(|word| !word.is_available || !word.doc.is_empty()));
}
