//! What `packet` must do, in cases.

use super::*;
use crate::name::NAME_OCTETS;
use hickory_proto::op::{Edns, Message};
use hickory_proto::rr::rdata::{A, CNAME, MX, NS, SOA, TXT};
use proptest::prelude::*;

const ID: u16 = 0x1F2E;

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn wire(text: &str) -> rr::Name {
    rr::Name::from_ascii(text).unwrap()
}

fn question(kind: Kind) -> Question {
    Question::new(name("alpha.example"), kind)
}

fn record(owner: &str, ttl: u32, data: RData) -> rr::Record {
    rr::Record::from_rdata(wire(owner), ttl, data)
}

fn a(owner: &str, ttl: u32, octet: u8) -> rr::Record {
    record(owner, ttl, RData::A(A([192, 0, 2, octet].into())))
}

fn mx(preference: u16, exchange: &str) -> rr::Record {
    record("alpha.example.", 60, RData::MX(MX::new(preference, wire(exchange))))
}

fn alias(owner: &str, target: &str) -> rr::Record {
    record(owner, 30, RData::CNAME(CNAME(wire(target))))
}

fn soa(ttl: u32, minimum: u32) -> rr::Record {
    record("example.", ttl, RData::SOA(SOA::new(wire("."), wire("."), 1, 1, 1, 1, minimum)))
}

/// The reply of an honest server that recurses.
fn reply(kind: Kind, answers: Vec<rr::Record>) -> Message {
    let mut message = Message::response(ID, OpCode::Query);
    message.metadata.recursion_available = true;
    message.add_query(Query::query(wire("alpha.example."), kind_on_the_wire(kind)));
    message.insert_answers(answers);
    message
}

fn read_reply(kind: Kind, message: &Message) -> Reading {
    read(&message.to_vec().unwrap(), ID, &question(kind))
}

fn whole(kind: Kind, message: &Message) -> Answer {
    match read_reply(kind, message) {
        Reading::Whole(answer) => answer,
        other => panic!("{other:?}"),
    }
}

fn addresses(octets: &[u8], ttl: u32) -> Answer {
    let records = octets.iter().map(|octet| Record::A([192, 0, 2, *octet].into())).collect();
    Answer::Records { records, ttl }
}

#[test]
fn our_question_is_what_another_codec_reads() {
    for (text, kind) in [("alpha.example", Kind::Mx), ("_dmarc.alpha.example", Kind::Txt), (".", Kind::A)] {
        let question = Question::new(name(text), kind);
        let packet = ask(&question, ID, true, false);
        let message = Message::from_vec(&packet).unwrap();
        assert_eq!((message.metadata.id, message.metadata.recursion_desired), (ID, true));
        assert_eq!(message.queries.len(), 1);
        assert!(is(&message.queries[0].name, &question.name));
        assert_eq!(message.queries[0].query_type, kind_on_the_wire(kind));
        assert_eq!(message.edns.as_ref().map(Edns::max_payload), Some(DATAGRAM_OCTETS));

        let plain = ask(&question, ID, false, false);
        assert!(Message::from_vec(&plain).unwrap().edns.is_none());
        let stream = ask(&question, ID, true, true);
        assert_eq!(stream[..2], (packet.len() as u16).to_be_bytes());
        assert_eq!(stream[2..], packet);
    }
}

#[test]
fn the_longest_name_makes_a_packet_that_another_codec_reads() {
    let text = [["a", "b", "c"].map(|label| label.repeat(63)).join("."), "d".repeat(60)].join(".");
    assert_eq!(text.len(), NAME_OCTETS);
    let message = Message::from_vec(&ask(&Question::new(name(&text), Kind::A), ID, true, false)).unwrap();
    assert_eq!(name_of(&message.queries[0].name), Some(name(&text)));
}

#[test]
fn records_of_the_name_asked_for_are_the_answer() {
    let answers = vec![
        a("Alpha.EXAMPLE.", 300, 1),
        a("alpha.example.", 200, 2),
        a("other.example.", 5, 66),
        a("alpha.example.evil.test.", 5, 66),
        record("alpha.example.", 5, RData::TXT(TXT::from_bytes(vec![b"not asked"]))),
    ];
    assert_eq!(whole(Kind::A, &reply(Kind::A, answers)), addresses(&[1, 2], 200));
    let strings = RData::TXT(TXT::from_bytes(vec![b"v=spf1 ip4:192.0.2.0/24", b" -all"]));
    let text = whole(Kind::Txt, &reply(Kind::Txt, vec![record("alpha.example.", 9, strings)]));
    assert_eq!(text.records(), [Record::Txt(b"v=spf1 ip4:192.0.2.0/24 -all".as_slice().into())]);
}

#[test]
fn what_is_not_the_reply_to_our_question_is_foreign() {
    type Change = fn(&mut Message);
    let changes: [(&str, Change); 8] = [
        ("another id", |message| message.metadata.id ^= 1),
        ("a question", |message| message.metadata.message_type = MessageType::Query),
        ("another operation", |message| message.metadata.op_code = OpCode::Notify),
        ("another name", |message| message.queries[0].name = wire("beta.example.")),
        ("a name below", |message| message.queries[0].name = wire("a.alpha.example.")),
        ("another kind", |message| message.queries[0].query_type = RecordType::AAAA),
        ("another class", |message| message.queries[0].query_class = DNSClass::CH),
        ("no question", |message| message.queries.clear()),
    ];
    for (what, change) in changes {
        let mut message = reply(Kind::A, vec![a("alpha.example.", 60, 1)]);
        assert_eq!(read_reply(Kind::A, &message), Reading::Whole(addresses(&[1], 60)), "{what}");
        change(&mut message);
        assert_eq!(read_reply(Kind::A, &message), Reading::Foreign, "{what}");
    }
    let honest = reply(Kind::A, vec![]).to_vec().unwrap();
    for garbage in [&b""[..], b"\0", &[0xFF; 512], &honest[..11], &honest[..20]] {
        assert_eq!(read(garbage, ID, &question(Kind::A)), Reading::Foreign);
    }
}

#[test]
fn a_question_repeated_in_another_case_is_ours() {
    let mut message = reply(Kind::A, vec![a("ALPHA.example.", 60, 1)]);
    message.queries[0].name = wire("aLpHa.ExAmPlE.");
    assert_eq!(whole(Kind::A, &message), addresses(&[1], 60));
}

#[test]
fn codes_say_who_failed() {
    let failed = |trouble| Reading::Whole(Answer::Failed(trouble));
    for (code, reading) in [
        (ResponseCode::ServFail, failed(Trouble::ServerFailure)),
        (ResponseCode::Refused, failed(Trouble::Refused)),
        (ResponseCode::NotAuth, failed(Trouble::Refused)),
        (ResponseCode::YXDomain, failed(Trouble::ServerFailure)),
        (ResponseCode::FormErr, Reading::NotUnderstood),
        (ResponseCode::NotImp, Reading::NotUnderstood),
    ] {
        let mut message = reply(Kind::A, vec![]);
        message.metadata.response_code = code;
        assert_eq!(read_reply(Kind::A, &message), reading, "{code:?}");
        message.queries.clear();
        assert_eq!(read_reply(Kind::A, &message), reading, "{code:?} without a question");
    }
}

#[test]
fn negative_answers_hold_as_long_as_the_zone_says() {
    for (authority, ttl) in
        [(vec![soa(900, 300)], 300), (vec![soa(100, 300)], 100), (vec![soa(900, u32::MAX)], 0), (vec![], 0)]
    {
        let mut message = reply(Kind::Mx, vec![]);
        message.insert_authorities(authority);
        assert_eq!(whole(Kind::Mx, &message), Answer::NoData { ttl });
        message.metadata.response_code = ResponseCode::NXDomain;
        assert_eq!(whole(Kind::Mx, &message), Answer::NoName { ttl });
    }
}

#[test]
fn a_server_that_cannot_know_does_not_make_a_domain_without_mx() {
    let mut referral = reply(Kind::Mx, vec![]);
    referral.insert_authorities(vec![record("example.", 60, RData::NS(NS(wire("ns.example."))))]);
    assert_eq!(whole(Kind::Mx, &referral), Answer::Failed(Trouble::ServerFailure));
    referral.metadata.authoritative = true;
    assert_eq!(whole(Kind::Mx, &referral), Answer::NoData { ttl: 0 });
    let mut lame = reply(Kind::Mx, vec![]);
    lame.metadata.recursion_available = false;
    assert_eq!(whole(Kind::Mx, &lame), Answer::Failed(Trouble::ServerFailure));
}

#[test]
fn aliases_are_followed_eight_times_in_any_order_and_never_around() {
    let chain = |length: usize| {
        let link = |step: usize| match step {
            0 => "alpha.example.".to_string(),
            step => format!("step-{step}.example."),
        };
        let mut answers = vec![a(&link(length), 90, 7)];
        answers.extend((0..length).rev().map(|step| alias(&link(step), &link(step + 1))));
        whole(Kind::A, &reply(Kind::A, answers))
    };
    for length in 1..=ALIASES {
        assert_eq!(chain(length), addresses(&[7], 30), "{length}");
    }
    assert_eq!(chain(ALIASES + 1), Answer::Failed(Trouble::Malformed));
    for around in [
        vec![alias("alpha.example.", "alpha.example.")],
        vec![alias("alpha.example.", "b.example."), alias("b.example.", "alpha.example.")],
    ] {
        assert_eq!(whole(Kind::A, &reply(Kind::A, around)), Answer::Failed(Trouble::Malformed));
    }
    // A name that has both, which is forbidden (RFC 2181 §10.1), is not left for its alias.
    let both =
        vec![alias("alpha.example.", "b.example."), a("b.example.", 90, 8), a("alpha.example.", 90, 7)];
    assert_eq!(whole(Kind::A, &reply(Kind::A, both)), addresses(&[7], 90));
    // An alias to nothing: the last name decides (RFC 2308 §2).
    let mut dangling = reply(Kind::A, vec![alias("alpha.example.", "b.example.")]);
    dangling.insert_authorities(vec![soa(10, 10)]);
    assert_eq!(whole(Kind::A, &dangling), Answer::NoData { ttl: 10 });
    dangling.metadata.response_code = ResponseCode::NXDomain;
    assert_eq!(whole(Kind::A, &dangling), Answer::NoName { ttl: 10 });
}

#[test]
fn a_ttl_beyond_31_bits_is_zero() {
    for (ttl, expected) in [(0x7FFF_FFFF, 0x7FFF_FFFF), (0x8000_0000, 0), (u32::MAX, 0)] {
        let message = reply(Kind::A, vec![a("alpha.example.", ttl, 1)]);
        assert_eq!(whole(Kind::A, &message), addresses(&[1], expected));
    }
}

#[test]
fn five_hundred_exchangers_are_cut_to_the_bound() {
    let answers = (0..500).map(|number| mx(number, &format!("mx{number}.example."))).collect();
    assert_eq!(whole(Kind::Mx, &reply(Kind::Mx, answers)).records().len(), RECORDS_KEPT);
}

#[test]
fn exchangers_that_are_no_names_do_not_make_a_domain_without_mx() {
    let odd = rr::Name::from_labels([&b"a.b"[..], b"example"]).unwrap();
    let nameless = record("alpha.example.", 60, RData::MX(MX::new(1, odd)));
    let answer = whole(Kind::Mx, &reply(Kind::Mx, vec![nameless.clone()]));
    assert_eq!(answer, Answer::Failed(Trouble::Malformed));
    let answer = whole(Kind::Mx, &reply(Kind::Mx, vec![nameless, mx(9, "mx.example.")]));
    assert_eq!(answer.records(), [Record::Mx { preference: 9, exchange: name("mx.example") }]);
}

#[test]
fn a_cut_reply_keeps_its_whole_records_and_a_broken_one_none() {
    let mut message = reply(Kind::A, vec![a("alpha.example.", 60, 1), a("alpha.example.", 60, 2)]);
    let packet = message.to_vec().unwrap();
    let broken = &packet[..packet.len() - 3];
    assert_eq!(read(broken, ID, &question(Kind::A)), Reading::Whole(Answer::Failed(Trouble::Malformed)));
    message.metadata.truncation = true;
    let packet = message.to_vec().unwrap();
    let cut = &packet[..packet.len() - 3];
    assert_eq!(read(cut, ID, &question(Kind::A)), Reading::Truncated(addresses(&[1], 60)));
}

/// The reply's header and question, then `answers` records as raw bytes.
fn raw(kind: Kind, count: u16, answers: &[u8]) -> Vec<u8> {
    let mut packet = reply(kind, vec![]).to_vec().unwrap();
    packet[6..8].copy_from_slice(&count.to_be_bytes());
    packet.extend_from_slice(answers);
    packet
}

#[test]
fn data_of_the_wrong_length_is_malformed() {
    const OWNER: [u8; 2] = [0xC0, 12];
    for (length, data) in [(3, &[1, 2, 3][..]), (0, &[]), (5, &[1, 2, 3, 4, 5]), (4, &[1, 2])] {
        let head = [&OWNER[..], &[0, 1, 0, 1, 0, 0, 0, 60, 0, length], data].concat();
        let reading = read(&raw(Kind::A, 1, &head), ID, &question(Kind::A));
        assert_eq!(reading, Reading::Whole(Answer::Failed(Trouble::Malformed)), "{length}");
    }
}

#[test]
fn compression_bombs_are_malformed_or_small() {
    // A pointer to itself, one forwards, and a chain of pointers as long as a pointer can reach.
    let itself = raw(Kind::A, 1, &[0xC0, 31, 0, 1, 0, 1, 0, 0, 0, 60, 0, 0]);
    let forwards = raw(Kind::A, 1, &[0xC0, 60, 0, 1, 0, 1, 0, 0, 0, 60, 0, 0]);
    for packet in [itself, forwards] {
        let reading = read(&packet, ID, &question(Kind::A));
        assert_eq!(reading, Reading::Whole(Answer::Failed(Trouble::Malformed)));
    }
    let root = raw(Kind::A, 0, &[]).len() as u16;
    let mut packet = raw(Kind::A, u16::MAX, &[0, 0, 16, 0, 1, 0, 0, 0, 60, 0x20, 0]);
    let text = packet.len() as u16;
    for step in 0..0x1000 {
        let target = if step == 0 { root } else { text + 2 * (step - 1) };
        packet.extend_from_slice(&(0xC000 | target).to_be_bytes());
    }
    let last = 0xC000 | (text + 2 * 0xFFF);
    while packet.len() + 16 < usize::from(u16::MAX) {
        packet.extend_from_slice(&last.to_be_bytes());
        packet.extend_from_slice(&[0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 1, 2, 3, 4]);
    }
    // More records than are read: the rest is left alone, and none of them is ours.
    assert_eq!(read(&packet, ID, &question(Kind::A)), Reading::Whole(Answer::NoData { ttl: 0 }));
}

proptest! {
    #![proptest_config(crate::fixed_cases())]

    #[test]
    fn arbitrary_bytes_are_foreign(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        // They may hit our id once in a life; then the header must still be ours.
        if !bytes.starts_with(&ID.to_be_bytes()) {
            prop_assert_eq!(read(&bytes, ID, &question(Kind::A)), Reading::Foreign);
        }
    }

    #[test]
    fn arbitrary_bytes_after_our_question_never_panic(
        counts in any::<[u8; 6]>(),
        flags in any::<[u8; 2]>(),
        bytes in proptest::collection::vec(any::<u8>(), 0..600),
        kind in prop_oneof![Just(Kind::A), Just(Kind::Aaaa), Just(Kind::Mx), Just(Kind::Txt), Just(Kind::Ptr)],
    ) {
        let mut packet = raw(kind, 0, &bytes);
        packet[2..4].copy_from_slice(&[flags[0] | 0x80, flags[1]]);
        packet[6..12].copy_from_slice(&counts);
        let _ = read(&packet, ID, &question(kind));
    }

    #[test]
    fn altered_answers_never_panic_and_keep_the_bounds(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        length in any::<prop::sample::Index>(),
    ) {
        let answers = vec![alias("alpha.example.", "b.example."), mx(5, "mx.example."), mx(7, "b.example.")];
        let mut message = reply(Kind::Mx, answers);
        message.insert_authorities(vec![soa(60, 60)]);
        let mut packet = message.to_vec().unwrap();
        for (place, value) in changes {
            let place = place.index(packet.len());
            packet[place] = value;
        }
        packet.truncate(length.index(packet.len() + 1));
        if let Reading::Whole(answer) = read(&packet, ID, &question(Kind::Mx)) {
            prop_assert!(answer.records().len() <= 3);
        }
    }
}
