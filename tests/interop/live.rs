//! The configuration is changed at the console: at once or in transactions, saved where it belongs, with nothing
//! lost that somebody else wrote.

use crate::PLACE;
use harness::{Client, Server, Setup, Sink, eventually, free_port, letter};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

/// A session at the console, in the frames of its protocol.
struct Session(BufReader<UnixStream>);

impl Session {
    fn open(server: &Server) -> Session {
        let stream = UnixStream::connect(server.folder.file("control.sock")).expect("the console answers");
        let mut session = Session(BufReader::new(stream));
        session.ask("\u{1}IMPETUS/1").expect("a hello");
        session
    }

    /// The answer, or the refusal.
    #[track_caller]
    fn ask(&mut self, command: &str) -> Result<String, String> {
        writeln!(self.0.get_mut(), "{command}").expect("it listens");
        let mut text = String::new();
        loop {
            let mut head = String::new();
            assert!(self.0.read_line(&mut head).expect("an answer") > 0, "{command}: the console went away");
            let (length, sign) = head.trim_end().split_once(' ').expect("the head of a frame");
            let mut frame = vec![0; length.parse().expect("a length")];
            self.0.read_exact(&mut frame).expect("a frame");
            text.push_str(&String::from_utf8(frame).expect("text"));
            match (length, sign) {
                ("0", "+") => return Ok(text.trim_end().to_owned()),
                ("0", _) => return Err(text.trim_end().to_owned()),
                _ => {}
            }
        }
    }

    #[track_caller]
    fn says(&mut self, command: &str, answer: &str) {
        assert_eq!(self.ask(command).as_deref(), Ok(answer), "{command}");
    }

    #[track_caller]
    fn refuses(&mut self, command: &str, part: &str) {
        let refusal = self.ask(command).expect_err(command);
        assert!(refusal.contains(part), "{command}: {refusal}");
    }
}

#[test]
fn what_is_set_holds_at_once_and_is_saved_where_it_belongs() {
    let sink = Sink::start();
    let settings = "# Ours.\nDomain slow.example {\n  retry_interval = 60 # a minute\n}";
    let mut server = Server::start(&Setup { settings, ..Setup::new(PLACE, "live", sink.port()) });
    let mut session = Session::open(&server);
    session.says("config eval domain slow.example retry_interval", "        Retry_Interval = 60");
    session.says("config set domain slow.example retry_interval 90", "Retry_Interval = 90");
    session.says("config get domain slow.example retry_interval", "Retry_Interval = 90");
    session.refuses("config get domain slow.example max_retries", "Option 'Max_Retries' is not set in scope");
    let port = free_port();
    session.says(
        &format!("config set esmtp_listener listen 127.0.0.1:{port} relay_hosts ( 127.0.0.0/8 )"),
        "Relay_Hosts = ( 127.0.0.0/8 )",
    );
    assert_eq!(Client::connect(("127.0.0.1", port)).expect("the listener is there").banner.code, 220);
    session.refuses("config set retry_interval soon", "expected");
    session.refuses("config set esmtp_listener listen 192.0.2.99:25 idle_time 5", "Reconfigure failed.");
    let before = server.folder.read("server.conf");
    assert!(session.ask("config writeback").expect("it saves").contains("Saved: server.conf"));
    let after = server.folder.read("server.conf");
    let expected = before.replace("retry_interval = 60 # a minute", "retry_interval = 90 # a minute");
    assert!(after.starts_with(&expected), "{after}");
    let added = &after[expected.len()..];
    assert!(added.contains(&format!("Listen \"127.0.0.1:{port}\"")), "{added}");
    session.says("config writeback", "There is nothing to save.");
    session.says("config reload", "OK, configuration 4");
    session.says("config get domain slow.example retry_interval", "Retry_Interval = 90");
    session.says(
        "config unset domain slow.example retry_interval",
        "\"Retry_Interval\" has been unset. Effective value is now:\n        Retry_Interval = 1200",
    );
    session.says("config reload", "OK, configuration 6");
    session.says("config get domain slow.example retry_interval", "Retry_Interval = 90");
    let whole = session.ask("write config").expect("a configuration");
    assert!(whole.contains("Domain \"slow.example\" {\n  Retry_Interval = 90\n}"), "{whole}");
    server.accept("me@sender.example", &["you@here.example"], &letter("live"));
    sink.wait_for(1);
    stop_complained_of(&mut server);
}

#[test]
fn nobody_elses_work_is_overwritten() {
    let sink = Sink::start();
    let mut server = Server::start(&Setup::new(PLACE, "overwritten", sink.port()));
    let mut session = Session::open(&server);
    session.says("config set retry_interval 90", "Retry_Interval = 90");
    let edited = server.folder.read("server.conf") + "# edited by hand\n";
    server.folder.write("server.conf", &edited);
    session.refuses("config writeback", "is not what was read");
    assert_eq!(server.folder.read("server.conf"), edited);
    let other = server.folder.file("changes.conf");
    let saved = session.ask(&format!("config writeback {}", other.display()));
    assert_eq!(saved, Ok(format!("Saved in {}", other.display())));
    assert_eq!(fs::read_to_string(other).expect("it is there"), "Retry_Interval = 90\n");
    session.says("config reload", "OK, configuration 3");
    session.says("config eval retry_interval", "        Retry_Interval = 1200");
    server.stop();
}

#[test]
fn transactions_are_private_and_the_first_committer_wins() {
    let sink = Sink::start();
    let mut server = Server::start(&Setup::new(PLACE, "transactions", sink.port()));
    let (mut one, mut other) = (Session::open(&server), Session::open(&server));
    one.says("config begin", "");
    one.says("config set retry_interval 61", "Retry_Interval = 61");
    other.says("config eval retry_interval", "        Retry_Interval = 1200");
    other.says("config begin", "");
    other.says("config set retry_interval 62", "Retry_Interval = 62");
    one.refuses("config reload", "a transaction is open");
    one.says("config commit", "");
    other.refuses("config commit", "has changed since this transaction began");
    other.says("config replay", "config begin\nconfig set Retry_Interval = 62");
    other.says("config rollback", "");
    other.says("config eval retry_interval", "        Retry_Interval = 61");
    // What cannot be in force stays its owner's.
    other.says("config begin", "");
    other.says("config set esmtp_listener listen 192.0.2.99:25 idle_time 5", "Idle_Time = 5");
    other.refuses("config commit", "not on any interface");
    other.says(
        "config unset esmtp_listener listen 192.0.2.99:25",
        "\"Esmtp_Listener Listen \"192.0.2.99:25\"\" has been unset.",
    );
    other.says("config set retry_interval 63", "Retry_Interval = 63");
    other.says("config commit", "");
    one.says("config eval retry_interval", "        Retry_Interval = 63");
    // A session that goes takes its transaction with it.
    one.says("config begin", "");
    one.says("config set retry_interval 64", "Retry_Interval = 64");
    drop(one);
    eventually("it is still the other", || {
        Session::open(&server).ask("config eval retry_interval").is_ok_and(|value| value.ends_with("63"))
    });
    stop_complained_of(&mut server);
}

#[test]
fn a_reload_at_the_console_fails_with_the_place_and_a_status() {
    let sink = Sink::start();
    let mut server = Server::start(&Setup::new(PLACE, "console-reload", sink.port()));
    server.configure("retry_interval = soon");
    let failed = server.console(&["config", "reload"]);
    assert_ne!(failed.code(), Some(0));
    let told = failed.out + &failed.err;
    assert!(told.contains("retry_interval = soon") && told.contains("Reconfigure failed."), "{told}");
    server.configure("spool_memory = 99999999");
    let warned = server.console(&["config", "reload"]).well().out;
    assert!(
        warned.contains("spool_memory = 99999999 takes effect when the server is started again"),
        "{warned}"
    );
    assert!(warned.contains("OK, configuration 2"), "{warned}");
    // A socket that is there keeps its mode and its backlog; one that is opened now has what was set.
    let listen = |settings: &str| {
        format!(
            "Control_Listener {{ Listen \"{}\" {{ {settings} }} }}",
            server.folder.file("control.sock").display()
        )
    };
    let other = server.folder.file("other.sock");
    server.configure(&format!(
        "{}\nControl_Listener {{ Listen \"{}\" {{ file_mode = 0600 }} }}",
        listen("file_mode = 0660"),
        other.display()
    ));
    let warned = server.console(&["config", "reload"]).well().out;
    assert!(warned.contains("control.sock") && warned.contains("file_mode = 0660 takes effect"), "{warned}");
    assert!(!warned.contains("other.sock"), "{warned}");
    assert_eq!(fs::metadata(&other).expect("it is there").permissions().mode() & 0o777, 0o600);
    stop_complained_of(&mut server);
}

/// What was refused stands in the paniclog.
fn stop_complained_of(server: &mut Server) {
    eventually("it is written", || server.folder.read("paniclog.ec").contains("Reconfigure failed."));
    server.signal("TERM");
    assert_eq!(server.ended().code(), Some(0));
}
