//! What an operator does to a server: start it wrongly, reload it, rotate its logs, ask it, stop it.

use crate::PLACE;
use harness::{Ended, Server, Setup, Sink, Type, eventually, free_port, letter, run};
use std::fs;
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// sysexits.h
const EX_UNAVAILABLE: i32 = 69;
const EX_CONFIG: i32 = 78;

fn may_relay(server: &Server) -> bool {
    let mut client = server.client();
    client.command("MAIL FROM:<me@sender.example>").expect("a reply");
    let reply = client.command("RCPT TO:<you@here.example>").expect("a reply");
    assert!([250, 550].contains(&reply.code), "{reply:?}");
    reply.code == 250
}

#[test]
fn a_reload_changes_who_may_relay_and_a_bad_file_changes_nothing() {
    let sink = Sink::start();
    let mut server = Server::start(&Setup::new(PLACE, "reload", sink.port()));
    assert!(may_relay(&server));
    server.configure("relay_hosts = ( 192.0.2.0/24 )");
    assert!(may_relay(&server), "a file is read when the server is told to");
    server.signal("HUP");
    eventually("the new file holds", || !may_relay(&server));
    server.configure("relay_hosts = ( 127.0.0.0/8 )\nretry_interval = soon");
    server.signal("HUP");
    eventually("the bad file is complained of", || server.said().contains("Reconfigure failed."));
    assert!(server.said().contains("retry_interval"), "{}", server.said());
    assert!(!may_relay(&server));
    server.configure("relay_hosts = ( 127.0.0.0/8 )");
    server.signal("HUP");
    eventually("the good file holds", || may_relay(&server));
    let panics = server.folder.read("paniclog.ec");
    assert!(panics.contains("retry_interval") && panics.contains("Reconfigure failed."), "{panics}");
    server.signal("TERM");
    assert_eq!(server.ended().code(), Some(0));
}

#[test]
fn no_line_is_lost_when_logs_are_renamed_and_reopened() {
    for signal in ["USR1", "HUP"] {
        let sink = Sink::start();
        let mut server = Server::start(&Setup::new(PLACE, "rotate", sink.port()));
        let mut client = server.client();
        for number in 0..60 {
            if number == 30 {
                eventually("the first lines are written", || !server.mainlog().is_empty());
                fs::rename(server.folder.file("mainlog.ec"), server.folder.file("mainlog.1"))
                    .expect("renamed");
                server.signal(signal);
            }
            client.send("me@sender.example", &["you@here.example"], &letter("rotate")).expect("a reply");
        }
        sink.wait_for(60);
        eventually("the new file is written", || !server.mainlog().is_empty());
        server.stop();
        let old = server.folder.read("mainlog.1");
        let old = old.lines().map(|line| harness::parse_mainlog(line).expect("a line").kind);
        let all: Vec<_> = old.chain(server.mainlog().into_iter().map(|line| line.kind)).collect();
        for kind in [Type::Reception, Type::Delivery] {
            assert_eq!(all.iter().filter(|known| **known == kind).count(), 60, "{kind:?}");
        }
    }
}

#[test]
fn every_copy_is_logged_from_reception_to_its_end() {
    let sink = Sink::start();
    let mut server = Server::start(&Setup::new(PLACE, "logged", sink.port()));
    server.accept(
        "me@sender.example",
        &["a@one.example", "b@one.example", "c@two.example"],
        &letter("logged"),
    );
    eventually("three copies are delivered", || server.count("deliveries") == 3);
    eventually("the heart beats", || server.count_of(Type::Heartbeat) > 0);
    server.stop();
    let log = server.mainlog();
    let received: Vec<_> = log.iter().filter(|line| line.kind == Type::Reception).collect();
    assert_eq!(received.len(), 3);
    for copy in &received {
        assert_eq!(
            (&*copy.peer, &*copy.protocol, &*copy.sender_domain),
            ("127.0.0.1", "esmtp", "sender.example")
        );
        assert_eq!((&copy.batch, &copy.connection), (&received[0].batch, &received[0].connection));
        let mut ends = log.iter().filter(|line| line.kind == Type::Delivery && line.message == copy.message);
        let end = ends.next().expect("each copy has an end");
        assert!(ends.next().is_none(), "each copy has one end");
        assert_eq!((&end.batch, &end.domain, &end.binding), (&copy.batch, &copy.domain, &copy.binding));
        assert_ne!(end.connection, copy.connection, "the connection out is another than the connection in");
    }
    for log in ["bouncelog.ec", "rejectlog.ec"] {
        assert!(!server.folder.read(log).is_empty(), "{log} has a heart, too");
    }
}

#[test]
fn the_console_tells_what_was_done_and_what_waits() {
    let sink = Sink::start();
    let settings = "Domain waits.example { suspend_delivery = true }";
    let mut server = Server::start(&Setup { settings, ..Setup::new(PLACE, "console", sink.port()) });
    for recipient in ["a@here.example", "b@waits.example", "c@waits.example"] {
        server.accept("me@sender.example", &[recipient], &letter("console"));
    }
    sink.wait_for(1);
    eventually("it is settled", || server.count("deliveries") == 1);
    for (name, count) in [("receptions", 3), ("queued_messages", 2), ("rejections", 0), ("panics", 0)] {
        assert_eq!(server.count(name), count, "{name}");
    }
    let queues = server.console(&["mailq"]).well().out;
    let queue = queues.lines().find(|line| line.contains("waits.example")).expect("the queue is listed");
    let row: Vec<&str> = queue.split_whitespace().collect();
    assert_eq!(row, ["default/default", "waits.example", "2", "0"]);
    assert!(server.console(&["version"]).well().out.contains("# ecelerity version: "));
    assert!(server.console(&["help"]).well().out.contains("mailq"));
    let unknown = server.console(&["dance"]);
    assert_eq!(unknown.code(), Some(1), "{}", unknown.out);
    server.console(&["shutdown"]).well();
    assert_eq!(server.ended().code(), Some(0));
    assert!(server.spool("ls").well().out.ends_with("\n2 messages\n"));
}

#[test]
fn a_server_stopped_under_load_ends_well_and_delivers_the_rest_later() {
    let sink = Sink::start();
    let mut server = Server::start(&Setup::new(PLACE, "under-load", sink.port()));
    let (acknowledged, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut client = server.client();
                while !over.load(Ordering::Relaxed) {
                    let sent = client.send("me@sender.example", &["you@here.example"], &letter("load"));
                    match sent {
                        Ok(reply) if reply.code == 250 => acknowledged.fetch_add(1, Ordering::Relaxed),
                        // Told to go, or left alone: both are ways to learn that the server stops.
                        Ok(_) | Err(_) => return,
                    };
                }
            });
        }
        eventually("the load is on", || acknowledged.load(Ordering::Relaxed) > 300);
        server.signal("TERM");
    });
    over.store(true, Ordering::Relaxed);
    assert_eq!(server.ended().code(), Some(0), "{}", server.said());
    server.spool("check").well();
    server.launch();
    server.wait_for_banner();
    let acknowledged = acknowledged.load(Ordering::Relaxed);
    sink.wait_for(acknowledged);
    eventually("the queues are empty", || server.count("queued_messages") == 0);
    server.stop();
    assert_eq!(sink.count(), acknowledged, "a server that was asked to stop repeats nothing");
}

#[test]
fn a_second_server_on_the_same_spool_is_refused() {
    let sink = Sink::start();
    let mut server = Server::start(&Setup::new(PLACE, "second", sink.port()));
    let configuration = server.folder.read("server.conf");
    let other = configuration.replace(&format!(":{}\"", server.port()), &format!(":{}\"", free_port()));
    server.folder.write("server.conf", other.replace("control.sock", "other.sock"));
    let refused = run(&mut server.command());
    assert_eq!(refused.code(), Some(EX_UNAVAILABLE));
    assert!(refused.err.contains("another server uses the spool"), "{}", refused.err);
    assert!(may_relay(&server), "the first one is not disturbed");
    server.stop();
}

#[test]
fn a_taken_port_is_named() {
    let server = Server::prepare(&Setup::new(PLACE, "taken", free_port()));
    let _holder = TcpListener::bind(server.address()).expect("the port was free");
    let Ended { status, err, .. } = run(&mut server.command());
    assert_eq!(status.code(), Some(EX_UNAVAILABLE));
    assert!(err.contains(&server.address().to_string()) && err.contains("another process"), "{err}");
}

#[test]
fn an_address_that_is_not_ours_is_named() {
    let server = Server::prepare(&Setup {
        settings: "ESMTP_Listener { Listen \"192.0.2.99:2525\" { } }",
        ..Setup::new(PLACE, "foreign", free_port())
    });
    let Ended { status, err, .. } = run(&mut server.command());
    assert_eq!(status.code(), Some(EX_CONFIG));
    assert!(err.contains("192.0.2.99:2525"), "{err}");
}

#[test]
fn a_mistake_in_the_configuration_is_shown_at_its_place() {
    let server = Server::prepare(&Setup {
        settings: "retry_interval = soon",
        ..Setup::new(PLACE, "mistake", free_port())
    });
    let Ended { status, err, .. } = run(&mut server.command());
    assert_eq!(status.code(), Some(EX_CONFIG));
    let lines: Vec<&str> = err.lines().collect();
    let shown =
        lines.iter().position(|line| line.contains("retry_interval = soon")).expect("the line is shown");
    let source = lines[shown];
    let marked = lines[shown + 1];
    let caret = marked.find('^').expect("a caret stands below");
    assert_eq!(source.get(caret..caret + 4), Some("soon"), "{err}");
}
