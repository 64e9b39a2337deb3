//! Notices, byte for byte, and as another program reads them.

use bounce::{Failure, Notice, Original, notice};
use mail::{Address, MessageId, Reply, Time};
use std::io::Write as _;
use std::net::IpAddr;
use std::process::{Command, Stdio};

const ID: MessageId = MessageId { second: 0x702B_41E6, process: 30_911, counter: 0x401A };
const ARRIVAL: Time = Time::from_secs(1_770_244_190);
const MESSAGE: &[u8] =
    b"Received: from host.example\r\nSubject: News\r\nFrom: news@sender.example\r\n\r\nHello.\r\n";

fn peer() -> Option<(&'static str, IpAddr)> {
    Some(("mx.alpha.example", "192.0.2.10".parse().expect("an address")))
}

fn failure<'a>(recipient: &'a Address, reply: &'a Reply) -> Failure<'a> {
    Failure {
        recipient,
        original_recipient: None,
        reply,
        remote: peer(),
        last_attempt: Time::from_secs(1_770_244_999),
    }
}

fn written(to: &Address, failures: &[Failure<'_>], original: Original, message: &[u8]) -> Vec<u8> {
    notice(&Notice {
        id: ID,
        host: "mta.example",
        mailer_daemon: None,
        to,
        now: Time::from_secs(1_770_245_000),
        arrival: ARRIVAL,
        failures,
        original,
        message,
    })
}

fn sender() -> Address {
    Address::new("news", "sender.example")
}

#[test]
fn one_refused_recipient_is_told_of_with_the_header_of_the_mail() {
    let (bob, reply) = (Address::new("bob", "alpha.example"), Reply::verbatim(550, "5.1.1 no such user"));
    let bytes = written(&sender(), &[failure(&bob, &reply)], Original::Headers, MESSAGE);
    let golden = "\
From: Mail Delivery System <mailer-daemon@mta.example>
To: news@sender.example
Subject: Mail could not be delivered
Date: Wed, 04 Feb 2026 22:43:20 +0000
Message-ID: <A1/04-30911-6E14B207@mta.example>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
 boundary=\"=_A1/04-30911-6E14B207_0_=\"

This is a multi-part message in MIME format.

--=_A1/04-30911-6E14B207_0_=
Content-Type: text/plain; charset=utf-8
Content-Description: Notification

This is the mail system of mta.example.

Your message could not be delivered to the following recipients.
No further attempt will be made.

<bob@alpha.example>
    mx.alpha.example (192.0.2.10) said:
    550 5.1.1 no such user

--=_A1/04-30911-6E14B207_0_=
Content-Type: message/delivery-status
Content-Description: Delivery report

Reporting-MTA: dns; mta.example
Arrival-Date: Wed, 04 Feb 2026 22:29:50 +0000

Final-Recipient: rfc822; bob@alpha.example
Action: failed
Status: 5.1.1
Remote-MTA: dns; mx.alpha.example (192.0.2.10)
Diagnostic-Code: smtp; 550 5.1.1 no such user
Last-Attempt-Date: Wed, 04 Feb 2026 22:43:19 +0000

--=_A1/04-30911-6E14B207_0_=
Content-Type: text/rfc822-headers
Content-Description: Undelivered message

Received: from host.example
Subject: News
From: news@sender.example

--=_A1/04-30911-6E14B207_0_=--
";
    assert_eq!(String::from_utf8(bytes).expect("text"), golden.replace('\n', "\r\n"));
}

#[test]
fn what_we_gave_up_ourselves_has_no_remote_host_and_nothing_returned_has_no_part() {
    let bob = Address::new("bob", "alpha.example");
    let reply = Reply::fixed(554, (5, 4, 7), "[internal] exceeded max time without delivery");
    let failure =
        Failure { remote: None, original_recipient: Some("rfc822;Bob@old.example"), ..failure(&bob, &reply) };
    let bytes = written(&sender(), &[failure], Original::None, MESSAGE);
    let text = String::from_utf8(bytes).expect("text");
    let golden = "\
<bob@alpha.example>
    554 5.4.7 [internal] exceeded max time without delivery

--=_A1/04-30911-6E14B207_0_=
Content-Type: message/delivery-status
Content-Description: Delivery report

Reporting-MTA: dns; mta.example
Arrival-Date: Wed, 04 Feb 2026 22:29:50 +0000

Original-Recipient: rfc822;Bob@old.example
Final-Recipient: rfc822; bob@alpha.example
Action: failed
Status: 5.4.7
Diagnostic-Code: smtp; 554 5.4.7 [internal] exceeded max time without
    delivery
Last-Attempt-Date: Wed, 04 Feb 2026 22:43:19 +0000

--=_A1/04-30911-6E14B207_0_=--
";
    assert!(text.ends_with(&golden.replace('\n', "\r\n")), "{text}");
}

#[test]
fn the_configured_sender_stands_in_the_header() {
    let (bob, reply) = (Address::new("bob", "alpha.example"), Reply::plain(550, "no"));
    let bytes = notice(&Notice {
        id: ID,
        host: "mta.example",
        mailer_daemon: Some("Postmaster <pm@corp.example>"),
        to: &sender(),
        now: ARRIVAL,
        arrival: ARRIVAL,
        failures: &[failure(&bob, &reply)],
        original: Original::None,
        message: MESSAGE,
    });
    assert!(bytes.starts_with(b"From: Postmaster <pm@corp.example>\r\nTo: news@sender.example\r\n"));
}

#[test]
fn no_foreign_text_breaks_the_frame() {
    let boundary = format!("--=_{ID}_0_=");
    let evil = format!("no\r\n\r\n{boundary}--\r\n.\r\n\0{}{}", "long ".repeat(500), "x".repeat(5_000));
    let recipient = Address::new("b\u{fc}\r\nBcc: all", "alpha.example");
    let reply = Reply::verbatim(550, evil.clone());
    let body = format!("Subject: {}\n{boundary}\r\n\r\n{evil}", "y".repeat(3_000));
    for original in [Original::All, Original::Headers, Original::None] {
        let failures = [failure(&recipient, &reply), failure(&recipient, &reply)];
        let bytes = written(&sender(), &failures, original, body.as_bytes());
        assert_eq!(bytes, written(&sender(), &failures, original, body.as_bytes()), "deterministic");
        assert!(bytes.ends_with(b"\r\n") && !bytes.contains(&0));
        for line in bytes.split(|byte| *byte == b'\n') {
            assert!(line.len() <= 999 && !line.starts_with(b"Bcc"), "{:?}", String::from_utf8_lossy(line));
            assert!(line.is_empty() || line.ends_with(b"\r"), "{:?}", String::from_utf8_lossy(line));
        }
        let text = String::from_utf8(bytes).expect("text");
        let own = format!("--=_{ID}_1_=");
        let parts = if original == Original::None { 2 } else { 3 };
        assert_eq!(text.matches(&own).count(), parts + 1, "{original:?}");
        let status = text.split(&own).nth(2).expect("the second part");
        assert!(status.is_ascii() && status.contains("Final-Recipient: utf-8; b\\x{FC}\\x{0D}"), "{status}");
    }
}

#[test]
#[should_panic(expected = "a notice tells of a failure")]
fn a_notice_of_nothing_is_a_mistake() {
    written(&sender(), &[], Original::None, MESSAGE);
}

/// Prints one line per fact, so that the expectation below is a transcript.
const READER: &str = r#"
import email, email.policy, sys
mail = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
print(mail.get_content_type(), mail.get_param('report-type'), mail['auto-submitted'], mail['from'], mail['to'])
print(mail.defects, [part.defects for part in mail.walk() if part.defects])
parts = list(mail.iter_parts())
print([part.get_content_type() for part in parts])
print(repr(parts[0].get_content().splitlines()[-2:]))
for fields in parts[1].get_payload():
    for name in fields.keys():
        print('%s: %s' % (name, ' '.join(str(fields[name]).split())))
if len(parts) > 2:
    if parts[2].get_content_type() == 'message/rfc822':
        inner = parts[2].get_payload()[0]
        print(inner['subject'], repr(inner.get_payload(decode=True)))
    else:
        print(repr(parts[2].get_payload(decode=True)))
"#;

fn read_by_python(notice: &[u8]) -> String {
    let mut python = Command::new("python3")
        .args(["-X", "utf8", "-c", READER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this test needs python3");
    let written = python.stdin.take().expect("a pipe").write_all(notice);
    let output = python.wait_with_output().expect("python ends");
    assert!(written.is_ok() && output.status.success(), "python could not read the notice");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn another_program_finds_three_parts_with_the_right_fields() {
    let is_missing = Command::new("python3").arg("--version").stdout(Stdio::null()).status().is_err();
    if is_missing && std::env::var_os("CI").is_none() {
        eprintln!("left out: python3 is missing");
        return;
    }
    let recipients = [Address::new("bob", "alpha.example"), Address::new("eve", "beta.example")];
    let full = Reply::verbatim(552, "mailbox full\nsince yesterday");
    let unknown = Reply::verbatim(550, "5.1.1 Benutzer unbekannt: gr\u{fc}\u{df}e");
    let failures = [failure(&recipients[0], &full), failure(&recipients[1], &unknown)];
    let message = "Subject: Gr\u{fc}\u{df}e\r\n\r\nHello \u{fc}.\r\n";
    let read = read_by_python(&written(&sender(), &failures, Original::All, message.as_bytes()));
    let expected = "\
multipart/report delivery-status auto-replied Mail Delivery System <mailer-daemon@mta.example> news@sender.example
[] []
['text/plain', 'message/delivery-status', 'message/rfc822']
['    mx.alpha.example (192.0.2.10) said:', '    550 5.1.1 Benutzer unbekannt: gr\u{fc}\u{df}e']
Reporting-MTA: dns; mta.example
Arrival-Date: Wed, 04 Feb 2026 22:29:50 +0000
Final-Recipient: rfc822; bob@alpha.example
Action: failed
Status: 5.2.2
Remote-MTA: dns; mx.alpha.example (192.0.2.10)
Diagnostic-Code: smtp; 552 mailbox full since yesterday
Last-Attempt-Date: Wed, 04 Feb 2026 22:43:19 +0000
Final-Recipient: rfc822; eve@beta.example
Action: failed
Status: 5.1.1
Remote-MTA: dns; mx.alpha.example (192.0.2.10)
Diagnostic-Code: smtp; 550 5.1.1 Benutzer unbekannt: gr??e
Last-Attempt-Date: Wed, 04 Feb 2026 22:43:19 +0000
Gr\u{fc}\u{df}e b'Hello \\xc3\\xbc.\\r\\n'
";
    assert_eq!(read, expected);
}

#[test]
fn another_program_finds_the_header_of_the_mail() {
    let (bob, reply) = (Address::new("bob", "alpha.example"), Reply::verbatim(550, "5.1.1 no such user"));
    let read = read_by_python(&written(&sender(), &[failure(&bob, &reply)], Original::Headers, MESSAGE));
    assert!(read.contains("['text/plain', 'message/delivery-status', 'text/rfc822-headers']"), "{read}");
    let header = "b'Received: from host.example\\r\\nSubject: News\\r\\nFrom: news@sender.example\\r\\n'\n";
    assert!(read.ends_with(header), "{read}");
}
