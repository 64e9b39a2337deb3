//! A curfew on a host whose clock is the test's: what is held when, what its console says.

use super::*;
use crate::stage::made_with;
use policy_api::testing::{Conversation, run};
use policy_api::{ModuleCommand, Told};

/// Saturday, 2026-11-28 00:00:00 UTC.
const MIDNIGHT: u64 = 1_795_824_000;
const BINDINGS: &str = "Binding_Group \"pool\" {\n Binding \"out-a\" {}\n Binding \"out-b\" {}\n}\n";

fn curfew(options: &str, rules: &str) -> Result<Rc<dyn Module>, Finding> {
    let stanza = format!("{BINDINGS}curfew {{\n schedule_file = /c/rules\n {options}\n}}\n");
    made_with(&MODULE, &stanza, &[("/c/rules", rules)])
}

fn at(clock: &str) -> Time {
    let (hour, minute) = clock.split_once(':').unwrap();
    Time::from_secs(MIDNIGHT + hour.parse::<u64>().unwrap() * 3600 + minute.parse::<u64>().unwrap() * 60)
}

fn told(conversation: &Conversation, module: &Rc<dyn Module>, command: &'static ModuleCommand) -> Told {
    conversation.order(module, command, &[]).unwrap()
}

fn command(name: &str) -> &'static ModuleCommand {
    command::COMMANDS.iter().find(|command| command.name == name).unwrap()
}

/// What is held, as `binding domain since`.
fn held(conversation: &Conversation) -> Vec<String> {
    let held = conversation.host.held.borrow();
    let text = |hold: &Hold| {
        let (binding, domain) = (hold.binding.as_deref(), hold.domain.as_deref());
        let since = (hold.since.secs() - MIDNIGHT) / 60;
        format!("{} {} {since} {}", binding.unwrap_or("*"), domain.unwrap_or("*"), hold.by)
    };
    held.iter().map(text).collect()
}

#[test]
fn what_is_held_changes_when_a_minute_begins() {
    let rules = "pool x.example on 0-9 3 * * *\n* y.example on 5 3 * * *\n";
    let module = curfew("", rules).unwrap();
    let conversation = Conversation::default();
    conversation.host.clock.set(at("3:04") + Duration::from_millis(12_345));
    let host: Rc<dyn Host> = conversation.host.clone();
    let mut attendance = module.attend(&host).expect("it goes on by itself");
    let pool = ["out-a x.example 184 curfew, /c/rules:1", "out-b x.example 184 curfew, /c/rules:1"];
    assert_eq!(held(&conversation), pool, "before anything is waited for");
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    for (minute, count) in [("3:05", 3), ("3:06", 2), ("3:09", 2), ("3:10", 0)] {
        // The fake host's clock moves when a pause begins to be waited for.
        while conversation.host.clock.get() < at(minute) {
            assert!(attendance.as_mut().poll(&mut context).is_pending());
        }
        let next = conversation.host.clock.get();
        assert_eq!(next, at(minute), "it waits for the minute and no longer");
        assert!(attendance.as_mut().poll(&mut context).is_pending());
        conversation.host.clock.set(next);
        assert_eq!(held(&conversation).len(), count, "{minute}");
    }
}

#[test]
fn hours_are_those_of_the_time_zone_and_of_its_summer() {
    for (zone, clock, holds) in [
        ("UTC", "22:30", true),
        ("UTC", "21:30", false),
        // Five and a half hours ahead of UTC, and an hour ahead in winter.
        ("Asia/Kolkata", "17:00", true),
        ("Europe/Berlin", "21:30", true),
        ("Europe/Berlin", "20:59", false),
    ] {
        let module = curfew(&format!("timezone = {zone}"), "* * on * 22 * * *\n").unwrap();
        let conversation = Conversation::default();
        conversation.host.clock.set(at(clock));
        let answer = conversation.order(&module, command("curfew check"), &["out-a", "X.example"]).unwrap();
        let expected = if holds { "yes" } else { "no" };
        assert_eq!(answer.head[2].1, policy_api::Cell::Text(expected.into()), "{zone} {clock}");
    }
    // 2026-07-01 20:30 UTC is 22:30 in Berlin: two hours ahead in summer.
    let module = curfew("timezone = Europe/Berlin", "* * on * 22 1 7 *\n").unwrap();
    let conversation = Conversation::default();
    conversation.host.clock.set(Time::from_secs(1_782_937_800));
    let host: Rc<dyn Host> = conversation.host.clone();
    assert!(module.attend(&host).is_some());
    assert_eq!(conversation.host.held.borrow().len(), 1);
}

#[test]
fn a_schedule_that_is_wrong_refuses_the_configuration() {
    for (options, rules, expected) in [
        ("", "x * on * * * * *", "/c/rules: line 1: 'x' is no binding and no group of bindings"),
        ("timezone = Mars/Olympus", "", "timezone 'Mars/Olympus': expected a name of the tz database"),
        ("", "* * on * * * *", "/c/rules: line 1: 7 words"),
    ] {
        let finding = curfew(options, rules).err().expect(expected);
        assert!(finding.place.starts_with("/test.conf:") && finding.text.contains(expected), "{finding}");
    }
    let finding = made_with(&MODULE, "curfew { }", &[]).err().unwrap();
    assert!(finding.text.contains("schedule_file is missing"), "{finding}");
}

#[test]
fn the_console_reads_the_schedule_anew_unless_it_is_broken() {
    let file = std::env::temp_dir().join(format!("impetus-curfew-{}", std::process::id()));
    let stanza = format!("{BINDINGS}curfew {{\n schedule_file = {}\n}}\n", file.display());
    let path = file.to_str().unwrap();
    let module = made_with(&MODULE, &stanza, &[(path, "* * off * * * * *\n")]).unwrap();
    let conversation = Conversation::default();
    conversation.host.clock.set(at("12:00"));
    let host: Rc<dyn Host> = conversation.host.clone();
    let _attendance = module.attend(&host);
    let rules = |told: &Told| told.head[0].1.clone();
    assert_eq!(rules(&told(&conversation, &module, command("curfew status"))), policy_api::Cell::Count(0));
    std::fs::write(&file, "out-a X.example on * 12 * * *\npool * on * 13 * * *\n").unwrap();
    let answer = told(&conversation, &module, command("curfew reload"));
    assert_eq!(rules(&answer), policy_api::Cell::Count(2));
    assert_eq!(held(&conversation), [format!("out-a x.example 720 curfew, {path}:1")]);
    std::fs::write(&file, "* * on * * * * *\nnonsense\n").unwrap();
    let problem = conversation.order(&module, command("curfew reload"), &[]).unwrap_err();
    assert!(problem.contains("line 2: 1 words, expected eight"), "{problem}");
    assert_eq!(held(&conversation).len(), 1, "the rules before go on");
    std::fs::remove_file(&file).unwrap();
    assert!(conversation.order(&module, command("curfew reload"), &[]).unwrap_err().contains(path));
    let shown = told(&conversation, &module, command("curfew show"));
    let words =
        |row: &policy_api::Row| row.iter().map(|(_, cell)| format!("{cell:?}")).collect::<Vec<_>>().join(" ");
    assert!(words(&shown.rows[0]).contains("Text(\"out-a\") Text(\"x.example\") Text(\"*\") Text(\"12\")"));
    assert_eq!(shown.rows.len(), 2);
    conversation.host.clock.set(at("13:00"));
    assert_eq!(rules(&told(&conversation, &module, command("curfew journal"))), policy_api::Cell::Count(2));
    assert_eq!(rules(&told(&conversation, &module, command("curfew journal"))), policy_api::Cell::Count(0));
    let reports = conversation.host.reported();
    assert!(
        reports.last().unwrap().contains("curfew: binding=pool domain=* (") && reports.len() == 3,
        "{reports:?}"
    );
}

#[test]
fn a_module_that_is_switched_off_holds_nothing() {
    let module = curfew("enabled = false", "* * on * * * * *\n").unwrap();
    let conversation = Conversation::default();
    let host: Rc<dyn Host> = conversation.host.clone();
    assert!(module.attend(&host).is_none());
    assert_eq!(held(&conversation), Vec::<String>::new());
    run(async {});
}
