//! How a full spool is read back after a crash: all of it, and how fast.

use crate::PLACE;
use harness::{Client, Server, Setup, Sink, letter};
use std::thread;
use std::time::Instant;

const CLIENTS: usize = 16;
/// Few enough that all their connections fit into the backlog of the sink, or the kernel lets some wait for half
/// a minute.
const DOMAINS: usize = 20;
/// The switch of tests that take minutes.
const LONG: &str = "IMPETUS_LONG";

#[test]
fn five_thousand_messages_come_back_after_a_crash_and_are_delivered() {
    let sink = Sink::start();
    let mut server = filled(5_000, sink.port());
    restart_and_count(&mut server, 5_000);
    server.configure("");
    server.signal("HUP");
    sink.wait_for(5_000);
    server.stop();
    assert_eq!(sink.count(), 5_000);
}

#[test]
#[ignore = "minutes of load; run with IMPETUS_LONG=1 and --ignored"]
fn a_hundred_thousand_messages_come_back_after_a_crash() {
    assert!(std::env::var_os(LONG).is_some(), "set {LONG}=1 to run what takes minutes");
    let sink = Sink::start();
    let mut server = filled(100_000, sink.port());
    restart_and_count(&mut server, 100_000);
    server.stop();
}

/// A server with that many messages in queues that are suspended.
fn filled(messages: usize, remote_smtp_port: u16) -> Server {
    let settings = "suspend_delivery = true";
    let server = Server::start(&Setup { settings, ..Setup::new(PLACE, "filled", remote_smtp_port) });
    let address = server.address();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            thread::spawn(move || {
                let mut connection = Client::connect(address).expect("the server answers");
                connection.command("EHLO client.example").expect("EHLO is answered");
                for number in (client..messages).step_by(CLIENTS) {
                    let recipient = format!("r{number}@d{}.example", number % DOMAINS);
                    let sent = connection.send("s@sender.example", &[&recipient], &letter("filled"));
                    assert_eq!(sent.expect("the server answers").code, 250);
                }
            })
        })
        .collect();
    clients.into_iter().for_each(|client| client.join().expect("a client succeeds"));
    assert_eq!(server.count("queued_messages"), messages as u64);
    server
}

fn restart_and_count(server: &mut Server, messages: u64) {
    server.kill();
    let listed = server.spool("ls").well().out;
    assert!(listed.ends_with(&format!("\n{messages} messages\n")), "{}", listed.lines().count());
    let begun = Instant::now();
    server.launch();
    server.wait_for_banner();
    let listening = begun.elapsed();
    harness::eventually("all are queued again", || server.count("queued_messages") >= messages);
    println!("{messages} messages: listening after {listening:?}, all queued after {:?}", begun.elapsed());
    assert_eq!(server.count("queued_messages"), messages);
}
