//! The examples of the first description of Momentum's policy (spec seeds.md), end to end: contexts of peers, the older
//! module syntax, a DNS list, Lua and Sieve. swaks and smtplib send, a sink takes, a local name server answers; and
//! `impetus policy trace` says of each message what the server did with it.

use crate::PLACE;
use crate::python::{PYTHON, script};
use harness::{Server, Setup, Sink, are_installed, eventually, free_port, run, run_with_input};
use serde_json::Value;
use std::process::Command;

const SWAKS: &str = "/usr/bin/swaks";

/// Read alike by the name server of the tests and as a master file.
const ZONE: &str = "*.recipient.example 60 MX 10 sink.example
recipient.example 60 MX 10 sink.example
sink.example 60 A 127.0.0.1
sender.example 60 TXT \"v=spf1 ip4:127.0.0.0/8 -all\"
sender.example 60 A 127.0.0.1
spam.example.multi.surbl.example 60 A 127.0.0.5
suspect.example.multi.surbl.example 60 A 127.0.0.2
";

/// As it stands in the description, but for its paths and the time of the tarpit.
fn settings(port: u16, folder: &str) -> String {
    format!(
        r#"
ESMTP_Listener {{
  Listen "127.0.0.1:{port}" {{
    Peer "0.0.0.0/0" {{ context = [ my_key = "my value" ] }}
    Peer "127.0.0.7/32" {{ context = [ trusted_mx = "yes" __bypass_spf_v1 = "true" __bypass_url_ripper = "true" ] }}
  }}
}}
alerting {{ }}
spf_v1 "spf_v1" {{ }}
Validate validate/policy_tools url_ripper {{
  base = "multi.surbl.example"
  bits [ 0.0.0.1 = "list1_hits"  0.0.0.2 = "list2_hits" ]
  values [ 127.0.0.2 = "simple_hits" ]
  address_headers = Return-Path:From:Sender
}}
scriptlet "scriptlet" {{ script "seeds" {{ source = "{folder}/seeds.lua" }} }}
Validate validate/sieve sieve {{ data_phase1 = {folder}/my-data.siv }}
"#
    )
}

const SIEVE: &str = r#"
if vctx :contains "list1_hits" "" {
  ec_action 550 "5.7.1 reject content [list1]" "spam:Known Spam Source";
}
if vctx :contains "list2_hits" "" {
  ec_tarpit 1 "spam:list2 tarpit";
}
"#;

/// Writes down what the contexts say, and decides what the subject asks for.
const LUA: &str = r#"
require("msys.core")
require("msys.extended.message")
require("msys.extended.vctx")
local seeds = {}

local function known(vctx, kind, key)
  local value = vctx:get(kind, key)
  return value == "" and "-" or value
end

function seeds:validate_data_spool_each_rcpt(msg, ac, vctx)
  for _, key in ipairs({ "my_key", "trusted_mx" }) do
    msg:header("X-" .. key, known(vctx, msys.core.VCTX_CONN, key))
  end
  for _, key in ipairs({ "list1_hits", "list2_hits", "simple_hits", "spf_status" }) do
    msg:header("X-" .. key, known(vctx, msys.core.VCTX_MESS, key))
  end
  local subject = msg:header("Subject")[1]
  if subject == "discard" then
    msg:discard("550 5.7.1 dropped")
    return msys.core.VALIDATE_DONE
  elseif subject == "quarantine" then
    msg:rcptto("quarantine@recipient.example")
  elseif subject == "forward" then
    msg:forward("postmaster@sender.example", "audit@recipient.example", "Look at this.", "Fwd: seen", "us-ascii")
  elseif subject == "reject" then
    vctx:set_code(554, "5.7.1 refused by the script")
    return msys.core.VALIDATE_DONE
  end
  return msys.core.VALIDATE_CONT
end

msys.registerModule("seeds", seeds)
"#;

/// One message, what the client hears, and what arrives.
struct Case {
    client: &'static str,
    subject: &'static str,
    from: &'static str,
    text: &'static str,
    reply: &'static str,
    recipients: &'static [&'static str],
    /// my_key, trusted_mx, list1_hits, list2_hits, simple_hits, spf_status
    fields: [&'static str; 6],
}

const FIELDS: [&str; 6] =
    ["X-my_key", "X-trusted_mx", "X-list1_hits", "X-list2_hits", "X-simple_hits", "X-spf_status"];
const NONE: [&str; 6] = ["", "", "", "", "", ""];
const PLAIN: [&str; 6] = ["my value", "-", "-", "-", "-", "pass"];
const LIST1: &str = "See http://www.spam.example/prize now.";
const YOU: &[&str] = &["you@recipient.example"];

#[rustfmt::skip]
const CASES: [Case; 10] = [
    Case { client: "127.0.0.1", subject: "plain", from: "a@sender.example", text: "See http://sender.example/.",
        reply: "250 ", recipients: YOU, fields: PLAIN },
    Case { client: "127.0.0.1", subject: "list1", from: "a@sender.example", text: LIST1,
        reply: "550 5.7.1 reject content [list1]", recipients: &[], fields: NONE },
    Case { client: "127.0.0.1", subject: "address", from: "a@spam.example", text: "Nothing to see.",
        reply: "550 5.7.1 reject content [list1]", recipients: &[], fields: NONE },
    Case { client: "127.0.0.1", subject: "list2", from: "a@sender.example", text: "See http://suspect.example/.",
        reply: "250 ", recipients: YOU, fields: ["my value", "-", "-", "1", "1", "pass"] },
    Case { client: "127.0.0.7", subject: "bypassed", from: "a@sender.example", text: LIST1,
        reply: "250 ", recipients: YOU, fields: ["my value", "yes", "-", "-", "-", "-"] },
    Case { client: "127.0.0.1", subject: "discard", from: "a@sender.example", text: "Text.",
        reply: "250 ", recipients: &[], fields: NONE },
    Case { client: "127.0.0.1", subject: "reject", from: "a@sender.example", text: "Text.",
        reply: "554 5.7.1 refused by the script", recipients: &[], fields: NONE },
    Case { client: "127.0.0.1", subject: "quarantine", from: "a@sender.example", text: "Text.",
        reply: "250 ", recipients: &["quarantine@recipient.example"], fields: PLAIN },
    Case { client: "127.0.0.1", subject: "forward", from: "a@sender.example", text: "Text.",
        reply: "250 ", recipients: &["audit@recipient.example", "you@recipient.example"], fields: PLAIN },
    Case { client: "127.0.0.1", subject: "again", from: "a@sender.example", text: "See http://sender.example/.",
        reply: "250 ", recipients: YOU, fields: PLAIN },
];

impl Case {
    fn message(&self) -> String {
        let Case { subject, from, text, .. } = self;
        format!(
            "From: <{from}>\nTo: <you@recipient.example>\nSubject: {subject}\nDate: Fri, 27 Nov 2026 12:00:00 +0000\n\
             Message-ID: <{subject}@sender.example>\n\n{text}\n"
        )
    }
}

/// The server with its scripts, and the port of the listener with peers.
fn start(name: &str, sink: &Sink) -> (Server, u16) {
    let mut server = Server::prepare(&Setup { zone: ZONE, ..Setup::new(PLACE, name, sink.port()) });
    let port = free_port();
    server.folder.write("my-data.siv", SIEVE);
    server.folder.write("seeds.lua", LUA);
    server.folder.write("zone", ZONE);
    server.configure(&settings(port, &server.folder.path().display().to_string()));
    server.launch();
    server.wait_for_banner();
    (server, port)
}

/// What the server says to the final dot.
fn swaks(port: u16, case: &Case) -> String {
    let mut command = Command::new(SWAKS);
    command.args(["--server", &format!("127.0.0.1:{port}"), "--helo", "client.example"]);
    command.args([
        "--local-interface",
        case.client,
        "--from",
        "a@sender.example",
        "--to",
        YOU[0],
        "--data",
        "-",
    ]);
    let ended = run_with_input(&mut command, case.message().as_bytes());
    let dot = ended.out.lines().skip_while(|line| line.trim() != "-> .").nth(1);
    let dot = dot.unwrap_or_else(|| panic!("no reply to the dot: {}{}", ended.out, ended.err));
    dot.trim_start_matches(['<', '-', '*', ' ']).to_owned()
}

fn traced(server: &Server, port: u16, case: &Case) -> Value {
    let mut command = Command::new(PLACE.program);
    command.args(["policy", "trace", "-c", "server.conf", "--dns", "zone", "--format", "json"]);
    command.args(["--listener", &format!("127.0.0.1:{port}"), "--client-ip", case.client]);
    command.args(["--helo", "client.example", "--from", "a@sender.example", "--to", YOU[0], "-"]);
    let ended = run_with_input(command.current_dir(server.folder.path()), case.message().as_bytes());
    serde_json::from_str(&ended.out).unwrap_or_else(|_| panic!("{}{}", ended.out, ended.err))
}

/// Values of the fields that the script writes, from pairs of name and value.
fn fields_of(header: &Value) -> Vec<String> {
    let pairs = header.as_array().expect("a header");
    let value = |name: &&str| {
        pairs.iter().find(|pair| pair[0] == **name).map(|pair| pair[1].as_str().unwrap().into())
    };
    FIELDS.iter().map(|name| value(name).unwrap_or_default()).collect()
}

#[test]
fn the_examples_do_what_they_say_and_a_trace_says_what_they_do() {
    if !are_installed(&[SWAKS]) {
        return;
    }
    let sink = Sink::start();
    let (mut server, port) = start("seeds", &sink);
    let mut arrived = 0;
    for case in &CASES {
        let reply = swaks(port, case);
        assert!(reply.starts_with(case.reply), "{}: {reply}", case.subject);
        arrived += case.recipients.len();
        let letters = sink.wait_for(arrived);
        let letters = &letters[arrived - case.recipients.len()..];
        let mut recipients: Vec<_> = letters.iter().flat_map(|letter| letter.recipients.clone()).collect();
        recipients.sort();
        assert_eq!(recipients, case.recipients, "{}", case.subject);
        for letter in letters.iter().filter(|letter| letter.recipients[0] != "audit@recipient.example") {
            assert_eq!(
                FIELDS.map(|name| letter.field(name).unwrap_or_default()),
                case.fields,
                "{}",
                letter.text()
            );
        }

        let trace = traced(&server, port, case);
        let said = trace["session"]
            .as_array()
            .unwrap()
            .iter()
            .find(|said| said["command"].as_str().unwrap().starts_with("(the message"));
        let said = said.and_then(|said| said["reply"].as_str()).unwrap_or_else(|| panic!("{trace:#}"));
        assert!(said.starts_with(case.reply), "{}: {said}", case.subject);
        let queued = trace["queued"].as_array().unwrap();
        let mut recipients: Vec<_> = queued.iter().map(|copy| copy["recipient"].as_str().unwrap()).collect();
        recipients.sort_unstable();
        assert_eq!(recipients, case.recipients, "{}: {trace:#}", case.subject);
        for copy in queued.iter().filter(|copy| copy["internal"] == false) {
            assert_eq!(fields_of(&copy["header"]), case.fields, "{trace:#}");
        }
    }
    assert_eq!(sink.count(), arrived, "nobody else gets anything, of a trace nobody at all");
    let stats = server.console(&["sieve:sieve", "stats"]).well().out;
    for (counter, count) in [("spam:Known Spam Source", 2), ("spam:list2 tarpit", 1)] {
        let line =
            stats.lines().find(|line| line.contains(counter)).unwrap_or_else(|| panic!("{counter}: {stats}"));
        assert!(line.ends_with(&format!("= {count}")), "{line}");
    }
    server.stop();
    let rejected = server.folder.read("rejectlog.ec");
    for part in [
        "E=550 M=sieve",
        "list1_hits=1",
        "5.7.1 reject content [list1]",
        "E=550 M=scriptlet",
        "5.7.1 dropped",
    ] {
        assert!(rejected.contains(part), "{part}: {rejected}");
    }
}

#[test]
fn the_message_context_is_emptied_for_each_message_and_that_of_the_connection_stays() {
    let sink = Sink::start();
    let (mut server, port) = start("seeds-session", &sink);
    let mut command = Command::new(PYTHON);
    command.arg(script("session.py")).args([&port.to_string(), "a@sender.example", YOU[0]]);
    for index in [3, 1, 0] {
        let case = &CASES[index];
        command.arg(server.folder.write(case.subject, case.message()));
    }
    let said = run(&mut command).well().out;
    let replies: Vec<_> = said.lines().collect();
    let [first, second, third] = replies[..] else { panic!("{said}") };
    assert!(first.starts_with("250 "), "{said}");
    assert_eq!(second, "550 5.7.1 reject content [list1]");
    assert!(third.starts_with("250 "), "{said}");
    eventually("two letters", || sink.count() == 2);
    for (letter, index) in sink.letters().iter().zip([3, 0]) {
        let case = &CASES[index];
        assert_eq!(
            FIELDS.map(|name| letter.field(name).unwrap_or_default()),
            case.fields,
            "{}",
            letter.text()
        );
    }
    server.stop();
}
