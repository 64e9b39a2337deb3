//! Bounces and complaints that arrive as mail: what is read from them.

use bounce::{Class, Original, feedback, notice, quoted_field, read};
use content::Content;

fn content(text: &str) -> Content {
    Content::new(text.replace('\n', "\r\n").into_bytes().into())
}

const REPORT: &str = "From: mailer-daemon@mx.example
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b

Your message was not delivered.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Original-Recipient: rfc822;Ann@x.example
Final-Recipient: rfc822; ann@inner.example
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 <ann@inner.example>:
 no such user

Final-Recipient: rfc822; <bob@x.example>
Action: delayed
Status: 4.4.1

Final-Recipient: rfc822; eve@x.example
Action: failed
Status: 5.2.2
Diagnostic-Code: X-Unix; exit 75
--b
Content-Type: text/rfc822-headers

From: news@sender.example
To: Ann <ann@x.example>
Subject: hi
X-MSFBL: b64
--b--
";

#[test]
fn a_delivery_status_report_is_believed() {
    let found = read(&content(REPORT), |_| false);
    let shown: Vec<_> = found
        .iter()
        .map(|report| {
            (report.recipient.as_deref().unwrap_or(""), &*report.action, report.reply.code, report.class)
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("Ann@x.example", "failed", 550, Class::InvalidRecipient),
            ("bob@x.example", "delayed", 450, Class::TransientFailure),
            ("eve@x.example", "failed", 550, Class::MailboxFull),
        ]
    );
    assert_eq!(found[0].reply.text, "5.1.1 <ann@inner.example>: no such user");
}

#[test]
fn a_suppressed_address_is_no_original_recipient() {
    let found = read(&content(REPORT), |address| address.ends_with("@x.example"));
    assert!(found.iter().all(|report| report.recipient.is_none()), "{found:?}");
    assert_eq!(found[0].class, Class::NoRecipient);
}

#[test]
fn a_text_without_a_report_is_searched() {
    for (header, text, recipient, class) in [
        ("X-Failed-Recipients: ann@x.example", "mailbox is full", Some("ann@x.example"), Class::MailboxFull),
        (
            "Subject: failure notice",
            "<ann@x.example>:\n550 5.1.1 user unknown",
            Some("ann@x.example"),
            Class::InvalidRecipient,
        ),
        ("Subject: failure", "said: 552 5.2.2 over quota (in reply to RCPT)", None, Class::MailboxFull),
        ("Auto-Submitted: auto-replied", "I am away until Monday", None, Class::AutoReply),
        ("Subject: Out of Office: hi", "back soon", None, Class::AutoReply),
        ("Subject: unsubscribe", "", None, Class::Unsubscribe),
        ("Subject: Subscribe", "", None, Class::Subscribe),
        ("Subject: hm", "nothing that we know", None, Class::Undetermined),
    ] {
        let found = read(&content(&format!("{header}\n\n{text}\n")), |_| false);
        assert_eq!(
            (found.len(), found[0].recipient.as_deref(), found[0].class),
            (1, recipient, class),
            "{header}"
        );
    }
}

#[test]
fn complaints_are_read_with_the_message_that_they_are_about() {
    let report = "Content-Type: multipart/report; report-type=feedback-report; boundary=b

--b

spam
--b
Content-Type: message/feedback-report

Feedback-Type: Abuse
User-Agent: x/1
Original-Mail-From: <news@sender.example>
Original-Rcpt-To: <ann@x.example>
Original-Rcpt-To: <bob@x.example>
Source-IP: 192.0.2.1
--b
Content-Type: message/rfc822

X-MSFBL: b64
Subject: hi

text
--b--
";
    let found = feedback(&content(report)).unwrap();
    assert_eq!((&*found.kind, found.source_ip.as_deref()), ("abuse", Some("192.0.2.1")));
    assert_eq!(found.original_sender.as_deref(), Some("news@sender.example"));
    assert_eq!(found.original_recipients, ["ann@x.example", "bob@x.example"]);
    assert_eq!(found.original_field("x-msfbl").as_deref(), Some("b64"));
    assert_eq!(feedback(&content("Subject: x\n\ntext\n")), None);
    let quoted = content("Subject: x\n\nthey wrote:\nx-msfbl: one\n two\nmore\n");
    assert_eq!(quoted_field(&quoted, "X-MSFBL").as_deref(), Some("onetwo"));
    assert_eq!(quoted_field(&quoted, "X-Other"), None);
}

#[test]
fn our_own_notices_are_read_back() {
    use mail::{Address, MessageId, Reply, Time};
    let reply = Reply::verbatim(550, "5.1.1 no such user");
    let recipient = Address::new("ann", "x.example");
    let failures = [bounce::Failure {
        recipient: &recipient,
        original_recipient: None,
        reply: &reply,
        remote: None,
        last_attempt: Time::EPOCH,
    }];
    let sender = Address::new("news", "sender.example");
    let text = notice(&bounce::Notice {
        id: MessageId { second: 1, process: 2, counter: 3 },
        host: "mx.example",
        mailer_daemon: None,
        to: &sender,
        now: Time::EPOCH,
        arrival: Time::EPOCH,
        failures: &failures,
        original: Original::Headers,
        message: b"To: ann@x.example\r\nSubject: hi\r\n\r\nbody\r\n",
    });
    let found = read(&Content::new(text.into()), |_| false);
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].recipient.as_deref(), found[0].class),
        (Some("ann@x.example"), Class::InvalidRecipient)
    );
}

#[test]
fn whatever_is_read_ends() {
    for text in [
        "",
        "\n",
        "Content-Type: message/delivery-status\n\n\n\n\n",
        "Content-Type: message/delivery-status\n\nA: b\n\nAction: failed\n",
    ] {
        assert!(!read(&content(text), |_| false).is_empty());
    }
    let many = format!(
        "Content-Type: message/delivery-status\n\nA: b\n{}",
        "\nAction: failed\nFinal-Recipient: x;a@b.c\n".repeat(500)
    );
    assert_eq!(read(&content(&many), |_| false).len(), 100);
}
