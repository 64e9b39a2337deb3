//! What scripts have going on beside sessions: timers, functions of pools, locks that two sessions want.

use lua::{Script, load};
use mail::Phase;
use policy_api::testing::Conversation;
use policy_api::{Host, Later, Module, Sources, Verdict};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

fn module(source: &str) -> Rc<dyn Module> {
    let mut sources = Sources::default();
    sources.insert("/site/case.lua", source.as_bytes());
    let script = Script { name: "case".into(), source: "case".into(), place: "site.conf:1".into() };
    load(&Arc::new(sources), vec!["/site".into()], &[script]).unwrap()
}

/// A site that asks its scripts at connect, and sees to their chores.
struct Site {
    module: Rc<dyn Module>,
    conversation: Conversation,
    chores: Later<()>,
}

impl Site {
    fn new(init: &str, connect: &str) -> Site {
        let module = module(&format!(
            "local M = {{}} function M:init() {init} return true end \
             function M:validate_connect(ac, vctx) {connect} return msys.core.VALIDATE_CONT end \
             msys.registerModule('case', M)"
        ));
        let conversation = Conversation::default();
        let host: Rc<dyn Host> = conversation.host.clone();
        let chores = module.attend(&host).expect("scripts may have timers");
        Site { module, conversation, chores }
    }

    fn connect(&mut self) {
        assert_eq!(self.conversation.ask(&*self.module, Phase::Connect), Verdict::Continue);
    }

    /// Lets what is due be done; every pause is over at the next turn, the virtual clock being moved by it.
    fn turns(&mut self, turns: usize) {
        for _ in 0..turns {
            let polled = self.chores.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert_eq!(polled, Poll::Pending);
        }
    }

    fn said(&self) -> Vec<String> {
        self.conversation.host.reported()
    }
}

#[test]
fn a_timer_of_init_rings_again_and_again() {
    let mut site =
        Site::new("TIMER = msys.timer.every(60, function() print('tick', msys.core.get_now_ts()) end)", "");
    site.turns(4);
    assert_eq!(site.said()[..2], ["scriptlet: tick\t60", "scriptlet: tick\t120"], "{:?}", site.said());
}

#[test]
fn a_timer_rings_once_and_stops_and_starts() {
    let mut site = Site::new(
        "ONE = msys.timer.after(5, function() print(ONE:name()) end, 'once') \
         TWO = msys.timer.after(5, function() print('two') end) TWO:stop() \
         AT = msys.timer.at(7, function() msys.sleep(1) print('at') TWO:start() end)",
        "",
    );
    site.turns(12);
    assert_eq!(site.said(), ["scriptlet: once", "scriptlet: at", "scriptlet: two"]);
}

#[test]
fn a_timer_that_breaks_says_so_and_one_that_never_ends_is_ended() {
    let mut site = Site::new(
        "A = msys.timer.after(1, function() error('boom') end, 'bad') \
         B = msys.timer.after(2, function() while true do end end, 'endless') \
         C = msys.timer.after(3, function() print('fine') end)",
        "",
    );
    site.turns(20_000);
    let said = site.said();
    assert!(
        said.iter().any(|line| line.starts_with("scriptlet: timer bad: /site/case.lua:1: boom")),
        "{said:?}"
    );
    assert!(
        said.iter().any(|line| line.contains("timer endless") && line.contains("budget of steps")),
        "{said:?}"
    );
    assert!(said.iter().any(|line| line == "scriptlet: fine"), "{said:?}");
}

#[test]
fn a_timer_that_nobody_holds_is_collected() {
    let mut site =
        Site::new("msys.timer.every(1, function() print('tick') end)", "collectgarbage() collectgarbage()");
    site.connect();
    site.turns(4);
    assert_eq!(site.said(), [""; 0]);
}

#[test]
fn functions_of_a_pool_run_after_their_caller() {
    let mut site = Site::new(
        "",
        "msys.runInPool('IO', function() print('later') end, true) \
         msys.runInPool('CPU', function() return 4, 5 end, function(ok, a, b) print(ok, a, b) end) \
         msys.runInPool('CPU', function() error('boom', 0) end, true) \
         print('now', msys.threadpool.stat('CPU').job_num_queued)",
    );
    site.turns(1);
    site.connect();
    assert_eq!(site.said(), ["scriptlet: now\t2"]);
    site.turns(1);
    assert_eq!(
        site.said()[1..],
        ["scriptlet: later", "scriptlet: true\t4\t5", "scriptlet: pool CPU: boom"],
        "{:?}",
        site.said()
    );
}

#[test]
fn two_sessions_that_want_a_lock_take_it_in_turns() {
    let mut site = Site::new(
        "local function work(name) return function() msys.lock('one') print(name .. ' has it') msys.sleep(1) \
         print(name .. ' gives it') end end \
         A = msys.timer.after(1, work('a')) B = msys.timer.after(1.5, work('b'))",
        "",
    );
    site.turns(20);
    let said = site.said();
    let words: Vec<&str> = said.iter().map(|line| line.trim_start_matches("scriptlet: ")).collect();
    assert_eq!(words, ["a has it", "a gives it", "b has it", "b gives it"]);
}
