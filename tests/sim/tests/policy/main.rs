//! The pipeline of policy, phase by phase, through whole shards: what a module decides is what the client
//! hears, what the next host gets and what the logs say (spec policy.md §2 to §5).

mod generated;
mod hooks;
mod scene;
mod scripted;
mod table;
mod transactions;
mod variables;

use scene::{Outcome, play, transaction};
use std::time::Duration;

/// An engine with one module and a transaction of `recipients` recipients.
fn judged(option: &str, script: &str, recipients: usize) -> Outcome {
    play(&format!("scripted \"one\" {{ {option} = \"{script}\" }}"), transaction(recipients))
}

/// Reply codes of a transaction in which all is well.
fn success(recipients: usize) -> Vec<u16> {
    let mut codes = vec![220, 250, 250];
    codes.extend(std::iter::repeat_n(250, recipients));
    codes.extend([354, 250]);
    codes
}

#[test]
fn a_code_in_each_phase_reaches_whom_it_is_meant_for() {
    // Phase, the place of the reply that it changes (none: it has no right to a code), P= of the reject log.
    type Place = fn(usize) -> Option<usize>;
    let phases: [(&str, Place, &str); 11] = [
        ("at_accept", |_| Some(0), "just connected"),
        ("at_connect", |_| Some(0), "just connected"),
        ("at_ehlo", |_| Some(1), "awaiting ehlo/helo"),
        ("at_mailfrom", |_| Some(2), "awaiting mailfrom"),
        ("at_data", |recipients| Some(recipients + 4), "reading body"),
        ("at_rcptto_list", |recipients| Some(recipients + 4), "rcptto list response"),
        ("at_rcptto_list_final", |recipients| Some(recipients + 4), "rcptto list final response"),
        ("at_data_spool", |recipients| Some(recipients + 4), "async body response"),
        ("at_data_spool_each_rcpt", |recipients| Some(recipients + 4), "async body response"),
        ("at_set_binding", |_| None, ""),
        ("at_final_validation", |_| None, ""),
    ];
    for (option, place, state) in phases {
        for recipients in 1..=3 {
            for (code, text) in [(550, "5.7.1 no"), (451, "4.7.1 later")] {
                let outcome = judged(option, &format!("code {code} {text}"), recipients);
                let what = format!("{option} {code} {recipients}: {outcome:#?}");
                let Some(place) = place(recipients) else {
                    assert_eq!(outcome.codes(), success(recipients), "{what}");
                    assert_eq!(outcome.reached().len(), recipients, "{what}");
                    assert!(outcome.paniclog.contains("cannot change the code"), "{what}");
                    continue;
                };
                assert_eq!(outcome.replies[place].0, format!("{code} {text}"), "{what}");
                // A refused EHLO is a refused command: mail may come without it.
                let reached = if option == "at_ehlo" { recipients } else { 0 };
                assert_eq!(outcome.reached().len(), reached, "{what}");
                let line = outcome.rejectlog.lines().find(|line| line.contains(&format!("E={code}")));
                let line = line.unwrap_or_else(|| panic!("no line of the reject log: {what}"));
                assert!(line.contains(&format!("P=\"{state}\"")) && line.contains("M=scripted"), "{line}");
                outcome.assert_closed();
            }
        }
    }
}

#[test]
fn a_module_does_something_on_its_own_until_the_shard_stops() {
    for (text, said) in [("still here", "still here"), ("panic", "scripted: panicked on its own: as asked")] {
        let outcome = judged("alone", text, 1);
        assert!(outcome.paniclog.contains(said), "{outcome:#?}");
        assert_eq!(outcome.reached(), ["r1"]);
        outcome.assert_closed();
    }
}

#[test]
fn a_code_at_rcptto_is_for_that_recipient_alone() {
    for recipients in 1..=3 {
        let outcome = judged("at_rcptto", "r1: code 550 5.1.1 nobody", recipients);
        assert_eq!(outcome.codes()[3], 550);
        let reached: Vec<String> = (2..=recipients).map(|number| format!("r{number}")).collect();
        assert_eq!(outcome.reached(), reached);
        assert_eq!(outcome.codes()[3 + recipients], if recipients == 1 { 503 } else { 354 });
        outcome.assert_closed();
    }
}

#[test]
fn recipients_judged_differently_follow_the_rule_of_the_outcome() {
    // Script at each_rcpt, the last reply, who is reached; the sender of a notice is empty.
    for (script, recipients, last, reached) in [
        ("r1: code 550 5.7.1 a", 1, "550 5.7.1 a", vec![]),
        ("r1: code 250 2.0.0 ours", 1, "250 2.0.0 ours", vec!["r1"]),
        ("r2: code 451 4.7.1 b", 3, "451 4.7.1 b", vec![]),
        ("r1: code 550 5.7.1 a; r2: code 451 4.7.1 b", 2, "451 4.7.1 b", vec![]),
        ("r1: code 550 5.7.1 a; r2: code 554 5.7.1 b", 2, "550 5.7.1 a", vec![]),
        // The notice goes to the sender, who lives on the same host.
        ("r2: code 550 5.7.1 a", 3, "250 ", vec!["r1", "r3", "s"]),
        ("r1: discard 550 5.7.1 spam; r2: code 550 5.7.1 a", 2, "250 ", vec!["s"]),
        ("r1: discard", 2, "250 ", vec!["r2"]),
        ("discard", 2, "250 ", vec![]),
    ] {
        let outcome = judged("at_data_spool_each_rcpt", script, recipients);
        assert!(outcome.last().starts_with(last), "{script}: {outcome:#?}");
        assert_eq!(outcome.reached(), reached, "{script}: {outcome:#?}");
        outcome.assert_closed();
    }
    let quiet = "generate_bounces_for_multi_recipient_policy_rejections = false\n";
    let stanza = "scripted \"one\" { at_data_spool_each_rcpt = \"r2: code 550 5.7.1 a\" }";
    let outcome = play(&format!("{quiet}{stanza}"), transaction(2));
    assert_eq!(outcome.reached(), ["r1"], "{outcome:#?}");
}

#[test]
fn a_discarded_message_is_a_success_that_nobody_gets() {
    for option in ["at_rcptto", "at_data", "at_data_spool", "at_data_spool_each_rcpt"] {
        for recipients in 1..=3 {
            let outcome = judged(option, "discard 554 5.7.1 dropped", recipients);
            assert_eq!(outcome.codes(), success(recipients), "{option}: {outcome:#?}");
            assert_eq!(outcome.delivered, []);
            assert!(outcome.rejectlog.contains("dropped"), "{option}: {outcome:#?}");
            outcome.assert_closed();
        }
    }
    for option in ["at_connect", "at_mailfrom", "at_set_binding", "at_final_validation"] {
        let outcome = judged(option, "discard", 1);
        assert_eq!(outcome.reached(), ["r1"], "{option} has no right to discard");
        assert!(outcome.paniclog.contains("cannot change whether the message is discarded"), "{option}");
    }
}

#[test]
fn a_tarpit_holds_the_reply_and_a_disconnect_ends_the_connection() {
    for (option, place) in [
        ("at_accept", 0),
        ("at_connect", 0),
        ("at_ehlo", 1),
        ("at_mailfrom", 2),
        ("at_rcptto", 3),
        ("at_data", 5),
        ("at_data_spool", 5),
        ("at_data_spool_each_rcpt", 5),
    ] {
        let outcome = judged(option, "tarpit 20; wait", 1);
        assert_eq!(outcome.codes(), success(1), "{option}: {outcome:#?}");
        for (number, (_, time)) in outcome.replies.iter().enumerate() {
            let held = *time >= Duration::from_secs(21);
            assert_eq!(held, number == place, "{option}, reply {number}: {outcome:#?}");
        }
        assert_eq!(outcome.reached(), ["r1"]);
        let outcome = judged(option, "disconnect 421 4.7.0 away", 1);
        let end = if place < 5 { place + 2 } else { place + 1 };
        assert_eq!(outcome.replies[place].0, "421 4.7.0 away", "{option}: {outcome:#?}");
        assert_eq!(outcome.replies.len(), end, "{option}: {outcome:#?}");
        assert_eq!(outcome.delivered, []);
    }
}

#[test]
fn a_module_that_fails_or_panics_costs_its_client_a_421_and_says_so() {
    for (option, place) in [
        ("at_connect", 0),
        ("at_ehlo", 1),
        ("at_mailfrom", 2),
        ("at_rcptto", 3),
        ("at_data", 5),
        ("at_data_spool", 5),
        ("at_data_spool_each_rcpt", 5),
        ("at_final_validation", 5),
    ] {
        for (script, said) in [
            ("fail script:7: no such field", "error: script:7: no such field"),
            ("panic on purpose", "on purpose"),
            ("wait; panic on purpose", "on purpose"),
        ] {
            let outcome = judged(option, script, 1);
            let reply = &outcome.replies[place].0;
            let expected = "421 mx.sim.example temporary issue, please retry your message later";
            assert_eq!(reply, expected, "{option} {script}: {outcome:#?}");
            assert!(outcome.paniclog.contains(said), "{option} {script}: {outcome:#?}");
            assert!(outcome.rejectlog.contains("E=421 M=scripted"), "{option} {script}: {outcome:#?}");
            assert_eq!(outcome.delivered, [], "{option} {script}");
        }
    }
    let outcome = judged("at_set_binding", "panic on purpose", 1);
    assert_eq!(outcome.reached(), ["r1"], "set_binding has no session: {outcome:#?}");
    assert!(outcome.paniclog.contains("on purpose"));
}

#[test]
fn a_module_that_exceeds_its_budget_costs_its_client_a_451_and_the_session_goes_on() {
    for option in ["at_data", "at_data_spool", "at_data_spool_each_rcpt", "at_final_validation"] {
        let stanza = format!("scripted \"one\" {{ {option} = \"exceed the budget of steps\" }}");
        let outcome = play(&stanza, [transaction(1), vec!["QUIT\r\n".into()]].concat());
        let expected = "451 4.3.0 mx.sim.example temporary issue, please retry your message later";
        assert_eq!(outcome.replies[5].0, expected, "{option}: {outcome:#?}");
        assert!(outcome.replies[6].0.starts_with("221"), "{option}: {outcome:#?}");
        assert!(outcome.paniclog.contains("error: the budget of steps"), "{option}: {outcome:#?}");
        assert!(outcome.rejectlog.contains("E=451 M=scripted"), "{option}: {outcome:#?}");
        assert_eq!(outcome.delivered, [], "{option}");
    }
}

#[test]
fn done_ends_the_phase_and_a_later_code_wins() {
    let two = |first: &str, second: &str| {
        let stanzas = format!(
            "scripted \"one\" {{ at_data = \"{first}\" }} scripted \"two\" {{ at_data = \"{second}\" }}"
        );
        play(&stanzas, transaction(1)).last().to_owned()
    };
    assert_eq!(two("code 550 a; done", "code 554 b"), "550 a");
    assert_eq!(two("code 550 a", "code 554 b"), "554 b");
    assert!(two("code 550 a", "code 250 fine").starts_with("250"));
    let passive = "scripted \"one\" { enabled = false at_data = \"code 550 a\" }";
    assert_eq!(play(passive, transaction(1)).codes(), success(1));
    let bypassed = "scripted \"one\" { at_data = \"code 550 a\" }\n\
        esmtp_listener { listen \"192.0.2.1:25\" { context = [ __bypass_scripted = \"true\" ] } }";
    assert_eq!(play(bypassed, transaction(1)).codes(), success(1));
}

#[test]
fn the_list_of_recipients_is_edited_until_it_is_final() {
    for option in ["at_data", "at_rcptto_list"] {
        let outcome = judged(option, "add x@[10.1.0.1]; remove r1", 2);
        assert_eq!(outcome.reached(), ["r2", "x"], "{option}: {outcome:#?}");
        outcome.assert_closed();
        let outcome = judged(option, "remove r1; remove r2", 2);
        assert_eq!((outcome.codes(), outcome.delivered), (success(2), vec![]), "{option}");
    }
    let outcome = judged("at_rcptto", "r2: add x@[10.1.0.1]", 2);
    assert_eq!(outcome.reached(), ["r1", "r2", "x"], "{outcome:#?}");
    for option in ["at_rcptto_list_final", "at_data_spool_each_rcpt"] {
        let outcome = judged(option, "add x@[10.1.0.1]", 1);
        assert_eq!(outcome.reached(), ["r1"], "{option}: {outcome:#?}");
        assert!(outcome.paniclog.contains("cannot change the list of recipients"), "{option}");
    }
}

#[test]
fn an_edit_for_one_is_seen_by_that_one_alone() {
    let outcome = judged("at_data_spool_each_rcpt", "r2: field X-Two: yes; r3: field X-Two: yes", 3);
    let with_field: Vec<_> = outcome.delivered.iter().map(|one| one.content.contains("X-Two")).collect();
    let recipients: Vec<_> = outcome.delivered.iter().map(|one| one.recipients.join(" ")).collect();
    assert_eq!(recipients, ["r1", "r2 r3"], "equal contents travel together: {outcome:#?}");
    assert_eq!(with_field, [false, true]);
    for one in &outcome.delivered {
        assert!(one.content.starts_with("Return-Path: <s@[10.1.0.1]>\r\n"), "{}", one.content);
        assert_eq!(one.content.matches("Received:").count(), 1);
        assert!(one.content.ends_with("Subject: x\r\n\r\nbody\r\n.\r\n"), "{}", one.content);
    }
    for option in ["at_data", "at_data_spool"] {
        let outcome = judged(option, "field X-All: yes", 2);
        assert_eq!(outcome.delivered.len(), 1, "{outcome:#?}");
        assert!(outcome.delivered[0].content.contains("\r\nX-All: yes\r\n"));
    }
    outcome.assert_closed();
}

#[test]
fn envelopes_are_rewritten_for_each_recipient() {
    let outcome = judged("at_data_spool_each_rcpt", "r1: recipient y@[10.1.0.1]; r2: sender v@[10.1.0.1]", 2);
    let seen: Vec<_> =
        outcome.delivered.iter().map(|one| (one.sender.as_str(), one.recipients.join(" "))).collect();
    assert_eq!(seen, [("v", "r2".to_owned()), ("s", "y".to_owned())], "{outcome:#?}");
    assert!(outcome.delivered[0].content.starts_with("Return-Path: <v@[10.1.0.1]>"));
    outcome.assert_closed();
}

#[test]
fn contexts_diverge_from_the_split_on() {
    let stanza = "scripted \"one\" { at_data = \"set all=yes\" \
        at_data_spool_each_rcpt = \"r1: set own=one; show own; show all; show mailfrom_string; connection message_rcpt_count\" }";
    let outcome = play(stanza, transaction(2));
    let [one, two] = &outcome.delivered[..] else { panic!("{outcome:#?}") };
    assert!(one.content.contains("X-own: one") && two.content.contains("X-own: -"), "{outcome:#?}");
    for copy in [one, two] {
        assert!(copy.content.contains("X-all: yes"));
        assert!(copy.content.contains("X-mailfrom_string: MAIL FROM:<s@[10.1.0.1]>"));
        assert!(copy.content.contains("X-message_rcpt_count: 2"));
    }
}

#[test]
fn set_binding_chooses_binding_or_group() {
    let bindings = "binding \"vip\" { } binding_group \"pool\" { binding \"p1\" { suspend_delivery = true } \
        binding \"p2\" { } }\n";
    for (script, binding) in [
        ("binding vip", "vip"),
        ("binding nobody", "default"),
        ("group pool", "p2"),
        ("group nobody", "default"),
        ("", "default"),
    ] {
        let outcome =
            play(&format!("{bindings}scripted \"one\" {{ at_set_binding = \"{script}\" }}"), transaction(1));
        assert_eq!(outcome.reached(), ["r1"], "{script}: {outcome:#?}");
        let line = outcome.mainlog.lines().find(|line| line.contains("@R@")).unwrap();
        assert!(line.ends_with(&format!("@{binding}")), "{script}: {line}");
    }
    let outcome = judged("at_data", "binding vip", 1);
    assert!(outcome.paniclog.contains("cannot change the binding"), "{outcome:#?}");
}

#[test]
fn what_policy_sends_goes_with_the_message_and_is_refused_with_it() {
    for option in ["at_data", "at_data_spool", "at_data_spool_each_rcpt", "at_set_binding"] {
        let outcome = judged(option, "send z@[10.1.0.1]", 1);
        assert_eq!(outcome.reached(), ["r1", "z"], "{option}: {outcome:#?}");
        let ours = outcome.delivered.iter().find(|one| one.recipients == ["z"]).unwrap();
        assert_eq!((ours.sender.as_str(), ours.content.as_str()), ("", "Subject: ours\r\n\r\nbody\r\n.\r\n"));
        outcome.assert_closed();
    }
    let outcome = judged("at_data", "send z@[10.1.0.1]; code 550 no", 1);
    assert_eq!(outcome.reached(), Vec::<String>::new());
}

#[test]
fn capabilities_are_offered_and_only_before_ehlo_has_answered() {
    for option in ["at_connect", "at_ehlo"] {
        let outcome = judged(option, "capability XFOO bar", 1);
        assert!(
            outcome.replies[1].0.contains("250-XFOO bar") || outcome.replies[1].0.ends_with("250 XFOO bar")
        );
    }
    let outcome = judged("at_mailfrom", "capability XFOO", 1);
    assert!(outcome.paniclog.contains("mailfrom cannot change the capabilities"));
}

#[test]
fn a_module_asks_the_outside_and_waits_alone() {
    let outcome = judged("at_data", "outside", 1);
    let content = &outcome.delivered.iter().find(|one| one.recipients == ["r1"]).unwrap().content;
    for line in [
        "X-A: [A(10.9.8.7)]",
        "X-NS: [Ns(\"ns.alpha.example\")]",
        "X-Alias: [Cname(\"host.alpha.example\")]",
        "X-Nobody: NXDOMAIN",
        "X-Nothing: NODATA",
        "X-Elsewhere: [Txt(b\"here\")]",
        "X-No-Name: FORMERR",
        "X-Banner: 220 sink",
        "X-Refused: ConnectionRefused",
        "X-Job: 42",
        "X-Panicked: a job on a side thread panicked: a job that breaks",
        "X-Tally: 7",
        "X-Counters: [(\"spam:one\", 3), (\"spam:two\", 1)]",
        "X-Option: mx.sim.example",
    ] {
        assert!(content.contains(&format!("{line}\r\n")), "{line}: {outcome:#?}");
    }
    assert_eq!(outcome.reached(), ["r1", "z"], "{outcome:#?}");
    outcome.assert_closed();
}

/// `\0tim\0pencil`, and a password that is wrong.
const PLAIN: &str = "AUTH PLAIN AHRpbQBwZW5jaWw=\r\n";
const WRONG: &str = "AUTH PLAIN AHRpbQBwZW4=\r\n";

#[test]
fn who_authenticates_may_relay_and_policy_knows_him() {
    let file = std::env::temp_dir().join(format!("impetus-passwords-{}", std::process::id()));
    std::fs::write(&file, "# users\nann:other\ntim:pencil\n").unwrap();
    let listener = format!(
        "esmtp_listener {{ open_relay = false smtp_extensions = ( ENHANCEDSTATUSCODES \"AUTH PLAIN\" ) \
         AuthPlainParameters = [ uri = \"file://{}\" ] }}\n",
        file.display()
    );
    let module = "scripted \"one\" { at_data = \"connection auth_user; connection auth_name; connection auth_status\" }";
    let with = |stanzas: &str, commands: &[&str]| {
        let mut all = transaction(1);
        all.splice(1..1, commands.iter().map(|command| (*command).to_owned()));
        play(&format!("{listener}{module}{stanzas}"), all)
    };
    let denied = with("", &[]);
    assert_eq!(denied.replies[3].0, "550 5.7.1 relaying denied");
    assert!(denied.replies[1].0.contains("AUTH=PLAIN | 250 AUTH PLAIN"), "{denied:#?}");
    let wrong = with("", &[WRONG]);
    assert_eq!(wrong.replies[2].0, "535 5.7.8 Authentication credentials invalid");
    assert_eq!(wrong.replies[4].0, "550 5.7.1 relaying denied");
    assert!(wrong.rejectlog.contains("E=535") && wrong.rejectlog.contains("auth_status=fail"), "{wrong:#?}");
    let right = with("", &[PLAIN]);
    assert_eq!(right.replies[2].0, "235 2.7.0 Authentication successful");
    let [delivered] = &right.delivered[..] else { panic!("{right:#?}") };
    for field in [
        "X-auth_user: tim\r\n",
        "X-auth_name: PLAIN\r\n",
        "X-auth_status: pass\r\n",
        "Authentication-Results: mx.sim.example; auth=pass smtp.auth=tim\r\n",
    ] {
        assert!(delivered.content.contains(field), "{field}: {right:#?}");
    }
    let required = "esmtp_listener { enable_authentication = true }\n";
    assert_eq!(with(required, &[]).replies[2].0, "530 5.7.0 Authentication required");
    assert_eq!(with(required, &[PLAIN]).reached(), ["r1"]);
    let denying = with("esmtp_listener { always_deny = true always_allow = true }\n", &[PLAIN]);
    assert_eq!(denying.replies[2].0, "535 5.7.8 Authentication credentials invalid");
    let allowing = with("esmtp_listener { always_allow = true }\n", &[WRONG]);
    assert!(allowing.delivered[0].content.contains("X-auth_user: anonymous\r\n"), "{allowing:#?}");
    std::fs::remove_file(&file).unwrap();
    // Nothing is said about a user whom nobody can look up, and the operator hears why.
    let missing = with("", &[PLAIN]);
    assert_eq!(missing.replies[2].0, "454 4.7.0 Temporary authentication failure", "{missing:#?}");
    assert!(missing.rejectlog.contains("auth_status=error"), "{missing:#?}");
    let why = format!("'authplainparameters': file://{}: No such file or directory", file.display());
    assert!(missing.paniclog.contains(&why), "{why}: {missing:#?}");
}

#[test]
fn a_notice_passes_set_binding_and_final_validation() {
    let failing = |stanza: &str| {
        let commands = transaction(1).into_iter().map(|command| command.replace("<r1@", "<nobody@"));
        play(stanza, commands.collect())
    };
    let outcome = failing(
        "binding \"vip\" { }\nscripted \"one\" { at_set_binding = \"s: binding vip\" \
         at_final_validation = \"s: field X-Signed: yes\" }",
    );
    let [notice] = &outcome.delivered[..] else { panic!("{outcome:#?}") };
    assert_eq!((notice.sender.as_str(), notice.recipients.join(" ")), ("", "s".to_owned()));
    assert!(notice.content.starts_with("X-Signed: yes\r\n"), "{outcome:#?}");
    let line = outcome.mainlog.lines().rfind(|line| line.contains("@R@")).unwrap();
    assert!(line.contains("@internal@") && line.ends_with("@vip"), "{line}");
    outcome.assert_closed();
    // What policy breaks there is written down, and the sender hears of his mail all the same.
    let outcome = failing("scripted \"one\" { at_final_validation = \"s: fail no key\" }");
    assert_eq!(outcome.reached(), ["s"], "{outcome:#?}");
    assert!(outcome.paniclog.contains("final_validation error: no key"), "{outcome:#?}");
}

#[test]
fn policy_puts_a_client_on_another_pathway() {
    let pathways = "pathway \"strict\" { max_message_size = 10 }\n";
    let with = |script: &str| play(&format!("{pathways}scripted \"one\" {{ {script} }}"), transaction(1));
    assert_eq!(with("").reached(), ["r1"]);
    for script in [
        "at_connect = \"set_connection pathway=strict\"",
        "at_ehlo = \"set_connection pathway=strict\"",
        "at_mailfrom = \"pathway strict\"",
    ] {
        let outcome = with(script);
        assert_eq!(outcome.last(), "552 5.3.4 message size limit exceeded", "{script}: {outcome:#?}");
        assert!(outcome.rejectlog.contains("PATH=\"strict\""), "{script}: {outcome:#?}");
    }
    let outcome = with("at_mailfrom = \"pathway nowhere\"");
    assert_eq!(outcome.reached(), ["r1"], "{outcome:#?}");
    assert!(outcome.paniclog.contains("there is no pathway 'nowhere'"), "{outcome:#?}");
}

#[test]
fn excluded_variables_are_not_kept_with_the_message() {
    let stanza = "scripted \"one\" { on_hook = \"LogReception: report\" \
        at_data = \"set_connection x_a=1; set_connection x_secret=1; set x_b=1; set x_secret=1\" \
        at_data_spool_each_rcpt = \"r1: set x_own=1\" }\n";
    for (options, expected) in [
        ("", [" x_a x_secret x_b x_secret x_own", " x_a x_secret x_b x_secret"]),
        ("exclude_vctx_conn = ( secret )\n", [" x_a x_b x_secret x_own", " x_a x_b x_secret"]),
        ("exclude_vctx_conn = ( x_ )\nexclude_vctx_mess = ( ^x_s own$ )\n", [" x_b", " x_b"]),
    ] {
        let outcome = play(&format!("{options}{stanza}"), transaction(2));
        let told = |name: &str| {
            let of = format!(">{name} ");
            let line = outcome.paniclog.lines().find(|line| line.contains(&of));
            line.unwrap_or_else(|| panic!("{outcome:#?}"))
        };
        let lines = ["r1", "r2"].map(told);
        for (line, expected) in lines.iter().zip(expected) {
            assert!(line.ends_with(&format!("\"){expected}")), "{options}: {line} and not {expected}");
        }
        outcome.assert_closed();
    }
}

#[test]
fn a_trusted_proxy_speaks_for_its_clients_and_nobody_else_does() {
    let listener = "esmtp_listener { open_relay = false relay_hosts = ( 192.0.2.7/32 ) smtp_extensions = ( ENHANCEDSTATUSCODES ) \
        peer \"198.51.100.0/24\" { smtp_extensions = ( ENHANCEDSTATUSCODES XCLIENT XREMOTEIP XSETCONTEXT XDUMPCONTEXT ) } \
        peer \"203.0.113.0/24\" { context = [ tenant = \"a\" ] } }\n";
    let module = "scripted \"one\" { at_data = \"connection tenant; connection ehlo_domain\" }";
    let with = |commands: &[&str]| {
        let mut all = transaction(1);
        all.splice(1..1, commands.iter().map(|command| format!("{command}\r\n")));
        play(&format!("{listener}{module}"), all)
    };
    let denied = with(&[]);
    assert_eq!(denied.replies[3].0, "550 5.7.1 relaying denied", "{denied:#?}");
    // Whoever may relay, may relay through the proxy, by his own address.
    let relayed = with(&["XCLIENT ADDR=192.0.2.7 HELO=real.example", "XSETCONTEXT tenant=b"]);
    assert!(relayed.replies[2].0.starts_with("220 mx.sim.example ESMTP"), "{relayed:#?}");
    assert_eq!(
        relayed.replies[3].0, "500 5.5.2 unrecognized command",
        "his Peer offers nothing: {relayed:#?}"
    );
    let [delivered] = &relayed.delivered[..] else { panic!("{relayed:#?}") };
    assert!(
        delivered.content.contains("Received: from [192.0.2.7] ([192.0.2.7:32768] helo=real.example)"),
        "{relayed:#?}"
    );
    // A login that the proxy has seen counts as one of ours.
    let known = with(&["XCLIENT ADDR=203.0.113.9 LOGIN=tim"]);
    assert_eq!(known.reached(), ["r1"], "{known:#?}");
    assert!(known.delivered[0].content.contains("X-tenant: a\r\n"), "{known:#?}");
    assert!(known.delivered[0].content.contains("smtp.auth=tim"), "{known:#?}");
    // Which of our addresses he has reached is what the logs and scripts know.
    let there =
        with(&["XCLIENT ADDR=203.0.113.9 DESTADDR=192.0.2.99 DESTPORT=587 NAME=x.example PROTO=ESMTP"]);
    assert!(there.rejectlog.contains("R=\"203.0.113.9:32768\" L=\"192.0.2.99:587\""), "{there:#?}");
    let readdressed = with(&["XREMOTEIP 192.0.2.7"]);
    assert_eq!(readdressed.reached(), ["r1"], "{readdressed:#?}");
    let hidden = with(&["XCLIENT ADDR=[UNAVAILABLE]"]);
    assert_eq!(hidden.replies[4].0, "550 5.7.1 relaying denied", "{hidden:#?}");
    // Variables are set and shown.
    let shown = with(&["XSETCONTEXT can_relay=true tenant=x+09y", "XDUMPCONTEXT"]);
    let lines: Vec<&str> = shown.replies[3].0.split(" | ").collect();
    for line in
        ["250-[connection] tenant x?y", "250-[connection] can_relay true", "250 XDUMPCONTEXT complete"]
    {
        assert!(lines.contains(&line), "{line}: {shown:#?}");
    }
    assert_eq!(shown.reached(), ["r1"], "{shown:#?}");
}
