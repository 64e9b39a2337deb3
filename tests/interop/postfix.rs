//! Postfix: its load generator and sink, and Postfix itself before and behind us.

use crate::PLACE;
use harness::{Background, Folder, Server, Setup, Sink, are_installed, eventually, free_port, run};
use std::fs;
use std::net::TcpStream;
use std::process::{Command, Stdio};

const SMTP_SOURCE: &str = "/usr/sbin/smtp-source";
const SMTP_SINK: &str = "/usr/sbin/smtp-sink";
const POSTFIX: &str = "/usr/sbin/postfix";

/// Postfix's users must be able to reach it, so it stands where everybody may look.
fn public_folder(name: &str) -> Folder {
    Folder::new(std::env::temp_dir().to_str().expect("a name in UTF-8"), name)
}

/// Runs smtp-source; it ends when all messages were acknowledged.
fn smtp_source(port: u16, messages: usize, sessions: usize) {
    let mut command = Command::new(SMTP_SOURCE);
    command.args(["-s", &sessions.to_string(), "-m", &messages.to_string(), "-l", "3000", "-N"]);
    command.args(["-f", "source@sender.example", "-t", "target@recipient.example", "-M", "source.example"]);
    run(command.arg(format!("127.0.0.1:{port}"))).well();
}

#[test]
fn what_smtp_source_sends_reaches_smtp_sink() {
    if !are_installed(&[POSTFIX, SMTP_SOURCE, SMTP_SINK]) {
        return;
    }
    const COUNT: usize = 500;
    let (port, dumps) = (free_port(), public_folder("dumps"));
    run(Command::new("/bin/chown").arg("postfix").arg(dumps.path())).well();
    let mut command = Command::new(SMTP_SINK);
    // One file for each message.
    command.args(["-u", "postfix", "-d", "message."]).arg(format!("127.0.0.1:{port}")).arg("100");
    command.current_dir(dumps.path()).stdin(Stdio::null()).stdout(Stdio::null());
    let _sink = Background::start(&mut command);
    eventually("smtp-sink listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    let mut server = Server::start(&Setup::new(PLACE, "source-sink", port));
    smtp_source(server.port(), COUNT, 10);
    eventually("all are delivered", || server.count("deliveries") == COUNT as u64);
    server.stop();
    let files = fs::read_dir(dumps.path()).expect("the dumps can be listed").flatten();
    let whole = files.filter(|file| {
        let text = fs::read_to_string(file.path()).unwrap_or_default();
        text.contains("recipient.example>") && text.contains("Return-Path: <") && text.ends_with("\n\n")
    });
    assert_eq!(whole.count(), COUNT);
}

/// A Postfix of our own: relays everything to one port.
struct Postfix {
    port: u16,
    folder: Folder,
    process: Background,
}

impl Postfix {
    fn start(relay_port: u16) -> Postfix {
        let folder = public_folder("postfix");
        let port = free_port();
        let path = folder.path().display();
        for (name, owner) in [("etc", "root"), ("queue", "root"), ("data", "postfix")] {
            let made = folder.file(name);
            run(Command::new("/usr/bin/install").args(["-d", "-m", "755", "-o", owner]).arg(made)).well();
        }
        folder.write(
            "etc/main.cf",
            format!(
                "compatibility_level = 3.6\nqueue_directory = {path}/queue\ndata_directory = {path}/data\n\
                 command_directory = /usr/sbin\ndaemon_directory = /usr/lib/postfix/sbin\n\
                 mail_owner = postfix\nsetgid_group = postdrop\nmyhostname = postfix.example\n\
                 inet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nmydestination =\nalias_maps =\n\
                 alias_database =\nmynetworks = 127.0.0.0/8\nrelayhost = [127.0.0.1]:{relay_port}\n\
                 maillog_file_prefixes = {path}\nmaillog_file = {path}/log\nsmtp_tls_security_level = none\n\
                 minimal_backoff_time = 2s\nmaximal_backoff_time = 4s\nqueue_run_delay = 2s\n"
            ),
        );
        folder.write("etc/master.cf", format!("127.0.0.1:{port} inet n - n - - smtpd\n{SERVICES}"));
        let mut command = Command::new(POSTFIX);
        command.arg("-c").arg(folder.file("etc")).arg("start-fg").stdin(Stdio::null());
        let process = Background::start(command.stdout(Stdio::null()).stderr(Stdio::null()));
        let mut postfix = Postfix { port, folder, process };
        eventually("Postfix listens", || {
            let ended = postfix.process.has_ended();
            assert!(ended.is_none(), "Postfix ended: {}", postfix.folder.read("log"));
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        postfix
    }

    fn log(&self) -> String {
        self.folder.read("log")
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        let mut stop = Command::new(POSTFIX);
        stop.arg("-c").arg(self.folder.file("etc")).arg("stop").stdin(Stdio::null());
        // If it does not stop in good order, it is killed next.
        let _ = stop.stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

/// What relaying needs, none of it in a jail, as master(5) describes.
const SERVICES: &str = "\
postlog unix-dgram n - n - 1 postlogd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
";

#[test]
fn postfix_hands_us_what_it_has() {
    if !are_installed(&[POSTFIX, SMTP_SOURCE, SMTP_SINK]) {
        return;
    }
    const COUNT: usize = 100;
    let sink = Sink::start();
    let mut server = Server::start(&Setup::new(PLACE, "behind-postfix", sink.port()));
    let postfix = Postfix::start(server.port());
    smtp_source(postfix.port, COUNT, 5);
    let letters = sink.wait_for(COUNT);
    assert!(
        letters
            .iter()
            .all(|letter| letter.field("Received").is_some_and(|field| field.contains("[127.0.0.1:")))
    );
    assert!(
        letters.iter().all(|letter| letter.text().contains("by postfix.example (Postfix)")),
        "{}",
        postfix.log()
    );
    eventually("Postfix knows that we took them", || {
        let log = postfix.log();
        log.lines().filter(|line| line.contains("status=sent (250 2.0.0 OK ")).count() == COUNT
    });
    server.stop();
    assert_eq!(sink.count(), COUNT);
}

#[test]
fn postfix_takes_what_we_have() {
    if !are_installed(&[POSTFIX, SMTP_SOURCE, SMTP_SINK]) {
        return;
    }
    const COUNT: usize = 200;
    let sink = Sink::start();
    let postfix = Postfix::start(sink.port());
    let mut server = Server::start(&Setup::new(PLACE, "before-postfix", postfix.port));
    smtp_source(server.port(), COUNT, 8);
    let letters = sink.wait_for(COUNT);
    assert!(
        letters.iter().all(|letter| letter.text().contains("by mta.example (envelope-from")),
        "{}",
        postfix.log()
    );
    server.stop();
    assert_eq!(sink.count(), COUNT);
}
