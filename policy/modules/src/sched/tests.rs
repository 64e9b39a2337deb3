//! Jobs on a host whose clock and console are the test's.

use super::*;
use crate::stage::made;
use policy_api::testing::Conversation;
use policy_api::{Cell, ModuleCommand};
use std::task::{Context, Waker};

const NOW: u64 = 1_795_824_000;

fn command(name: &str) -> &'static ModuleCommand {
    command::COMMANDS.iter().find(|command| command.name == name).unwrap()
}

fn ordered(conversation: &Conversation, module: &Rc<dyn Module>, line: &str) -> Result<Vec<String>, String> {
    let (name, rest) = line.split_at(line.match_indices(' ').nth(1).map_or(line.len(), |(at, _)| at));
    let words: Vec<&str> = rest.split_whitespace().collect();
    let told = conversation.order(module, command(name), &words)?;
    let text = |(_, cell): &(&str, Cell)| match cell {
        Cell::Text(text) => text.clone(),
        other => format!("{other:?}"),
    };
    let joined = |row: &policy_api::Row| row.iter().map(text).collect::<Vec<_>>().join(" ");
    Ok(std::iter::once(&told.head).chain(&told.rows).filter(|row| !row.is_empty()).map(joined).collect())
}

/// What was run until this time.
fn ran(conversation: &Conversation, attendance: &mut Later<()>, until: u64) -> Vec<String> {
    let mut context = Context::from_waker(Waker::noop());
    while conversation.host.clock.get().secs() <= until {
        assert!(attendance.as_mut().poll(&mut context).is_pending());
    }
    let commands = conversation.host.commands.take();
    commands.into_iter().map(|(user, line)| format!("{user}: {line}")).collect()
}

fn at(seconds: u64) -> Conversation {
    let conversation = Conversation::default();
    conversation.host.clock.set(mail::Time::from_secs(seconds));
    conversation
}

#[test]
fn commands_run_once_or_again_and_again_and_their_refusals_are_told() {
    let module = made(&MODULE, "sched { }").unwrap();
    let conversation = at(NOW);
    let host: Rc<dyn Host> = conversation.host.clone();
    let mut attendance = module.attend(&host).unwrap();
    for (line, expected) in [
        ("sched in 3 flush domain all", Ok("mx-000000001")),
        ("sched every 2 summary", Ok("mx-000000002")),
        (&*format!("sched at {} refused command", NOW + 4), Ok("mx-000000003")),
        ("sched in 9 unknown command", Err("no such command")),
        ("sched in soon summary", Err("'soon' is no number")),
        ("sched every 0 summary", Err("0: expected a second to ten years")),
        ("sched in 99999999999999999999 summary", Err("is no number")),
        ("sched in 18446744073709551615 summary", Err("expected a second to ten years")),
        ("sched in 3", Err("usage: sched in <seconds> <command>")),
    ] {
        match (ordered(&conversation, &module, line), expected) {
            (Ok(said), Ok(expected)) => assert_eq!(said, [expected], "{line}"),
            (Err(said), Err(expected)) => assert!(said.contains(expected), "{line}: {said}"),
            (said, _) => panic!("{line}: {said:?}"),
        }
    }
    let list = ordered(&conversation, &module, "sched list").unwrap();
    assert_eq!(list[0], format!("mx-000000002 Count({}) y summary", NOW + 2));
    assert_eq!(list.len(), 3);
    assert_eq!(ran(&conversation, &mut attendance, NOW + 2), ["sched: summary"]);
    let rest = ran(&conversation, &mut attendance, NOW + 5);
    assert_eq!(rest, ["sched: flush domain all", "sched: summary", "sched: refused command"]);
    assert!(conversation.host.reported()[0].contains("sched: mx-000000003: 'refused command': "));
    assert_eq!(ordered(&conversation, &module, "sched delete mx-000000002").unwrap(), ["mx-000000002"]);
    assert!(ordered(&conversation, &module, "sched delete 2").unwrap_err().contains("there is no job 2"));
    assert_eq!(ran(&conversation, &mut attendance, NOW + 9), Vec::<String>::new());
}

#[test]
fn words_that_need_quotes_keep_them() {
    let module = made(&MODULE, "sched { }").unwrap();
    let conversation = at(NOW);
    let words = ["1", "fail", "domain", "x.example", "no \"such\" user", ""];
    conversation.order(&module, command("sched in"), &words).unwrap();
    let list = ordered(&conversation, &module, "sched list").unwrap();
    assert!(list[0].ends_with(r#"fail domain x.example "no \"such\" user" """#), "{list:?}");
}

#[test]
fn a_store_gives_the_jobs_back_after_a_restart_and_no_job_runs_twice() {
    let path = std::env::temp_dir().join(format!("impetus-sched-{}.sqlite", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let stanza = format!("sched {{ backing_store = \"{}\" }}", path.display());
    let begin = |seconds| {
        let (module, conversation) = (made(&MODULE, &stanza).unwrap(), at(seconds));
        let host: Rc<dyn Host> = conversation.host.clone();
        let attendance = module.attend(&host).unwrap();
        (module, conversation, attendance)
    };
    let (module, conversation, mut attendance) = begin(NOW);
    for line in ["sched in 2 first", "sched in 30 second", "sched every 10 third", "sched in 60 fourth"] {
        ordered(&conversation, &module, line).unwrap();
    }
    ordered(&conversation, &module, "sched delete mx-000000004").unwrap();
    assert_eq!(ran(&conversation, &mut attendance, NOW + 11), ["sched: first", "sched: third"]);
    // The process was away when the others were due.
    let (module, conversation, mut attendance) = begin(NOW + 45);
    assert_eq!(ran(&conversation, &mut attendance, NOW + 45), ["sched: third", "sched: second"]);
    let list = ordered(&conversation, &module, "sched list").unwrap();
    assert_eq!(list, [format!("mx-000000003 Count({}) y third", NOW + 50)]);
    assert_eq!(ordered(&conversation, &module, "sched in 5 x").unwrap(), ["mx-000000004"]);
    std::fs::remove_file(&path).unwrap();
    let module = made(&MODULE, "sched { backing_store = \"/none/such/file\" }").unwrap();
    let problem = ordered(&at(NOW), &module, "sched in 5 x").unwrap_err();
    assert!(problem.contains("/none/such/file"), "{problem}");
}

#[test]
fn the_jobs_outlive_a_reload_of_the_configuration() {
    let (one, other) = (made(&MODULE, "sched { }").unwrap(), made(&MODULE, "sched { }").unwrap());
    let conversation = at(NOW);
    ordered(&conversation, &one, "sched in 2 first").unwrap();
    let host: Rc<dyn Host> = conversation.host.clone();
    let mut attendance = other.attend(&host).unwrap();
    assert_eq!(ran(&conversation, &mut attendance, NOW + 2), ["sched: first"]);
}
