//! Conversations with a scripted filter.

use super::*;
use policy_api::testing::{Conversation, Peer};

const LETTER: &[u8] = b"From: a@sender.example\r\nSubject: one\r\nX-Seen: 1\r\nX-Seen: 2\r\n\r\nbody\r\n";

fn options(steps: u32) -> Bytes {
    packet(b'O', &[&6u32.to_be_bytes(), &action::ALL.to_be_bytes(), &steps.to_be_bytes()])
}

/// Every step but the end is unwanted: the filter answers once.
const END_ONLY: u32 = step::NO_CONNECT
    | step::NO_HELO
    | step::NO_MAIL
    | step::NO_RCPT
    | step::NO_BODY
    | step::NO_FIELDS
    | step::NO_EOH
    | step::NO_DATA;

fn converse(settings: MilterOptions, answers: &[Bytes]) -> (Conversation, Verdict, Vec<u8>) {
    let daemon = Endpoint::Inet("127.0.0.1:8891".parse().unwrap());
    let milter = Milter {
        options: settings,
        daemon: daemon.clone(),
        hostname: "mx.example".into(),
        refusals: "#milter_refused_".into(),
    };
    let mut conversation = Conversation::default();
    let peer = Peer { answers: answers.iter().cloned().collect(), ..Peer::default() };
    let heard = peer.heard.clone();
    if !answers.is_empty() {
        conversation.host.peers.borrow_mut().insert(daemon, peer);
    }
    conversation.message.sender = Some(Address::new("a", "sender.example"));
    conversation.message.recipients = vec![Address::new("b", "x.example"), Address::new("c", "x.example")];
    conversation.message.content = Content::new(Bytes::from_static(LETTER));
    let verdict = conversation.ask(&milter, Phase::Data);
    if verdict == Verdict::Continue {
        conversation.message.recipient = Some(Address::new("c", "x.example"));
        let code = conversation.code();
        conversation.ask(&milter, Phase::DataSpoolEachRcpt);
        assert!(code.is_none());
    }
    let heard = heard.borrow().clone();
    (conversation, verdict, heard)
}

fn letters(mut heard: &[u8]) -> String {
    let mut letters = String::new();
    while let Some(head) = heard.first_chunk::<4>() {
        let length = u32::from_be_bytes(*head) as usize;
        letters.push(heard[4] as char);
        heard = &heard[4 + length..];
    }
    letters
}

#[test]
fn a_filter_that_wants_everything_hears_everything_in_order() {
    let go_on = packet(b'c', &[]);
    let mut answers = vec![options(0)];
    answers.extend(std::iter::repeat_n(go_on, 13));
    let (asked, verdict, heard) = converse(MilterOptions::defaults().clone(), &answers);
    assert_eq!(letters(&heard), "ODCHDMRRTLLLLNBEQ");
    assert_eq!((verdict, asked.code()), (Verdict::Continue, None));
    assert_eq!(asked.message.content.octets(), LETTER);
    let text = String::from_utf8_lossy(&heard).into_owned();
    assert!(text.contains("L[") || text.contains("[192.0.2.1]\x004"), "{text}");
    assert!(text.contains("<a@sender.example>\0") && text.contains("Subject\0one\0"));
}

#[test]
fn its_decisions_are_replies() {
    let defaults = || MilterOptions::defaults().clone();
    for (said, code, discards) in [
        (packet(b'c', &[]), None, false),
        (packet(b'a', &[]), None, false),
        (packet(b'r', &[]), Some(550), false),
        (packet(b't', &[]), Some(451), false),
        (packet(b'd', &[]), None, true),
        (packet(b'y', &[b"554 5.7.1 not today\0"]), Some(554), false),
        (packet(b'y', &[b"250 nonsense\0"]), Some(451), false),
        (packet(b'q', &[b"suspicious\0"]), Some(451), false),
        (packet(b'Z', &[]), Some(451), false),
        (Bytes::from_static(&[0xff; 8]), Some(451), false),
    ] {
        let (asked, _, _) = converse(defaults(), &[options(END_ONLY), said.clone()]);
        assert_eq!((asked.code(), asked.disposition.discard.is_some()), (code, discards), "{said:?}");
    }
}

#[test]
fn a_filter_that_is_down_is_answered_as_the_option_says() {
    for (when_down, code) in
        [(WhenDown::Tempfail, Some(451)), (WhenDown::Accept, None), (WhenDown::Reject, Some(550))]
    {
        let settings = MilterOptions { when_down, ..MilterOptions::defaults().clone() };
        for answers in [&[][..], &[Bytes::from_static(b"\0")], &[packet(b'c', &[])], &[options(END_ONLY)]] {
            let (asked, _, _) = converse(settings.clone(), answers);
            assert_eq!(asked.code(), code, "{answers:?}");
            assert_eq!(asked.host.reported().len(), 1);
        }
    }
}

#[test]
fn its_changes_hold_where_it_may_make_them() {
    let changes = [
        options(END_ONLY),
        packet(b'p', &[]),
        packet(b'h', &[b"X-Filtered\0yes\0"]),
        packet(b'i', &[&0u32.to_be_bytes(), b"X-First\0top\0"]),
        packet(b'm', &[&2u32.to_be_bytes(), b"X-Seen\0two\0"]),
        packet(b'm', &[&1u32.to_be_bytes(), b"Subject\0\0"]),
        packet(b'h', &[b"X-Bad\0a\r\nInjected: b\0"]),
        packet(b'+', &[b"<d@x.example>\0"]),
        packet(b'-', &[b"<B@x.example>\0"]),
        packet(b'b', &[b"new "]),
        packet(b'b', &[b"body\r\n"]),
        packet(b'a', &[]),
    ];
    let (asked, _, _) = converse(MilterOptions::defaults().clone(), &changes);
    assert_eq!(
        asked.message.content.octets(),
        &b"X-First: top\r\nFrom: a@sender.example\r\nX-Seen: 1\r\nX-Seen: two\r\nX-Filtered: yes\r\n\r\nnew body\r\n"[..]
    );
    let recipients: Vec<_> = asked.message.recipients.iter().map(|recipient| recipient.as_str()).collect();
    assert_eq!(recipients, ["c@x.example", "d@x.example"]);
    let settings = MilterOptions { may_change: false, ..MilterOptions::defaults().clone() };
    let (asked, _, heard) = converse(settings, &changes);
    assert_eq!(asked.message.content.octets(), LETTER);
    assert_eq!(asked.code(), Some(451), "a change that was not agreed on is out of turn");
    assert_eq!(heard[9..13], 0u32.to_be_bytes());
}

#[test]
fn a_recipient_that_it_refuses_is_refused_alone() {
    let wants_recipients = END_ONLY & !step::NO_RCPT;
    let refuse = packet(b'y', &[b"550 5.1.1 nobody\0"]);
    let go_on = packet(b'c', &[]);
    let (asked, verdict, _) = converse(
        MilterOptions::defaults().clone(),
        &[options(wants_recipients), go_on.clone(), refuse.clone(), go_on],
    );
    assert_eq!((verdict, asked.code()), (Verdict::Continue, Some(550)));
    let (asked, verdict, _) =
        converse(MilterOptions::defaults().clone(), &[options(wants_recipients), refuse.clone(), refuse]);
    assert_eq!((verdict, asked.code()), (Verdict::Done, Some(550)));
}
