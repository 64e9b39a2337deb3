//! The modules of policy in real sessions: what other people's name servers, clients and servers make them do.

use crate::PLACE;
use crate::python::{PYTHON, script};
use authentication::PrivateKey;
use harness::{
    Background, Client, Server, Setup, Sink, are_installed, eventually, free_port, letter, run,
    run_with_input,
};
use serde_json::{Value, json};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};

const AIOSMTPD: &str = "/usr/lib/python3/dist-packages/aiosmtpd";
const DKIMPY: &str = "/usr/lib/python3/dist-packages/dkim";
const SWAKS: &str = "/usr/bin/swaks";
const RSA: &str = include_str!("../../policy/authentication/tests/keys/rsa2048.pem");
const ED25519: &str = include_str!("../../policy/authentication/tests/keys/ed25519.pem");

const TO_LOOPBACK: &str = "*.example 60 MX 10 sink.example\nsink.example 60 A 127.0.0.1\n";

/// aiosmtpd with a mailbox that it does not know and a user whom it does.
fn gatekeeper() -> (u16, Background) {
    let port = free_port();
    let mut command = Command::new(PYTHON);
    command.arg(script("gatekeeper.py")).args([&port.to_string(), "ann@there.example", "pencil"]);
    let mut process = Background::start(command.stdin(Stdio::null()));
    eventually("aiosmtpd listens", || {
        assert_eq!(process.has_ended(), None, "aiosmtpd has ended; tests/interop/install installs it");
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    (port, process)
}

/// A server with these settings, in which FOLDER is its folder, and with files there.
fn server(name: &str, zone: &str, port: u16, files: &[(&str, &str)], settings: &str) -> Server {
    let zone = format!("{TO_LOOPBACK}{zone}");
    let mut server = Server::prepare(&Setup { zone: &zone, shards: 1, ..Setup::new(PLACE, name, port) });
    files.iter().for_each(|(file, text)| drop(server.folder.write(file, text)));
    server.configure(&settings.replace("FOLDER", &server.folder.path().display().to_string()));
    server.launch();
    server.wait_for_banner();
    server
}

/// A Lua policy that refuses recipients unless a message variable says `pass`.
fn teller(variable: &str) -> String {
    format!(
        "require('msys.core')\nlocal site = {{}}\nfunction site:validate_rcptto(msg, line, ac, vctx)\n\
         local said = vctx:get(msys.core.VCTX_MESS, '{variable}')\n\
         if said ~= 'pass' then vctx:set_code(550, '5.7.1 {variable} ' .. said) end\n\
         return msys.core.VALIDATE_CONT\nend\nmsys.registerModule('site', site)\n"
    )
}

const TELLER: &str = "scriptlet \"scriptlet\" { script \"site\" { source = \"FOLDER/site.lua\" } }\n";

#[test]
fn url_ripper_asks_a_list_about_links_senders_and_clients_and_sieve_refuses() {
    const LISTS: &str = "if vctx :contains \"list1_hits\" \"\" {\n  ec_action 550 \"5.7.1 reject content [list1]\" \
        \"spam:Known Spam Source\";\n} elsif vctx :contains \"simple_hits\" \"\" {\n  ec_action 451 \"4.7.1 later \
        [simple]\" \"spam:Suspect\";\n}\n";
    const SETTINGS: &str = "Validate validate/policy_tools url_ripper {\n base = \"bl.test\"\n \
        bits [ 0.0.0.1 = \"list1_hits\" ]\n values [ 127.0.0.2 = \"simple_hits\" ]\n \
        address_headers = Return-Path:From:Sender\n}\nValidate validate/sieve sieve { data_phase1 = FOLDER/lists.siv }\n";
    let zone = "evil.example.bl.test 60 A 127.0.0.3\nodd.example.bl.test 60 A 127.0.0.2\n\
                2.0.0.127.bl.test 60 A 127.0.0.1\nevil.example 60 A 192.0.2.66\nodd.example 60 A 192.0.2.67\n";
    let sink = Sink::start();
    let mut server = server("ripper", zone, sink.port(), &[("lists.siv", LISTS)], SETTINGS);
    for (sender, body, code) in [
        ("me@sender.example", "nothing to see", 250),
        ("me@sender.example", "look at http://www.evil.example/page?x=1 now", 550),
        ("me@sender.example", "look at http://www.%65vil.example/ now", 550),
        ("me@sender.example", "look at http://www.odd.example/", 451),
        ("me@mail.evil.example", "nothing to see", 550),
        ("me@sender.example", "mail evil.example, no link", 250),
    ] {
        let content = format!("From: me@sender.example\r\nSubject: x\r\n\r\n{body}\r\n");
        let reply = server.client().send(sender, &["you@here.example"], &content).expect("a reply");
        assert_eq!(reply.code, code, "{sender} {body}: {}", reply.text);
    }
    sink.wait_for(2);
    let stats = server.console(&["sieve:sieve", "stats"]).well().out;
    assert!(stats.contains("spam:Known Spam Source (5xx) = 3"), "{stats}");
    server.stop();
    assert_eq!(sink.count(), 2);
}

#[test]
fn spf_says_who_may_send_and_a_script_refuses_the_others() {
    let zone = "passes.example 60 TXT v=spf1 ip4:127.0.0.0/8 -all\nfails.example 60 TXT v=spf1 -all\n\
                soft.example 60 TXT v=spf1 mx:mxed.test ~all\nmxed.test 60 MX 10 sink.example\nslow.example 60 TXT v=spf1 include:broken.example -all\n\
                broken.example 60 SERVFAIL\n";
    let (sink, site) = (Sink::start(), teller("spf_status"));
    let settings = format!("spf_v1 \"spf_v1\" {{ }}\n{TELLER}");
    let mut server = server("spf", zone, sink.port(), &[("site.lua", &site)], &settings);
    for (sender, expected) in [
        ("a@passes.example", Ok("pass")),
        ("a@fails.example", Err("fail")),
        ("a@soft.example", Ok("pass")),
        ("a@slow.example", Err("temperror")),
        ("a@none.example", Err("neutral")),
    ] {
        let reply = server.client().send(sender, &["you@here.example"], &letter("spf")).expect("a reply");
        match expected {
            Ok(_) => assert_eq!(reply.code, 250, "{sender}: {}", reply.text),
            Err(word) => assert_eq!(reply.text, format!("5.7.1 spf_status {word}"), "{sender}"),
        }
    }
    sink.wait_for(2);
    for taken in sink.letters() {
        let (received, results) = (taken.field("Received-SPF"), taken.field("Authentication-Results"));
        assert!(received.as_deref().is_some_and(|value| value.starts_with("pass")), "{received:?}");
        assert!(
            results.as_deref().is_some_and(|value| value.starts_with("mta.example; spf=pass")),
            "{results:?}"
        );
    }
    server.stop();
}

#[test]
fn what_opendkim_signs_is_verified_by_the_next_host_and_by_dkimpy() {
    if !are_installed(&[DKIMPY]) {
        return;
    }
    let record = |pem: &str| PrivateKey::from_pem(pem.as_bytes()).expect("a key").public_record();
    let (rsa, ed25519) = (record(RSA), record(ED25519));
    let zone = format!(
        "r._domainkey.sender.example 60 TXT \"{rsa}\"\ne._domainkey.sender.example 60 TXT \"{ed25519}\"\n"
    );
    let sink = Sink::start();
    let mut second = server("verifier", &zone, sink.port(), &[], "dkim_validate { }\n");
    let settings = "opendkim \"o\" {\n header_canon = relaxed\n body_canon = relaxed\n selector = ( r e )\n \
                    key = \"FOLDER/%{s}.pem\"\n headerlist = ( From To Subject Date Message-ID )\n}\n";
    let keys = [("r.pem", RSA), ("e.pem", ED25519)];
    let mut first = server("signer", &zone, second.port(), &keys, settings);
    first.accept("sender@sender.example", &["you@here.example"], &letter("signed"));
    sink.wait_for(1);
    let taken = &sink.letters()[0];
    let text = taken.text();
    assert_eq!(text.matches("DKIM-Signature:").count(), 2, "{text}");
    let results = text.split("Authentication-Results:").nth(1).expect("the second server says what it found");
    let results: String = results.split("\r\nDKIM-Signature:").next().unwrap_or("").into();
    assert_eq!(results.matches("dkim=pass").count(), 2, "{text}");
    // What the second server has put before it is not signed.
    let message = &text[text.find("DKIM-Signature:").expect("a signature")..];
    let identity = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/interop/python/identity.py");
    let keys = json!({ "r._domainkey.sender.example": rsa, "e._domainkey.sender.example": ed25519 });
    let touched = message.replace("The text of", "The test of");
    let asked = json!({ "ask": "dkim_verify", "messages": [message, touched], "keys": keys });
    let said = run_with_input(Command::new(PYTHON).arg(identity), asked.to_string().as_bytes()).well().out;
    let verdicts: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(verdicts[0], json!(true), "{verdicts} {message}");
    assert_ne!(verdicts[1], json!(true));
    first.stop();
    second.stop();
}

#[test]
fn a_sender_is_asked_for_at_home() {
    if !are_installed(&[AIOSMTPD]) {
        return;
    }
    let (port, _gate) = gatekeeper();
    let site = teller("smtp_cbv_result");
    let settings =
        format!("smtp_cbv {{ timeout = 10\n map [ \"mapped.example\" = \"there.example\" ] }}\n{TELLER}");
    let mut server = server("callback", "", port, &[("site.lua", &site)], &settings);
    for (sender, expected) in [
        ("ann@there.example", None),
        ("nobody@there.example", Some("error")),
        ("later@there.example", Some("transient")),
        ("nobody@mapped.example", Some("error")),
        ("ann@nowhere.test", Some("error")),
        ("nobody@there.example", Some("error")),
    ] {
        let mut client = server.client();
        client.command(&format!("MAIL FROM:<{sender}>")).expect("a reply");
        let reply = client.command("RCPT TO:<you@here.example>").expect("a reply");
        match expected {
            None => assert_eq!(reply.code, 250, "{sender}: {}", reply.text),
            Some(word) => assert_eq!(reply.text, format!("5.7.1 smtp_cbv_result {word}"), "{sender}"),
        }
    }
    let counted = server.console(&["counter", "list"]).well().out;
    assert!(
        counted.lines().any(|line| line.contains("smtp_cbv:questions") && line.contains('5')),
        "{counted}"
    );
    server.stop();
}

#[test]
fn a_password_is_tried_at_another_server() {
    if !are_installed(&[AIOSMTPD, SWAKS]) {
        return;
    }
    let (port, gate) = gatekeeper();
    let settings = format!(
        "smtp_auth_proxy {{ host = \"localhost\"\n port = {port}\n timeout = 10 }}\n\
         ESMTP_Listener {{\n SMTP_Extensions = ( ENHANCEDSTATUSCODES \"AUTH LOGIN\" )\n AuthLoginParameters = [ uri = \"smtp_auth_proxy://\" ]\n}}\n"
    );
    let sink = Sink::start();
    let mut server = server("auth-proxy", "", sink.port(), &[], &settings);
    let swaks = |mechanism: &str, user: &str, password: &str| {
        let mut command = Command::new(SWAKS);
        command.args(["--server", &format!("127.0.0.1:{}", server.port()), "--quit-after", "AUTH"]);
        run(command.args(["--auth", mechanism, "--auth-user", user, "--auth-password", password]))
    };
    let ended = swaks("LOGIN", "ann@there.example", "pencil");
    assert!(ended.status.success() && ended.out.contains("<-  235"), "{}", ended.out);
    let ended = swaks("LOGIN", "ann@there.example", "rubber");
    assert!(!ended.status.success() && ended.out.contains("<** 535"), "{}", ended.out);
    drop(gate);
    let ended = swaks("LOGIN", "ann@there.example", "pencil");
    assert!(ended.out.contains("<** 454 4.7.0"), "{}", ended.out);
    server.signal("TERM");
    assert!(server.ended().success());
    let said = server.folder.read("paniclog.ec");
    assert!(said.contains("smtp_auth_proxy: 127.0.0.1") && !said.contains("pencil"), "{said}");
}

#[test]
fn a_complaint_about_marked_mail_is_written_down() {
    let sink = Sink::start();
    let settings = "fbl {\n auto_log = true\n log_path = \"FOLDER/fbllog.ec\"\n \
        addresses = ( \"^fbl@here[.]example$\" )\n user_string = \"job7\"\n}\n\
        Binding \"out-a\" { enable_fbl_header_insertion = enabled\n Bind_Address = 127.0.0.2 }\n\
        scriptlet \"scriptlet\" { script \"site\" { source = \"FOLDER/site.lua\" } }\n";
    let site = "require('msys.core')\nlocal site = {}\nfunction site:validate_set_binding(msg)\n  \
        msg:binding('out-a')\n  return msys.core.VALIDATE_CONT\nend\nmsys.registerModule('site', site)\n";
    let mut server = server("complaints", "", sink.port(), &[("site.lua", site)], settings);
    server.accept("news@sender.example", &["bob@alpha.example"], &letter("news"));
    sink.wait_for(1);
    let marked = sink.letters()[0].text();
    assert!(marked.contains("\r\nX-MSFBL: ") || marked.starts_with("X-MSFBL: "), "{marked}");
    let complaint = format!(
        "From: <abusedesk@isp.example>\r\nDate: Thu, 8 Mar 2026 17:40:36 +0000\r\n\
         Subject: FW: news\r\nTo: <fbl@here.example>\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=feedback-report;\r\n boundary=\"part1_13d.2e68ed54_boundary\"\r\n\r\n\
         --part1_13d.2e68ed54_boundary\r\nContent-Type: text/plain; charset=\"US-ASCII\"\r\n\r\n\
         This is an email abuse report.\r\n\r\n\
         --part1_13d.2e68ed54_boundary\r\nContent-Type: message/feedback-report\r\n\r\n\
         Feedback-Type: abuse\r\nUser-Agent: SomeGenerator/1.0\r\nVersion: 1\r\n\r\n\
         --part1_13d.2e68ed54_boundary\r\nContent-Type: message/rfc822\r\nContent-Disposition: inline\r\n\r\n\
         {marked}\r\n--part1_13d.2e68ed54_boundary--\r\n"
    );
    server.accept("", &["fbl@here.example", "person@here.example"], &complaint);
    // The person's copy is delivered; the one for the loop is not.
    sink.wait_for(2);
    eventually("it is written down", || server.folder.read("fbllog.ec").ends_with("@job7\n"));
    let line = server.folder.read("fbllog.ec");
    let fields: Vec<&str> = line.trim_end().split('@').collect();
    assert_eq!(fields.len(), 10, "{line}");
    assert_eq!(
        fields[2..],
        ["F", "bob", "alpha.example", "out-a", "default", "abuse", "here.example", "job7"]
    );
    server.stop();
    assert_eq!(sink.count(), 2);
}

#[test]
fn inbound_audit_counts_sessions_and_what_they_bring() {
    let sink = Sink::start();
    let mut server =
        server("audit", "", sink.port(), &[], "inbound_audit { monitors = ( \"31536000,1\" ) }\n");
    server.accept("a@sender.example", &["b@here.example"], &letter("one"));
    server.accept("a@sender.example", &["b@here.example", "c@here.example"], &letter("two"));
    sink.wait_for(2);
    let shown = |line: &str| {
        let shown = server.console(&["inbound_audit", "show", "ip", "127.0.0.0/16"]).well().out;
        (shown.lines().any(|known| known == line), shown)
    };
    eventually("receptions are counted", || shown("Receptions 31536000/0: 3").0);
    let (_, shown) = shown("");
    // One connection is that of the test that waited for the banner.
    assert!(shown.starts_with("Connections 31536000/0: 3\nConnections 31536000/1: 0\nRec"), "{shown}");
    assert!(shown.ends_with("Rejections 31536000/1: 0\n") && shown.lines().count() == 6, "{shown}");
    assert!(!server.console(&["inbound_audit", "show", "ip", "nonsense"]).status.success());
    server.stop();
}

#[test]
fn a_reply_is_read_as_the_operator_wants_it() {
    let sink = Sink::ruled(|line| {
        line.starts_with("RCPT TO:<full@").then(|| "550 5.2.2 mailbox is full, try later".to_owned())
    });
    let settings = "response_transcode_pattern = \"^550 5[.]2[.]2 (.*)\"\n\
                    response_transcode_replace = \"450 4.2.2 $1\"\n";
    let mut server = server("transcode", "", sink.port(), &[], settings);
    server.accept("a@sender.example", &["full@here.example"], &letter("full"));
    eventually("it is put off", || {
        server.folder.read("bouncelog.ec").contains("@450 4.2.2 mailbox is full, try later")
    });
    assert!(!server.folder.read("bouncelog.ec").contains("@B@"));
    let mut client = Client::connect(server.address()).expect("it is there");
    assert_eq!(client.command("NOOP").expect("a reply").code, 250);
    server.stop();
}

#[test]
fn seedlist_copies_the_first_message_of_a_campaign_to_those_who_watch() {
    const SETTINGS: &str = "Datasource \"ecdb\" { uri = ( \"sqlite:FOLDER/seen\" ) }\n\
        seedlist {\n seedlist_file = FOLDER/seeds\n match_verp = ( \"^b-(?P<campaignid>[0-9]+)-\" )\n \
        insert_campaign_header = X-Campaign\n mail_from = seeds@here.example\n}\n";
    let sink = Sink::start();
    let mut server =
        Server::prepare(&Setup { zone: TO_LOOPBACK, ..Setup::new(PLACE, "seedlist", sink.port()) });
    server.folder.write("seeds", "# who watches\nann@seed.example\nbob@seed.example\n");
    // An empty file is an empty database.
    server.folder.write("seen", "");
    server.configure(&SETTINGS.replace("FOLDER", &server.folder.path().display().to_string()));
    server.launch();
    server.wait_for_banner();
    for (sender, recipient) in [
        ("b-17-you@news.example", "you@there.example"),
        ("b-17-her@news.example", "her@there.example"),
        ("me@news.example", "him@there.example"),
    ] {
        server.accept(sender, &[recipient], &letter("campaign"));
    }
    let recipients = || sink.letters().iter().map(|letter| letter.recipients.len()).sum::<usize>();
    eventually("all have theirs", || recipients() == 5);
    let letters = sink.letters();
    let copies: Vec<_> = letters.iter().filter(|letter| letter.field("X-Campaign").is_some()).collect();
    for copy in &copies {
        assert_eq!(copy.field("X-Campaign").as_deref(), Some("17"));
        assert_eq!(copy.sender, "seeds@here.example");
        assert!(copy.text().contains("Subject: campaign"));
    }
    let mut seeds: Vec<String> = copies.iter().flat_map(|copy| copy.recipients.clone()).collect();
    seeds.sort();
    assert_eq!(seeds, ["ann@seed.example", "bob@seed.example"]);
    // A restart has not forgotten the campaign.
    server.stop();
    server.launch();
    server.wait_for_banner();
    server.accept("b-17-it@news.example", &["it@there.example"], &letter("campaign"));
    eventually("it has its own and nobody else", || recipients() == 6);
    server.stop();
    assert_eq!(recipients(), 6);
}

#[test]
fn reception_timing_writes_how_long_each_session_took() {
    const SETTINGS: &str = "chunk_logger {\n destination = FOLDER/chunk.log\n timestamp_format = \"%Y-%m-%d\"\n}\n\
                            reception_timing {}\nreception_timing_logger {}\n";
    let sink = Sink::start();
    let mut server = server("timing", "", sink.port(), &[], SETTINGS);
    let two = ["you@there.example", "her@there.example"];
    server.accept("me@sender.example", &two, &letter("timed"));
    let mut client = server.client();
    for (line, code) in [("EHLO me", 250), ("MAIL FROM:<me@sender.example>", 250), ("RCPT TO:<>", 501)] {
        assert_eq!(client.command(line).expect("a reply").code, code, "{line}");
    }
    drop(client);
    eventually("all is told", || server.folder.read("chunk.log").lines().count() >= 4);
    let log = server.folder.read("chunk.log");
    let lines = |what: &str| log.lines().filter(|line| line.contains(what)).collect::<Vec<_>>();
    assert_eq!(lines(": received after ").len(), 2, "a line for each copy: {log}");
    for line in lines(": received after ") {
        assert!(line.contains(" s (scanned in ") && line.contains(" src=127.0.0.1:"), "{line}");
        assert!(line.contains(&format!(" dst={} pathway=default ID=", server.address())), "{line}");
    }
    for (what, end) in [
        (": rejected after ", " phase=6 (awaiting rcptto)"),
        (": unexpected disconnect after ", " phase=6 (awaiting rcptto)"),
    ] {
        assert_eq!(lines(what).len(), 1, "{log}");
        assert!(lines(what)[0].contains(" size=0??? ") && lines(what)[0].ends_with(end), "{log}");
    }
    sink.wait_for(1);
    server.stop();
}
