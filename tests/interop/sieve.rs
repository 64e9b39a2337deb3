//! A site's Sieve policy in the real server: what swaks is told, what arrives, and what the console counts.

use crate::PLACE;
use harness::{Ended, Letter, Server, Setup, Sink, are_installed, eventually, run};
use std::process::Command;

const SWAKS: &str = "/usr/bin/swaks";

/// One file for each phase, named for its stanza.
const SCRIPTS: [(&str, &str); 8] = [
    (
        "connect_phase1",
        "if is_valid_ip \"%{i}\" { vctx_conn_set \"trusted_mx\" \"no\"; advertize_esmtp_capability \"XSITE\"; }\n",
    ),
    (
        "mailfrom_phase1",
        "if envelope :domain :is \"from\" \"spammer.example\" { ec_action 554 \"5.7.1 no mail from there\" \"spam:sender\"; }\n",
    ),
    (
        "rcptto_phase1",
        "if envelope :localpart :is \"to\" \"unknown\" { ec_action 550 \"5.1.1 no such user\" \"rcpt:unknown\"; }\n",
    ),
    (
        "data_phase1",
        r#"# Whole messages are refused, dropped, copied and forwarded here.
if header :contains "Subject" "cheap pills" { reject "5.7.1 spam is not welcome"; }
if header :is "Subject" "later" { ec_action 451 "4.7.1 come again
later, please" "temp:later"; }
if header :is "Subject" "drop" { ec_discard "550 5.7.1 nobody wants this"; }
if header :is "Subject" "hang up" { ec_disconnect 554 "5.7.1 go away" "bye:hang up"; }
if header :is "Subject" "copy" { add_recipient "archive@archive.example"; }
if header :is "Subject" "forward" { ec_forward "watch@here.example" "auditor@audit.example" "Have a look."; }
if header :is "Subject" "resent" { ec_rewrite_mailfrom "again@here.example"; }
if header :is "Subject" "alarm" {
  generate_mail_raw "watch@here.example" "ops@ops.example" "Subject: alarm from sieve
From: watch@here.example

An alarm.
";
}
"#,
    ),
    (
        "data_phase2",
        "if header :is \"Subject\" \"fault\" { $n = vctx_conn_get \"none\"; $x = ec_div \"1\" \"${n}\"; }\nec_inc_counter \"seen:phase2\";\n",
    ),
    (
        "spool_phase1",
        r#"ec_header_add "X-Site" "checked"; ec_header_delete "X-Secret"; ec_header_prefix "Subject" "[ext] ";
if header :contains "Subject" "elsewhere" { redirect "all@all.example"; }
if header :contains "Subject" "two" { add_recipient "second@here.example"; }
"#,
    ),
    (
        "each_rcpt_phase1",
        r#"$to = envelope "to";
if envelope :localpart :is "to" "quarantine" { redirect "jail@jail.example"; }
if envelope :localpart :is "to" "devnull" { discard; }
if envelope :localpart :is "to" "refused" { reject "5.7.1 not for you"; }
ec_header_add "X-For" "${to}";
if envelope :detail :is "to" "news" { ec_rewrite_mailfrom "bounces@here.example"; }
if envelope :domain :is "to" "gateway.example" { ec_set_routing_gateway "elsewhere.example"; }
if envelope :localpart :is "to" "boxed" { ec_maildir "bob@here.example"; }
if header :contains "Subject" "bcc" { add_recipient "bcc@bcc.example"; }
$which = "named"; ec_include "${which}.siv";
if envelope :domain :is "to" "bound.example" { vctx_mess_set "wanted_binding" "out"; }
"#,
    ),
    (
        "set_binding_phase1",
        "$b = vctx_mess_get \"wanted_binding\"; if not ec_test :is \"${b}\" \"\" { ec_set_binding \"${b}\"; }\n",
    ),
];

fn server(name: &str, sink: &Sink, options: &str) -> Server {
    let mut server = Server::prepare(&Setup { shards: 2, ..Setup::new(PLACE, name, sink.port()) });
    let folder = server.folder.path().display().to_string();
    let mut stanzas = String::new();
    for (script, text) in SCRIPTS {
        server.folder.write(script, text);
        stanzas.push_str(&format!("  script \"{script}\" {{ source = \"{folder}/{script}\" }}\n"));
    }
    server.folder.write("named.siv", "ec_header_add \"X-Named\" \"${which} for ${to}\";\n");
    server.folder.write("final", "ec_header_add \"X-Final\" \"yes\";\n");
    stanzas.push_str(&format!(
        "  hook \"core_final_validation\" {{ source = \"{folder}/final\" async = \"false\" }}\n"
    ));
    server.folder.write("delivered", "ec_inc_counter \"delivered:%{vctx_mess:rcptto_domain}\";\n");
    stanzas.push_str(&format!("  hook \"core_log_delivery_v1\" {{ source = \"{folder}/delivered\" }}\n"));
    server.configure(&format!(
        "Binding \"out\" {{ bind_address = \"127.0.0.2\" }}\nmaildir {{ basedir = \"{folder}\" create_users = true }}\nsieve \"policy\" {{\n{options}\n{stanzas}}}\n"
    ));
    server.launch();
    server.wait_for_banner();
    server
}

fn swaks(server: &Server, to: &str, more: &[&str]) -> Ended {
    let mut command = Command::new(SWAKS);
    command.args(["--server", &server.address().to_string(), "--helo", "client.example", "--to", to]);
    let from: &[&str] = if more.contains(&"--from") { &[] } else { &["--from", "me@sender.example"] };
    run(command.args(from).args(more))
}

fn subject(text: &str) -> String {
    format!("Subject: {text}")
}

/// Those letters of the sink that went to an address.
fn letters_to(sink: &Sink, address: &str) -> Vec<Letter> {
    sink.letters().into_iter().filter(|letter| letter.recipients.iter().any(|to| to == address)).collect()
}

fn arrived(sink: &Sink, address: &str) -> Letter {
    eventually(&format!("a letter to {address}"), || !letters_to(sink, address).is_empty());
    letters_to(sink, address).remove(0)
}

/// A server that has complained in its paniclog, as it should.
fn end(mut server: Server) {
    server.signal("TERM");
    assert!(server.ended().success());
}

#[test]
fn swaks_hears_what_scripts_decide_in_each_phase() {
    if !are_installed(&[SWAKS]) {
        return;
    }
    let sink = Sink::start();
    let server = server("sieve-replies", &sink, "");
    for (to, more, reply) in [
        ("a@here.example", &["--from", "x@spammer.example"][..], "554 5.7.1 no mail from there"),
        ("unknown@here.example", &[], "550 5.1.1 no such user"),
        ("a@here.example", &["--header", "Subject: Cheap Pills!"], "550 5.7.1 spam is not welcome"),
        ("a@here.example", &["--header", "Subject: later"], "451-4.7.1 come again\n"),
        ("a@here.example", &["--header", "Subject: later"], "451 later, please"),
        ("a@here.example", &["--header", "Subject: hang up"], "554 5.7.1 go away"),
        ("refused@here.example", &[], "550 5.7.1 not for you"),
        ("a@here.example", &["--header", "Subject: fault"], "421 mta.example temporary issue"),
    ] {
        let ended = swaks(&server, to, more);
        assert_ne!(ended.code(), Some(0), "{}", ended.out);
        assert!(ended.out.replace("\r\n", "\n").contains(reply), "{reply} in {}", ended.out);
    }
    for (to, more) in [("a@here.example", &["--header", "Subject: drop"][..]), ("devnull@here.example", &[])]
    {
        let ended = swaks(&server, to, more).well();
        assert!(ended.out.contains("250-XSITE") || ended.out.contains("250 XSITE"), "{}", ended.out);
    }
    swaks(&server, "last@here.example", &[]).well();
    arrived(&sink, "last@here.example");
    assert_eq!(sink.count(), 1, "nothing else has arrived");
    let panics = server.folder.read("paniclog.ec");
    assert!(panics.contains("data_phase2:1: ec_div: '' is no number"), "{panics}");
    let rejected = server.folder.read("rejectlog.ec");
    for part in ["5.1.1 no such user", "spam is not welcome", "nobody wants this", "not for you"] {
        assert!(rejected.contains(part), "{part} in {rejected}");
    }
    end(server);
}

#[test]
fn what_arrives_is_what_scripts_made_of_it() {
    if !are_installed(&[SWAKS]) {
        return;
    }
    let sink = Sink::start();
    let server = server("sieve-edits", &sink, "");
    let secret = ["--header", "X-Secret: 42", "--header", "Subject: hello", "--body", "the body"];
    swaks(&server, "a@here.example", &secret).well();
    let letter = arrived(&sink, "a@here.example");
    for (name, value) in [
        ("X-Site", Some("checked")),
        ("X-Secret", None),
        ("Subject", Some("[ext] hello")),
        ("X-For", Some("a@here.example")),
        ("X-Final", Some("yes")),
        ("X-Named", Some("named for a@here.example")),
    ] {
        assert_eq!(letter.field(name).as_deref(), value, "{name}");
    }
    assert!(letter.text().contains("the body\r\n"));
    assert_eq!(letter.sender, "me@sender.example");

    for (to, more, expected) in [
        ("quarantine@here.example", &[][..], "jail@jail.example"),
        ("b@here.example", &["--header", "Subject: copy"], "archive@archive.example"),
        ("c@here.example", &["--header", "Subject: forward"], "auditor@audit.example"),
        ("d@here.example", &["--header", "Subject: alarm"], "ops@ops.example"),
        ("g@here.example", &["--header", "Subject: bcc"], "bcc@bcc.example"),
        ("h@here.example", &["--header", "Subject: two"], "second@here.example"),
        ("i@here.example", &["--header", "Subject: elsewhere"], "all@all.example"),
        ("j@here.example", &["--header", "Subject: resent"], "j@here.example"),
        ("e@bound.example", &[], "e@bound.example"),
        ("f+news@here.example", &[], "f+news@here.example"),
    ] {
        swaks(&server, to, more).well();
        let letter = arrived(&sink, expected);
        match expected {
            "j@here.example" => assert_eq!(letter.sender, "again@here.example"),
            "bcc@bcc.example" | "second@here.example" => {
                assert_eq!(arrived(&sink, to).field("X-Site").as_deref(), Some("checked"));
                assert_eq!(letter.sender, "me@sender.example");
            }
            "jail@jail.example" | "all@all.example" => assert!(letters_to(&sink, to).is_empty()),
            "auditor@audit.example" => {
                assert_eq!(letter.sender, "watch@here.example");
                assert!(letter.text().contains("Have a look.") && letter.text().contains("message/rfc822"));
                assert_eq!(arrived(&sink, to).field("Subject").as_deref(), Some("[ext] forward"));
            }
            "ops@ops.example" => assert!(letter.text().contains("An alarm.")),
            "e@bound.example" => assert_eq!(letter.client.ip().to_string(), "127.0.0.2"),
            "f+news@here.example" => assert_eq!(letter.sender, "bounces@here.example"),
            _ => assert_eq!(letter.sender, "me@sender.example"),
        }
    }
    end(server);
}

#[test]
fn what_a_script_puts_into_a_maildir_goes_nowhere_else() {
    if !are_installed(&[SWAKS]) {
        return;
    }
    let sink = Sink::start();
    let server = server("sieve-maildir", &sink, "");
    swaks(&server, "boxed@here.example,a@here.example", &["--header", "Subject: hello"]).well();
    arrived(&sink, "a@here.example");
    let mailbox = server.folder.file("bob/new");
    let files: Vec<_> = std::fs::read_dir(&mailbox).expect("a maildir").flatten().collect();
    assert_eq!(files.len(), 1);
    let text = std::fs::read_to_string(files[0].path()).unwrap();
    for line in ["Return-Path: <me@sender.example>", "Delivered-To: bob@here.example", "Subject: [ext] hello"]
    {
        assert!(text.lines().any(|known| known == line), "{line} in {text}");
    }
    assert!(letters_to(&sink, "boxed@here.example").is_empty());
    assert!(!server.folder.read("rejectlog.ec").contains("mailbox"), "it is not refused");
    end(server);
}

#[test]
fn each_recipient_has_a_script_of_their_own_and_the_sender_learns_of_the_refused_one() {
    if !are_installed(&[SWAKS]) {
        return;
    }
    let sink = Sink::start();
    let server = server("sieve-each", &sink, "");
    let to =
        "a@here.example,refused@here.example,devnull@here.example,quarantine@here.example,b@there.example";
    swaks(&server, to, &["--header", &subject("to all")]).well();
    for address in ["a@here.example", "b@there.example"] {
        assert_eq!(arrived(&sink, address).field("X-For").as_deref(), Some(address));
    }
    arrived(&sink, "jail@jail.example");
    let notice = arrived(&sink, "me@sender.example");
    assert_eq!(notice.sender, "");
    let text = notice.text();
    assert!(text.contains("refused@here.example") && text.contains("5.7.1 not for you"), "{text}");
    assert!(letters_to(&sink, "refused@here.example").is_empty());
    assert!(letters_to(&sink, "devnull@here.example").is_empty());
    end(server);
}

#[test]
fn the_console_counts_over_all_shards_resets_and_tries_scripts() {
    if !are_installed(&[SWAKS]) {
        return;
    }
    let sink = Sink::start();
    let server = server("sieve-console", &sink, "runtime_error = continue");
    // Connections are spread over the shards by the kernel.
    for number in 0..8 {
        swaks(&server, &format!("a{number}@here.example"), &[]).well();
        assert_ne!(swaks(&server, "unknown@here.example", &[]).code(), Some(0));
    }
    swaks(&server, "fault@here.example", &["--header", "Subject: fault"]).well();
    sink.wait_for(9);
    let stats = || server.console(&["sieve:policy", "stats"]).well().out;
    eventually("deliveries are counted", || {
        stats().contains("core_log_delivery_v1:delivered:here.example (informational) = 9")
    });
    let shown = stats();
    assert!(shown.starts_with("sieve statistics since: 20"), "{shown}");
    for line in [
        ":sieve-processed (informational) = 9",
        "rcptto_phase1:rcpt:unknown (5xx) = 8",
        "data_phase2:seen:phase2 (informational) = 9",
    ] {
        assert!(shown.lines().any(|known| known == line), "{line} in {shown}");
    }
    let json = server.console(&["--format", "json", "sieve", "stats"]).well().out;
    assert!(json.contains("\"category\":\"rcpt\""), "{json}");
    assert_eq!(server.console(&["sieve:policy", "reset"]).well().out, "statistics cleared.\n");
    assert!(!stats().contains("rcpt:unknown (5xx) = 8"), "{}", stats());
    let tried = server.console(&["sieve:policy", "test", "data", "keep;"]).well().out;
    assert!(tried.contains("compiles for data"), "{tried}");
    let refused = server.console(&["sieve:policy", "test", "connect", "discard;"]);
    assert_ne!(refused.code(), Some(0));
    assert!(
        refused.out.contains("'discard' cannot be used in this phase")
            || refused.err.contains("'discard' cannot be used in this phase"),
        "{} {}",
        refused.out,
        refused.err
    );
    let file = server.folder.file("data_phase1").display().to_string();
    assert!(
        server.console(&["sieve:policy", "testfile", "data", &file]).well().out.contains("compiles for data")
    );
    assert_ne!(server.console(&["sieve:other", "stats"]).code(), Some(0));
    end(server);
}
