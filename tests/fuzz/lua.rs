//! Any bytes as calls of the functions that scripts have, with arguments of every kind: wrong types, huge numbers,
//! texts that are none, tables that contain themselves, what earlier calls have answered. Each call ends or raises a
//! text; a machine that has had enough says so, and the next session goes on; never a panic.

#![no_main]

use bytes::Bytes;
use content::Content;
use libfuzzer_sys::fuzz_target;
use lua::{Script, load};
use mail::{Address, Phase};
use policy_api::testing::{Conversation, Peer};
use policy_api::{Endpoint, Host, Later, Module, Record, Sources, Verdict};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Waker};

const SCRIPT: &str = include_str!("lua.lua");

/// Inputs that one machine gets, so that what scripts keep between sessions is in it too.
const INPUTS: u32 = 200;

struct Site {
    module: Rc<dyn Module>,
    left: u32,
}

thread_local! {
    static SITE: RefCell<Option<Site>> = const { RefCell::new(None) };
}

fn site() -> Rc<dyn Module> {
    SITE.with_borrow_mut(|site| {
        if site.as_ref().is_none_or(|site| site.left == 0) {
            *site = Some(Site { module: made(), left: INPUTS });
        }
        let site = site.as_mut().expect("made above");
        site.left -= 1;
        site.module.clone()
    })
}

fn made() -> Rc<dyn Module> {
    let reference = lua::reference();
    let rows = reference.lines().filter_map(|line| line.strip_prefix("| `"));
    let names: Vec<&str> = rows.filter_map(|row| row.split(['(', '`']).next()).collect();
    let file = std::env::temp_dir().join(format!("impetus-fuzz-{}", std::process::id()));
    let source = SCRIPT.replace("NAMES", &names.join(" ")).replace("FILE", &file.display().to_string());
    let mut sources = Sources::default();
    sources.insert("/s/fuzz.lua", source.as_bytes());
    let script = Script { name: "fuzz".into(), source: "fuzz".into(), place: "fuzz.conf:1".into() };
    load(&Arc::new(sources), vec!["/s".into()], &[script]).expect("the script loads")
}

fn conversation(body: &[u8]) -> Conversation {
    let mut conversation = Conversation::default();
    let host = &conversation.host;
    host.name("a.example", [Record::A([192, 0, 2, 1].into())]);
    host.text("a.example", "v=spf1 -all");
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    let peer = Peer { answers: [Bytes::from(answer)].into(), ..Peer::default() };
    host.peers.borrow_mut().insert(Endpoint::Inet(([192, 0, 2, 1], 80).into()), peer);
    let message = &mut conversation.message;
    message.sender = Some(Address::new("a", "b.example"));
    message.recipient = Some(Address::new("c", "d.example"));
    message.recipients = vec![Address::new("c", "d.example")];
    let header = b"From: a@b.example\r\nSubject: x\r\nContent-Type: multipart/mixed; boundary=e\r\n\r\n\
        --e\r\n\r\ntext\r\n--e--\r\n";
    message.content = Content::new([header, body].concat().into());
    conversation
}

/// Why a machine may end a script.
const REASONS: [&str; 3] = ["budget", "held the shard too long", "stack overflow"];

fuzz_target!(|bytes: &[u8]| {
    let module = site();
    let mut conversation = conversation(bytes);
    let host: Rc<dyn Host> = conversation.host.clone();
    let mut chores: Later<()> = module.attend(&host).expect("scripts have chores");
    let mut attend = || {
        for _ in 0..3 {
            assert!(chores.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
    };
    attend();
    if let Verdict::Failed(text) = conversation.ask(&*module, Phase::DataSpoolEachRcpt) {
        assert!(REASONS.iter().any(|reason| text.contains(reason)), "{text}");
    }
    attend();
    let mut next = Conversation::default();
    assert_eq!(next.ask(&*module, Phase::Connect), Verdict::Continue);
    assert_eq!(next.contexts.connection.get("fine"), Some("1"));
});
