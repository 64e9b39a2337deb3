//! How the session takes replies: which question each answers, and what it means there.
//!
//! Law: 421 ends the connection wherever it comes; a reply that cannot be is no reply.

use super::Session;
use super::questions::in_flight;
use crate::client::answer::{Answer, Heard, hear};
use crate::client::command::{Asked, CLOSED};
use crate::client::offers::Offers;
use crate::client::settings::Method;
use mail::{Outcome, Time};

impl Session {
    /// Judges the replies at the start of `bytes` and returns how many bytes they took. What comes before
    /// its question waits until the question is written, as if it had come later.
    pub(super) fn listen(&mut self, bytes: &[u8], now: Time) -> usize {
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

    pub(super) fn keep(&mut self, mut heard: Vec<u8>, used: usize) {
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
        if answer.code == 421 {
            self.end(asked.failing().refused, answer.reply());
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
        match asked {
            Asked::Banner if self.settings.method == Method::Smtp => self.say_hello(Asked::Helo),
            Asked::Banner => self.say_hello(Asked::Ehlo),
            Asked::Ehlo => self.offers = Offers::of(answer),
            Asked::Helo => {}
            Asked::Auth => self.answer_challenge(answer),
            Asked::Mail | Asked::Rcpt(_) => self.must_reset = true,
            Asked::Data => self.send_content(),
            Asked::Body | Asked::Confirmation(_) => {
                self.concluded(asked, Outcome::Delivered(answer.reply()));
            }
            Asked::LoneDot | Asked::Rset => self.must_reset = false,
            Asked::Quit => self.is_over = true,
        }
    }

    fn refused(&mut self, asked: Asked, answer: Answer<'_>, now: Time) {
        let stage = asked.failing().refused;
        let outcome = || Outcome::of(stage, answer.reply());
        match asked {
            Asked::Ehlo if self.settings.method == Method::Esmtp => self.say_hello(Asked::Helo),
            Asked::Banner | Asked::Ehlo | Asked::Helo => {
                self.failure = Some((stage, answer.reply()));
                self.say_goodbye(now);
            }
            Asked::Auth => self.disbelieved(answer.reply()),
            Asked::Mail | Asked::Data => in_flight(self.attempt.as_mut()).decide_rest(&outcome()),
            Asked::Rcpt(recipient) => {
                in_flight(self.attempt.as_mut()).refuse_recipient(recipient, outcome());
            }
            Asked::Body | Asked::Confirmation(_) => self.concluded(asked, outcome()),
            Asked::LoneDot => self.must_reset = false,
            Asked::Rset => self.end(stage, answer.reply()),
            Asked::Quit => self.is_over = true,
        }
    }

    fn answer_challenge(&mut self, answer: Answer<'_>) {
        let Some(exchange) = &mut self.exchange else { return };
        if answer.code / 100 == 3 {
            let challenge = answer.lines().last().unwrap_or_default();
            let response = exchange.response(challenge.trim_ascii());
            return self.say_secret(&response);
        }
        self.proved = self.exchange.take().map(|exchange| exchange.credentials);
    }

    /// The end of data ends the transaction, whatever the answer (RFC 5321 §4.1.1.4).
    fn concluded(&mut self, asked: Asked, outcome: Outcome) {
        self.must_reset = false;
        let attempt = in_flight(self.attempt.as_mut());
        match asked {
            Asked::Confirmation(recipient) => attempt.decide(recipient, outcome),
            _ => attempt.decide_rest(&outcome),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{MAX_LINE_BYTES, MAX_LINES, Settings, Want};
    use std::rc::Rc;

    #[test]
    fn an_endless_reply_is_cut_off_before_it_fills_memory() {
        let now = Time::from_secs(1);
        for (piece, at_once) in [("250-x\r\n", 1), ("2", 1), ("250-x\r\n", 1_000), ("250-xxxxxxx", 4_096)] {
            let chunk = piece.repeat(at_once);
            let mut session = Session::new(Rc::new(Settings::default()), now);
            let mut told = 0;
            while session.want() != Want::Close {
                session.read(chunk.as_bytes(), now);
                told += chunk.len();
                assert!(session.heard.len() <= MAX_LINES * MAX_LINE_BYTES, "{piece:?}");
                assert!(told <= MAX_LINES * MAX_LINE_BYTES + chunk.len(), "{piece:?} goes on");
            }
            assert_eq!(session.heard.capacity(), 0);
            let (_, reply) = session.failure().expect("the banner failed");
            assert_eq!(reply.to_string(), "451 4.4.2 [internal] no banner");
        }
    }
}
