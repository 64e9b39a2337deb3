//! Mail from swaks, with the options that people use.

use crate::PLACE;
use harness::{Ended, Server, Setup, Sink, are_installed, run};
use std::process::Command;

/// The exit status of swaks when no recipient was accepted.
const NO_RECIPIENT: i32 = 24;

fn swaks(server: &Server, arguments: &[&str]) -> Ended {
    let mut command = Command::new("/usr/bin/swaks");
    command.args(["--server", &server.address().to_string(), "--helo", "client.example"]);
    run(command.args(arguments))
}

fn start(name: &str, sink: &Sink, settings: &str) -> Server {
    Server::start(&Setup { settings, ..Setup::new(PLACE, name, sink.port()) })
}

#[test]
fn swaks_sends_with_and_without_pipelining() {
    if !are_installed(&["/usr/bin/swaks"]) {
        return;
    }
    let sink = Sink::start();
    let mut server = start("swaks", &sink, "");
    for more in [&[][..], &["--pipeline"]] {
        let mut arguments = vec!["--from", "me@sender.example", "--to", "you@recipient.example"];
        arguments.extend_from_slice(more);
        swaks(&server, &arguments).well();
    }
    for letter in sink.wait_for(2) {
        assert_eq!(letter.sender, "me@sender.example");
        assert_eq!(letter.recipients, ["you@recipient.example"]);
        assert!(letter.text().contains("This is a test mailing\r\n"), "{}", letter.text());
    }
    server.stop();
}

#[test]
fn swaks_sends_from_nobody() {
    if !are_installed(&["/usr/bin/swaks"]) {
        return;
    }
    let sink = Sink::start();
    let mut server = start("nobody", &sink, "");
    swaks(&server, &["--from", "<>", "--to", "you@recipient.example"]).well();
    assert_eq!(sink.wait_for(1)[0].sender, "");
    assert_eq!(sink.letters()[0].field("Return-Path").as_deref(), Some("<>"));
    server.stop();
}

#[test]
fn swaks_sends_to_several_recipients_in_several_domains() {
    if !are_installed(&["/usr/bin/swaks"]) {
        return;
    }
    let sink = Sink::start();
    let mut server = start("several", &sink, "");
    let to = "a@one.example,b@one.example,c@two.example,d@three.example";
    swaks(&server, &["--from", "me@sender.example", "--to", to]).well();
    harness::eventually("four copies", || {
        sink.letters().iter().map(|l| l.recipients.len()).sum::<usize>() >= 4
    });
    let mut recipients: Vec<_> = sink.letters().into_iter().flat_map(|letter| letter.recipients).collect();
    recipients.sort();
    assert_eq!(recipients, to.split(',').collect::<Vec<_>>());
    server.stop();
}

#[test]
fn a_big_message_of_swaks_arrives_whole() {
    if !are_installed(&["/usr/bin/swaks"]) {
        return;
    }
    let sink = Sink::start();
    let mut server = start("big", &sink, "");
    let line = "All work and no play makes a dull mail server, and that is line after line of it.\n";
    let body = line.repeat((6 << 20) / line.len());
    let file = server.folder.write("body", &body);
    let file = format!("@{}", file.display());
    swaks(&server, &["-n", "--from", "me@sender.example", "--to", "you@recipient.example", "--body", &file])
        .well();
    let letters = sink.wait_for(1);
    let arrived = letters[0].body();
    let sent = body.replace('\n', "\r\n");
    // swaks puts a line of its own behind the body.
    assert!(arrived.starts_with(sent.as_bytes()), "{} of {} bytes", arrived.len(), sent.len());
    assert!(arrived.len() <= sent.len() + 4);
    server.stop();
}

#[test]
fn eight_bit_content_of_swaks_stays_as_it_is() {
    if !are_installed(&["/usr/bin/swaks"]) {
        return;
    }
    let sink = Sink::start();
    let mut server = start("eight-bit", &sink, "");
    let body = "Grüße aus Köln — ὠμέγα";
    swaks(&server, &["--from", "me@sender.example", "--to", "you@recipient.example", "--body", body]).well();
    assert!(sink.wait_for(1)[0].text().contains(body));
    server.stop();
}

#[test]
fn a_client_that_may_not_relay_is_refused() {
    if !are_installed(&["/usr/bin/swaks"]) {
        return;
    }
    let sink = Sink::start();
    let settings = "Relay_Hosts = ( 192.0.2.0/24 )\nRelay_Domains = ( here.example )";
    let mut server = start("relay", &sink, settings);
    let refused = swaks(&server, &["--from", "me@sender.example", "--to", "you@elsewhere.example"]);
    assert_eq!(refused.code(), Some(NO_RECIPIENT), "{}", refused.out);
    assert!(refused.out.contains("550 5.7.1 relaying denied"), "{}", refused.out);
    swaks(&server, &["--from", "me@sender.example", "--to", "you@here.example"]).well();
    sink.wait_for(1);
    server.stop();
    let log = server.folder.read("rejectlog.ec");
    assert!(log.contains(" E=550 ") && log.contains("relaying denied"), "{log}");
    assert_eq!(sink.count(), 1);
}
