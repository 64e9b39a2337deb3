//! What the session asks next, and when a transaction is over.
//!
//! Law: DATA ends a group, and content follows only a 354 that somebody was accepted for; a 354 for nobody
//! gets a lone dot (RFC 2920 §3.1).

use super::{PIPELINE_WINDOW, Session};
use crate::client::attempt::Attempt;
use crate::client::auth::{Exchange, NOT_OFFERED};
use crate::client::body;
use crate::client::command::{self, Asked, CLOSED};
use crate::client::settings::{Content8Bit, Method};
use mail::{Outcome, Reply, Stage, Time};

impl Session {
    /// After a reply: the next reply due, or the next questions, or idle.
    pub(super) fn go_on(&mut self, now: Time) {
        if self.is_over {
            return;
        }
        if self.awaiting.is_empty() {
            self.proceed(now);
        } else {
            self.expect_reply(now);
        }
    }

    pub(super) fn expect_reply(&mut self, now: Time) {
        self.deadline = now + self.settings.timeout(self.awaiting[0]);
    }

    /// Fills the window with questions; when none is left, the transaction is over.
    pub(super) fn proceed(&mut self, now: Time) {
        if self.must_prove() {
            return self.prove(now);
        }
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

    /// The transaction needs credentials that the peer has not seen.
    fn must_prove(&self) -> bool {
        let needs = |attempt: &Attempt| {
            attempt.transaction.credentials.is_some() && attempt.undecided().next().is_some()
        };
        self.proved.is_none() && self.attempt.as_ref().is_some_and(needs)
    }

    /// AUTH, by itself: behind the reply to RSET, ahead of MAIL FROM.
    fn prove(&mut self, now: Time) {
        if self.awaiting.is_empty() {
            let credentials = in_flight(self.attempt.as_mut()).transaction.credentials.clone();
            self.exchange =
                credentials.and_then(|credentials| Exchange::new(credentials, self.offers.mechanisms));
            let Some(exchange) = &self.exchange else {
                self.disbelieved(NOT_OFFERED);
                return self.finish(now);
            };
            let command = exchange.command();
            self.say_secret(&command);
        }
        self.writing = true;
        self.expect_reply(now);
    }

    pub(super) fn say_secret(&mut self, line: &str) {
        command::write_line(&mut self.commands, &[line.as_bytes()]);
        self.awaiting.push_back(Asked::Auth);
        self.writing = true;
        self.holds_secret = true;
    }

    /// A wrong password is no fault of the messages: they wait, whatever the peer says.
    pub(super) fn disbelieved(&mut self, reply: Reply) {
        let reply = match reply.is_permanent() {
            true => Reply::verbatim(454, format!("4.7.0 [internal] AUTH refused: {reply}")),
            false => reply,
        };
        let outcome = Outcome::Deferred { stage: Stage::AfterEhlo, reply: reply.clone() };
        let attempt = in_flight(self.attempt.as_mut());
        attempt.decide_rest(&outcome);
        self.disbelief = attempt.transaction.credentials.clone().map(|credentials| (credentials, reply));
        self.exchange = None;
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

    pub(super) fn say_hello(&mut self, asked: Asked) {
        command::write_hello(&mut self.commands, asked, &self.settings);
        self.awaiting.push_back(asked);
        self.writing = true;
    }

    pub(super) fn say_goodbye(&mut self, now: Time) {
        command::write_line(&mut self.commands, &[b"QUIT"]);
        self.awaiting.push_back(Asked::Quit);
        self.writing = true;
        self.expect_reply(now);
    }

    /// After 354.
    pub(super) fn send_content(&mut self) {
        let attempt = in_flight(self.attempt.as_mut());
        let is_lmtp = self.settings.method == Method::Lmtp;
        if !attempt.has_recipients() {
            return if is_lmtp { self.give_up() } else { self.send_lone_dot() };
        }
        let clear_bit_8 = match self.settings.transform_8bitmime_content {
            Content8Bit::No => false,
            Content8Bit::IfNeeded => !self.offers.eight_bit_mime,
            Content8Bit::Strip => true,
        };
        let content = &attempt.transaction.body;
        let content = if clear_bit_8 { body::without_bit_8(content) } else { content.clone() };
        attempt.bytes_sent = body::wrap(&content, &mut self.content);
        if is_lmtp {
            self.awaiting.extend(attempt.undecided().map(Asked::Confirmation));
        } else {
            self.awaiting.push_back(Asked::Body);
        }
        self.writing = true;
    }

    fn send_lone_dot(&mut self) {
        command::write_line(&mut self.commands, &[b"."]);
        self.awaiting.push_back(Asked::LoneDot);
        self.writing = true;
    }

    /// No recipient, no reply to the dot (RFC 2033 §4.2): there would be nothing to wait for.
    fn give_up(&mut self) {
        self.end(Stage::DuringData, CLOSED);
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
}

/// The questions of a transaction are asked within one.
pub(super) fn in_flight(attempt: Option<&mut Attempt>) -> &mut Attempt {
    attempt.expect("a transaction is in flight")
}
