//! Limits as the receiving side sees them.

use crate::PLACE;
use harness::{Client, Server, Setup, Sink, Type, letter};
use std::thread;
use std::time::Duration;

fn send_many(server: &Server, count: usize) {
    let mut client = server.client();
    for number in 0..count {
        let recipient = format!("r{number}@here.example");
        let reply = client.send("me@sender.example", &[&recipient], &letter("many")).expect("an answer");
        assert_eq!(reply.code, 250);
    }
}

#[test]
fn a_throttle_of_messages_holds_at_the_receiver() {
    const RATE: usize = 10;
    const COUNT: usize = 45;
    let sink = Sink::start();
    let settings = "outbound_throttle_messages = \"10/1\"";
    let mut server = Server::start(&Setup { settings, ..Setup::new(PLACE, "throttle", sink.port()) });
    send_many(&server, COUNT);
    let mut times: Vec<_> = sink.wait_for(COUNT).into_iter().map(|letter| letter.at).collect();
    server.stop();
    times.sort();
    // Messages of one window may leave at its end and those of the next at its beginning; and this machine
    // may be late with any of them.
    for windows in [2u32, 3, 4] {
        let least = Duration::from_millis(u64::from(windows - 1) * 1000 - 500);
        for pair in times.windows(RATE * windows as usize + 1) {
            let span = pair[pair.len() - 1].duration_since(pair[0]);
            assert!(span >= least, "{} messages in {span:?}", pair.len());
        }
    }
    assert_eq!(server.count_of(Type::Transient), 0);
}

#[test]
fn no_more_connections_are_opened_than_allowed() {
    const MOST: usize = 3;
    let sink = Sink::ruled(|line| {
        if line == "." {
            thread::sleep(Duration::from_millis(20));
        }
        None
    });
    let settings = "max_outbound_connections = 3";
    let mut server = Server::start(&Setup { settings, ..Setup::new(PLACE, "connections", sink.port()) });
    send_many(&server, 90);
    sink.wait_for(90);
    server.stop();
    let (_, most) = sink.connections();
    assert!((2..=MOST).contains(&most), "{most} connections at once");
}

#[test]
fn a_connection_carries_many_messages_unless_it_may_not() {
    for (settings, least, most) in
        [("max_outbound_connections = 1", 1, 3), ("max_deliveries_per_connection = 5", 6, 30)]
    {
        let sink = Sink::start();
        let mut server = Server::start(&Setup { settings, ..Setup::new(PLACE, "reuse", sink.port()) });
        send_many(&server, 30);
        sink.wait_for(30);
        server.stop();
        let (connections, _) = sink.connections();
        assert!(
            (least..=most).contains(&connections),
            "{settings}: {connections} connections for 30 messages"
        );
    }
}

#[test]
fn sessions_above_the_limit_are_turned_away() {
    let sink = Sink::start();
    let settings = "ESMTP_Listener { listener_sessions = 3 }";
    let mut server = Server::start(&Setup { settings, ..Setup::new(PLACE, "sessions", sink.port()) });
    // The one that asked for the first banner may still be on its way out.
    harness::eventually("nobody is there", || server.count("sessions") == 0);
    let guests: Vec<_> = (0..3).map(|_| server.client()).collect();
    let turned_away = Client::connect(server.address()).expect("an answer");
    assert_eq!(turned_away.banner.code, 421, "{}", turned_away.banner.text);
    drop(guests);
    harness::eventually("there is room again", || {
        Client::connect(server.address()).is_ok_and(|client| client.banner.code == 220)
    });
    server.stop();
}
