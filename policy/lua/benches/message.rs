//! What policy in Lua costs a message: `cargo bench -p lua`. Prints microseconds; nothing is asserted.

use bytes::Bytes;
use content::Content;
use lua::{Script, load};
use mail::{Address, Phase};
use policy_api::testing::Conversation;
use policy_api::{Module, Sources};
use std::hint::black_box;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A script of some 100 lines that touches headers, as sites have them.
const HEADERS: &str = include_str!("headers.lua");

const EMPTY: &str = "local M = {} function M:validate_data_spool_each_rcpt(msg, ac, vctx) \
                     return msys.core.VALIDATE_CONT end msys.registerModule('script', M)";
const NONE: &str = "local M = {} function M:validate_ehlo(str, ac, vctx) return msys.core.VALIDATE_CONT end \
                    msys.registerModule('script', M)";
const SUSPENDS: &str = "local M = {} function M:validate_data_spool_each_rcpt(msg, ac, vctx) msys.sleep(0) \
                        return msys.core.VALIDATE_CONT end msys.registerModule('script', M)";

fn module(source: &str) -> Rc<dyn Module> {
    let mut sources = Sources::default();
    sources.insert("/site/script.lua", source.as_bytes());
    let script = Script { name: "script".into(), source: "script".into(), place: "site.conf:1".into() };
    load(&Arc::new(sources), vec!["/site".into()], &[script]).unwrap()
}

fn message() -> Content {
    let mut text = String::from(
        "Received: from a by b; Fri, 27 Nov 2026 20:00:00 +0000\r\nFrom: Ann <ann@a.example>\r\nTo: bob@b.example\r\n\
         Subject: =?utf-8?Q?gr=C3=BC=C3=9Fe?=\r\nDate: Fri, 27 Nov 2026 20:00:00 +0000\r\nMessage-ID: <1@a.example>\r\n\
         X-Campaign: spring-2026\r\nList-Unsubscribe: <https://a.example/u/1>\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\r\n",
    );
    text.extend(std::iter::repeat_n("A line of an ordinary text, long enough.\r\n", 40));
    Content::new(Bytes::from(text))
}

/// The best of several turns, microseconds a message.
fn cost(module: &dyn Module) -> f64 {
    let content = message();
    let mut conversation = Conversation::default();
    let mut best = Duration::MAX;
    const ROUNDS: u32 = 2000;
    for _ in 0..7 {
        let start = Instant::now();
        for round in 0..ROUNDS {
            conversation.client.id.counter = (round % 50) as u16;
            conversation.message.content = content.clone();
            conversation.message.recipient = Some(Address::new("bob", "b.example"));
            conversation.contexts = Default::default();
            black_box(conversation.ask(module, Phase::DataSpoolEachRcpt));
            black_box(conversation.message.content.octets());
        }
        best = best.min(start.elapsed());
    }
    best.as_secs_f64() * 1e6 / f64::from(ROUNDS)
}

fn main() {
    let base = cost(&*module(NONE));
    println!("us a message beyond {base:.2} of the harness");
    for (name, source) in [
        ("empty callout", EMPTY),
        ("callout that suspends once", SUSPENDS),
        ("100 lines over headers", HEADERS),
    ] {
        println!("{name:>28}: {:.2}", cost(&*module(source)) - base);
    }
}
