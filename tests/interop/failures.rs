//! When mail fails: notices to senders, retries, expiry.

use crate::PLACE;
use crate::python::read_notice;
use harness::{Server, Setup, Sink, Type, are_installed, free_port, letter};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// The stage of a refused RCPT TO (spec logs.md §10).
const AFTER_RCPT_TO: u8 = 5;

/// Facts that must be among those that Python finds in the notice.
#[track_caller]
fn assert_notice(content: &[u8], facts: &[&str]) {
    if !are_installed(&["/usr/bin/python3"]) {
        return;
    }
    let found = read_notice(content);
    let always = [
        "type multipart/report",
        "report delivery-status",
        "auto-submitted auto-replied",
        "to me@sender.example",
        "defects 0",
        "reporting-mta dns; mta.example",
        "action failed",
    ];
    for fact in always.iter().chain(facts) {
        assert!(found.lines().any(|line| line.starts_with(fact)), "`{fact}` is missing in:\n{found}");
    }
}

fn for_domain(domain: &str) -> impl Fn(&harness::Letter) -> bool {
    move |letter| letter.recipients.iter().any(|recipient| recipient.ends_with(domain))
}

#[test]
fn a_refused_recipient_is_reported_to_the_sender() {
    let sink = Sink::ruled(|line| {
        line.contains("<nobody@here.example>").then(|| "550 5.1.1 no such user here".to_owned())
    });
    let mut server = Server::start(&Setup::new(PLACE, "refused", sink.port()));
    let recipients = ["nobody@here.example", "somebody@here.example"];
    server.accept("me@sender.example", &recipients, &letter("refused"));
    let letters = sink.wait_for(2);
    let taken = letters.iter().find(|letter| for_domain("@here.example")(letter)).expect("one is taken");
    assert_eq!(taken.recipients, ["somebody@here.example"]);
    let notice = letters.iter().find(|letter| for_domain("@sender.example")(letter)).expect("one is told");
    assert_eq!((&*notice.sender, &notice.recipients[..]), ("", &["me@sender.example".to_owned()][..]));
    assert_notice(
        &notice.content,
        &[
            "parts text/plain message/delivery-status text/rfc822-headers",
            "final-recipient rfc822; nobody@here.example",
            "status 5.1.1",
            "remote-mta dns; sink.example",
            "diagnostic-code smtp; 550 5.1.1 no such user here",
            "returned refused",
        ],
    );
    server.stop();
    let failed: Vec<_> = server.mainlog().into_iter().filter(|line| line.kind == Type::Permanent).collect();
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].text, "550 5.1.1 no such user here");
    assert_eq!(failed[0].stage, AFTER_RCPT_TO);
    let bounces = server.folder.read("bouncelog.ec");
    assert!(bounces.contains("@B@nobody@here.example@me@sender.example@"), "{bounces}");
}

#[test]
fn a_message_refused_after_its_content_is_reported() {
    let sink = Sink::ruled(|line| {
        // The notice must come through.
        static ENDS: AtomicU32 = AtomicU32::new(0);
        (line == "." && ENDS.fetch_add(1, Ordering::Relaxed) == 0).then(|| "554 5.7.1 spam".to_owned())
    });
    let mut server = Server::start(&Setup::new(PLACE, "content", sink.port()));
    server.accept("me@sender.example", &["you@here.example"], &letter("content"));
    assert_notice(&sink.wait_for(1)[0].content, &["status 5.7.1", "diagnostic-code smtp; 554 5.7.1 spam"]);
    server.stop();
}

#[test]
fn a_domain_that_takes_no_mail_is_reported() {
    let sink = Sink::start();
    let zone = "never.example 60 MX 0 .\nsender.example 60 MX 10 mx.example\nmx.example 60 A 127.0.0.1\n";
    let mut server = Server::start(&Setup { zone, ..Setup::new(PLACE, "null-mx", sink.port()) });
    server.accept("me@sender.example", &["you@never.example"], &letter("null-mx"));
    assert_notice(
        &sink.wait_for(1)[0].content,
        &["final-recipient rfc822; you@never.example", "status 5.4.4"],
    );
    server.stop();
    let text =
        server.mainlog().into_iter().find(|line| line.kind == Type::Permanent).expect("it failed").text;
    assert_eq!(text, "550 5.4.4 [internal] NULL MX domain does not accept mail");
}

#[test]
fn a_domain_that_does_not_exist_is_reported() {
    let sink = Sink::start();
    let zone = "sender.example 60 MX 10 mx.example\nmx.example 60 A 127.0.0.1\n";
    let settings = "dns_failures_to_purge = 1\nretry_interval = 1";
    let mut server = Server::start(&Setup { zone, settings, ..Setup::new(PLACE, "no-domain", sink.port()) });
    server.accept("me@sender.example", &["you@missing.example"], &letter("no-domain"));
    assert_notice(
        &sink.wait_for(1)[0].content,
        &["final-recipient rfc822; you@missing.example", "status 5.4.4"],
    );
    server.stop();
}

#[test]
fn nobody_is_told_of_a_failed_notice() {
    let sink = Sink::ruled(|line| line.starts_with("RCPT").then(|| "550 5.1.1 nobody is here".to_owned()));
    let mut server = Server::start(&Setup::new(PLACE, "double", sink.port()));
    server.accept("me@sender.example", &["you@here.example"], &letter("double"));
    harness::eventually("message and notice have failed", || server.count("permanent_failures") == 2);
    server.stop();
    assert_eq!(sink.count(), 0);
    assert_eq!(server.spool("ls").well().out, "0 messages\n");
}

#[test]
fn a_deferred_recipient_is_tried_again_and_delivered() {
    static ASKED: AtomicU32 = AtomicU32::new(0);
    let sink = Sink::ruled(|line| {
        (line.starts_with("RCPT") && ASKED.fetch_add(1, Ordering::Relaxed) < 2)
            .then(|| "451 4.7.1 greylisted".to_owned())
    });
    let settings = "retry_interval = 1\nmax_retry_interval = 1";
    let mut server = Server::start(&Setup { settings, ..Setup::new(PLACE, "deferred", sink.port()) });
    server.accept("me@sender.example", &["you@here.example"], &letter("deferred"));
    sink.wait_for(1);
    server.stop();
    let log = server.mainlog();
    let of = |kind| log.iter().filter(|line| line.kind == kind).map(|line| line.retries).collect::<Vec<_>>();
    assert_eq!((of(Type::Transient), of(Type::Delivery)), (vec![0, 1], vec![2]));
    let delivery = log.iter().find(|line| line.kind == Type::Delivery).expect("delivered");
    assert!(delivery.seconds >= 2.0, "two intervals of one second: {}", delivery.seconds);
}

#[test]
fn a_host_that_comes_up_later_gets_the_mail() {
    let port = free_port();
    let settings = "retry_interval = 1\nmax_retry_interval = 1\nhost_failure_retry = 1";
    let mut server = Server::start(&Setup { settings, ..Setup::new(PLACE, "later", port) });
    server.accept("me@sender.example", &["you@here.example"], &letter("later"));
    harness::eventually("it was tried in vain", || server.count("transient_failures") > 0);
    let sink = Sink::at(([127, 0, 0, 1], port).into(), |_| None);
    sink.wait_for(1);
    server.stop();
}

#[test]
fn a_lost_connection_is_a_transient_failure() {
    static GREETED: AtomicU32 = AtomicU32::new(0);
    let sink = Sink::ruled(|line| {
        (line.is_empty() && GREETED.fetch_add(1, Ordering::Relaxed) == 0)
            .then(|| "421 4.3.2 not now".to_owned())
    });
    let settings = "retry_interval = 1\nmax_retry_interval = 1\nhost_failure_retry = 1";
    let mut server = Server::start(&Setup { settings, ..Setup::new(PLACE, "lost", sink.port()) });
    server.accept("me@sender.example", &["you@here.example"], &letter("lost"));
    sink.wait_for(1);
    server.stop();
    assert!(server.count_of(Type::Permanent) == 0);
}

#[test]
fn what_cannot_be_delivered_is_given_up_and_reported() {
    for (settings, text, least) in [
        (
            "message_expiration = 3\n max_retries = none",
            "554 5.4.7 [internal] exceeded max time without delivery",
            3.0,
        ),
        ("max_retries = 2", "554 5.4.7 [internal] exceeded max retries without delivery", 2.0),
    ] {
        let sink = Sink::ruled(|line| {
            line.contains("<you@slow.example>").then(|| "450 4.2.1 mailbox busy".to_owned())
        });
        let settings =
            format!("Domain slow.example {{\n retry_interval = 1\n max_retry_interval = 1\n {settings}\n}}");
        let mut server =
            Server::start(&Setup { settings: &settings, ..Setup::new(PLACE, "given-up", sink.port()) });
        server.accept("me@sender.example", &["you@slow.example"], &letter("given-up"));
        let notice = &sink.wait_for(1)[0];
        assert_notice(&notice.content, &["final-recipient rfc822; you@slow.example", "status 5.4.7"]);
        server.stop();
        let log = server.mainlog();
        let last = log.iter().find(|line| line.kind == Type::Permanent).expect("it was given up");
        assert_eq!(last.text, text);
        assert!(last.seconds >= least, "{}", last.seconds);
        assert!(log.iter().filter(|line| line.kind == Type::Transient).count() >= 2);
    }
}

#[test]
fn a_flushed_domain_is_tried_at_once() {
    static ASKED: AtomicU32 = AtomicU32::new(0);
    let sink = Sink::ruled(|line| {
        (line.starts_with("RCPT") && ASKED.fetch_add(1, Ordering::Relaxed) == 0)
            .then(|| "451 4.7.1 later".to_owned())
    });
    let settings = "retry_interval = 3600\nhost_failure_retry = 1";
    let mut server = Server::start(&Setup { settings, ..Setup::new(PLACE, "flush", sink.port()) });
    server.accept("me@sender.example", &["you@here.example"], &letter("flush"));
    harness::eventually("it waits for its hour", || {
        let queues = server.console(&["mailq"]).well().out;
        let rows = queues.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        rows.into_iter().any(|row| row == ["default/default", "here.example", "0", "1"])
    });
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(sink.count(), 0);
    let flushed = server.console(&["flush", "domain", "here.example"]).well().out;
    assert_eq!(flushed, "here.example flushed.  1 messages requeued.\n");
    sink.wait_for(1);
    server.stop();
}
