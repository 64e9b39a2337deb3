//! The server's side of one control connection: greets, authenticates, and hands out command lines.
//!
//! The law: no line is handed out before the user is known. The driver asks [`Dialogue::want`], does it, tells
//! it; a reply is `piece`s and one `end`.

use crate::line::{Lines, Mistake};
use crate::mechanism::{Mechanism, ServerExchange, Turn};
use crate::store::Stores;
use crate::wire::{Mode, OPENING, Status};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::time::Duration;

/// What who is not known yet gets for a command.
pub const AUTHORIZATION_REQUIRED: &str = "Authorization required for console session";
const REFUSED: &str = "Authentication failed";

/// Failures, and lines instead of authentication, after which the connection is closed.
const PATIENCE: u32 = 3;
/// Waited after the first failure; twice as long after the second.
const PENALTY: Duration = Duration::from_secs(1);

/// What awaits who connects.
#[derive(Debug)]
pub struct Door {
    /// As the operator wrote it.
    pub endpoint: String,
    pub software: String,
    /// Whom we know already: by the peer's credentials, or let in by address.
    pub user: Option<String>,
    /// Every attempt to authenticate fails (`Always_Deny`).
    pub is_denied: bool,
    pub stores: Stores,
    /// Random.
    pub nonce: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Send `take_output`.
    Write,
    Read,
    /// Carry out `take_line` for `user`.
    CarryOut,
    /// Wait, then tell `paused`.
    Pause(Duration),
    Close,
}

/// An attempt to authenticate, for acctlog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    pub user: String,
    pub succeeded: bool,
    pub timed_out: bool,
}

#[derive(Debug)]
pub struct Dialogue {
    door: Door,
    /// None before the first byte.
    mode: Option<Mode>,
    lines: Lines,
    user: Option<String>,
    exchange: Option<ServerExchange>,
    output: Vec<u8>,
    line: Option<String>,
    pause: Option<Duration>,
    failures: u32,
    attempts: Vec<Attempt>,
    is_over: bool,
}

impl Dialogue {
    pub fn new(door: Door) -> Dialogue {
        Dialogue {
            mode: None,
            lines: Lines::default(),
            user: door.user.clone().filter(|_| !door.is_denied),
            exchange: None,
            output: Vec::new(),
            line: None,
            pause: None,
            failures: 0,
            attempts: Vec::new(),
            is_over: false,
            door,
        }
    }

    pub fn want(&self) -> Want {
        match self {
            // Whoever guesses hears only after the wait that it was wrong.
            Dialogue { pause: Some(pause), .. } => Want::Pause(*pause),
            Dialogue { output, .. } if !output.is_empty() => Want::Write,
            Dialogue { line: Some(_), .. } => Want::CarryOut,
            Dialogue { is_over: true, .. } => Want::Close,
            _ => Want::Read,
        }
    }

    /// Who is at the other end, once that is known.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    pub fn take_line(&mut self) -> String {
        self.line.take().expect("a line was wanted to be carried out")
    }

    pub fn take_attempts(&mut self) -> Vec<Attempt> {
        std::mem::take(&mut self.attempts)
    }

    pub fn read(&mut self, bytes: &[u8]) {
        if self.mode.is_none() {
            self.mode = bytes
                .first()
                .map(|first| if *first == OPENING.as_bytes()[0] { Mode::Framed } else { Mode::Plain });
        }
        self.lines.read(bytes);
        self.advance();
    }

    /// The connection was silent for too long.
    pub fn timed_out(&mut self) {
        if self.user.is_none() {
            self.attempts.push(Attempt { user: String::new(), succeeded: false, timed_out: true });
        }
        self.is_over = true;
    }

    pub fn paused(&mut self) {
        self.pause = None;
        self.advance();
    }

    /// A piece of the reply to the line.
    pub fn piece(&mut self, text: &str, status: Status) {
        self.mode().piece(text, status, &mut self.output);
    }

    /// The reply is complete.
    pub fn end(&mut self, status: Status) {
        self.mode().end(status, &mut self.output);
        self.advance();
    }

    /// No further line is wanted.
    pub fn close(&mut self) {
        self.is_over = true;
        self.line = None;
    }

    fn mode(&self) -> Mode {
        self.mode.unwrap_or(Mode::Plain)
    }

    fn reply(&mut self, text: &str, status: Status) {
        self.mode().piece(text, status, &mut self.output);
        self.mode().end(status, &mut self.output);
    }

    /// Takes lines until one is to be carried out, or there is none.
    fn advance(&mut self) {
        while self.line.is_none() && self.pause.is_none() && !self.is_over {
            match self.lines.next_line() {
                None => return,
                Some(Ok(line)) => self.hear(line),
                Some(Err(mistake)) => {
                    self.reply(&format!("{mistake}\n"), Status::Err);
                    self.is_over = mistake == Mistake::LineTooLong;
                }
            }
        }
    }

    fn hear(&mut self, line: String) {
        if line == OPENING && self.mode() == Mode::Framed {
            return self.greet();
        }
        if let Some(exchange) = self.exchange.take() {
            return match BASE64.decode(line.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok()) {
                Some(message) => self.authenticate(exchange, &message),
                None => self.failed(String::new()),
            };
        }
        if self.user.is_some() {
            self.line = Some(line);
            return;
        }
        let mut words = line.split_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some(auth), Some(name), first) if auth.eq_ignore_ascii_case("auth") => self.begin(name, first),
            (Some("quit"), None, None) => self.is_over = true,
            _ => {
                self.reply(&format!("{AUTHORIZATION_REQUIRED}\n"), Status::Err);
                self.lose_patience();
            }
        }
    }

    fn greet(&mut self) {
        let mechanisms: Vec<&str> = match self.user {
            Some(_) => Vec::new(),
            None => self.door.stores.mechanisms().into_iter().map(Mechanism::name).collect(),
        };
        let (software, endpoint) = (&self.door.software, &self.door.endpoint);
        let known = if self.user.is_some() { "yes" } else { "no" };
        let text =
            format!("HELLO {software}\nendpoint {endpoint}\nknown {known}\nauth {}\n", mechanisms.join(" "));
        self.reply(&text, Status::Ok);
    }

    fn begin(&mut self, name: &str, first: Option<&str>) {
        let offered = self.door.stores.mechanisms();
        let Some(mechanism) = Mechanism::named(name).filter(|mechanism| offered.contains(mechanism)) else {
            let names: Vec<&str> = offered.into_iter().map(Mechanism::name).collect();
            self.reply(&format!("{name} is not offered; offered are: {}\n", names.join(" ")), Status::Err);
            return self.lose_patience();
        };
        let exchange = ServerExchange::new(mechanism, &self.door.nonce);
        let first =
            first.map(|first| BASE64.decode(first).ok().and_then(|bytes| String::from_utf8(bytes).ok()));
        match first {
            Some(None) => self.failed(String::new()),
            Some(Some(message)) => self.authenticate(exchange, &message),
            None => self.authenticate(exchange, ""),
        }
    }

    fn authenticate(&mut self, mut exchange: ServerExchange, message: &str) {
        match exchange.told(message, &self.door.stores) {
            Turn::Challenge(challenge) => {
                self.exchange = Some(exchange);
                self.reply(&format!("{}\n", BASE64.encode(challenge)), Status::More);
            }
            Turn::Done { user } if !self.door.is_denied => {
                self.attempts.push(Attempt { user: user.clone(), succeeded: true, timed_out: false });
                self.reply(&format!("Authenticated as {user}\n"), Status::Ok);
                self.user = Some(user);
            }
            Turn::Done { user } | Turn::Failed { user } => self.failed(user),
        }
    }

    fn failed(&mut self, user: String) {
        self.attempts.push(Attempt { user, succeeded: false, timed_out: false });
        self.reply(&format!("{REFUSED}\n"), Status::Err);
        self.lose_patience();
        self.pause = Some(PENALTY * self.failures);
    }

    fn lose_patience(&mut self) {
        self.failures += 1;
        self.is_over = self.failures >= PATIENCE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mechanism::ClientExchange;

    fn door(user: Option<&str>) -> Door {
        let mut stores = Stores::default();
        stores.add("file", "f", "ann:pencil\n");
        stores.offer(Mechanism::Login, "f", "");
        let user = user.map(String::from);
        let (endpoint, software) = ("/tmp/2025".into(), "impetus 1".into());
        Door { endpoint, software, user, is_denied: false, stores, nonce: "n".into() }
    }

    /// Everything that the dialogue says to these bytes; commands are answered with their own line.
    fn said(dialogue: &mut Dialogue, bytes: &str) -> String {
        dialogue.read(bytes.as_bytes());
        let mut said = Vec::new();
        loop {
            match dialogue.want() {
                Want::Write => said.extend(dialogue.take_output()),
                Want::CarryOut => {
                    let line = dialogue.take_line();
                    dialogue.piece(&format!("{line}!\n"), Status::Ok);
                    dialogue.end(Status::Ok);
                }
                Want::Pause(pause) => {
                    said.extend(format!("({}s)", pause.as_secs()).bytes());
                    dialogue.paused();
                }
                Want::Read => break,
                Want::Close => {
                    said.extend(b"(closed)");
                    break;
                }
            }
        }
        String::from_utf8(said).expect("text")
    }

    #[test]
    fn the_first_byte_chooses_between_frames_and_plain_text() {
        for (bytes, expected) in [
            ("summary\n\n", "summary!\n.\n!\n.\n"),
            (".x\r\n", "..x!\n.\n"),
            ("\u{1}IMPETUS/1\n", "51 +\nHELLO impetus 1\nendpoint /tmp/2025\nknown yes\nauth \n0 +\n"),
            (
                "\u{1}IMPETUS/1\npid\n",
                "51 +\nHELLO impetus 1\nendpoint /tmp/2025\nknown yes\nauth \n0 +\n5 +\npid!\n0 +\n",
            ),
        ] {
            assert_eq!(said(&mut Dialogue::new(door(Some("root"))), bytes), expected);
        }
    }

    #[test]
    fn a_line_without_end_is_refused_and_the_connection_closed() {
        let long = "x".repeat(crate::LINE_LIMIT + 2);
        assert_eq!(
            said(&mut Dialogue::new(door(Some("root"))), &long),
            "a line has at most 8192 bytes\n.\n(closed)"
        );
    }

    #[test]
    fn nothing_is_carried_out_before_the_user_is_known() {
        let mut dialogue = Dialogue::new(door(None));
        assert_eq!(said(&mut dialogue, "summary\n"), "Authorization required for console session\n.\n");
        assert_eq!(said(&mut dialogue, "auth LOGIN\n"), "VXNlcm5hbWU6\n.\n");
        assert_eq!(said(&mut dialogue, "YW5u\n"), "UGFzc3dvcmQ6\n.\n");
        assert_eq!(said(&mut dialogue, "cGVuY2ls\nsummary\n"), "Authenticated as ann\n.\nsummary!\n.\n");
        assert_eq!(dialogue.user(), Some("ann"));
        let attempt = Attempt { user: "ann".into(), succeeded: true, timed_out: false };
        assert_eq!(dialogue.take_attempts(), [attempt]);
    }

    #[test]
    fn who_guesses_waits_and_is_sent_away() {
        let mut dialogue = Dialogue::new(door(None));
        let asked = "UGFzc3dvcmQ6\n.\n";
        assert_eq!(said(&mut dialogue, "auth LOGIN YW5u\n"), asked);
        assert_eq!(said(&mut dialogue, "cGVu\n"), "(1s)Authentication failed\n.\n");
        assert_eq!(said(&mut dialogue, "auth LOGIN YW5u\n"), asked);
        assert_eq!(said(&mut dialogue, "*\n"), "(2s)Authentication failed\n.\n");
        assert_eq!(
            said(&mut dialogue, "auth SCRAM-SHA-256\nsummary\n"),
            "SCRAM-SHA-256 is not offered; offered are: LOGIN\n.\n(closed)"
        );
        assert_eq!(dialogue.take_attempts().len(), 2);
    }

    #[test]
    fn always_deny_outranks_the_right_password() {
        let mut dialogue = Dialogue::new(Door { is_denied: true, ..door(Some("root")) });
        let client = ClientExchange::new(Mechanism::Login, "ann", "pencil", "n");
        assert!(client.first().is_none());
        assert!(said(&mut dialogue, "auth LOGIN YW5u\ncGVuY2ls\n").ends_with("Authentication failed\n.\n"));
        assert_eq!(dialogue.user(), None);
    }

    #[test]
    fn silence_ends_the_connection() {
        let mut dialogue = Dialogue::new(door(None));
        dialogue.timed_out();
        assert_eq!(dialogue.want(), Want::Close);
        assert!(dialogue.take_attempts()[0].timed_out);
    }
}
