//! What `zone` must do, in cases.

use super::*;
use crate::{Answer, Kind, Question, Record, Trouble};
use packet::Reading;
use proptest::prelude::*;

const ZONE: &str = "
# A line has a name, seconds, a type and data.
alpha.example     300 MX 10 mx.alpha.example   ; the only one
mx.alpha.example  300 A 192.0.2.1
alpha.example     300 TXT \"v=spf1 ; # \" \"-all\" ; \"not this\"
bare.example      300 TXT bare text
www.example        60 cname alpha.example
lost.example       60 CNAME gone.example
1.2.0.192.in-addr.arpa 60 PTR mx.alpha.example.
*.list.example     60 A 127.0.0.2
odd.list.example   60 TXT odd
broken.example      0 SERVFAIL
picky.example       0 REFUSED MX
picky.example      60 A 192.0.2.2
asleep.example      0 SILENT
";

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn asked(text: &str, kind: Kind) -> Option<Reading> {
    let question = Question::new(name(text), kind);
    let zone = Zone::parse(ZONE).unwrap();
    let reply = zone.answer(&packet::ask(&question, 7, true, false), Carrier::Datagram)?;
    Some(packet::read(&reply, 7, &question))
}

#[test]
fn a_zone_answers_as_name_servers_do() {
    let records = |record, ttl| Answer::Records { records: [record].into(), ttl };
    let text = |text: &[u8]| Record::Txt(text.into());
    let address = |octets: [u8; 4]| Record::A(octets.into());
    let exchange = Record::Mx { preference: 10, exchange: name("mx.alpha.example") };
    let no_data = Answer::NoData { ttl: NEGATIVE_TTL };
    let no_name = Answer::NoName { ttl: NEGATIVE_TTL };
    for (text, kind, answer) in [
        ("alpha.example", Kind::Mx, records(exchange.clone(), 300)),
        ("ALPHA.example", Kind::Txt, records(text(b"v=spf1 ; # -all"), 300)),
        ("bare.example", Kind::Txt, records(text(b"bare text"), 300)),
        ("alpha.example", Kind::A, no_data.clone()),
        ("example", Kind::A, no_data.clone()),
        ("a.example", Kind::A, no_name.clone()),
        ("xalpha.example", Kind::A, no_name.clone()),
        ("www.example", Kind::Mx, records(exchange, 60)),
        ("www.example", Kind::A, no_data.clone()),
        ("lost.example", Kind::A, no_name),
        ("1.2.0.192.in-addr.arpa", Kind::Ptr, records(Record::Ptr(name("mx.alpha.example")), 60)),
        ("9.8.list.example", Kind::A, records(address([127, 0, 0, 2]), 60)),
        ("odd.list.example", Kind::A, no_data.clone()),
        ("list.example", Kind::A, no_data),
        ("broken.example", Kind::A, Answer::Failed(Trouble::ServerFailure)),
        ("picky.example", Kind::Mx, Answer::Failed(Trouble::Refused)),
        ("picky.example", Kind::A, records(address([192, 0, 2, 2]), 60)),
    ] {
        assert_eq!(asked(text, kind), Some(Reading::Whole(answer)), "{text} {kind:?}");
    }
    assert_eq!(asked("asleep.example", Kind::A), None);
}

#[test]
fn what_does_not_fit_is_cut_and_said_to_be() {
    let lines: String = (0..60).map(|octet| format!("many.example 60 A 192.0.2.{octet}\n")).collect();
    let zone = Zone::parse(&lines).unwrap();
    let question = Question::new(name("many.example"), Kind::A);
    for (extended, carrier, most, is_cut) in [
        (false, Carrier::Datagram, PLAIN_OCTETS, true),
        (true, Carrier::Datagram, usize::from(packet::DATAGRAM_OCTETS), false),
        (false, Carrier::Stream, STREAM_OCTETS, false),
    ] {
        let reply = zone.answer(&packet::ask(&question, 7, extended, false), carrier).unwrap();
        assert!(reply.len() <= most, "{} of {most}", reply.len());
        match packet::read(&reply, 7, &question) {
            Reading::Truncated(answer) => assert!(is_cut && (1..60).contains(&answer.records().len())),
            Reading::Whole(answer) => assert!(!is_cut && answer.records().len() == 60),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn what_is_no_question_is_not_answered() {
    let zone = Zone::parse(ZONE).unwrap();
    let question = packet::ask(&Question::new(name("alpha.example"), Kind::Mx), 7, true, false);
    let reply = zone.answer(&question, Carrier::Datagram).unwrap();
    for packet in [&b""[..], &[0xFF; 40], &question[..20], &reply] {
        assert_eq!(zone.answer(packet, Carrier::Datagram), None);
    }
}

#[test]
fn a_wrong_line_is_named() {
    for (text, line, why) in [
        ("\n\na..b 60 A 192.0.2.1", 3, "the first word is no domain name"),
        ("a.b A 192.0.2.1", 1, "the second word is no number of seconds"),
        ("a.b 60 HINFO x", 1, "no such record type"),
        ("a.b 60 A 2001:db8::1", 1, "the data is no IPv4 address"),
        ("a.b 60 AAAA 192.0.2.1", 1, "the data is no IPv6 address"),
        ("a.b 60 MX mx.example", 1, "the data is no preference and name"),
        ("a.b 60 CNAME a b", 1, "the data is no name"),
        ("a.b 0 SERVFAIL HOST", 1, "no such record type"),
    ] {
        assert_eq!(Zone::parse(text).unwrap_err(), NotAZone { line, why });
    }
}

proptest! {
    #![proptest_config(crate::fixed_cases())]

    #[test]
    fn no_packet_makes_the_server_panic(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut packet = packet::ask(&Question::new(name("www.example"), Kind::Mx), 7, true, false);
        for (place, value) in changes {
            let place = place.index(packet.len());
            packet[place] = value;
        }
        if let Some(reply) = Zone::parse(ZONE).unwrap().answer(&packet, Carrier::Datagram) {
            prop_assert_eq!(&reply[..2], &packet[..2]);
        }
    }
}
