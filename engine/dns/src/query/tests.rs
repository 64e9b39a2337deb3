//! What `query` must do, in cases.

use super::*;
use crate::packet::ALIASES;
use crate::zone::{Carrier, Zone};
use crate::{Kind, Name, Record};

const ID: u16 = 0x4D58;

fn at(seconds: u64) -> Time {
    Time::from_secs(seconds)
}

fn question(name: &str, kind: Kind) -> Question {
    Question::new(Name::new(name).unwrap(), kind)
}

fn resolv(text: &str) -> Resolv {
    Resolv::parse(&format!("nameserver 192.0.2.1\nnameserver 192.0.2.2\n{text}")).0
}

fn zone() -> Zone {
    Zone::parse(
        "alpha.example    300 MX 10 mx.alpha.example\n\
         mx.alpha.example 300 A 198.51.100.1\n\
         broken.example     0 SERVFAIL\n\
         closed.example     0 REFUSED\n\
         around.example    60 CNAME back.example\n\
         back.example      60 CNAME around.example\n",
    )
    .unwrap()
}

/// A zone with one TXT set too large for a datagram.
fn large_zone() -> Zone {
    let line = |number| format!("large.example 60 TXT {number:03}{}\n", "x".repeat(240));
    Zone::parse(&(0..20).map(line).collect::<String>()).unwrap()
}

fn server_and_packet(query: &Query) -> (char, String, Vec<u8>, Time) {
    match query.want() {
        Want::Datagram { server, packet, deadline } => ('u', server.ip().to_string(), packet, deadline),
        Want::Stream { server, packet, deadline } => ('t', server.ip().to_string(), packet, deadline),
        Want::Done => panic!("done"),
    }
}

/// Plays the driver against a zone; returns the carriers and servers used.
fn play(query: &mut Query, zone: &Zone) -> Vec<String> {
    let mut asked = Vec::new();
    let mut now = at(100);
    loop {
        assert_eq!(query.want(), query.want(), "wanting changes nothing");
        match query.want() {
            Want::Datagram { server, packet, deadline } => {
                asked.push(format!("udp {}", server.ip()));
                match zone.answer(&packet, Carrier::Datagram) {
                    Some(reply) => assert!(query.received(&reply, now)),
                    None => {
                        now = deadline;
                        query.timed_out(now);
                    }
                }
            }
            Want::Stream { server, packet, .. } => {
                asked.push(format!("tcp {}", server.ip()));
                let reply = zone.answer(&packet[2..], Carrier::Stream).unwrap();
                let stream = [&(reply.len() as u16).to_be_bytes()[..], &reply].concat();
                for end in 0..stream.len() {
                    assert!(!query.received(&stream[..end], now), "{end} of {}", stream.len());
                }
                assert!(query.received(&stream, now));
            }
            Want::Done => return asked,
        }
    }
}

#[test]
fn every_outcome_of_a_question_comes_from_as_few_servers_as_possible() {
    let exchange = Record::Mx { preference: 10, exchange: Name::new("mx.alpha.example").unwrap() };
    let found = Answer::Records { records: [exchange].into(), ttl: 300 };
    let first = ["udp 192.0.2.1"];
    let all = ["udp 192.0.2.1", "udp 192.0.2.2", "udp 192.0.2.1", "udp 192.0.2.2"];
    for (name, answer, asked) in [
        ("alpha.example", found, &first[..]),
        ("mx.alpha.example", Answer::NoData { ttl: 60 }, &first),
        ("nowhere.example", Answer::NoName { ttl: 60 }, &first),
        ("broken.example", Answer::Failed(Trouble::ServerFailure), &all),
        ("closed.example", Answer::Failed(Trouble::Refused), &all),
        ("around.example", Answer::Failed(Trouble::Malformed), &all),
    ] {
        let mut query = Query::new(question(name, Kind::Mx), &resolv(""), ID, at(100));
        assert_eq!(play(&mut query, &zone()), asked, "{name}");
        assert_eq!(query.answer(), answer, "{name}");
    }
    assert_eq!(ALIASES, 8, "the limit that the design names");
}

#[test]
fn a_silent_server_costs_its_timeout_and_the_next_one_answers() {
    let asked = question("mx.alpha.example", Kind::A);
    let mut query = Query::new(asked, &resolv("options timeout:3"), ID, at(100));
    let (_, server, packet, deadline) = server_and_packet(&query);
    assert_eq!((server.as_str(), deadline), ("192.0.2.1", at(103)));
    query.timed_out(at(103));
    let (_, server, again, deadline) = server_and_packet(&query);
    assert_eq!((server.as_str(), deadline, &again), ("192.0.2.2", at(106), &packet));
    let reply = zone().answer(&again, Carrier::Datagram).unwrap();
    assert!(query.received(&reply, at(104)));
    assert_eq!(query.answer().records(), [Record::A([198, 51, 100, 1].into())]);
}

#[test]
fn after_all_attempts_on_all_servers_the_question_has_failed() {
    for (attempts, tries) in [(1, 2), (2, 4), (5, 10)] {
        let servers = resolv(&format!("options attempts:{attempts}"));
        let mut query = Query::new(question("a.example", Kind::A), &servers, ID, at(100));
        for try_number in 0..tries {
            assert_ne!(query.want(), Want::Done);
            if try_number % 2 == 0 { query.timed_out(at(105)) } else { query.failed(at(105)) }
        }
        assert_eq!(query.want(), Want::Done);
        assert_eq!(query.answer(), Answer::Failed(Trouble::Timeout));
    }
}

#[test]
fn rotation_starts_with_any_server_and_then_asks_the_others() {
    let servers = resolv("options rotate attempts:1");
    for (id, order) in [(0, ["192.0.2.1", "192.0.2.2"]), (0xFFFF, ["192.0.2.2", "192.0.2.1"])] {
        let mut query = Query::new(question("a.example", Kind::A), &servers, id, at(100));
        for server in order {
            assert_eq!(server_and_packet(&query).1, server);
            query.timed_out(at(105));
        }
        assert_eq!(query.want(), Want::Done);
    }
}

#[test]
fn a_truncated_answer_is_asked_for_again_over_tcp() {
    let mut query = Query::new(question("large.example", Kind::Txt), &resolv(""), ID, at(100));
    assert_eq!(play(&mut query, &large_zone()), ["udp 192.0.2.1", "tcp 192.0.2.1"]);
    assert_eq!(query.answer().records().len(), 20);
}

#[test]
fn without_tcp_a_truncated_answer_is_its_whole_records() {
    let servers = Resolv { fallback_to_tcp: false, ..resolv("options attempts:1") };
    let mut query = Query::new(question("large.example", Kind::Txt), &servers, ID, at(100));
    assert_eq!(play(&mut query, &large_zone()), ["udp 192.0.2.1"]);
    assert!((1..20).contains(&query.answer().records().len()));
    // If no record is whole, nothing is known: it must not pass for "no data".
    let mut query = Query::new(question("mx.alpha.example", Kind::Mx), &servers, ID, at(100));
    let mut reply = zone().answer(&server_and_packet(&query).2, Carrier::Datagram).unwrap();
    const TRUNCATION: u8 = 2;
    reply[2] |= TRUNCATION;
    assert!(query.received(&reply, at(100)) && query.received(&reply, at(100)));
    assert_eq!(query.answer(), Answer::Failed(Trouble::Malformed));
}

#[test]
fn a_stream_that_fails_or_lies_leads_to_the_next_server() {
    type Told = fn(&mut Query);
    let ways: [(&str, Told); 5] = [
        ("the stream ended", |query| query.failed(at(101))),
        ("the deadline came", |query| query.timed_out(at(105))),
        ("an empty message", |query| assert!(query.received(&[0, 0], at(101)))),
        ("garbage", |query| assert!(query.received(&[0, 3, 1, 2, 3], at(101)))),
        ("truncated once more", |query| {
            let packet = server_and_packet(query).2;
            let mut reply = zone().answer(&packet[2..], Carrier::Stream).unwrap();
            reply[2] |= 2;
            let stream = [&(reply.len() as u16).to_be_bytes()[..], &reply].concat();
            assert!(query.received(&stream, at(101)));
        }),
    ];
    for (way, tell) in ways {
        let mut query = Query::new(question("mx.alpha.example", Kind::A), &resolv(""), ID, at(100));
        let mut reply = zone().answer(&server_and_packet(&query).2, Carrier::Datagram).unwrap();
        reply[2] |= 2;
        assert!(query.received(&reply, at(100)), "{way}");
        assert_eq!(server_and_packet(&query).0, 't', "{way}");
        tell(&mut query);
        let (carrier, server, ..) = server_and_packet(&query);
        assert_eq!((carrier, &*server), ('u', "192.0.2.2"), "{way}");
    }
}

#[test]
fn forged_datagrams_are_ignored_until_there_are_too_many() {
    let mut query = Query::new(question("mx.alpha.example", Kind::A), &resolv(""), ID, at(100));
    let honest = zone().answer(&server_and_packet(&query).2, Carrier::Datagram).unwrap();
    let mut forged = honest.clone();
    forged[0] ^= 0xFF;
    let before = query.want();
    for _ in 1..FOREIGN_DATAGRAMS {
        assert!(!query.received(&forged, at(101)));
        assert_eq!(query.want(), before, "the deadline stays");
    }
    let mut flooded = query;
    assert!(flooded.received(b"garbage", at(101)));
    assert_eq!(server_and_packet(&flooded).1, "192.0.2.2");
    assert!(!flooded.received(&forged, at(101)), "the count begins anew with each socket");
    assert!(flooded.received(&honest, at(101)));
    assert_eq!(flooded.answer().records().len(), 1);
}

#[test]
fn a_server_that_chokes_on_edns_is_asked_plainly_once() {
    let mut query = Query::new(question("mx.alpha.example", Kind::A), &resolv(""), ID, at(100));
    let (_, _, extended, _) = server_and_packet(&query);
    const FORMAT_ERROR: [u8; 10] = [0x81, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    let choked = [&ID.to_be_bytes()[..], &FORMAT_ERROR].concat();
    assert!(query.received(&choked, at(101)));
    let (_, server, plain, _) = server_and_packet(&query);
    assert_eq!((&*server, extended.len() - plain.len()), ("192.0.2.1", 11));
    let mut stubborn = query;
    assert!(stubborn.received(&choked, at(101)));
    assert_eq!(server_and_packet(&stubborn).1, "192.0.2.2");
    let reply = zone().answer(&plain, Carrier::Datagram).unwrap();
    assert!(stubborn.received(&reply, at(101)));
    assert_eq!(stubborn.want(), Want::Done);
}

#[test]
#[should_panic(expected = "hears nothing more")]
fn telling_an_answered_question_panics() {
    let mut query = Query::new(question("mx.alpha.example", Kind::A), &resolv(""), ID, at(100));
    play(&mut query, &zone());
    query.timed_out(at(200));
}

#[test]
#[should_panic(expected = "not answered yet")]
fn an_open_question_has_no_answer() {
    Query::new(question("a.example", Kind::A), &resolv(""), ID, at(100)).answer();
}
