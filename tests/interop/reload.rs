//! The configuration changes while the server works: listeners and logs come and go, nothing that fails changes
//! anything, nobody is sent away, and nothing is left behind.

use crate::PLACE;
use harness::{Client, Server, Setup, Sink, Type, eventually, free_port, letter};
use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

const SENDER: &str = "me@sender.example";
const RECIPIENT: &[&str] = &["you@here.example"];

fn listener(port: u16) -> String {
    format!("ESMTP_Listener {{ Listen \"127.0.0.1:{port}\" {{ }} }}")
}

fn at(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// Reloads and waits until the server has said how it went.
fn reload(server: &Server) -> String {
    let before = server.said().len();
    server.signal("HUP");
    let said = || server.said()[before..].to_owned();
    eventually("the reload has ended", || said().contains("OK, configuration") || said().contains("failed."));
    said()
}

#[test]
fn listeners_come_and_go_while_sessions_stay() {
    let sink = Sink::start();
    let mut server = Server::start(&Setup::new(PLACE, "listeners", sink.port()));
    let mut first = server.client();
    let (one, other) = (free_port(), free_port());
    server.configure(&listener(one));
    assert!(reload(&server).contains("OK, configuration 2"));
    let mut second = Client::connect(at(one)).expect("the new listener answers");
    assert_eq!(second.command("EHLO client.example").expect("a reply").code, 250);
    server.configure(&listener(other));
    assert!(reload(&server).contains("OK, configuration 3"));
    eventually("the listener is closed", || TcpStream::connect(at(one)).is_err());
    assert_eq!(Client::connect(at(other)).expect("the newest listener answers").banner.code, 220);
    for client in [&mut first, &mut second] {
        let reply = client.send(SENDER, RECIPIENT, &letter("stays")).expect("the session is still there");
        assert_eq!(reply.code, 250, "{}", reply.text);
    }
    sink.wait_for(2);
    server.stop();
}

#[test]
fn a_session_goes_by_the_new_configuration_from_its_next_message_on() {
    let sink = Sink::start();
    let mut server = Server::start(&Setup::new(PLACE, "adopts", sink.port()));
    let mut client = server.client();
    client.command("MAIL FROM:<me@sender.example>").expect("a reply");
    server.configure("relay_hosts = ( 192.0.2.0/24 )");
    reload(&server);
    let rcpt = "RCPT TO:<you@here.example>";
    assert_eq!(client.command(rcpt).expect("a reply").code, 250, "the message keeps what it began with");
    client.command("RSET").expect("a reply");
    client.command("MAIL FROM:<me@sender.example>").expect("a reply");
    assert_eq!(client.command(rcpt).expect("a reply").code, 550, "the next one goes by the new");
    server.stop();
}

#[test]
fn a_listener_that_cannot_be_had_refuses_the_whole_reload() {
    let sink = Sink::start();
    let mut server = Server::start(&Setup::new(PLACE, "refused", sink.port()));
    let (free, taken) = (free_port(), free_port());
    let holder = TcpListener::bind(at(taken)).expect("the port was free");
    for (port_or_address, why) in [
        (format!("127.0.0.1:{taken}"), "another process"),
        ("192.0.2.99:2525".into(), "not on any interface"),
    ] {
        server.configure(&format!(
            "relay_hosts = ( 192.0.2.0/24 )\n{}\nESMTP_Listener {{ Listen \"{port_or_address}\" {{ }} }}",
            listener(free)
        ));
        let said = reload(&server);
        assert!(said.contains(why) && said.contains("Reconfigure failed."), "{said}");
        assert!(TcpStream::connect(at(free)).is_err(), "no part of it is in force");
        server.accept(SENDER, RECIPIENT, &letter("still"));
    }
    // Free for the keeper, taken when the shards bind it: nobody keeps what it has opened.
    let path = server.folder.file("in-the-way");
    fs::write(&path, "no socket").expect("a file");
    server.configure(&format!(
        "{}\nESMTP_Listener {{ Listen \"{}\" {{ }} }}",
        listener(free),
        path.display()
    ));
    let said = reload(&server);
    assert!(said.contains("cannot listen on") && said.contains("Reconfigure failed."), "{said}");
    eventually("the other listener is closed again", || TcpStream::connect(at(free)).is_err());
    drop(holder);
    server.configure(&listener(taken));
    assert!(reload(&server).contains("OK, configuration 2"), "refused generations have no number");
    sink.wait_for(2);
    let panics = server.folder.read("paniclog.ec");
    assert_eq!(panics.matches("Reconfigure failed.").count(), 3, "{panics}");
    server.signal("TERM");
    assert_eq!(server.ended().code(), Some(0));
}

#[test]
fn one_reload_goes_from_any_address_to_one_of_them() {
    let sink = Sink::start();
    let port = free_port();
    let settings = format!("ESMTP_Listener {{ Listen \"*:{port}\" {{ }} }}");
    let mut server =
        Server::start(&Setup { settings: &settings, ..Setup::new(PLACE, "narrow", sink.port()) });
    assert!(TcpStream::connect(("127.0.0.2", port)).is_ok());
    server.configure(&listener(port));
    assert!(reload(&server).contains("OK, configuration 2"));
    eventually("the other addresses are closed", || TcpStream::connect(("127.0.0.2", port)).is_err());
    assert_eq!(Client::connect(at(port)).expect("it answers").banner.code, 220);
    server.stop();
}

#[test]
fn logs_move_without_losing_a_line_and_restarts_are_asked_for() {
    let sink = Sink::start();
    let mut server = Server::start(&Setup::new(PLACE, "logs-move", sink.port()));
    let mut client = server.client();
    let folder = server.folder.path().display().to_string();
    for number in 0..40 {
        if number == 20 {
            server.configure(&format!(
                "ec_logger \"ec_logger\" {{ mainlog = \"{folder}/moved/mainlog.ec\" }}\n\
                 spool_memory = 1000000\nSecurity {{ user = nobody }}"
            ));
            let said = reload(&server);
            for setting in ["spool_memory = 1000000", "Security::user = nobody"] {
                let line = said.lines().find(|line| line.contains(setting));
                assert!(line.is_some_and(|line| line.contains("started again")), "{setting}: {said}");
            }
        }
        client.send(SENDER, RECIPIENT, &letter("moves")).expect("a reply");
    }
    sink.wait_for(40);
    server.stop();
    let moved = server.folder.read("moved/mainlog.ec");
    let moved = moved.lines().map(|line| harness::parse_mainlog(line).expect("a line").kind);
    let kept = server.mainlog().into_iter().map(|line| line.kind);
    let all: Vec<Type> = kept.chain(moved).collect();
    assert_eq!(all.iter().filter(|kind| **kind == Type::Reception).count(), 40);
    assert_eq!(all.iter().filter(|kind| **kind == Type::Delivery).count(), 40);
}

/// Open descriptors, and resident octets.
fn footprint(process: u32) -> (usize, u64) {
    let proc = Path::new("/proc").join(process.to_string());
    let descriptors = fs::read_dir(proc.join("fd")).expect("it runs").count();
    let status = fs::read_to_string(proc.join("status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a figure");
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    (descriptors, kilobytes * 1024)
}

#[test]
fn reloads_under_load_fail_no_session_and_leave_nothing_behind() {
    /// Growth that is no leak: arenas of the allocator, logs that were opened.
    const SLACK: u64 = 48 << 20;
    let rounds: usize =
        if std::env::var_os("IMPETUS_LONG").is_some_and(|long| long == "1") { 1000 } else { 40 };
    let sink = Sink::start();
    let mut server = Server::start(&Setup::new(PLACE, "reloads", sink.port()));
    let ports = [free_port(), free_port()];
    let domains: String =
        (0..500).map(|n| format!("Domain d{n}.example {{ retry_interval = {} }}\n", n + 60)).collect();
    let configure = |round: usize| {
        server.configure(&format!(
            "retry_interval = {}\n{}\n{domains}",
            1000 + round,
            listener(ports[round % 2])
        ));
    };
    let (accepted, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let mut figures = Vec::new();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                // Half of the sessions live through everything, half are short.
                let mut client = server.client();
                while !over.load(Ordering::Relaxed) {
                    for _ in 0..20 {
                        let reply =
                            client.send(SENDER, RECIPIENT, &letter("load")).expect("no session fails");
                        assert_eq!(reply.code, 250, "{}", reply.text);
                        accepted.fetch_add(1, Ordering::Relaxed);
                    }
                    let mut short = server.client();
                    let reply = short.send(SENDER, RECIPIENT, &letter("short")).expect("no session fails");
                    assert_eq!(reply.code, 250, "{}", reply.text);
                    accepted.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for round in 0..rounds {
            configure(round);
            assert!(reload(&server).contains(&format!("OK, configuration {}", round + 2)));
            if round == rounds / 4 || round + 1 == rounds {
                figures.push(footprint(server.process()));
            }
        }
        over.store(true, Ordering::Relaxed);
    });
    let accepted = accepted.load(Ordering::Relaxed);
    sink.wait_for(accepted);
    eventually("the queues are empty", || server.count("queued_messages") == 0);
    let [(descriptors, memory), (descriptors_after, memory_after)] = figures[..] else {
        panic!("two figures")
    };
    eprintln!(
        "{rounds} reloads, {accepted} messages: descriptors {descriptors}, then {descriptors_after}; resident \
         {} MB, then {} MB",
        memory >> 20,
        memory_after >> 20
    );
    // Deliveries come and go.
    assert!(descriptors_after <= descriptors + 40, "{descriptors} descriptors, then {descriptors_after}");
    assert!(memory_after <= memory + SLACK, "{memory} bytes, then {memory_after}");
    assert_eq!(server.count("panics"), 0);
    assert_eq!(sink.count(), accepted, "nothing twice");
    server.stop();
}
