//! Whatever a script says, the compiler answers and the machine ends. The cases of tests/sieve are cut, joined
//! and damaged by a fixed sequence of chances.

use bytes::Bytes;
use config::{MemoryLoader, Registry};
use content::Content;
use mail::{Address, Phase};
use policy_api::testing::Conversation;
use policy_api::{Level, Make, Services, Sources};
use std::fs;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

/// Numbers that look like chance and are the same every time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit.max(1)
    }
}

fn scripts() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/sieve");
    let mut files: Vec<_> =
        fs::read_dir(folder).expect("tests/sieve").flatten().map(|file| file.path()).collect();
    files.sort();
    let texts = files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "siv"));
    let texts: Vec<String> = texts.map(|file| fs::read_to_string(file).expect("text")).collect();
    let parts = texts.iter().flat_map(|text| text.split("\n#---- ").skip(1));
    parts
        .map(|part| {
            let lines = part.lines().skip(1);
            lines
                .filter_map(|line| match line.get(..2) {
                    Some("#!" | "#?" | "#|" | "#=") => None,
                    Some("#+" | "#-") => Some(format!("if {} {{ keep; }}", &line[2..])),
                    _ => Some(line.to_owned()),
                })
                .collect::<Vec<_>>()
                .join("\n")
        })
        .collect()
}

/// Cuts, swaps and inserts at places of its choice.
fn damaged(text: &str, other: &str, chance: &mut Chance) -> String {
    const PIECES: [&str; 16] =
        ["{", "}", "(", ")", "[", "]", "\"", ";", "$x", "${x}", "%{", "text:\n", "not ", "ü", "\\", "-9"];
    let place = |text: &str, chance: &mut Chance| text.floor_char_boundary(chance.below(text.len() + 1));
    let mut text = text.to_owned();
    for _ in 0..=chance.below(4) {
        let at = place(&text, chance);
        match chance.below(4) {
            0 => text.insert_str(at, PIECES[chance.below(PIECES.len())]),
            1 => text.truncate(at),
            2 => {
                let to = text.floor_char_boundary((at + chance.below(6)).min(text.len()));
                text.replace_range(at..to, "");
            }
            _ => {
                let from = place(other, chance);
                text.insert_str(at, &other[from..other.floor_char_boundary((from + 30).min(other.len()))]);
            }
        }
    }
    text
}

fn play(text: &str) -> bool {
    let mut sources = Sources::default();
    sources.insert("/case.siv", text.as_bytes().to_vec());
    let configuration =
        "sieve \"t\" { script \"each_rcpt_phase1\" { source = \"/case.siv\" } max_steps = 100000 }";
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
    let Ok(module) = (sieve::MODULE.make)(stanza, &make) else { return false };
    let mut conversation = Conversation::default();
    let message = "Subject: x\r\nTo: a@b.example\r\n\r\nbody\r\n.\r\n";
    conversation.message.content = Content::new(Bytes::from_static(message.as_bytes()));
    conversation.message.sender = Some(Address::new("a", "b.example"));
    conversation.message.recipient = Some(Address::new("c", "d.example"));
    conversation.ask(&*module, Phase::DataSpoolEachRcpt);
    true
}

#[test]
fn damaged_scripts_are_refused_or_run_to_an_end() {
    let scripts = scripts();
    let mut chance = Chance(1);
    let mut ran = 0;
    for round in 0..4 {
        for (index, script) in scripts.iter().enumerate() {
            let other = &scripts[(index + round * 7 + 1) % scripts.len()];
            ran += usize::from(play(&damaged(script, other, &mut chance)));
        }
    }
    assert!(ran > scripts.len() / 4, "only {ran} of the damaged scripts still ran");
}

#[test]
fn nesting_ends_before_the_stack_does() {
    for (open, close) in
        [("if true {", "}"), ("if not ", ""), ("if anyof (", ")"), ("{", ""), ("$x = $a[", "]")]
    {
        let text = format!("{}true{}", open.repeat(100_000), close.repeat(100_000));
        assert!(sieve::compile("deep.siv", &text).is_err(), "{open}");
    }
    let not = format!("if {} true {{ keep; }}", "not ".repeat(100_000));
    let findings = sieve::compile("deep.siv", &not).expect_err("too deep");
    assert!(findings[0].message.contains("nested deeper than"), "{}", findings[0]);
}

#[test]
fn findings_are_as_many_as_help() {
    let findings = sieve::compile("bad.siv", &"kepp;\n".repeat(10_000)).expect_err("no action");
    assert_eq!(findings.len(), 20);
    assert_eq!(findings[19].place.as_ref().map(|spot| spot.position.line), Some(20));
}
