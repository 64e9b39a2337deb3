//! Plays the conversations of tests/scripts/client (their README explains the language), each with the
//! peer's bytes cut in three ways: the cut must never matter.

use bytes::Bytes;
use mail::{Address, Outcome, Time};
use smtp::client::{Content8Bit, Credentials, Method, Session, Settings, Transaction, Want};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

const NOW: Time = Time::from_secs(1_000);

struct Player<'a> {
    name: &'a str,
    settings: Settings,
    session: Option<Session>,
    /// What the peer has said and the session has not read.
    arriving: VecDeque<u8>,
    bytes_at_once: usize,
    body: Vec<u8>,
    credentials: Option<Rc<Credentials>>,
}

impl Player<'_> {
    fn session(&mut self) -> &mut Session {
        let settings = &self.settings;
        self.session.get_or_insert_with(|| Session::new(Rc::new(settings.clone()), NOW))
    }

    fn want(&mut self) -> Want {
        while !self.arriving.is_empty() {
            let (Want::Read { .. } | Want::Transaction { .. }) = self.session().want() else { break };
            let length = self.arriving.len().min(self.bytes_at_once);
            let bytes: Vec<u8> = self.arriving.drain(..length).collect();
            self.session().read(&bytes, NOW);
        }
        self.session().want()
    }

    fn expect_write(&mut self, expected: &str) {
        let want = self.want();
        assert!(
            matches!(want, Want::Write { .. }),
            "{}: {want:?} instead of writing {expected:?}",
            self.name
        );
        let written = self.session().take_output().concat();
        assert_eq!(String::from_utf8_lossy(&written), expected, "{}", self.name);
        self.session().wrote(NOW);
    }

    fn expect_report(&mut self, expected: &[&str]) {
        let want = self.want();
        assert_eq!(want, Want::Report, "{}: instead of {expected:?}", self.name);
        let report = self.session().take_report();
        let told: Vec<String> = report.outcomes.iter().map(in_words).collect();
        assert_eq!(told, expected, "{}", self.name);
    }

    fn start(&mut self, words: &str) {
        let want = self.want();
        assert!(matches!(want, Want::Transaction { .. }), "{}: {want:?} instead of idle", self.name);
        let mut addresses = words.split(' ').map(unescaped).map(|text| Address::from_checked(&text));
        let sender = addresses.next().filter(|sender| sender.as_str() != "<>");
        let eight_bit = !self.body.is_ascii();
        let body = Bytes::from(self.body.clone());
        let credentials = self.credentials.clone();
        assert!(self.session().can_act_as(credentials.as_deref()), "{}: known as somebody else", self.name);
        let recipients = addresses.collect();
        let transaction = Transaction { sender, recipients, body, eight_bit, credentials };
        self.session().start(transaction, NOW);
    }

    fn expect_end(&mut self, failure: &str) {
        assert_eq!(self.want(), Want::Close, "{}", self.name);
        let told = self.session().failure().map(|(stage, reply)| format!("{}: {reply}", stage.text()));
        assert_eq!(told.unwrap_or_default(), failure, "{}", self.name);
    }

    fn step(&mut self, verb: &str, words: &str) {
        match verb {
            "set" => set(&mut self.settings, words),
            "as" => {
                let mut words = words.split(' ');
                let mut next = || words.next().map(Box::from);
                let (user, password) = (next().unwrap_or_default(), next().unwrap_or_default());
                let mechanism = next().unwrap_or_default();
                let known =
                    Some(Credentials { user, password, mechanism }).filter(|known| !known.user.is_empty());
                self.credentials = known.map(Rc::new);
            }
            "foreign" => {
                self.want();
                let credentials = self.credentials.clone();
                assert!(!self.session().can_act_as(credentials.as_deref()), "{}", self.name);
            }
            "body" => self.body = unescaped(words).chars().map(|c| c as u32 as u8).collect(),
            "mail" => self.start(words),
            "gone" => {
                self.want();
                self.session().ended(NOW);
            }
            "lost" => {
                self.want();
                self.session().lost(NOW);
            }
            "late" => {
                self.want();
                self.session().timed_out(NOW);
            }
            "quit" => {
                self.want();
                self.session().quit(NOW);
            }
            "idle" => {
                self.want();
                self.session().idled_out(NOW);
            }
            "over" => self.expect_end(words),
            _ => panic!("{}: no such step: {verb}", self.name),
        }
    }
}

fn set(settings: &mut Settings, words: &str) {
    let (name, value) = words.split_once(' ').expect("a setting has a value");
    match (name, value) {
        ("method", "smtp") => settings.method = Method::Smtp,
        ("method", "lmtp") => settings.method = Method::Lmtp,
        ("pipelining", _) => settings.pipelining = value == "yes",
        ("send_8bitmime", _) => settings.send_8bitmime = value == "ifavailable",
        ("transform_8bitmime_content", "no") => settings.transform_8bitmime_content = Content8Bit::No,
        ("transform_8bitmime_content", "strip") => settings.transform_8bitmime_content = Content8Bit::Strip,
        ("max_deliveries_per_connection", _) => {
            settings.max_deliveries_per_connection = value.parse().expect("a number");
        }
        ("max_recipients_per_connection", _) => {
            settings.max_recipients_per_connection = value.parse().expect("a number");
        }
        ("max_recipients_per_batch", _) => {
            settings.max_recipients_per_batch = value.parse().expect("a number");
        }
        _ => panic!("no such setting: {words}"),
    }
}

fn in_words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Delivered(reply) => format!("delivered: {reply}"),
        Outcome::Deferred { stage, reply } => format!("deferred {}: {reply}", stage.text()),
        Outcome::Refused { stage, reply } => format!("refused {}: {reply}", stage.text()),
        Outcome::NotTried => "not tried".to_owned(),
    }
}

fn unescaped(text: &str) -> String {
    text.replace("\\r", "\r").replace("\\n", "\n").replace("\\xe9", "\u{e9}")
}

/// Lines of one direction that follow each other are one write, one arrival, one report.
fn play(name: &str, script: &str, bytes_at_once: usize) {
    let settings = Settings { ehlo_name: "out.example".to_owned(), ..Settings::default() };
    let mut player = Player {
        name,
        settings,
        session: None,
        arriving: VecDeque::new(),
        bytes_at_once,
        body: b"Subject: x\r\n\r\nhello\r\n".to_vec(),
        credentials: None,
    };
    let lines: Vec<(&str, &str)> = script
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split_once(' ').unwrap_or((line, "")))
        .collect();
    for group in lines.chunk_by(|one, next| one.0 == next.0 && ["C:", "S:", "="].contains(&one.0)) {
        let texts = || group.iter().map(|(_, text)| *text);
        match group[0].0 {
            "S:" => player.arriving.extend(texts().flat_map(|text| format!("{text}\r\n").into_bytes())),
            "C:" => player.expect_write(&texts().map(|text| format!("{text}\r\n")).collect::<String>()),
            "=" => player.expect_report(&texts().collect::<Vec<_>>()),
            verb => player.step(verb, group[0].1),
        }
    }
    assert_eq!(player.want(), Want::Close, "{name}: a script tells the whole connection");
}

fn scripts() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scripts/client");
    let entries = std::fs::read_dir(folder).expect("the scripts are there");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    paths.sort();
    paths
}

#[test]
fn every_script_plays_however_the_bytes_are_cut() {
    let scripts = scripts();
    assert!(scripts.len() >= 20, "only {} scripts found", scripts.len());
    for path in scripts {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let script = std::fs::read_to_string(&path).expect("a readable script");
        for bytes_at_once in [usize::MAX, 1, 7] {
            play(&format!("{name}, {bytes_at_once} at once"), &script, bytes_at_once);
        }
    }
}

#[test]
fn each_reply_has_its_own_deadline_and_a_trickle_does_not_move_it() {
    let seconds = Duration::from_secs;
    let at = |second| NOW + seconds(second);
    let settings = Settings {
        banner_timeout: seconds(10),
        ehlo_timeout: seconds(20),
        mailfrom_timeout: seconds(30),
        rcptto_timeout: seconds(40),
        data_timeout: seconds(50),
        body_timeout: seconds(60),
        idle_timeout: seconds(5),
        pipelining: true,
        ..Settings::default()
    };
    let mut session = Session::new(Rc::new(settings), NOW);
    assert_eq!(session.want(), Want::Read { deadline: at(10) });
    session.read(b"220", at(9));
    assert_eq!(session.want(), Want::Read { deadline: at(10) });
    session.read(b" hi\r\n", at(9));
    assert_eq!(session.want(), Want::Write { deadline: at(29) });
    session.take_output();
    session.wrote(at(10));
    assert_eq!(session.want(), Want::Read { deadline: at(30) });
    session.read(b"250-hi\r\n250 PIPELINING\r\n", at(11));
    assert_eq!(session.want(), Want::Transaction { idle_until: at(16) });
    session.start(
        Transaction {
            sender: None,
            recipients: vec![Address::new("b", "y.example"), Address::new("c", "y.example")],
            body: Bytes::from_static(b"x\r\n"),
            eight_bit: false,
            credentials: None,
        },
        at(12),
    );
    assert_eq!(session.want(), Want::Write { deadline: at(42) });
    session.take_output();
    session.wrote(at(13));
    for (reply, deadline) in [("", 43), ("250 sender", 54), ("250 one", 54), ("250 two", 64)] {
        if !reply.is_empty() {
            session.read(format!("{reply}\r\n").as_bytes(), at(14));
        }
        assert_eq!(session.want(), Want::Read { deadline: at(deadline) }, "after {reply:?}");
    }
    session.read(b"354 go\r\n", at(15));
    assert_eq!(session.want(), Want::Write { deadline: at(75) });
    session.take_output();
    session.wrote(at(16));
    assert_eq!(session.want(), Want::Read { deadline: at(76) });
}
