//! The conversation of one outgoing connection: what is asked next, and what each reply means.
//!
//! Law: replies are taken in the order of the questions. A group of commands is only a sequence sent early,
//! so that one function judges a reply, pipelined or not.

use super::answer::{Answer, Heard, hear};
use super::attempt::{Attempt, Report, Transaction};
use super::body;
use super::command::{self, Asked, CLOSED};
use super::offers::Offers;
use super::settings::{Content8Bit, Method, Settings};
use bytes::{Bytes, BytesMut};
use mail::{Outcome, Reply, Stage, Time};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

/// Commands that may be unanswered at a time: few enough that their replies fit into the socket buffers,
/// or each side could wait for the other to read (RFC 2920 §3.1).
pub const PIPELINE_WINDOW: usize = 128;

/// How long the goodbye may take; nothing depends on it.
pub const QUIT_TIMEOUT: Duration = Duration::from_secs(5);

const TOO_LARGE: Reply = Reply::fixed(552, (5, 3, 4), "[internal] message size limit exceeded");

/// What the driver is to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Read; tell `read`, `ended`, `lost` or `timed_out`.
    Read { deadline: Time },
    /// Send all of `take_output`; tell `wrote`, `lost` or `timed_out`.
    Write { deadline: Time },
    /// Idle: tell `start`, `quit` or, at that time, `idled_out`. A driver that watches the socket
    /// meanwhile may tell `read`, `ended` and `lost`.
    Transaction { idle_until: Time },
    /// Outcomes are ready: `take_report`.
    Report,
    /// Close the socket; `failure` may say why. The session is over.
    Close,
}

pub struct Session {
    settings: Rc<Settings>,
    offers: Offers,
    /// The replies due, in the order in which they must come.
    awaiting: VecDeque<Asked>,
    commands: BytesMut,
    content: Vec<Bytes>,
    /// From the composing of output to `wrote`.
    writing: bool,
    /// Of the write, of the first reply due, or of being idle.
    deadline: Time,
    /// What came and is not yet a reply, or came before its question.
    heard: Vec<u8>,
    attempt: Option<Attempt>,
    report: Option<Report>,
    /// A MAIL FROM was sent at some time.
    was_used: bool,
    /// The peer may still hold a transaction that did not end with its data.
    must_reset: bool,
    delivered: u32,
    recipients_sent: u32,
    is_over: bool,
    failure: Option<(Stage, Reply)>,
}

/// What the driver asks.
impl Session {
    /// The connection has just been made: the peer speaks first.
    pub fn new(settings: Rc<Settings>, now: Time) -> Self {
        let deadline = now + settings.banner_timeout;
        Session {
            settings,
            offers: Offers::default(),
            awaiting: VecDeque::from([Asked::Banner]),
            commands: BytesMut::new(),
            content: Vec::new(),
            writing: false,
            deadline,
            heard: Vec::new(),
            attempt: None,
            report: None,
            was_used: false,
            must_reset: false,
            delivered: 0,
            recipients_sent: 0,
            is_over: false,
            failure: None,
        }
    }

    pub fn want(&self) -> Want {
        let deadline = self.deadline;
        if self.report.is_some() {
            Want::Report
        } else if self.is_over {
            Want::Close
        } else if self.writing {
            Want::Write { deadline }
        } else if self.awaiting.is_empty() {
            Want::Transaction { idle_until: deadline }
        } else {
            Want::Read { deadline }
        }
    }

    pub fn stage(&self) -> Stage {
        match self.awaiting.front() {
            _ if self.is_over => Stage::NotConnected,
            Some(asked) if self.writing => asked.failing().sending,
            Some(asked) => asked.failing().waiting,
            None if self.was_used => Stage::Idle,
            None => Stage::AfterEhlo,
        }
    }

    /// The blocks to send, in order.
    pub fn take_output(&mut self) -> Vec<Bytes> {
        assert!(self.writing, "output is taken when it is wanted");
        let mut blocks = std::mem::take(&mut self.content);
        if !self.commands.is_empty() {
            blocks.push(self.commands.split().freeze());
        }
        blocks
    }

    pub fn take_report(&mut self) -> Report {
        self.report.take().expect("a report is taken when it is wanted")
    }

    /// Whether another transaction can follow on this connection, as far as is known now.
    pub fn can_take_more(&self) -> bool {
        let limit = self.settings.max_deliveries_per_connection;
        let is_leaving = self.is_over || self.awaiting.contains(&Asked::Quit);
        !is_leaving && (limit == 0 || self.delivered < limit) && self.recipient_room() > 0
    }

    /// How many recipients the next transaction may have; those beyond come back as `NotTried`.
    pub fn recipient_room(&self) -> usize {
        let settings = &*self.settings;
        let batch = limited(settings.max_recipients_per_batch, 0);
        batch.min(limited(settings.max_recipients_per_connection, self.recipients_sent))
    }

    /// Why the connection ended before a MAIL FROM could be sent on it, for the transaction in hand if there
    /// was one (its recipients are then `NotTried`) and else at all. Read it at `Want::Close`.
    pub fn failure(&self) -> Option<(Stage, Reply)> {
        self.failure.clone()
    }
}

fn limited(limit: u32, used: u32) -> usize {
    if limit == 0 { usize::MAX } else { limit.saturating_sub(used) as usize }
}

/// What the driver tells.
impl Session {
    pub fn start(&mut self, transaction: Transaction, now: Time) {
        self.must_be_idle();
        assert!(!transaction.recipients.is_empty(), "a transaction has recipients");
        let octets = body::octets(&transaction.body);
        let mut attempt = Attempt::new(transaction, self.recipient_room());
        if self.offers.are_too_small_for(octets) {
            attempt.decide_rest(&Outcome::of(Stage::AfterEhlo, TOO_LARGE));
        }
        if self.must_reset && attempt.undecided().next().is_some() {
            command::write_line(&mut self.commands, &[b"RSET"]);
            self.awaiting.push_back(Asked::Rset);
        }
        self.attempt = Some(attempt);
        self.proceed(now);
    }

    pub fn quit(&mut self, now: Time) {
        self.must_be_idle();
        self.say_goodbye(now);
    }

    pub fn idled_out(&mut self, now: Time) {
        self.quit(now);
    }

    pub fn wrote(&mut self, now: Time) {
        assert!(matches!(self.want(), Want::Write { .. }), "only what is wanted is written");
        self.writing = false;
        self.expect_reply(now);
        let heard = std::mem::take(&mut self.heard);
        let used = self.listen(&heard, now);
        self.keep(heard, used);
    }

    pub fn read(&mut self, bytes: &[u8], now: Time) {
        self.must_be_reading();
        if self.heard.is_empty() {
            let used = self.listen(bytes, now);
            // Whole replies, as they nearly always come, are never copied.
            if used < bytes.len() && !self.is_over {
                self.heard.extend_from_slice(&bytes[used..]);
            }
        } else {
            let mut heard = std::mem::take(&mut self.heard);
            heard.extend_from_slice(bytes);
            let used = self.listen(&heard, now);
            self.keep(heard, used);
        }
    }

    /// The peer closed its side.
    pub fn ended(&mut self, _now: Time) {
        self.must_be_reading();
        self.broke();
    }

    /// A read or a write failed.
    pub fn lost(&mut self, _now: Time) {
        assert!(!matches!(self.want(), Want::Report | Want::Close), "the socket is in use");
        self.broke();
    }

    /// The deadline of `Read` or `Write` has passed.
    pub fn timed_out(&mut self, _now: Time) {
        assert!(matches!(self.want(), Want::Read { .. } | Want::Write { .. }), "a deadline was set");
        self.broke();
    }

    fn must_be_idle(&self) {
        assert!(matches!(self.want(), Want::Transaction { .. }), "the session is idle");
    }

    fn must_be_reading(&self) {
        assert!(matches!(self.want(), Want::Read { .. } | Want::Transaction { .. }), "the session reads");
    }
}

/// How replies are taken.
impl Session {
    /// Judges the replies at the start of `bytes` and returns how many bytes they took. What comes before
    /// its question waits until the question is written, as if it had come later.
    fn listen(&mut self, bytes: &[u8], now: Time) -> usize {
        let mut used = 0;
        while !self.writing && !self.is_over && used < bytes.len() {
            match (hear(&bytes[used..]), self.awaiting.front().copied()) {
                (Heard::Partial, _) => break,
                (Heard::Garbage, _) => self.broke(),
                (Heard::Whole(answer), Some(asked)) => {
                    used += answer.length();
                    self.judge(asked, answer, now);
                }
                (Heard::Whole(answer), None) => self.interrupted(answer),
            }
        }
        used
    }

    fn keep(&mut self, mut heard: Vec<u8>, used: usize) {
        if self.is_over {
            return;
        }
        heard.drain(..used);
        self.heard = heard;
    }

    /// Somebody spoke who was not asked: a goodbye (RFC 5321 §3.8), or a peer out of step.
    fn interrupted(&mut self, answer: Answer<'_>) {
        let reply = if answer.code == 421 { answer.reply() } else { CLOSED };
        self.end(self.stage(), reply);
    }

    fn judge(&mut self, asked: Asked, answer: Answer<'_>, now: Time) {
        if asked == Asked::Quit {
            self.is_over = true;
        } else if answer.code == 421 {
            self.end(asked.failing().waiting, answer.reply());
        } else if asked.is_granted_by(answer.code) {
            self.awaiting.pop_front();
            self.granted(asked, answer);
            self.go_on(now);
        } else if answer.code >= 400 {
            self.awaiting.pop_front();
            self.refused(asked, answer, now);
            self.go_on(now);
        } else {
            // A success that answers another question: the peer is out of step.
            self.broke();
        }
    }

    fn granted(&mut self, asked: Asked, answer: Answer<'_>) {
        let attempt = self.attempt.as_mut();
        match asked {
            Asked::Banner if self.settings.method == Method::Smtp => self.say_hello(Asked::Helo),
            Asked::Banner => self.say_hello(Asked::Ehlo),
            Asked::Ehlo => self.offers = Offers::of(answer),
            Asked::Helo | Asked::Quit => {}
            Asked::Rset | Asked::LoneDot => self.must_reset = false,
            Asked::Mail | Asked::Rcpt(_) => self.must_reset = true,
            Asked::Data => self.send_content(),
            Asked::Body => {
                self.must_reset = false;
                in_flight(attempt).decide_rest(&Outcome::Delivered(answer.reply()));
            }
            Asked::Confirmation(recipient) => {
                self.must_reset = false;
                in_flight(attempt).decide(recipient, Outcome::Delivered(answer.reply()));
            }
        }
    }

    fn refused(&mut self, asked: Asked, answer: Answer<'_>, now: Time) {
        let stage = asked.failing().waiting;
        let attempt = self.attempt.as_mut();
        match asked {
            Asked::Ehlo if self.settings.method == Method::Esmtp => self.say_hello(Asked::Helo),
            Asked::Banner | Asked::Ehlo | Asked::Helo => {
                self.failure = Some((stage, answer.reply()));
                self.say_goodbye(now);
            }
            Asked::Mail | Asked::Data => in_flight(attempt).decide_rest(&Outcome::of(stage, answer.reply())),
            Asked::Rcpt(recipient) => {
                in_flight(attempt).refuse_recipient(recipient, Outcome::of(stage, answer.reply()));
            }
            // The end of data ends the transaction, whatever the answer (RFC 5321 §4.1.1.4).
            Asked::Body => {
                self.must_reset = false;
                in_flight(attempt).decide_rest(&Outcome::of(stage, answer.reply()));
            }
            Asked::Confirmation(recipient) => {
                self.must_reset = false;
                in_flight(attempt).decide(recipient, Outcome::of(stage, answer.reply()));
            }
            Asked::LoneDot => self.must_reset = false,
            Asked::Rset => self.end(stage, answer.reply()),
            Asked::Quit => {}
        }
    }
}

/// How it goes on.
impl Session {
    /// After a reply: the next reply due, or the next questions, or idle.
    fn go_on(&mut self, now: Time) {
        if self.is_over {
            return;
        }
        if self.awaiting.is_empty() {
            self.proceed(now);
        } else {
            self.expect_reply(now);
        }
    }

    fn expect_reply(&mut self, now: Time) {
        self.deadline = now + self.settings.timeout(self.awaiting[0]);
    }

    /// Fills the window with questions; when none is left, the transaction is over.
    fn proceed(&mut self, now: Time) {
        let pipelined = self.settings.pipelining && self.offers.pipelining;
        let window = if pipelined { PIPELINE_WINDOW } else { 1 };
        while self.awaiting.len() < window {
            let Some(asked) = self.attempt.as_mut().and_then(Attempt::ask_next) else { break };
            self.compose(asked);
            self.awaiting.push_back(asked);
        }
        if self.awaiting.is_empty() {
            self.finish(now);
        } else {
            self.writing = true;
            self.expect_reply(now);
        }
    }

    fn compose(&mut self, asked: Asked) {
        let (out, transaction) = (&mut self.commands, &in_flight(self.attempt.as_mut()).transaction);
        match asked {
            Asked::Mail => {
                self.was_used = true;
                command::write_mail(out, transaction, self.offers, self.settings.send_8bitmime);
            }
            Asked::Rcpt(recipient) => {
                self.recipients_sent = self.recipients_sent.saturating_add(1);
                command::write_rcpt(out, transaction, recipient);
            }
            _ => command::write_line(out, &[b"DATA"]),
        }
    }

    fn say_hello(&mut self, asked: Asked) {
        command::write_hello(&mut self.commands, asked, &self.settings);
        self.awaiting.push_back(asked);
        self.writing = true;
    }

    fn say_goodbye(&mut self, now: Time) {
        command::write_line(&mut self.commands, &[b"QUIT"]);
        self.awaiting.push_back(Asked::Quit);
        self.writing = true;
        self.expect_reply(now);
    }

    /// After 354.
    fn send_content(&mut self) {
        let clear_bit_8 = match self.settings.transform_8bitmime_content {
            Content8Bit::No => false,
            Content8Bit::IfNeeded => !self.offers.eight_bit_mime,
            Content8Bit::Strip => true,
        };
        let lmtp = self.settings.method == Method::Lmtp;
        let attempt = in_flight(self.attempt.as_mut());
        match (attempt.has_recipients(), lmtp) {
            (true, _) => {
                let content = &attempt.transaction.body;
                let content = if clear_bit_8 { body::without_bit_8(content) } else { content.clone() };
                attempt.bytes_sent = body::wrap(&content, &mut self.content);
                match lmtp {
                    true => self.awaiting.extend(attempt.undecided().map(Asked::Confirmation)),
                    false => self.awaiting.push_back(Asked::Body),
                }
            }
            (false, false) => {
                command::write_line(&mut self.commands, &[b"."]);
                self.awaiting.push_back(Asked::LoneDot);
            }
            // No recipient, no reply to the dot (RFC 2033 §4.2): there would be nothing to wait for.
            (false, true) => {
                self.end(Stage::DuringData, CLOSED);
                return;
            }
        }
        self.writing = true;
    }

    /// No question is left: the transaction is over, the connection stays or has served enough.
    fn finish(&mut self, now: Time) {
        self.deadline = now + self.settings.idle_timeout;
        let Some(attempt) = self.attempt.take() else { return };
        let report = attempt.into_report();
        let delivered = report.outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Delivered(_)));
        self.delivered = self.delivered.saturating_add(delivered.count() as u32);
        self.report = Some(report);
        if !self.can_take_more() {
            self.say_goodbye(now);
        }
    }

    /// The peer went away, was too slow or made no sense, at whatever was sent or due first.
    fn broke(&mut self) {
        let (stage, reply) = match self.awaiting.front().map(|asked| asked.failing()) {
            Some(failing) if self.writing => (failing.sending, failing.not_sent.clone()),
            Some(failing) => (failing.waiting, failing.unanswered.clone()),
            None => (self.stage(), CLOSED),
        };
        self.end(stage, reply);
    }

    /// The connection is over: whoever was not decided is deferred for this reason, or was not tried if the
    /// peer could not have had a MAIL FROM for them.
    fn end(&mut self, stage: Stage, reply: Reply) {
        let is_leaving = self.awaiting.front() == Some(&Asked::Quit);
        match self.attempt.take() {
            Some(attempt) if stage == Stage::DuringRset => {
                self.report = Some(attempt.into_report());
                self.failure = Some((stage, reply));
            }
            Some(mut attempt) => {
                attempt.decide_rest(&Outcome::of(stage, reply));
                self.report = Some(attempt.into_report());
            }
            None if self.was_used || is_leaving => {}
            None => self.failure = Some((stage, reply)),
        }
        self.is_over = true;
        self.writing = false;
        self.awaiting.clear();
        self.content.clear();
        self.commands.clear();
        self.heard = Vec::new();
    }
}

/// The questions of a transaction are asked within one.
fn in_flight(attempt: Option<&mut Attempt>) -> &mut Attempt {
    attempt.expect("a transaction is in flight")
}
