//! One outgoing connection as its driver sees it: what it wants, what it is told, how it ends.
//!
//! Law: replies are taken in the order of the questions. A group of commands is only a sequence sent early:
//! what a reply means (`replies`) and what comes next (`questions`) is one text, pipelined or not.

mod questions;
mod replies;

use super::attempt::{Attempt, Report, Transaction};
use super::auth::{Credentials, Exchange};
use super::body;
use super::command::{self, Asked, CLOSED};
use super::offers::Offers;
use super::settings::Settings;
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
    /// Idle: tell `start`, `quit` or, at that time, `idled_out`. `read`, `ended` and `lost` may be told
    /// too: a driver that looks for the peer's goodbye before `start` saves its messages a retry.
    Transaction { idle_until: Time },
    /// Outcomes are ready: `take_report`.
    Report,
    /// Close the socket; `failure` may say why. The session is over.
    Close,
}

/// The client's side of a connection, from its being made to its closing.
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
    /// A proof of who we are, under way.
    exchange: Option<Exchange>,
    /// As whom the peer knows us.
    proved: Option<Rc<Credentials>>,
    /// The peer did not believe us; this connection is of no use.
    disbelief: Option<(Rc<Credentials>, Reply)>,
    /// What waits to be written holds a secret.
    holds_secret: bool,
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
            exchange: None,
            proved: None,
            disbelief: None,
            holds_secret: false,
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
        let is_leaving = self.is_over || self.disbelief.is_some() || self.awaiting.contains(&Asked::Quit);
        !is_leaving && (limit == 0 || self.delivered < limit) && self.recipient_room() > 0
    }

    /// Whether a transaction with these credentials can go over this connection: a proof is given once, and
    /// never taken back (RFC 4954 §4).
    pub fn can_act_as(&self, credentials: Option<&Credentials>) -> bool {
        self.proved.is_none() || self.proved.as_deref() == credentials
    }

    /// Why the peer does not know us by the credentials of its last transaction, which it then did not get.
    pub fn disbelief(&self) -> Option<(&Credentials, &Reply)> {
        self.disbelief.as_ref().map(|(credentials, reply)| (&**credentials, reply))
    }

    /// What `take_output` gives next is nobody's to see.
    pub fn holds_secret(&self) -> bool {
        self.holds_secret
    }

    /// How many recipients the next transaction may have; those beyond come back as `NotTried`.
    pub fn recipient_room(&self) -> usize {
        let settings = &*self.settings;
        let batch = limited(settings.max_recipients_per_batch, 0);
        batch.min(limited(settings.max_recipients_per_connection, self.recipients_sent))
    }

    /// Why the connection ended with nobody to blame it on: before its first MAIL FROM, or at the RSET before
    /// a later one (the recipients in hand are then `NotTried`). Read it at `Want::Close`; it speaks of the
    /// address, not of messages, and stays empty when a used connection ends idle.
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
        assert!(self.can_act_as(transaction.credentials.as_deref()), "the peer knows us as somebody else");
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
        assert!(self.content.is_empty() && self.commands.is_empty(), "what was written was taken");
        self.writing = false;
        self.holds_secret = false;
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

/// How it ends.
impl Session {
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
            Some(attempt) if matches!(stage, Stage::DuringRset | Stage::AfterRset) => {
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
