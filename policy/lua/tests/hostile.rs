//! Scripts that want too much: their own session is answered, the others do not notice.

use lua::{Script, load};
use mail::Phase;
use policy_api::testing::Conversation;
use policy_api::{Module, Sources, Verdict};
use std::rc::Rc;
use std::sync::Arc;

fn module(body: &str) -> Rc<dyn Module> {
    let source = format!(
        "local M = {{}} function M:validate_data(msg, ac, vctx) {body} return msys.core.VALIDATE_CONT end \
         function M:validate_connect(ac, vctx) vctx:set(VCTX_CONN, 'fine', 1) return msys.core.VALIDATE_CONT end \
         msys.registerModule('hostile', M)"
    );
    let mut sources = Sources::default();
    sources.insert("/site/hostile.lua", source.as_bytes());
    let script = Script { name: "hostile".into(), source: "hostile".into(), place: "site.conf:1".into() };
    load(&Arc::new(sources), vec!["/site".into()], &[script]).unwrap()
}

/// Bodies, and what the panic log says of them.
const BODIES: [(&str, &str); 18] = [
    ("while true do end", "budget of steps"),
    ("local function f() return f() end f()", "stack overflow"),
    ("while true do pcall(function() while true do end end) end", "budget of steps"),
    ("while true do pcall(error, 'x') end", "budget of steps"),
    ("coroutine.wrap(function() while true do end end)()", "budget of steps"),
    ("local s = string.rep('x', 1e9)", "not enough memory"),
    ("local s = 'x' while true do s = s .. s end", "not enough memory"),
    ("local t = {} while true do t[#t + 1] = ('x'):rep(1000) .. #t end", "not enough memory"),
    ("local t = {} for i = 1, 1e9 do t[i] = i end", "not enough memory"),
    ("string.find(('a'):rep(30), ('a?'):rep(30) .. ('a'):rep(30))", "budget of steps"),
    ("string.find(('a'):rep(20000), '.-.-.-.-b')", "budget of steps"),
    ("string.gsub(('a'):rep(200000), 'a*b', '')", "budget of steps"),
    ("local t = {} for i = 1, 200000 do t[i] = -i end table.sort(t)", "budget of steps"),
    ("table.sort({3, 2, 1, 5}, function() while true do end end)", "held the shard too long"),
    ("setmetatable({}, { __index = function() while true do end end }).x()", "held the shard too long"),
    ("msys.pcre.match(('a'):rep(40) .. 'b', '(a+)+$')", "too expensive for this text"),
    (
        "tostring(setmetatable({}, { __tostring = function() while true do end end }))",
        "held the shard too long",
    ),
    ("for i = 1, 1e9 do vctx:set(VCTX_MESS, 'k' .. i, 'v') end", "at most 4096 variables"),
];

/// Whether that is a budget, and no other error.
fn over(said: &str) -> bool {
    said != "stack overflow" && said != "at most 4096 variables"
}

#[test]
fn every_hostile_script_is_ended_and_the_next_session_goes_on() {
    for (body, said) in BODIES {
        let module = module(body);
        let mut conversation = Conversation::default();
        match conversation.ask(&*module, Phase::Data) {
            Verdict::Exceeded(text) => {
                assert!(text.contains(said), "{body}: {text}");
                let was_ended = ["budget of steps", "held the shard too long"].contains(&said);
                assert!(
                    !was_ended || text.contains("[stack: ") && text.contains("hostile.lua:1"),
                    "{body}: {text}"
                );
            }
            Verdict::Failed(text) => assert!(text.contains(said) && !over(said), "{body}: {text}"),
            other => panic!("{body}: {other:?}"),
        }
        let mut next = Conversation::default();
        assert_eq!(next.ask(&*module, Phase::Connect), Verdict::Continue, "after {body}");
        assert_eq!(next.contexts.connection.get("fine"), Some("1"), "after {body}");
    }
}

#[test]
fn long_texts_are_searched_in_linear_time() {
    let text = "local s = ('a'):rep(2000000) .. 'b' local p = ('a'):rep(1000000) .. 'c' \
                assert(string.find(s, p, 1, true) == nil) assert(string.find(s, ('a'):rep(1000) .. 'b') == 1999001)";
    assert_eq!(Conversation::default().ask(&*module(text), Phase::Data), Verdict::Continue);
}

#[test]
fn a_broken_script_refuses_the_configuration_with_its_line() {
    for (source, place, said) in [
        ("x = = 1", "/site/a.lua:1", "unexpected symbol near '='"),
        ("\n\nerror('boom')", "/site/a.lua:3", "boom"),
        (
            "local M = {}\nfunction M.init() return false end msys.registerModule('a', M)",
            "site.conf:1",
            "did not return true",
        ),
        (
            "local M = {}\nfunction M.init() local x = nil + 1 end msys.registerModule('a', M)",
            "/site/a.lua:2",
            "attempt to perform arithmetic",
        ),
        ("while true do end", "", "held the shard too long"),
        ("require 'nothing'", "/site/a.lua:1", "module 'nothing' not found"),
    ] {
        let mut sources = Sources::default();
        sources.insert("/site/a.lua", source.as_bytes());
        let script = Script { name: "a".into(), source: "a".into(), place: "site.conf:1".into() };
        let finding = load(&Arc::new(sources), vec!["/site".into()], &[script]).err().expect(source);
        assert!(finding.text.contains(said), "{source}: {finding}");
        assert!(place.is_empty() || finding.place == place, "{source}: {finding}");
    }
}
