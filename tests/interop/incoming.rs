//! Bounces that come in as mail.

use crate::PLACE;
use harness::{Server, Setup, Sink, eventually};

const REPORT: &str = "From: mailer-daemon@mx.example\r\nTo: <>\r\nMIME-Version: 1.0\r\n\
    Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n\
    --b\r\n\r\nsorry\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n\
    Final-Recipient: rfc822; ann@there.example\r\nAction: failed\r\nStatus: 5.2.2\r\n\
    Diagnostic-Code: smtp; 552 5.2.2 mailbox full\r\n--b--\r\n";

#[test]
fn a_bounce_is_read_written_down_and_passed_or_dropped() {
    for (behavior, pattern, bounces, delivered) in
        [("pass", "", 1, 1), ("blackhole", "", 1, 0), ("blackhole", "bounce_pattern = \"^news-\"", 0, 1)]
    {
        let sink = Sink::start();
        let settings = format!(
            "bounce_domains = ( back.example )\nbounce_behavior = {behavior}\n{pattern}\n\
             Domain \"back.example\" {{ gateway = \"[127.0.0.1]\" }}\n"
        );
        let name = format!("bounces-{behavior}-{bounces}");
        let mut server =
            Server::start(&Setup { settings: &settings, ..Setup::new(PLACE, &name, sink.port()) });
        let mut client = server.client();
        let reply = client.send("", &["sender@back.example"], REPORT).expect("a reply");
        assert_eq!(reply.code, 250, "{}", reply.text);
        eventually("it is written down", || {
            let lines = server.folder.read("bouncelog.ec");
            let found =
                lines.lines().filter(|line| line.contains("@B@ann@there.example@sender@back.example@"));
            found.count() == bounces
        });
        let lines = server.folder.read("bouncelog.ec");
        if bounces > 0 {
            assert!(
                lines.contains("@21@22@") && lines.contains("550 [internal] [oob] 5.2.2 mailbox full"),
                "{lines}"
            );
        }
        if delivered > 0 {
            sink.wait_for(delivered);
        } else {
            eventually("the drop is written down", || {
                server.folder.read("rejectlog.ec").contains("E=550 M= CTX")
                    && server.folder.read("rejectlog.ec").contains("[internal] discarded by policy")
            });
        }
        server.stop();
        assert_eq!(sink.count(), delivered, "{behavior} {pattern}");
    }
}
