//! Python's clients, its receiver aiosmtpd, and its reader of notices.

use crate::PLACE;
use harness::{
    Background, Folder, Server, Setup, Sink, are_installed, eventually, free_port, run, run_with_input,
};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The interpreter that Debian's packages are installed for.
pub const PYTHON: &str = "/usr/bin/python3";

pub fn script(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/interop/python").join(name)
}

/// The facts that Python's email package finds in a notice.
pub fn read_notice(content: &[u8]) -> String {
    run_with_input(Command::new(PYTHON).arg(script("notice.py")), content).well().out
}

/// A message that aiosmtpd took.
struct Taken {
    client_name: String,
    sender: String,
    options: String,
    recipients: Vec<String>,
    content: Vec<u8>,
}

pub struct Aiosmtpd {
    pub port: u16,
    pub folder: Folder,
    _process: Background,
}

impl Aiosmtpd {
    fn start() -> Aiosmtpd {
        Aiosmtpd::knowing(&[])
    }

    /// One that takes mail from this user alone, if there is one.
    pub fn knowing(user_and_password: &[&str]) -> Aiosmtpd {
        let (port, folder) = (free_port(), Folder::new(PLACE.folder, "taken"));
        let mut command = Command::new(PYTHON);
        command.arg(script("take.py")).arg(port.to_string()).arg(folder.path()).args(user_and_password);
        command.stdin(Stdio::null());
        let mut process = Background::start(&mut command);
        eventually("aiosmtpd listens", || {
            assert_eq!(process.has_ended(), None, "aiosmtpd has ended; tests/interop/install installs it");
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        Aiosmtpd { port, folder, _process: process }
    }

    /// The n-th message, from 1.
    fn taken(&self, number: u32) -> Taken {
        eventually("aiosmtpd takes a message", || self.folder.file(&format!("{number}.envelope")).exists());
        let envelope = self.folder.read(&format!("{number}.envelope"));
        let mut lines = envelope.lines().map(str::to_owned);
        let mut next = || lines.next().expect("an envelope has a client, a sender and options");
        let (client_name, sender, options) = (next(), next(), next());
        let content = std::fs::read(self.folder.file(&format!("{number}.content")));
        Taken {
            client_name,
            sender,
            options,
            recipients: lines.collect(),
            content: content.expect("the content was written before its envelope"),
        }
    }
}

#[test]
fn aiosmtpd_receives_byte_for_byte_what_was_sent() {
    if !are_installed(&["/usr/lib/python3/dist-packages/aiosmtpd"]) {
        return;
    }
    let receiver = Aiosmtpd::start();
    let settings = "send_8bitmime = ifavailable";
    let mut server = Server::start(&Setup { settings, ..Setup::new(PLACE, "aiosmtpd", receiver.port) });
    let header = "From: me@sender.example\r\nSubject: dots\r\nDate: Thu, 01 Jan 2026 00:00:00 +0000\r\n\
                  Message-ID: <dots@sender.example>\r\nX-Folded: one\r\n\ttwo\r\n\r\n";
    let long = "x".repeat(990);
    let body = format!(".\r\n..\r\n.hidden\r\n\r\n \t\r\n{long}\r\nGrüße\r\n.\r\n\r\nend\r\n.\r\n");
    server.accept("me@sender.example", &["you@recipient.example"], &format!("{header}{body}"));
    let taken = receiver.taken(1);
    let content = String::from_utf8(taken.content).expect("text");
    let added = content.strip_suffix(&format!("{header}{body}")).expect("the message ends as it was sent");
    let names: Vec<_> = added
        .split("\r\n")
        .filter(|line| !line.starts_with('\t'))
        .filter_map(|line| line.split_once(": "))
        .collect();
    assert_eq!(
        names.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
        ["Return-Path", "Received"],
        "{added}"
    );
    assert_eq!(names[0].1, "<me@sender.example>");
    assert!(added.contains("\tby mta.example (envelope-from <me@sender.example>)\r\n"), "{added}");
    assert_eq!((&*taken.client_name, &*taken.sender), ("mta.example", "me@sender.example"));
    assert_eq!(taken.recipients, ["you@recipient.example"]);
    assert!(taken.options.contains("SIZE="), "{}", taken.options);
    server.stop();
}

#[test]
fn a_message_without_date_and_id_gets_them() {
    if !are_installed(&["/usr/lib/python3/dist-packages/aiosmtpd"]) {
        return;
    }
    let receiver = Aiosmtpd::start();
    let mut server = Server::start(&Setup::new(PLACE, "bare-header", receiver.port));
    server.accept("me@sender.example", &["you@recipient.example"], "Subject: bare\r\n\r\nbare\r\n");
    let content = String::from_utf8(receiver.taken(1).content).expect("text");
    let field = |name: &str| content.split("\r\n").filter(|line| line.starts_with(name)).count();
    assert_eq!((field("Date: "), field("Message-ID: <")), (1, 1), "{content}");
    assert!(content.ends_with("Subject: bare\r\n\r\nbare\r\n"), "{content}");
    server.stop();
}

#[test]
fn smtplib_sees_extensions_refusals_and_limits() {
    if !are_installed(&["/usr/lib/python3/dist-packages/aiosmtpd"]) {
        return;
    }
    let sink = Sink::start();
    let settings = "Relay_Hosts = ( )\nRelay_Domains = ( here.example )\n\
                    ESMTP_Listener { max_message_size = 10000 }\nsend_8bitmime = ifavailable";
    let mut server = Server::start(&Setup { settings, ..Setup::new(PLACE, "smtplib", sink.port()) });
    let seen = run(Command::new(PYTHON).arg(script("send.py")).arg(server.port().to_string())).well().out;
    for fact in [
        "pipelining offered",
        "8bitmime offered",
        "size offered 10000",
        "enhancedstatuscodes offered",
        "refused them@elsewhere.example 550 5.7.1 relaying denied",
        "all refused them@elsewhere.example",
        "too large 552 5.3.4",
        "last sent",
    ] {
        assert!(seen.contains(fact), "`{fact}` is missing in:\n{seen}");
    }
    let letters = sink.wait_for(2);
    // Two shards deliver in no order.
    let (last, first): (Vec<_>, Vec<_>) =
        letters.iter().partition(|letter| letter.text().contains("Subject: last\r\n"));
    assert_eq!((last.len(), first.len()), (1, 1));
    assert_eq!(first[0].recipients, ["you@here.example"]);
    assert!(first[0].text().contains("\u{dc}ber alles.\r\n.\r\n..\r\nEnde.\r\n"), "{}", first[0].text());
    server.stop();
    assert_eq!(sink.count(), 2);
}
