//! One connection of the sink.
//!
//! Law: replies leave in the order of the commands; a fault changes one reply and nothing else.

use crate::load::RECIPIENTS;
use crate::sink::content::Content;
use crate::sink::fault::{Action, Dice, Fault, Stage};
use crate::sink::tally::Tally;
use crate::token::number_of_recipient;
use bytes::{Bytes, BytesMut};
use std::rc::Rc;
use std::time::Duration;

/// Longest command line; RFC 5321 §4.5.3.1.4 asks for 512.
const LINE_BYTES: usize = 4096;
/// Replies of many pipelined groups find room here before memory is asked for again.
const OUTPUT_BYTES: usize = 8192;

const OK: &[u8] = b"250 2.0.0 Ok\r\n";
const START: &[u8] = b"354 End data with <CR><LF>.<CR><LF>\r\n";
const BYE: &[u8] = b"221 2.0.0 Bye\r\n";
const BAD_SEQUENCE: &[u8] = b"503 5.5.1 Bad sequence of commands\r\n";
const UNKNOWN: &[u8] = b"500 5.5.2 Command not recognised\r\n";
const TOO_LONG: &[u8] = b"500 5.5.6 Line too long\r\n";
const TOO_MANY: &[u8] = b"452 4.5.3 Too many recipients\r\n";

/// What all connections have in common.
pub struct Setup {
    greeting: String,
    ehlo: String,
    helo: String,
    faults: Vec<Fault>,
    seed: u64,
}

impl Setup {
    /// `extensions` are the lines of EHLO's reply, as `SIZE 1000000`.
    pub fn new(hostname: &str, extensions: &[String], faults: &[Fault], seed: u64) -> Setup {
        let lines: Vec<_> = std::iter::once(hostname).chain(extensions.iter().map(String::as_str)).collect();
        let (last, others) = lines.split_last().expect("the hostname is one");
        let mut ehlo: String = others.iter().map(|line| format!("250-{line}\r\n")).collect();
        ehlo.push_str(&format!("250 {last}\r\n"));
        Setup {
            greeting: format!("220 {hostname} ESMTP\r\n"),
            ehlo,
            helo: format!("250 {hostname}\r\n"),
            faults: faults.to_vec(),
            seed,
        }
    }
}

/// What the driver is to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Read; tell `read`.
    Read,
    /// Send `take_output`; it counts as sent.
    Write,
    /// Wait, without reading; tell `paused`.
    Pause(Duration),
    Close,
}

/// What the client has come to, with all that its reply needs.
#[derive(Clone, Copy)]
enum Step {
    Connect,
    Hello { extended: bool },
    Mail,
    Rcpt(Option<u64>),
    Data,
    Dot,
}

impl Step {
    fn stage(self) -> Stage {
        match self {
            Step::Connect => Stage::Connect,
            Step::Hello { .. } => Stage::Ehlo,
            Step::Mail => Stage::Mail,
            Step::Rcpt(_) => Stage::Rcpt,
            Step::Data => Stage::Data,
            Step::Dot => Stage::Dot,
        }
    }
}

pub struct Session {
    setup: Rc<Setup>,
    dice: Dice,
    output: BytesMut,
    /// Input that waits: a part of a line, or what came behind a tarpit.
    held: Vec<u8>,
    tarpit: Option<(Duration, Step)>,
    /// Between two reads of the content, and whether the next read has been waited for.
    slow: Option<(Duration, bool)>,
    sender: bool,
    /// The numbers of those that were accepted.
    recipients: Vec<Option<u64>>,
    content: Option<Content>,
    closing: bool,
}

impl Session {
    pub fn new(setup: Rc<Setup>, connection: u64, tally: &mut Tally) -> Session {
        tally.connections += 1;
        let mut session = Session {
            dice: Dice::new(setup.seed, connection),
            setup,
            output: BytesMut::new(),
            held: Vec::new(),
            tarpit: None,
            slow: None,
            sender: false,
            recipients: Vec::new(),
            content: None,
            closing: false,
        };
        session.step(Step::Connect, tally);
        session
    }

    pub fn want(&self) -> Want {
        if !self.output.is_empty() {
            return Want::Write;
        }
        if self.closing {
            return Want::Close;
        }
        match (self.tarpit, self.slow) {
            (Some((pause, _)), _) => Want::Pause(pause),
            (None, Some((pause, false))) if self.content.is_some() => Want::Pause(pause),
            _ => Want::Read,
        }
    }

    pub fn take_output(&mut self) -> Bytes {
        assert!(!self.output.is_empty(), "output is taken when there is some");
        self.output.split().freeze()
    }

    pub fn paused(&mut self, tally: &mut Tally) {
        let Some((_, step)) = self.tarpit.take() else {
            let (_, waited) = self.slow.as_mut().expect("a pause is told when one is wanted");
            *waited = true;
            return;
        };
        self.proceed(step, tally);
        self.resume(tally);
    }

    pub fn read(&mut self, chunk: &[u8], tally: &mut Tally) {
        assert!(self.tarpit.is_none() && !self.closing, "bytes are told when they are wanted");
        if let Some((_, waited)) = &mut self.slow {
            *waited = false;
        }
        if self.held.is_empty() {
            let used = self.process(chunk, tally);
            self.held.extend_from_slice(&chunk[used..]);
        } else {
            self.held.extend_from_slice(chunk);
            self.resume(tally);
        }
        if self.tarpit.is_none() && self.held.len() > LINE_BYTES {
            self.output.extend_from_slice(TOO_LONG);
            self.closing = true;
        }
    }

    fn resume(&mut self, tally: &mut Tally) {
        let mut held = std::mem::take(&mut self.held);
        let used = self.process(&held, tally);
        held.drain(..used);
        self.held = held;
    }

    /// How many of the bytes are done with: all but a part of a line, unless a tarpit holds us up.
    fn process(&mut self, bytes: &[u8], tally: &mut Tally) -> usize {
        let mut used = 0;
        while used < bytes.len() && self.tarpit.is_none() && !self.closing {
            let rest = &bytes[used..];
            if let Some(content) = &mut self.content {
                match content.feed(rest) {
                    Some(length) => used += length,
                    None => return bytes.len(),
                }
                self.step(Step::Dot, tally);
            } else if let Some(end) = memchr::memchr(b'\n', rest) {
                self.command(&rest[..=end], tally);
                used += end + 1;
            } else {
                break;
            }
        }
        used
    }

    fn command(&mut self, line: &[u8], tally: &mut Tally) {
        let mut verb = [0; 4];
        let length = line.len().min(verb.len());
        verb[..length].copy_from_slice(&line[..length]);
        verb.make_ascii_uppercase();
        match &verb {
            b"MAIL" if !self.sender => self.step(Step::Mail, tally),
            b"RCPT" if self.sender && self.recipients.len() == RECIPIENTS => self.say(TOO_MANY),
            b"RCPT" if self.sender => self.step(Step::Rcpt(number(line)), tally),
            b"DATA" if !self.recipients.is_empty() => self.step(Step::Data, tally),
            b"MAIL" | b"RCPT" | b"DATA" => self.say(BAD_SEQUENCE),
            b"EHLO" => self.step(Step::Hello { extended: true }, tally),
            b"HELO" => self.step(Step::Hello { extended: false }, tally),
            b"RSET" => {
                self.reset();
                self.say(OK);
            }
            b"NOOP" => self.say(OK),
            b"QUIT" => {
                self.say(BYE);
                self.closing = true;
            }
            _ => self.say(UNKNOWN),
        }
    }

    /// Goes on unless a fault strikes.
    fn step(&mut self, step: Step, tally: &mut Tally) {
        let setup = self.setup.clone();
        let Some(action) = self.dice.draw(&setup.faults, step.stage()) else {
            return self.proceed(step, tally);
        };
        tally.faults += 1;
        match action {
            Action::Tarpit(pause) => self.tarpit = Some((pause, step)),
            Action::SlowRead(pause) => {
                self.slow = Some((pause, false));
                self.proceed(step, tally);
            }
            Action::Refuse(code) => {
                self.say(format!("{code} {}.3.0 Fault\r\n", code / 100).as_bytes());
                match step {
                    Step::Connect => self.closing = true,
                    Step::Dot => self.reset(),
                    _ => {}
                }
            }
            Action::Close => self.closing = true,
            Action::LoseReply => {
                self.deliver(tally);
                self.closing = true;
            }
        }
    }

    fn proceed(&mut self, step: Step, tally: &mut Tally) {
        let setup = &self.setup;
        match step {
            Step::Connect => self.output.extend_from_slice(setup.greeting.as_bytes()),
            Step::Hello { extended } => {
                let reply = if extended { &setup.ehlo } else { &setup.helo };
                self.output.extend_from_slice(reply.as_bytes());
                self.reset();
            }
            Step::Mail => {
                self.sender = true;
                self.say(OK);
            }
            Step::Rcpt(number) => {
                self.recipients.push(number);
                self.say(OK);
            }
            Step::Data => {
                self.content = Some(Content::new());
                self.say(START);
            }
            Step::Dot => {
                self.deliver(tally);
                self.say(OK);
            }
        }
    }

    fn deliver(&mut self, tally: &mut Tally) {
        let content = self.content.take().expect("a message ends where there is one");
        tally.delivered(content.token(), &self.recipients, content.bytes());
        self.reset();
    }

    fn reset(&mut self) {
        self.content = None;
        self.slow = None;
        self.sender = false;
        self.recipients.clear();
    }

    fn say(&mut self, reply: &[u8]) {
        if self.output.capacity() < reply.len() {
            self.output.reserve(OUTPUT_BYTES);
        }
        self.output.extend_from_slice(reply);
    }
}

/// Of the address in angle brackets.
fn number(line: &[u8]) -> Option<u64> {
    let start = memchr::memchr(b'<', line)? + 1;
    let end = memchr::memchr(b'>', &line[start..])? + start;
    number_of_recipient(&line[start..end])
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
