//! What holds for every input: the message is what was sent, buffers keep their bounds, nothing panics.

use mail::{MessageId, Phase, Reply, Time};
use smtp::limits;
use smtp::server::{BareLineEnds, Facts, Judgement, MissingHeaders, Session, Settings, Want};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

const NOW: Time = Time::from_secs(1_356_769_421);

/// A small generator (xorshift): tests must be the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % bound
    }

    fn split<'a>(&mut self, bytes: &'a [u8], longest: usize) -> Vec<&'a [u8]> {
        let mut rest = bytes;
        let mut pieces = Vec::new();
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at((1 + self.below(longest)).min(rest.len()));
            pieces.push(piece);
            rest = behind;
        }
        pieces
    }
}

/// Takes all bytes, with every line end as it comes.
fn permissive() -> Settings {
    Settings {
        bare_line_ends_in_headers: BareLineEnds::Accept,
        bare_line_ends_in_body: BareLineEnds::Accept,
        rfc2822_missing_headers: MissingHeaders::Allow,
        ..Settings::default()
    }
}

struct Played {
    session: Session,
    bodies: Vec<Vec<u8>>,
    output: Vec<u8>,
    longest_write: usize,
    writes: usize,
}

impl Played {
    fn new(settings: Settings) -> Self {
        let facts = Facts { peer: None, local: None, connection: MessageId::NONE };
        let session = Session::new(Rc::new(settings), facts, NOW);
        let mut played =
            Played { session, bodies: Vec::new(), output: Vec::new(), longest_write: 0, writes: 0 };
        played.run();
        played
    }

    /// Until the session wants to read or to close.
    fn run(&mut self) {
        loop {
            match self.session.want() {
                Want::Read { .. } | Want::Close => return,
                Want::Pause { .. } => self.session.paused(NOW),
                Want::Judge(_) => self.session.judged(Judgement::default(), NOW),
                Want::Amend => self.session.amended(&Reply::fixed(250, (2, 0, 0), "OK"), NOW),
                Want::Authenticate => self.session.authenticated(None, Judgement::default(), NOW),
                Want::Commit => {
                    let draft = self.session.take_draft();
                    self.bodies.push(draft.body.content().to_vec());
                    self.session.committed(Reply::fixed(250, (2, 0, 0), "OK"), NOW);
                }
                Want::Write { .. } => {
                    let written: Vec<u8> = self.session.take_output().concat();
                    self.longest_write = self.longest_write.max(written.len());
                    self.writes += 1;
                    self.output.extend(written);
                    self.session.wrote(NOW);
                }
            }
        }
    }

    /// False once the session is closed.
    fn send(&mut self, bytes: &[u8]) -> bool {
        if matches!(self.session.want(), Want::Close) {
            return false;
        }
        self.session.read(bytes, NOW);
        self.run();
        true
    }

    fn at_data(settings: Settings) -> Self {
        let mut played = Played::new(settings);
        played.send(b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n");
        played
    }
}

/// The definition, without any thought of speed: the message ends at the first CRLF.CRLF, where a CRLF
/// stands before its first octet; each line between two CRLF loses a dot at its start.
fn by_definition(sent: &[u8]) -> Option<Vec<u8>> {
    let stream = [b"\r\n", sent].concat();
    let end = stream.windows(5).position(|five| five == b"\r\n.\r\n")?;
    let mut lines: Vec<Vec<u8>> = vec![Vec::new()];
    let mut rest = &stream[2..(end + 2).max(2)];
    while let Some(octet) = rest.first() {
        if rest.starts_with(b"\r\n") {
            lines.push(Vec::new());
            rest = &rest[2..];
        } else {
            lines.last_mut()?.push(*octet);
            rest = &rest[1..];
        }
    }
    let unstuffed = lines.iter().map(|line| line.strip_prefix(b".").unwrap_or(line));
    Some(unstuffed.collect::<Vec<_>>().join(&b"\r\n"[..]))
}

/// All sequences of the octets that matter, each split at every place.
#[test]
fn every_short_message_ends_and_is_unstuffed_by_the_definition() {
    const LENGTH: u32 = 7;
    for number in 0..4_usize.pow(LENGTH) {
        let octet = |place: u32| b".\r\nx"[number / 4_usize.pow(place) % 4];
        let mut sent: Vec<u8> = (0..LENGTH).map(octet).collect();
        sent.extend_from_slice(b"\r\n.\r\n");
        let expected = by_definition(&sent).unwrap();
        for split in 0..LENGTH as usize + 3 {
            let mut played = Played::at_data(permissive());
            if split > 0 {
                played.send(&sent[..split]);
            }
            played.send(&sent[split..]);
            let got = played.bodies.first().map(Vec::as_slice);
            assert_eq!(got, Some(&*expected), "{} at {split}", sent.escape_ascii());
        }
    }
}

#[test]
fn bare_line_ends_refuse_a_message_exactly_if_it_has_some() {
    const LENGTH: u32 = 6;
    let settings = Settings { rfc2822_missing_headers: MissingHeaders::Allow, ..Settings::default() };
    for number in 0..4_usize.pow(LENGTH) {
        let octet = |place: u32| b".\r\nx"[number / 4_usize.pow(place) % 4];
        let mut sent: Vec<u8> = (0..LENGTH).map(octet).collect();
        sent.extend_from_slice(b"\r\n.\r\n");
        let stream = [b"\r\n", &*sent].concat();
        let end = stream.windows(5).position(|five| five == b"\r\n.\r\n").unwrap();
        let message = String::from_utf8(stream[..end].to_vec()).unwrap().replace("\r\n", "");
        let has_bare = message.contains(['\r', '\n']);
        let mut played = Played::at_data(settings.clone());
        played.send(&sent);
        assert_eq!(played.bodies.is_empty(), has_bare, "{}", sent.escape_ascii());
        let refused = String::from_utf8_lossy(&played.output).contains("550 5.5.2 Lone CR or LF");
        assert_eq!(refused, has_bare, "{}", sent.escape_ascii());
    }
}

fn stuffed(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for (at, octet) in body.iter().enumerate() {
        if *octet == b'.' && (at == 0 || body[..at].ends_with(b"\r\n")) {
            out.push(b'.');
        }
        out.push(*octet);
    }
    out.extend_from_slice(b".\r\n");
    out
}

#[test]
fn a_message_is_stored_as_it_was_however_it_arrives() {
    let mut random = Random(0x51_7C_C1_B7);
    for _ in 0..400 {
        let length = random.below(6000);
        let weights: &[u8] =
            if random.below(2) == 0 { b"..\r\n\r\n\r\nab" } else { b"abcdefgh \xE9\x00.\r\n" };
        let mut body: Vec<u8> = Vec::new();
        while body.len() < length {
            match weights[random.below(weights.len())] {
                b'\r' if random.below(4) > 0 => body.extend_from_slice(b"\r\n"),
                octet => body.push(octet),
            }
        }
        body.extend_from_slice(b"\r\n");
        let sent = stuffed(&body);
        let longest = [3, 80, 5000][random.below(3)];
        let mut played = Played::at_data(permissive());
        for piece in random.split(&sent, longest) {
            played.send(piece);
        }
        assert_eq!(played.bodies.len(), 1);
        assert!(played.bodies[0] == body, "{}", body.escape_ascii());
    }
}

const FRAGMENTS: [&[u8]; 21] = [
    b"EHLO x\r\n",
    b"HELO y\r\n",
    b"MAIL FROM:<a@b>\r\n",
    b"MAIL FROM:<a@b> SIZE=900 BODY=8BITMIME\r\n",
    b"RCPT TO:<c@d>\r\n",
    b"RCPT TO:<\"c\\\"@\"@[IPv6:::1]>\r\n",
    b"RSET\r\n",
    b"NOOP\r\n",
    b"VRFY z\r\n",
    b"A: b\r\n",
    b".\r\n",
    b"\r\n.\r\n",
    b"\r\n",
    b"\n",
    b"\r",
    b".",
    b"<",
    b"\x00\xFF\x80",
    b"MAIL FROM:<",
    b"  ",
    b"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
];

#[test]
fn no_input_panics_or_makes_buffers_exceed_their_bounds() {
    const CHUNK: usize = 4096;
    const LARGEST: u64 = 2000;
    let settings = Settings {
        max_message_size: Some(LARGEST),
        max_recipients_per_message: Some(10),
        max_errors: Some(300),
        ..permissive()
    };
    // A growing vector may hold twice what is in it.
    let bound = 2 * (2 * CHUNK + limits::COMMAND_LINE + limits::BODY_ROOM + LARGEST as usize + 4096);
    let mut random = Random(0xDEAD_BEEF);
    let mut messages = 0;
    for _ in 0..300 {
        let mut played = Played::new(settings.clone());
        for _ in 0..60 {
            let mut chunk = Vec::new();
            for _ in 0..1 + random.below(12) {
                match random.below(100) {
                    2 => chunk.extend_from_slice(b"DATA\r\n"),
                    0 => chunk.extend((0..random.below(3000)).map(|_| random.below(256) as u8)),
                    1 => chunk.extend(std::iter::repeat_n(b'y', random.below(CHUNK))),
                    _ => chunk.extend_from_slice(FRAGMENTS[random.below(FRAGMENTS.len())]),
                }
            }
            match random.below(4) {
                0 => chunk.extend_from_slice(b"\r\nRSET\r\nMAIL FROM:<>\r\nRCPT TO:<c@d>\r\nDATA\r\n"),
                1 => chunk.extend_from_slice(b"\r\n.\r\n"),
                _ => {}
            }
            let chunk = &chunk[chunk.len().saturating_sub(CHUNK)..];
            if chunk.is_empty() || !played.send(chunk) {
                break;
            }
            let held = played.session.held_bytes();
            assert!(held <= bound, "{held} octets held");
            played.session.take_refusals();
        }
        assert!(played.bodies.iter().all(|body| body.len() as u64 <= LARGEST));
        messages += played.bodies.len();
    }
    assert!(messages > 50, "the fragments make whole conversations: {messages}");
}

#[test]
fn replies_to_a_flood_of_commands_are_written_in_bounded_portions() {
    let mut played = Played::new(Settings::default());
    let flood = b"VRFY x\r\n".repeat(5000);
    played.send(&flood);
    let replies =
        played.output.split(|octet| *octet == b'\n').filter(|line| line.starts_with(b"252")).count();
    assert_eq!(replies, 5000);
    assert!(played.longest_write <= limits::REPLIES_GATHERED + 512, "{}", played.longest_write);
}

#[test]
fn a_line_without_an_end_is_not_kept() {
    let mut played = Played::new(Settings::default());
    for _ in 0..1000 {
        played.send(&[b'x'; 1000]);
        assert!(played.session.held_bytes() <= 4096);
    }
    played.send(b"\r\nNOOP\r\n");
    assert!(played.output.ends_with(b"500 5.5.2 command line too long\r\n250 2.0.0 OK\r\n"));
}

#[test]
fn too_much_early_talk_closes_the_connection() {
    let facts = Facts { peer: None, local: None, connection: MessageId::NONE };
    let mut session = Session::new(Rc::new(Settings::default()), facts, NOW);
    session.read(&[b'x'; limits::EARLY_TALK], NOW);
    assert!(session.early_talker());
    assert_eq!(session.want(), Want::Judge(Phase::Connect));
    session.read(b"x", NOW);
    assert_eq!(session.want(), Want::Close);
}

/// What the driver may tell, and a session to tell it to.
type Told = (&'static str, fn(&mut Session));
type Made = (&'static str, fn() -> Session, &'static [&'static str]);

#[test]
fn telling_out_of_turn_panics() {
    let told: [Told; 9] = [
        ("read", |session| session.read(b"x", NOW)),
        ("ended", |session| session.ended(NOW)),
        ("wrote", |session| session.wrote(NOW)),
        ("judged", |session| session.judged(Judgement::default(), NOW)),
        ("paused", |session| session.paused(NOW)),
        ("committed", |session| session.committed(Reply::plain(250, "OK"), NOW)),
        ("timed_out", |session| session.timed_out(NOW)),
        ("take_draft", |session| drop(session.take_draft())),
        ("take_output", |session| drop(session.take_output())),
    ];
    fn reading() -> Session {
        Played::new(Settings::default()).session
    }
    fn judging() -> Session {
        let mut session = reading();
        session.read(b"MAIL FROM:<a@b>\r\n", NOW);
        session
    }
    fn closed() -> Session {
        let mut session = reading();
        session.lost();
        session
    }
    let states: [Made; 3] = [
        ("reading", reading, &["read", "ended", "timed_out"]),
        ("judging", judging, &["judged"]),
        ("closed", closed, &[]),
    ];
    let silence = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let mut wrong = Vec::new();
    for (state, make, allowed) in states {
        for (name, tell) in told {
            let mut session = make();
            let panicked = catch_unwind(AssertUnwindSafe(|| tell(&mut session))).is_err();
            if panicked == allowed.contains(&name) {
                wrong.push(format!("{name} while {state}"));
            }
        }
    }
    std::panic::set_hook(silence);
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn refusals_of_ours_are_noted_for_the_reject_log_within_a_bound() {
    let mut played = Played::new(Settings { max_message_size: Some(10), ..Settings::default() });
    played.send(b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRCPT TO:<>\r\nDATA\r\n");
    played.send(b"A: 0123456789\r\n.\r\n");
    let noted: Vec<_> =
        played.session.take_refusals().iter().map(|one| (one.state.text(), one.reply.code)).collect();
    assert_eq!(noted, [("awaiting rcptto", 501), ("reading body", 552)]);
    played.send(&b"BOO\r\n".repeat(100));
    assert_eq!(played.session.take_refusals().len(), limits::REFUSALS_NOTED);
    let counts = played.session.counts();
    assert_eq!((counts.unrecognized, counts.bad, counts.errors, counts.recipients), (100, 1, 102, 2));
}

#[test]
fn the_replies_to_a_group_of_commands_are_one_write() {
    let mut played = Played::new(Settings::default());
    let before = played.writes;
    let group = [b"MAIL FROM:<a@b>\r\n", &*b"RCPT TO:<c@d>\r\n".repeat(50), b"DATA\r\n"].concat();
    played.send(&group);
    assert_eq!(played.writes, before + 1);
    let replies = played.output.iter().filter(|octet| **octet == b'\n').count();
    assert_eq!(replies, 1 + 1 + 50 + 1, "greeting, MAIL, RCPT, DATA");
}

#[test]
fn a_message_that_will_be_refused_holds_no_memory() {
    let mut played = Played::at_data(Settings { max_message_size: Some(100_000), ..Settings::default() });
    played.send(b"A: b\r\n\r\n");
    for _ in 0..9 {
        played.send(&[b'x'; 10_000]);
    }
    assert!(played.session.held_bytes() > 90_000);
    played.send(&[b'x'; 10_000]);
    assert!(played.session.held_bytes() < 1024, "{}", played.session.held_bytes());
    played.send(b"\r\n.\r\n");
    assert!(played.output.ends_with(b"552 5.3.4 message size limit exceeded\r\n"));
}

#[test]
fn whoever_judges_sees_what_the_phase_is_about() {
    let facts = Facts { peer: None, local: None, connection: MessageId::NONE };
    let mut session = Session::new(Rc::new(Settings::default()), facts, NOW);
    let mut seen = Vec::new();
    let sent: [&[u8]; 2] = [
        b"EHLO c.example\r\nMAIL FROM:<a@b> SIZE=9\r\nRCPT TO:<c@d>\r\nRCPT TO:<e@f>\r\nDATA\r\n",
        b"A: b\r\n.\r\n",
    ];
    let mut sent = sent.into_iter();
    loop {
        match session.want() {
            Want::Judge(phase) => {
                let candidate = session.candidate().map_or("-", |candidate| candidate.as_str());
                let sender = session.draft().sender.as_ref().map_or("-", |sender| sender.as_str());
                seen.push(format!(
                    "{} [{}] {} {sender} {candidate} {} {} \"{}\"",
                    phase.name(),
                    session.line(),
                    session.helo().unwrap_or("-"),
                    session.draft().recipients.len(),
                    session.draft().body.len(),
                    session.state().text(),
                ));
                session.judged(Judgement::default(), NOW);
            }
            Want::Write { .. } => {
                session.take_output();
                session.wrote(NOW);
            }
            Want::Read { .. } => session.read(sent.next().unwrap(), NOW),
            _ => break,
        }
    }
    assert_eq!(session.want(), Want::Commit);
    assert_eq!(
        seen,
        [
            "connect [] - - - 0 0 \"just connected\"",
            "ehlo [EHLO c.example] c.example - - 0 0 \"awaiting ehlo/helo\"",
            "mailfrom [MAIL FROM:<a@b> SIZE=9] c.example a@b - 0 0 \"awaiting mailfrom\"",
            "rcptto [RCPT TO:<c@d>] c.example a@b c@d 0 0 \"awaiting rcptto\"",
            "rcptto [RCPT TO:<e@f>] c.example a@b e@f 1 0 \"awaiting rcptto\"",
            "data [] c.example a@b - 2 6 \"reading body\"",
        ]
    );
}
