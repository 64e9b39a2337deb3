//! Which host a domain's mail goes to, as the name server says.

use crate::PLACE;
use harness::{Server, Setup, Sink, Type, eventually, free_port, letter};
use std::net::SocketAddr;

/// A sink on one of the loopback addresses.
fn sink_at(host: u8, port: u16) -> Sink {
    Sink::at(SocketAddr::from(([127, 0, 0, host], port)), |_| None)
}

#[test]
fn the_preferred_exchanger_gets_the_mail() {
    let port = free_port();
    let (first, second) = (sink_at(11, port), sink_at(12, port));
    let zone = "here.example 60 MX 20 second.example\nhere.example 60 MX 10 first.example\n\
                first.example 60 A 127.0.0.11\nsecond.example 60 A 127.0.0.12\n";
    let mut server = Server::start(&Setup { zone, ..Setup::new(PLACE, "preferred", port) });
    for number in 0..5 {
        server.accept("me@sender.example", &["you@here.example"], &letter(&number.to_string()));
    }
    first.wait_for(5);
    server.stop();
    assert_eq!((first.count(), second.count()), (5, 0));
    let delivered: Vec<_> = server.mainlog().into_iter().filter(|line| line.kind == Type::Delivery).collect();
    assert!(delivered.iter().all(|line| line.peer == "127.0.0.11" && line.domain == "here.example"));
    assert_eq!(delivered.len(), 5);
}

#[test]
fn exchangers_of_one_preference_share_the_mail() {
    let port = free_port();
    let sinks = [sink_at(13, port), sink_at(14, port)];
    let zone = "here.example 60 MX 10 one.example\nhere.example 60 MX 10 two.example\n\
                one.example 60 A 127.0.0.13\ntwo.example 60 A 127.0.0.14\n";
    // A connection for each message: the choice is made for each connection.
    let settings = "max_deliveries_per_connection = 1";
    let mut server = Server::start(&Setup { zone, settings, ..Setup::new(PLACE, "shared", port) });
    for number in 0..40 {
        server.accept("me@sender.example", &["you@here.example"], &letter(&number.to_string()));
    }
    eventually("all have arrived", || sinks[0].count() + sinks[1].count() == 40);
    server.stop();
    assert!(sinks.iter().all(|sink| sink.count() > 0), "{} and {}", sinks[0].count(), sinks[1].count());
}

#[test]
fn the_next_exchanger_takes_over_when_the_first_is_down() {
    let port = free_port();
    let second = sink_at(16, port);
    let zone = "here.example 60 MX 10 down.example\nhere.example 60 MX 20 up.example\n\
                down.example 60 A 127.0.0.15\nup.example 60 A 127.0.0.16\n";
    let mut server = Server::start(&Setup { zone, ..Setup::new(PLACE, "takes-over", port) });
    server.accept("me@sender.example", &["you@here.example"], &letter("over"));
    second.wait_for(1);
    server.stop();
    assert!(server.count_of(Type::Transient) == 0, "a second exchanger is no second attempt");
}

#[test]
fn domains_of_our_own_go_to_the_best_exchanger_only() {
    let zone = "here.example 60 MX 10 down.example\nhere.example 60 MX 20 up.example\n\
                down.example 60 A 127.0.0.22\nup.example 60 A 127.0.0.23\n";
    for (only_best, name) in [(true, "best-only"), (false, "best-first")] {
        let port = free_port();
        let second = sink_at(23, port);
        let settings =
            format!("relay_domains = ( here.example )\nonly_use_best_mx_for_relay_domains = {only_best}\n");
        let mut server = Server::start(&Setup { zone, settings: &settings, ..Setup::new(PLACE, name, port) });
        server.accept("me@sender.example", &["you@here.example"], &letter("own"));
        match only_best {
            true => eventually("the best host was tried", || server.count_of(Type::Transient) > 0),
            false => drop(second.wait_for(1)),
        }
        server.stop();
        assert_eq!(second.count(), usize::from(!only_best));
    }
}

#[test]
fn a_host_whose_name_server_is_silent_holds_up_nobody_if_that_is_wished() {
    let port = free_port();
    let up = sink_at(24, port);
    let zone = "here.example 60 MX 10 up.example\nhere.example 60 MX 20 mute.example\n\
                up.example 60 A 127.0.0.24\nmute.example 0 SILENT\n";
    let settings = "fully_resolve_before_smtp = false\n";
    let mut server = Server::start(&Setup { zone, settings, ..Setup::new(PLACE, "early", port) });
    server.accept("me@sender.example", &["you@here.example"], &letter("early"));
    up.wait_for(1);
    server.stop();
    assert_eq!(server.count_of(Type::Transient), 0);
}

#[test]
fn a_domain_without_exchangers_is_its_own() {
    let port = free_port();
    let sink = sink_at(17, port);
    let zone = "here.example 60 A 127.0.0.17\n";
    let mut server = Server::start(&Setup { zone, ..Setup::new(PLACE, "own", port) });
    server.accept("me@sender.example", &["you@here.example"], &letter("own"));
    sink.wait_for(1);
    server.stop();
}

#[test]
fn an_alias_leads_to_the_exchangers() {
    let port = free_port();
    let sink = sink_at(18, port);
    let zone = "www.here.example 60 CNAME here.example\nhere.example 60 MX 10 mx.example\nmx.example 60 A 127.0.0.18\n";
    let mut server = Server::start(&Setup { zone, ..Setup::new(PLACE, "alias", port) });
    server.accept("me@sender.example", &["you@www.here.example"], &letter("alias"));
    assert_eq!(sink.wait_for(1)[0].recipients, ["you@www.here.example"]);
    server.stop();
}

#[test]
fn an_answer_too_long_for_a_datagram_is_asked_for_by_stream() {
    let port = free_port();
    let sink = sink_at(19, port);
    let mut zone: String = (0..80)
        .map(|number| {
            format!(
                "here.example 60 MX {} a-rather-long-name-of-an-exchanger-{number}.example\n",
                100 + number
            )
        })
        .collect();
    zone.push_str("here.example 60 MX 10 mx.example\nmx.example 60 A 127.0.0.19\n");
    let mut server = Server::start(&Setup { zone: &zone, ..Setup::new(PLACE, "stream", port) });
    server.accept("me@sender.example", &["you@here.example"], &letter("stream"));
    sink.wait_for(1);
    server.stop();
}

#[test]
fn a_refreshed_domain_is_looked_up_again() {
    let port = free_port();
    let (old, new) = (sink_at(20, port), sink_at(21, port));
    let zone = |address: &str| format!("here.example 3600 MX 10 mx.example\nmx.example 3600 A {address}\n");
    let settings = "idle_timeout = 1";
    let (first, second) = (zone("127.0.0.20"), zone("127.0.0.21"));
    let mut server =
        Server::start(&Setup { zone: &first, settings, shards: 1, ..Setup::new(PLACE, "refresh", port) });
    server.accept("me@sender.example", &["you@here.example"], &letter("one"));
    old.wait_for(1);
    server.names.change(&second);
    server.accept("me@sender.example", &["you@here.example"], &letter("two"));
    old.wait_for(2);
    assert!(server.console(&["refresh", "domain", "here.example"]).well().out.contains("here.example"));
    eventually("the idle connection is closed", || old.open() == 0);
    server.accept("me@sender.example", &["you@here.example"], &letter("three"));
    new.wait_for(1);
    server.stop();
}
