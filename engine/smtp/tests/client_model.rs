//! A modelled server with a mind of its own: pipelining and the cut of bytes must not change what comes of a
//! recipient, a delivery must be one on both sides, and no bytes at all may upset the client.

use bytes::Bytes;
use mail::{Address, Outcome, Time};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use smtp::client::{Method, Report, Session, Settings, Transaction, Want};
use std::collections::VecDeque;
use std::rc::Rc;

const NOW: Time = Time::from_secs(1_000);
const GRANT: u16 = 250;

/// How the server answers one transaction; 250 grants (354 for DATA).
#[derive(Clone, Debug)]
struct Mood {
    mail: u16,
    recipients: Vec<u16>,
    data: u16,
    /// DATA is granted even if nobody was accepted.
    lax: bool,
    confirmations: Vec<u16>,
}

fn mood() -> impl Strategy<Value = Mood> {
    let code = || prop_oneof![12 => Just(GRANT), 2 => Just(450), 2 => Just(550), 1 => Just(421)];
    let each = || proptest::collection::vec(code(), 6);
    (code(), each(), code(), any::<bool>(), each(), 1..=6_usize).prop_map(
        |(mail, mut recipients, data, lax, confirmations, count)| {
            recipients.truncate(count);
            Mood { mail, recipients, data, lax, confirmations }
        },
    )
}

/// A server that keeps the state RFC 5321 gives it, and is strict about it.
struct Server {
    moods: Vec<Mood>,
    lmtp: bool,
    pipelining: bool,
    transaction: usize,
    sender: bool,
    accepted: Vec<usize>,
    in_body: bool,
    is_gone: bool,
    /// (transaction, recipient) of each message taken.
    stored: Vec<(usize, usize)>,
    unread: Vec<u8>,
}

impl Server {
    fn hears(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.unread.extend_from_slice(bytes);
        let mut said = Vec::new();
        while let Some(feed) = self.unread.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.unread.drain(..=feed).collect();
            if !self.is_gone {
                let line = std::str::from_utf8(&line).expect("only ASCII is sent here");
                said.extend(self.answer(line.trim_end()).bytes());
            }
        }
        said
    }

    fn say(&mut self, code: u16, text: String) -> String {
        self.is_gone |= code == 421;
        format!("{code} {text}\r\n")
    }

    fn answer(&mut self, line: &str) -> String {
        match line {
            "." if self.in_body => self.store(),
            _ if self.in_body => String::new(),
            "QUIT" => self.say(221, "bye".to_owned()),
            "RSET" => {
                self.forget();
                self.say(GRANT, "reset".to_owned())
            }
            "DATA" => self.data(),
            _ if line.starts_with("MAIL FROM:<t") => self.mail(line),
            _ if line.starts_with("RCPT TO:<r") => self.rcpt(line),
            _ if self.pipelining => "250-hi\r\n250 PIPELINING\r\n".to_owned(),
            _ => "250 hi\r\n".to_owned(),
        }
    }

    fn forget(&mut self) {
        self.sender = false;
        self.accepted.clear();
    }

    fn mail(&mut self, line: &str) -> String {
        assert!(!self.sender, "a transaction that did not end is reset before the next");
        self.transaction = usize::from(line.as_bytes()["MAIL FROM:<t".len()] - b'0');
        let code = self.moods[self.transaction].mail;
        self.sender = code == GRANT;
        self.say(code, format!("sender {}", self.transaction))
    }

    fn rcpt(&mut self, line: &str) -> String {
        let recipient = usize::from(line.as_bytes()["RCPT TO:<r".len()] - b'0');
        if !self.sender {
            return self.say(503, "no sender".to_owned());
        }
        let code = self.moods[self.transaction].recipients[recipient];
        if code == GRANT {
            self.accepted.push(recipient);
        }
        self.say(code, format!("recipient {recipient}"))
    }

    fn data(&mut self) -> String {
        let mood = &self.moods[self.transaction];
        // RFC 2033 §4.2: an LMTP server must not be lax.
        let nobody = self.accepted.is_empty();
        if nobody && !(mood.lax && self.sender && !self.lmtp) {
            return self.say(503, "nobody".to_owned());
        }
        let code = if mood.data == GRANT || nobody { 354 } else { mood.data };
        self.in_body = code == 354;
        self.say(code, "data".to_owned())
    }

    fn store(&mut self) -> String {
        self.in_body = false;
        let accepted = std::mem::take(&mut self.accepted);
        self.forget();
        if accepted.is_empty() {
            return self.say(554, "no valid recipients".to_owned());
        }
        let mut said = String::new();
        for recipient in &accepted {
            let codes = &self.moods[self.transaction].confirmations;
            let code = if self.lmtp { codes[*recipient] } else { codes[0] };
            if code == GRANT {
                let taken = if self.lmtp { vec![*recipient] } else { accepted.clone() };
                self.stored.extend(taken.iter().map(|recipient| (self.transaction, *recipient)));
            }
            said += &self.say(code, format!("end {code}"));
            if !self.lmtp || self.is_gone {
                break;
            }
        }
        said
    }
}

struct Conversation {
    reports: Vec<Report>,
    stored: Vec<(usize, usize)>,
}

/// All transactions over one connection, until it closes.
fn converse(moods: &[Mood], lmtp: bool, pipelining: bool, bytes_at_once: usize) -> Conversation {
    let method = if lmtp { Method::Lmtp } else { Method::Esmtp };
    let mut session = Session::new(Rc::new(Settings { method, ..Settings::default() }), NOW);
    let mut server = Server {
        moods: moods.to_vec(),
        lmtp,
        pipelining,
        transaction: 0,
        sender: false,
        accepted: Vec::new(),
        in_body: false,
        is_gone: false,
        stored: Vec::new(),
        unread: Vec::new(),
    };
    let mut arriving = VecDeque::from(b"220 hi\r\n".to_vec());
    let mut reports = Vec::new();
    let mut begun = 0;
    loop {
        match session.want() {
            Want::Read { .. } if arriving.is_empty() => {
                assert!(server.is_gone, "both sides wait");
                session.ended(NOW);
            }
            Want::Read { .. } => {
                let length = arriving.len().min(bytes_at_once);
                session.read(&arriving.drain(..length).collect::<Vec<u8>>(), NOW);
            }
            Want::Write { .. } => {
                let sent = session.take_output().concat();
                session.wrote(NOW);
                arriving.extend(server.hears(&sent));
            }
            Want::Transaction { .. } if begun == moods.len() => session.quit(NOW),
            Want::Transaction { .. } => {
                session.start(transaction(begun, moods[begun].recipients.len()), NOW);
                begun += 1;
            }
            Want::Report => reports.push(session.take_report()),
            Want::Close => return Conversation { reports, stored: server.stored },
        }
    }
}

fn transaction(number: usize, recipients: usize) -> Transaction {
    Transaction {
        sender: Some(Address::new(&format!("t{number}"), "x.example")),
        recipients: (0..recipients).map(|number| Address::new(&format!("r{number}"), "y.example")).collect(),
        body: Bytes::from_static(b"Subject: x\r\n\r\n.dotted\r\nhello\r\n"),
        eight_bit: false,
        credentials: None,
    }
}

fn delivered(reports: &[Report]) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    for (number, report) in reports.iter().enumerate() {
        let known = report.outcomes.iter().enumerate();
        let taken = known.filter(|(_, outcome)| matches!(outcome, Outcome::Delivered(_)));
        pairs.extend(taken.map(|(recipient, _)| (number, recipient)));
    }
    pairs
}

fn configured(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, rng_seed: RngSeed::Fixed(2920), failure_persistence: None, ..Default::default() }
}

proptest! {
    #![proptest_config(configured(3_000))]

    #[test]
    fn pipelining_changes_no_outcome_and_every_delivery_is_one_on_both_sides(
        moods in proptest::collection::vec(mood(), 1..4),
        lmtp in any::<bool>(),
        bytes_at_once in 1..40_usize,
    ) {
        let sequential = converse(&moods, lmtp, false, usize::MAX);
        prop_assert_eq!(&delivered(&sequential.reports), &sequential.stored);
        for (pipelining, bytes_at_once) in [(false, bytes_at_once), (true, usize::MAX), (true, bytes_at_once)] {
            let other = converse(&moods, lmtp, pipelining, bytes_at_once);
            prop_assert_eq!(&other.reports, &sequential.reports);
            prop_assert_eq!(&other.stored, &sequential.stored);
        }
    }
}

/// Pieces that take a random peer further into the conversation than random bytes would.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let known =
        ["250 ok\r\n", "250-", "354 go\r\n", "220 hi\r\n", "550 no\r\n", "421 bye\r\n", "\r\n", "\n", "2"];
    let pipelining = "250-hi\r\n250-SIZE 99999\r\n250 PIPELINING\r\n";
    prop_oneof![
        6 => proptest::sample::select(known.to_vec()).prop_map(|piece| piece.as_bytes().to_vec()),
        2 => Just(pipelining.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..40),
        1 => (1..3_000_usize).prop_map(|length| vec![b'5'; length]),
    ]
}

proptest! {
    #![proptest_config(configured(3_000))]

    #[test]
    fn whatever_the_peer_says_every_recipient_gets_one_outcome_and_the_session_ends(
        pieces in proptest::collection::vec(noise(), 0..40),
        recipients in 1..200_usize,
    ) {
        let settings = Settings { max_recipients_per_batch: 0, ..Settings::default() };
        let mut session = Session::new(Rc::new(settings), NOW);
        let mut pieces = pieces.into_iter();
        let mut turns = 0;
        while session.want() != Want::Close {
            turns += 1;
            prop_assert!(turns < 1_000, "the session does not end");
            match session.want() {
                Want::Read { .. } => match pieces.next() {
                    Some(piece) => session.read(&piece, NOW),
                    None => session.ended(NOW),
                },
                Want::Write { .. } => {
                    session.take_output();
                    session.wrote(NOW);
                }
                Want::Transaction { .. } => session.start(transaction(0, recipients), NOW),
                Want::Report => prop_assert_eq!(session.take_report().outcomes.len(), recipients),
                Want::Close => {}
            }
        }
    }
}
