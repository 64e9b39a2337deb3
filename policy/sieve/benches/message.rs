//! What a script costs for each message: `cargo bench -p sieve`. Prints nanoseconds; asserts nothing about them.
//!
//! The message is 2 KB with ten header fields; the script has 200 lines, is run at data, and falls through all
//! of its tests, as it does for most mail.

use bytes::Bytes;
use config::{MemoryLoader, Registry, Snapshot};
use content::Content;
use mail::{Address, Phase};
use policy_api::testing::Conversation;
use policy_api::{Level, Make, Module, Services, Sources, Verdict};
use std::hint::black_box;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

/// Blocks of ten lines of a policy: contexts, header fields, addresses, patterns, variables.
const BLOCK: &str = r#"
# rule N
if vctx :contains "listN_hits" "" {
  ec_tarpit 60 "spam:listN tarpit";
  ec_action 550 "5.7.1 reject content [listN]" "spam:Known Spam Source";
} elsif header :contains "subject" ["free money N", "lottery N", "prize N"] {
  ec_action 550 "5.7.1 spam" "spam:subject N";
}
$x = join "-" ["rule", "N"]; vctx_mess_set "last_rule" "${x}";
if allof (address :domain "from" "listN.example", not vctx_conn :is "trusted_mx" "yes") { ec_action 451 "4.7.1 later"; }
"#;

fn script(lines: usize) -> String {
    (0..lines / 10).map(|number| BLOCK.replace('N', &number.to_string())).collect()
}

fn message() -> Bytes {
    let mut text = String::new();
    for number in 0..8 {
        text.push_str(&format!("X-Field-{number}: some value of an ordinary length, {number}\r\n"));
    }
    text.push_str("From: Ann <ann@from.example>\r\nSubject: Your order of today\r\n\r\n");
    while text.len() < 2048 {
        text.push_str("A line of a text that people write to each other.\r\n");
    }
    text.into()
}

struct Stage {
    module: Rc<dyn Module>,
    _snapshot: Snapshot,
}

fn stage(script: &str) -> Stage {
    let mut sources = Sources::default();
    sources.insert("/case.siv", script.as_bytes().to_vec());
    let configuration = "sieve \"t\" { script \"data_phase1\" { source = \"/case.siv\" } }";
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
    let module = (sieve::MODULE.make)(snapshot.module("sieve", "t").expect("the stanza"), &make);
    Stage { module: module.unwrap_or_else(|finding| panic!("{finding}")), _snapshot: snapshot }
}

/// Nanoseconds of one run: the best of five rounds, for other programs only add to it.
fn cost(mut run: impl FnMut()) -> f64 {
    const TURNS: u32 = 2000;
    let round = |run: &mut dyn FnMut()| {
        let start = Instant::now();
        (0..TURNS).for_each(|_| run());
        start.elapsed().as_nanos() as f64 / f64::from(TURNS)
    };
    (0..5).map(|_| round(&mut run)).fold(f64::INFINITY, f64::min)
}

fn main() {
    let content = Content::new(message());
    println!("{:32} {:>12}", "script", "ns a message");
    let rows = [
        ("no script", String::new()),
        ("20 lines", script(20)),
        ("200 lines", script(200)),
        ("200 lines of context tests", "if vctx :is \"k\" \"v\" { keep; }\n".repeat(200)),
        ("200 lines of header tests", "if header :contains \"subject\" \"money\" { keep; }\n".repeat(200)),
        ("200 lines of patterns", "if header :regex \"subject\" \"(?i)mon[e3]y\" { keep; }\n".repeat(200)),
        ("one body test", "if body :raw :contains \"viagra\" { keep; }\n".to_owned()),
    ];
    // `cargo bench -p sieve -- header` runs the rows of that name only.
    let wanted = std::env::args().skip(1).find(|word| !word.starts_with("--")).unwrap_or_default();
    for (name, script) in rows.into_iter().filter(|(name, _)| name.contains(&*wanted)) {
        let stage = stage(&script);
        let mut conversation = Conversation::default();
        conversation.message.sender = Some(Address::new("ann", "from.example"));
        conversation.message.recipients = vec![Address::new("bob", "to.example")];
        conversation.contexts.connection.set("trusted_mx", "no");
        let nanoseconds = cost(|| {
            conversation.message.content = content.clone();
            conversation.contexts.message.clear();
            let verdict = conversation.ask(&*stage.module, Phase::Data);
            assert_eq!(black_box(verdict), Verdict::Continue);
        });
        println!("{name:32} {nanoseconds:12.0}");
    }
    if "compiling".contains(&*wanted) {
        let text = script(200);
        let compiled = cost(|| drop(black_box(sieve::compile("bench.siv", &text))));
        println!("{:32} {compiled:12.0}", "compiling 200 lines");
    }
}
