//! One connection of `load`: greeting, EHLO, message after message, QUIT.
//!
//! Law: replies are taken in the order of the commands, and a message is promised by nothing but the reply
//! to its final dot.

use crate::load::letter::Letter;
use crate::load::recipient::Template;
use crate::token::Token;
use bytes::Bytes;
use std::rc::Rc;

/// A reply line may be this long; RFC 5321 §4.5.3.1.5 asks for 512.
const REPLY_LINE_BYTES: usize = 4096;
const RSET: Bytes = Bytes::from_static(b"RSET\r\n");
const QUIT: Bytes = Bytes::from_static(b"QUIT\r\n");
const DOT: Bytes = Bytes::from_static(b".\r\n");

/// What all connections of a thread have in common.
pub struct Script {
    pub run: u32,
    pub hello: String,
    pub sender: String,
    pub recipient: Template,
    pub recipients: usize,
    pub pipelining: bool,
}

/// What the driver is to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Read; tell `read`.
    Read,
    /// Send all of `take_output`; tell `wrote`.
    Write,
    /// Between two messages: tell `message` or `quit`.
    Message,
    /// A message has ended: `take_verdict`.
    Report,
    /// Close the socket; `turned_away` may say why.
    Close,
}

/// How a message ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The server promised delivery to those recipients that `accepted` shows.
    Accepted,
    /// By this reply; 0 stands for a reply that was none.
    Refused(u16),
}

/// What a connection that broke leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// No message was in hand.
    Nothing,
    /// The message was not sent yet: it can be sent again under the same token.
    NotSent,
    /// The message was on its way or sent: nobody knows whether the server has it.
    InDoubt,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Greeting,
    Hello,
    Ready,
    /// MAIL, each RCPT, DATA: commands composed and replies taken so far.
    Envelope {
        asked: usize,
        answered: usize,
    },
    Content,
    Reset,
    Goodbye,
    Closed,
}

pub struct Session {
    script: Rc<Script>,
    state: State,
    output: Vec<Bytes>,
    writing: bool,
    /// A reply line of which a part has come.
    heard: Vec<u8>,
    pipelining: bool,
    first: u64,
    accepted: Vec<bool>,
    refusal: Option<u16>,
    verdict: Option<Verdict>,
    turned_away: Option<u16>,
}

impl Session {
    pub fn new(script: Rc<Script>) -> Session {
        Session {
            accepted: Vec::with_capacity(script.recipients),
            script,
            state: State::Greeting,
            output: Vec::new(),
            writing: false,
            heard: Vec::new(),
            pipelining: false,
            first: 0,
            refusal: None,
            verdict: None,
            turned_away: None,
        }
    }

    pub fn want(&self) -> Want {
        if self.verdict.is_some() {
            return Want::Report;
        }
        if !self.output.is_empty() || self.writing {
            return Want::Write;
        }
        match self.state {
            State::Ready => Want::Message,
            State::Closed => Want::Close,
            _ => Want::Read,
        }
    }

    pub fn take_output(&mut self) -> Vec<Bytes> {
        assert!(!self.output.is_empty(), "output is taken when there is some");
        self.writing = true;
        std::mem::take(&mut self.output)
    }

    pub fn wrote(&mut self) {
        assert!(self.writing, "what was taken is written once");
        self.writing = false;
    }

    /// The next message: its first recipient is delivery number `first`.
    pub fn message(&mut self, first: u64) {
        assert!(self.want() == Want::Message, "a message is told when one is wanted");
        self.first = first;
        self.accepted.clear();
        self.refusal = None;
        self.state = State::Envelope { asked: 0, answered: 0 };
        self.ask();
    }

    pub fn quit(&mut self) {
        assert!(self.want() == Want::Message, "goodbye is said between messages");
        self.state = State::Goodbye;
        self.output.push(QUIT);
    }

    pub fn take_verdict(&mut self) -> Verdict {
        self.verdict.take().expect("a verdict is taken when there is one")
    }

    /// Which recipients of the last message were accepted, in order.
    pub fn accepted(&self) -> &[bool] {
        &self.accepted
    }

    /// The reply by which the server refused the connection or EHLO, or ended it unasked; 0 for nonsense.
    pub fn turned_away(&self) -> Option<u16> {
        self.turned_away
    }

    /// The connection broke or took too long.
    pub fn lost(&mut self) -> Loss {
        let loss = match self.state {
            State::Envelope { .. } => Loss::NotSent,
            State::Content => Loss::InDoubt,
            _ => Loss::Nothing,
        };
        self.state = State::Closed;
        self.output.clear();
        self.writing = false;
        loss
    }

    /// Bytes of the server, cut anywhere. `letter` is the content of the message in hand.
    pub fn read(&mut self, mut bytes: &[u8], letter: &mut Letter) {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            let (line, rest) = bytes.split_at(end + 1);
            bytes = rest;
            if self.heard.is_empty() {
                self.line(line, letter);
            } else {
                let mut whole = std::mem::take(&mut self.heard);
                whole.extend_from_slice(line);
                self.line(&whole, letter);
            }
        }
        self.heard.extend_from_slice(bytes);
        if self.heard.len() > REPLY_LINE_BYTES {
            self.heard.clear();
            self.replied(0, letter);
        }
    }

    fn line(&mut self, line: &[u8], letter: &mut Letter) {
        let code = match line {
            [a @ b'2'..=b'5', b @ b'0'..=b'9', c @ b'0'..=b'9', ..] => {
                [a, b, c].iter().fold(0, |code, digit| code * 10 + u16::from(**digit - b'0'))
            }
            _ => 0,
        };
        let text = line.get(4..).unwrap_or_default().trim_ascii_end();
        if self.state == State::Hello && text.eq_ignore_ascii_case(b"PIPELINING") {
            self.pipelining = self.script.pipelining;
        }
        if line.get(3) != Some(&b'-') {
            self.replied(code, letter);
        }
    }

    fn replied(&mut self, code: u16, letter: &mut Letter) {
        match self.state {
            State::Greeting if code == 220 => {
                self.output.push(format!("EHLO {}\r\n", self.script.hello).into());
                self.state = State::Hello;
            }
            State::Hello if code == 250 => self.state = State::Ready,
            State::Reset if code == 250 => self.state = State::Ready,
            State::Envelope { asked, answered } if code != 421 => {
                self.envelope(asked, answered, code, letter)
            }
            State::Content => self.content(code),
            State::Goodbye | State::Closed => self.state = State::Closed,
            State::Envelope { .. } => {
                self.verdict = Some(Verdict::Refused(code));
                self.state = State::Closed;
            }
            // A reply that nobody asked for, or a no where nothing can follow.
            State::Greeting | State::Hello | State::Reset | State::Ready => {
                self.turned_away = Some(code);
                self.state = State::Closed;
            }
        }
    }

    fn envelope(&mut self, asked: usize, answered: usize, code: u16, letter: &mut Letter) {
        let last = self.script.recipients + 1;
        let fine = (200..300).contains(&code);
        if (1..last).contains(&answered) {
            self.accepted.push(fine);
        }
        if !fine && answered < last {
            self.refusal.get_or_insert(code);
        }
        let answered = answered + 1;
        self.state = State::Envelope { asked, answered };
        if answered > last {
            return self.data(code, letter);
        }
        if answered < asked {
            return;
        }
        // In lock step, what has been refused already is not pursued.
        if answered == 1 && self.refusal.is_some() || answered == last && !self.accepted.contains(&true) {
            self.give_up();
        } else {
            self.ask();
        }
    }

    fn data(&mut self, code: u16, letter: &mut Letter) {
        if code != 354 {
            self.refusal.get_or_insert(code);
            return self.give_up();
        }
        self.state = State::Content;
        if self.accepted.contains(&true) {
            self.output = letter.carrying(Token { run: self.script.run, number: self.first });
        } else {
            // RFC 2920 §3.1: DATA went out with the others and was granted, so an empty message must follow.
            self.output.push(DOT);
        }
    }

    fn content(&mut self, code: u16) {
        let any = self.accepted.contains(&true);
        let promised = any && (200..300).contains(&code);
        let refusal = self.refusal.filter(|_| !any).unwrap_or(code);
        self.verdict = Some(if promised { Verdict::Accepted } else { Verdict::Refused(refusal) });
        self.state = if code == 421 { State::Closed } else { State::Ready };
    }

    fn give_up(&mut self) {
        self.verdict = Some(Verdict::Refused(self.refusal.unwrap_or(0)));
        self.state = State::Reset;
        self.output.push(RSET);
    }

    /// Composes the whole envelope, or in lock step the next command.
    fn ask(&mut self) {
        let State::Envelope { asked, answered } = self.state else {
            unreachable!("commands are composed within an envelope")
        };
        let commands = self.script.recipients + 2;
        let until = if self.pipelining { commands } else { asked + 1 };
        let mut text = Vec::with_capacity(64 * (until - asked));
        for command in asked..until {
            self.compose(command, &mut text);
        }
        self.output.push(text.into());
        self.state = State::Envelope { asked: until, answered };
    }

    fn compose(&self, command: usize, text: &mut Vec<u8>) {
        match command {
            0 => {
                text.extend_from_slice(b"MAIL FROM:<");
                text.extend_from_slice(self.script.sender.as_bytes());
                text.extend_from_slice(b">\r\n");
            }
            nth if nth <= self.script.recipients => {
                text.extend_from_slice(b"RCPT TO:<");
                self.script.recipient.write(self.first + nth as u64 - 1, text);
                text.extend_from_slice(b">\r\n");
            }
            _ => text.extend_from_slice(b"DATA\r\n"),
        }
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
