//! What lasts how long: costs that add up, both dictionaries, the list of recipients and its bound, pathways and
//! Peer stanzas (spec policy.md §4 to §6).

use crate::scene::{Outcome, play, transaction};
use std::time::Duration;

fn scripted(stanzas: &str, script: &str, commands: Vec<String>) -> Outcome {
    play(&format!("{stanzas}scripted \"one\" {{ {script} }}"), commands)
}

#[test]
fn the_costs_of_modules_and_phases_add_up() {
    let each = "at_accept = \"tarpit 10\" at_connect = \"tarpit 10\" at_data = \"tarpit 10\" \
        at_rcptto_list = \"tarpit 10\" at_rcptto_list_final = \"tarpit 10\" at_data_spool = \"tarpit 10\" \
        at_data_spool_each_rcpt = \"tarpit 10\"";
    let outcome =
        play(&format!("scripted \"one\" {{ {each} }}\nscripted \"two\" {{ {each} }}"), transaction(3));
    let seconds: Vec<u64> = outcome.replies.iter().map(|(_, time)| time.as_secs() / 10 * 10).collect();
    // Two modules, two phases; two modules, four phases of all and one of each of three.
    assert_eq!(seconds, [40, 0, 0, 0, 0, 0, 0, 140], "{outcome:#?}");
    assert_eq!(outcome.reached(), ["r1", "r2", "r3"]);
    // A refusal waits for what was spent before it.
    let refused =
        scripted("", "at_data = \"tarpit 20\" at_data_spool = \"code 550 5.7.1 no\"", transaction(1));
    assert!(
        refused.last() == "550 5.7.1 no" && refused.replies[5].1 >= Duration::from_secs(20),
        "{refused:#?}"
    );
}

#[test]
fn policy_adds_recipients_up_to_the_bound_of_all() {
    let limit = "452 4.5.3 Service unavailable, recipients per message limit reached";
    for (phase, place) in [("mailfrom", 2), ("rcptto", 3), ("data", 5), ("rcptto_list", 5)] {
        let outcome = scripted("", &format!("at_{phase} = \"many 70000\""), transaction(1));
        assert_eq!(outcome.replies[place].0, limit, "{phase}");
        assert_eq!(outcome.delivered, [], "{phase}");
    }
    let outcome = scripted("", "at_mailfrom = \"many 300\"", transaction(1));
    assert_eq!(outcome.reached().len(), 301, "{}", outcome.paniclog);
    outcome.assert_closed();
}

#[test]
fn a_routing_domain_is_the_queue_instead_of_the_recipients() {
    for (phase, goes) in [
        ("mailfrom", false),
        ("rcptto", true),
        ("data", false),
        ("data_spool_each_rcpt", true),
        ("set_binding", false),
    ] {
        let away = transaction(2)
            .into_iter()
            .map(|command| command.replace("TO:<r1@[10.1.0.1]", "TO:<r1@no.example"));
        let outcome = scripted("", &format!("at_{phase} = \"routing [10.1.0.1]\""), away.collect());
        assert_eq!(outcome.reached().contains(&"r1".to_owned()), goes, "{phase}: {outcome:#?}");
        assert!(outcome.reached().contains(&"r2".to_owned()), "{phase}: {outcome:#?}");
    }
}

const DUMPING: &str = "esmtp_listener { smtp_extensions = ( ENHANCEDSTATUSCODES XDUMPCONTEXT ) }\n";

#[test]
fn the_message_dictionary_ends_with_its_message_and_the_connections_does_not() {
    let script = "at_mailfrom = \"set x_mail=1; set_connection x_conn=1\" at_rcptto = \"set x_rcpt=1\"";
    let dump = || "XDUMPCONTEXT\r\n".to_owned();
    let mail = || transaction(1)[1..3].to_vec();
    let whole = || transaction(1)[1..].to_vec();
    let line = |text: &str| vec![format!("{text}\r\n")];
    // What ends the message, before the variables are asked for.
    for end in [
        line("RSET"),
        line("EHLO again.example"),
        line("HELO again.example"),
        // In one piece with the question.
        vec!["RSET\r\nNOOP\r\n".to_owned()],
    ] {
        let commands =
            [line("EHLO c.example"), mail(), vec![dump()], end.clone(), vec![dump(), dump()]].concat();
        let outcome = scripted(DUMPING, script, commands);
        let dumps: Vec<&String> = outcome
            .replies
            .iter()
            .map(|(text, _)| text)
            .filter(|text| text.contains("XDUMPCONTEXT complete"))
            .collect();
        let (during, after) = (dumps[0], dumps[dumps.len() - 1]);
        for key in ["[message] x_mail 1", "[message] x_rcpt 1", "[message] mailfrom_domain [10.1.0.1]"] {
            assert!(during.contains(key), "{key}: {outcome:#?}");
        }
        assert!(!after.contains("[message]"), "{end:?}: {outcome:#?}");
        assert!(after.contains("[connection] x_conn 1"), "{end:?}: {outcome:#?}");
    }
    let ended = scripted(DUMPING, script, [line("EHLO c.example"), whole(), vec![dump()]].concat());
    assert!(!ended.last().contains("[message]") && ended.reached() == ["r1"], "{ended:#?}");
    let refusing = "at_mailfrom = \"set x_mail=1\" at_data = \"code 550 5.7.1 no\"";
    let refused = scripted(DUMPING, refusing, [line("EHLO c.example"), whole(), vec![dump()]].concat());
    assert!(!refused.last().contains("[message]"), "{refused:#?}");
    assert!(refused.rejectlog.contains("x_mail=1"), "the log has what was known: {refused:#?}");
    // A recipient that was discarded is so for one message.
    let first = vec![transaction(1)[0].clone(), transaction(1)[1].clone(), transaction(2)[3].clone()];
    let discarding = "at_rcptto = \"r2: discard\"";
    let outcome = scripted("", discarding, [first, line("RSET"), transaction(3)[1..].to_vec()].concat());
    assert_eq!(outcome.reached(), ["r1", "r3"], "{outcome:#?}");
}

#[test]
fn a_module_is_bypassed_from_the_moment_on_that_a_variable_says_so() {
    // The variable's value, and whether the module's later refusal is heard.
    for (value, heard) in
        [("true", false), ("TRUE", false), ("1", true), ("yes", true), ("false", true), ("", true)]
    {
        for (phase, refusal) in [
            ("connect", "at_ehlo"),
            ("ehlo", "at_mailfrom"),
            ("mailfrom", "at_rcptto"),
            ("rcptto", "at_data"),
            ("data", "at_data_spool_each_rcpt"),
        ] {
            let script = format!(
                "at_{phase} = \"set_connection __bypass_scripted={value}\" {refusal} = \"code 550 5.7.1 no\""
            );
            let outcome = scripted("", &script, transaction(1));
            let is_heard = outcome.replies.iter().any(|(text, _)| text == "550 5.7.1 no");
            assert_eq!(is_heard, heard, "{phase} {value}: {outcome:#?}");
        }
    }
    // Within one phase too.
    let within = "scripted \"one\" { at_data = \"set_connection __bypass_scripted=true\" }\n\
        scripted \"two\" { at_data = \"code 550 5.7.1 no\" }";
    assert_eq!(play(within, transaction(1)).reached(), ["r1"]);
}

#[test]
fn notices_of_partial_refusals_are_an_option_of_pathways_too() {
    let option = |value: &str| format!("generate_bounces_for_multi_recipient_policy_rejections = {value}");
    let refusing = "at_data_spool_each_rcpt = \"r2: code 550 5.7.1 a; r4: code 550 5.7.1 b\"";
    let on = "at_mailfrom = \"pathway other\" ";
    for (global, pathway, script, notified) in [
        ("true", "true", "", true),
        ("false", "true", "", false),
        ("false", "true", on, true),
        ("true", "false", on, false),
    ] {
        let stanzas = format!("{}\npathway \"other\" {{ {} }}\n", option(global), option(pathway));
        let outcome = scripted(&stanzas, &format!("{script}{refusing}"), transaction(5));
        let mut expected = vec!["r1", "r3", "r5"];
        expected.extend(notified.then_some("s"));
        assert_eq!(outcome.reached(), expected, "{global} {pathway} {script}: {outcome:#?}");
        assert_eq!(outcome.rejectlog.matches("E=550 M=scripted").count(), 2, "{outcome:#?}");
        outcome.assert_closed();
    }
}

#[test]
fn a_pathway_brings_its_variables_and_several_peers_theirs_the_narrow_one_over_the_broad() {
    let stanzas = "pathway \"default\" { context = [ tenant = \"a\" x_kept = \"0\" ] }\n\
        pathway \"other\" { context = [ tenant = \"b\" x_kept = \"0\" x_own = \"1\" ] }\n";
    let show = "at_data = \"connection tenant; connection x_own; connection x_kept; connection pathway\"";
    for (script, fields) in [
        ("", ["X-tenant: a", "X-x_own: -", "X-x_kept: 9", "X-pathway: default"]),
        (
            "at_mailfrom = \"pathway other\" ",
            ["X-tenant: b", "X-x_own: 1", "X-x_kept: 9", "X-pathway: other"],
        ),
    ] {
        // What policy has set itself stays.
        let script = format!("at_ehlo = \"set_connection x_kept=9\" {script}{show}");
        let outcome = scripted(stanzas, &script, transaction(1));
        for field in fields {
            assert!(outcome.delivered[0].content.contains(&format!("{field}\r\n")), "{field}: {outcome:#?}");
        }
    }
    let peers = "esmtp_listener { listen \"192.0.2.1:25\" { \
        Peer \"0.0.0.0/0\" { context = [ x_own = \"broad\" tenant = \"broad\" ] } \
        Peer \"198.51.100.0/24\" { context = [ tenant = \"narrow\" ] } \
        Peer \"203.0.113.0/24\" { context = [ tenant = \"other\" x_kept = \"other\" ] } } }\n";
    let outcome = scripted(peers, show, transaction(1));
    for field in ["X-tenant: narrow", "X-x_own: broad", "X-x_kept: -"] {
        assert!(outcome.delivered[0].content.contains(&format!("{field}\r\n")), "{field}: {outcome:#?}");
    }
}
