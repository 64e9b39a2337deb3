//! What modules hear besides the phases, and what they may answer there (spec policy.md §9).

use crate::scene::{LEAVE, LEAVE_UNHEARD, Outcome, play, transaction};
use std::time::Duration;

/// A transaction for one recipient of this name, with hooks that do as they are told.
fn hooked(on_hook: &str, recipient: &str) -> Outcome {
    let commands =
        transaction(1).into_iter().map(|command| command.replace("<r1@", &format!("<{recipient}@")));
    play(&format!("scripted \"one\" {{ on_hook = \"{on_hook}\" }}"), commands.collect())
}

/// What was told, in order: the text behind the time and the dash of each line of paniclog.
fn told(outcome: &Outcome) -> Vec<&str> {
    outcome.paniclog.lines().filter_map(|line| line.split_once(':').map(|(_, text)| text.trim())).collect()
}

const REPORT: &str = "*: report";

#[test]
fn receptions_deliveries_and_failures_are_told_with_their_copy() {
    let copy = |name: &str| format!("s>{name} of {name} on default in Some(\"[10.1.0.1]\")");
    for (recipient, expected) in [
        (
            "r1",
            vec![
                format!("LogReception Esmtp {}", copy("r1")),
                format!("LogDelivery 250 fine: {}", copy("r1")),
            ],
        ),
        (
            "later",
            vec![
                format!("LogReception Esmtp {}", copy("later")),
                format!("LogTransientFailure 451 4.2.0 not now: {}", copy("later")),
            ],
        ),
        (
            "nobody",
            vec![
                format!("LogReception Esmtp {}", copy("nobody")),
                format!("LogPermanentFailure 550 5.1.1 no such user: {}", copy("nobody")),
                format!("GenerateBounces true: {}", copy("nobody")),
                "LogReception Internal >s of s on default in Some(\"[10.1.0.1]\")".to_owned(),
                "LogDelivery 250 fine: >s of s on default in Some(\"[10.1.0.1]\")".to_owned(),
            ],
        ),
    ] {
        let outcome = hooked(REPORT, recipient);
        let heard: Vec<_> = told(&outcome)
            .into_iter()
            .filter(|line| !["Session", "OutboundAuth"].iter().any(|name| line.starts_with(name)))
            .collect();
        assert_eq!(heard, expected, "{outcome:#?}");
    }
}

#[test]
fn every_rejection_is_told_with_where_the_session_stood() {
    for (phase, state) in [
        ("at_ehlo", "awaiting ehlo/helo"),
        ("at_mailfrom", "awaiting mailfrom"),
        ("at_rcptto", "awaiting rcptto"),
        ("at_data", "reading body"),
        ("at_data_spool_each_rcpt", "async body response"),
    ] {
        let stanza = format!("scripted \"one\" {{ on_hook = \"{REPORT}\" {phase} = \"code 550 5.7.1 no\" }}");
        let outcome = play(&stanza, transaction(1));
        let line = format!("LogRejection 550 5.7.1 no at {state} of c.example");
        assert!(told(&outcome).contains(&&*line), "{line}: {outcome:#?}");
    }
    let mut commands = transaction(1);
    commands[1] = "MAIL FROM:s\r\n".to_owned();
    let outcome = play("scripted \"one\" { on_hook = \"*: report\" }", commands);
    let line = "LogRejection 501 5.5.2 MAIL FROM syntax error at awaiting mailfrom of c.example";
    assert!(told(&outcome).contains(&line), "what the session refuses by itself too: {outcome:#?}");
}

#[test]
fn a_module_that_only_listens_delays_nobody() {
    for recipient in ["r1", "later"] {
        let outcome = hooked("*: wait 3000; *: report", recipient);
        assert!(outcome.replies.iter().all(|(_, time)| *time < Duration::from_secs(1)), "{outcome:#?}");
        assert_eq!(outcome.mainlog.matches("@R@").count(), 1, "{outcome:#?}");
        let ends = outcome.mainlog.matches("@D@").count() + outcome.mainlog.matches("@T@").count();
        assert_eq!(ends, 1, "the delivery has ended before its listeners: {outcome:#?}");
    }
    let outcome = hooked("*: panic on purpose", "r1");
    assert_eq!(outcome.reached(), ["r1"], "{outcome:#?}");
    assert!(outcome.paniclog.contains("scripted: hook error: on purpose"), "{outcome:#?}");
}

#[test]
fn the_last_word_of_a_module_is_what_is_logged_and_bounced() {
    let said = "LogPermanentFailure: code 554 5.0.0 said otherwise";
    let notice = |outcome: &Outcome| {
        let found = outcome.delivered.iter().find(|one| one.recipients == ["s"]);
        found.map(|one| one.content.clone())
    };
    let outcome = hooked(said, "nobody");
    let line = outcome.mainlog.lines().find(|line| line.contains("@P@")).unwrap();
    assert!(line.contains("554 5.0.0 said otherwise"), "{line}");
    assert!(notice(&outcome).unwrap().contains("554 5.0.0 said otherwise"), "{outcome:#?}");
    // Whoever does not answer has nothing to say; neither has who says that it went well.
    for silent in
        ["LogPermanentFailure: wait 3000", "LogPermanentFailure: code 250 fine", "*: panic on purpose"]
    {
        let outcome = hooked(silent, "nobody");
        assert!(notice(&outcome).unwrap().contains("no such user"), "{silent}: {outcome:#?}");
        outcome.assert_closed();
    }
}

#[test]
fn modules_decide_whether_a_notice_is_written() {
    let never = "generate_bounces = false\n";
    for (global, on_hook, written) in [
        ("", "", true),
        (never, "", false),
        ("", "GenerateBounces: notice off", false),
        (never, "GenerateBounces: notice on", true),
        ("", "GenerateBounces: wait 3000; GenerateBounces: notice off", true),
    ] {
        let commands = transaction(1).into_iter().map(|command| command.replace("<r1@", "<nobody@"));
        let stanza = format!("{global}scripted \"one\" {{ on_hook = \"{on_hook}\" }}");
        let outcome = play(&stanza, commands.collect());
        assert_eq!(outcome.reached() == ["s"], written, "{global}{on_hook}: {outcome:#?}");
    }
}

#[test]
fn the_end_of_a_session_is_told_once_and_last() {
    let refusing = "scripted \"one\" { on_hook = \"LogRejection: wait 2; *: report\" \
        at_data = \"code 550 5.7.1 no\" }";
    for (commands, abort) in [
        ([transaction(1), vec!["QUIT\r\n".into()]].concat(), false),
        ([transaction(1), vec![LEAVE.into()]].concat(), false),
        ([transaction(1)[..3].to_vec(), vec![LEAVE.into()]].concat(), true),
        ([transaction(1)[..4].to_vec(), vec![LEAVE.into()]].concat(), true),
        ([transaction(1)[..2].to_vec(), vec!["QUIT\r\n".into()]].concat(), false),
    ] {
        let outcome = play(refusing, commands);
        let heard = told(&outcome);
        let count = |text: &str| heard.iter().filter(|line| line.starts_with(text)).count();
        assert_eq!(count("SessionAbort c.example"), usize::from(abort), "{outcome:#?}");
        assert_eq!(count("SessionEnd c.example"), 1, "{outcome:#?}");
        assert!(heard.last().unwrap().starts_with("SessionEnd"), "{outcome:#?}");
    }
    // A session that policy breaks has an end as well.
    let outcome =
        play("scripted \"one\" { on_hook = \"*: report\" at_data = \"panic on purpose\" }", transaction(1));
    assert_eq!(
        told(&outcome).iter().filter(|line| line.starts_with("SessionEnd")).count(),
        1,
        "{outcome:#?}"
    );
}

#[test]
fn a_client_that_hangs_up_while_policy_has_its_message_keeps_it() {
    let waiting = |script: &str| {
        let stanza = format!("scripted \"one\" {{ on_hook = \"*: report\" at_data_spool = \"{script}\" }}");
        play(&stanza, [transaction(1), vec![LEAVE_UNHEARD.into()]].concat())
    };
    for script in ["wait", "tarpit 5"] {
        let outcome = waiting(script);
        assert_eq!(outcome.reached(), Vec::<String>::new(), "{script}: {outcome:#?}");
        assert!(!outcome.mainlog.contains("@R@"), "{script}: {outcome:#?}");
        let aborts = told(&outcome).into_iter().filter(|line| line.starts_with("SessionAbort")).count();
        assert_eq!(aborts, 1, "{script}: {outcome:#?}");
    }
    // Had it been quicker, the message would have been taken.
    assert_eq!(waiting("").reached(), ["r1"]);
    // Whoever sends ahead has not gone.
    let mut ahead = transaction(1);
    ahead.last_mut().unwrap().push_str("RSET\r\nNOOP\r\n");
    let outcome = play("scripted \"one\" { at_data_spool = \"wait\" }", ahead);
    assert_eq!(outcome.reached(), ["r1"], "{outcome:#?}");
    assert!(outcome.last().starts_with("250"), "{outcome:#?}");
}

/// What the next host has seen: user and recipients of each transaction.
fn logins(outcome: &Outcome) -> Vec<(String, String)> {
    outcome.delivered.iter().map(|one| (one.user.clone(), one.recipients.join(" "))).collect()
}

#[test]
fn next_hosts_know_us_by_options_module_or_message() {
    let tim = "outbound_smtp_auth_user = tim outbound_smtp_auth_pass = pencil\n";
    let right = |user: &str| vec![(user.to_owned(), "r1 r2".to_owned())];
    let module = |script: &str| format!("scripted \"one\" {{ {script} }}");
    let hook = |script: &str| module(&format!("on_hook = \"OutboundAuth: {script}\""));
    let variable = "at_data = \"set outbound_smtp_auth_user=ann\"";
    for (options, module, expected) in [
        ("", String::new(), right("")),
        (tim, String::new(), right("tim")),
        ("outbound_smtp_auth_user = false outbound_smtp_auth_pass = false\n", String::new(), right("")),
        ("", hook("login ann pencil"), right("ann")),
        (tim, hook("login ann pencil"), right("ann")),
        (tim, hook("report"), right("tim")),
        (tim, hook("wait 3000"), right("tim")),
        (tim, hook("login_set"), right("tim")),
        (tim, module(variable), right("ann")),
        (
            "",
            module("at_data = \"set outbound_smtp_auth_user=ann; set outbound_smtp_auth_pass=pencil\""),
            right("ann"),
        ),
    ] {
        let outcome = play(&format!("{options}{module}"), transaction(2));
        assert_eq!(logins(&outcome), expected, "{options}{module}: {outcome:#?}");
        outcome.assert_closed();
    }
    let outcome = play(&format!("{tim}outbound_smtp_auth_key = k1\n{}", hook("report")), transaction(1));
    assert!(told(&outcome).contains(&"OutboundAuth key k1"), "{outcome:#?}");
}

#[test]
fn a_connection_serves_one_user() {
    let each = "outbound_smtp_auth_pass = pencil\nscripted \"one\" { at_data_spool_each_rcpt = \
        \"r1: set outbound_smtp_auth_user=tim; r2: set outbound_smtp_auth_user=ann; \
        r3: set outbound_smtp_auth_user=ann\" }";
    let outcome = play(each, transaction(4));
    let mut seen = logins(&outcome);
    seen.sort();
    let expected = [("", "r4"), ("ann", "r2 r3"), ("tim", "r1")];
    assert_eq!(
        seen,
        expected.map(|(user, recipients)| (user.to_owned(), recipients.to_owned())),
        "{outcome:#?}"
    );
    outcome.assert_closed();
}

#[test]
fn a_next_host_that_does_not_believe_us_gets_nothing_and_is_not_tried_for_each_message() {
    let wrong = "outbound_smtp_auth_user = tim outbound_smtp_auth_pass = wrong\n";
    let unspoken = "outbound_smtp_auth_user = tim outbound_smtp_auth_pass = pencil \
        outbound_smtp_auth_type = CRAM-MD5\n";
    let two = [transaction(1), transaction(1)[1..].to_vec()].concat();
    for (options, reply) in [
        (wrong, "454 4.7.0 [internal] AUTH refused: 535 5.7.8 no"),
        (unspoken, "451 4.7.6 [internal] AUTH required but not advertised"),
    ] {
        let outcome = play(options, two.clone());
        assert_eq!(outcome.delivered, [], "{outcome:#?}");
        let failures: Vec<_> = outcome.mainlog.lines().filter(|line| line.contains("@T@")).collect();
        assert_eq!(failures.len(), 2, "{outcome:#?}");
        assert!(failures.iter().all(|line| line.ends_with(reply)), "{outcome:#?}");
    }
}
