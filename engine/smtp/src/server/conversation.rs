//! The conversation: questions to those who judge, what follows from their answers, replies, the end.
//! Every command leads to exactly one question or one reply.

use super::session::{Session, State};
use super::{Draft, EarlyTalk, Judgement, Refusal, amend, extensions, replies};
use crate::sasl::Mechanism;
use crate::{limits, wire};
use mail::{Address, Phase, Reply};

/// Questions, and what follows from their answers.
impl Session {
    pub(super) fn ask_ehlo(&mut self, verb: &str, name: &str) {
        let mut line = String::with_capacity(verb.len() + 1 + name.len());
        line.push_str(verb);
        line.push(' ');
        line.push_str(name);
        self.hello_asked = Some(line.into_boxed_str());
        self.ask(Phase::Ehlo, verb, name.as_bytes());
    }

    pub(super) fn ask_mailfrom(&mut self, argument: &[u8], draft: Draft) {
        self.draft = draft;
        self.ask(Phase::Mailfrom, "MAIL", argument);
    }

    pub(super) fn ask_rcptto(&mut self, argument: &[u8], recipient: Address) {
        self.candidate = Some(recipient);
        self.ask(Phase::Rcptto, "RCPT", argument);
    }

    fn ask(&mut self, phase: Phase, verb: &str, argument: &[u8]) {
        self.line.push_str(verb);
        self.line.push(' ');
        // ASCII by the grammar of the commands that are judged; policy sees nothing of anything else.
        self.line.push_str(str::from_utf8(argument).unwrap_or_default());
        self.state = State::Judging(phase);
    }

    pub(super) fn conclude(&mut self, phase: Phase, judgement: Judgement) {
        let accepted = judgement.reply.as_ref().is_none_or(Reply::is_success);
        if phase == Phase::Data && accepted {
            self.leaving = judgement.disconnect;
            self.state = State::Committing;
            return;
        }
        self.await_command();
        match (phase, &judgement.reply) {
            (Phase::Connect, reply) => self.greet(reply.as_ref()),
            (Phase::Ehlo, reply) => self.answer_hello(accepted, reply.as_ref()),
            (Phase::Mailfrom, reply) => self.answer_mail(accepted, reply.as_ref()),
            (Phase::Rcptto, reply) => self.answer_rcpt(accepted, reply.as_ref()),
            (Phase::Auth, reply) => self.answer_auth(accepted, reply.as_ref()),
            (_, Some(reply)) => {
                self.end_transaction();
                self.answer_refused(reply);
            }
            (_, None) => unreachable!("a judgement without a reply is a success"),
        }
        self.line.clear();
        self.line.shrink_to(limits::IDLE_BUFFER);
        if judgement.disconnect {
            self.close();
        }
    }

    fn greet(&mut self, reply: Option<&Reply>) {
        if self.stopping {
            return self.dismiss(&replies::SHUTTING_DOWN);
        }
        if let (true, EarlyTalk::Refuse(reply)) = (self.early, &self.settings.early_talk) {
            let reply = reply.clone();
            return self.dismiss(&reply);
        }
        match reply {
            Some(reply) => {
                self.turned_away = !reply.is_success();
                self.reply(reply);
            }
            None => self.write_banner(),
        }
    }

    fn write_banner(&mut self) {
        let settings = &self.settings;
        let banner = match &settings.static_banner {
            Some(banner) => format!("{banner}\r\n"),
            None => {
                format!("220 {} ESMTP {} {}\r\n", settings.banner_hostname, settings.software, self.since)
            }
        };
        self.output.extend_from_slice(banner.as_bytes());
    }

    /// A greeting of the client ends any transaction (RFC 5321 §4.1.4), but only one that is accepted.
    fn answer_hello(&mut self, accepted: bool, reply: Option<&Reply>) {
        let asked = self.hello_asked.take();
        if accepted {
            self.hello = asked;
            self.end_transaction();
        }
        match reply {
            Some(reply) if accepted => self.reply(reply),
            Some(reply) => self.answer_refused(reply),
            None => self.write_hello(),
        }
    }

    fn write_hello(&mut self) {
        let verb = if self.is_extended() { "EHLO" } else { "HELO" };
        let peer = self.facts.peer.map_or(String::from("local client"), |peer| peer.ip().to_string());
        let mut text = format!("{} says {verb} to {peer}", self.settings.banner_hostname);
        if self.is_extended() {
            for line in extensions::offered(&self.settings, &self.changes) {
                let mechanisms = extensions::mechanisms(line, &self.settings);
                if !mechanisms.is_empty() {
                    write_mechanisms(&mut text, &mechanisms);
                    continue;
                }
                text.push('\n');
                text.push_str(line);
                if line.eq_ignore_ascii_case(extensions::XCLIENT) {
                    text.push_str(&format!(" {}", amend::ATTRIBUTES));
                }
                if let (extensions::SIZE, Some(_)) = (line, self.settings.max_message_size) {
                    text.push_str(&format!(" {}", self.settings.largest_message()));
                }
            }
        }
        // RFC 2034 §4: neither the greeting nor the reply to EHLO carries an enhanced code.
        self.reply(&Reply::verbatim(250, text));
    }

    fn answer_mail(&mut self, accepted: bool, reply: Option<&Reply>) {
        self.in_transaction = accepted;
        match reply {
            Some(reply) if !accepted => {
                self.end_transaction();
                self.answer_refused(reply);
            }
            reply => self.reply(reply.unwrap_or(&replies::MAIL_ACCEPTED)),
        }
    }

    fn answer_rcpt(&mut self, accepted: bool, reply: Option<&Reply>) {
        let candidate = self.candidate.take();
        match reply {
            Some(reply) if !accepted => self.answer_refused(reply),
            reply => {
                self.draft.recipients.extend(candidate);
                self.reply(reply.unwrap_or(&replies::RCPT_ACCEPTED));
            }
        }
    }

    pub(super) fn await_command(&mut self) {
        if !self.is_over() {
            self.state = State::Commands;
        }
    }

    pub(super) fn end_transaction(&mut self) {
        self.in_transaction = false;
        self.candidate = None;
        self.draft = Draft::default();
    }

    pub(super) fn count_recipient(&mut self) -> u32 {
        self.counts.recipients += 1;
        self.counts.recipients
    }
}

/// Twice: old clients know the form with `=` alone (inbound-smtp.md §4).
fn write_mechanisms(text: &mut String, mechanisms: &[Mechanism]) {
    for (index, separator) in ['=', ' '].into_iter().enumerate() {
        text.push_str("\nAUTH");
        for (place, mechanism) in mechanisms.iter().enumerate() {
            text.push(if place == 0 && index == 0 { separator } else { ' ' });
            text.push_str(mechanism.name());
        }
    }
}

/// Replies and the end.
impl Session {
    pub(super) fn reply(&mut self, reply: &Reply) {
        wire::write_reply(&mut self.output, reply, self.enhanced);
    }

    /// The built-in answer to a wrong command or message.
    pub(super) fn refuse(&mut self, reply: &Reply) {
        self.counts.bad += u32::from(matches!(reply.code, 501 | 555));
        self.note(reply);
        self.answer_refused(reply);
    }

    /// A limit that is not the client's fault is no error of his.
    pub(super) fn turn_away(&mut self, reply: &Reply) {
        self.note(reply);
        self.reply(reply);
    }

    /// Counts an error; one too many is answered 421.
    pub(super) fn answer_refused(&mut self, reply: &Reply) {
        self.counts.errors += 1;
        if self.settings.max_errors.is_some_and(|most| self.counts.errors > most) {
            return self.dismiss(&replies::TOO_MANY_ERRORS);
        }
        self.reply(reply);
    }

    /// A last reply of ours.
    pub(super) fn dismiss(&mut self, reply: &Reply) {
        self.note(reply);
        self.reply(reply);
        self.close();
    }

    pub(super) fn dismiss_reconfigured(&mut self) {
        let reply = Reply::verbatim(421, self.settings.reconfig_message.as_str());
        self.dismiss(&reply);
    }

    pub(super) fn close(&mut self) {
        self.end_transaction();
        self.discard_input();
        self.state = State::Closing;
    }

    fn note(&mut self, reply: &Reply) {
        if self.refusals.len() < limits::REFUSALS_NOTED {
            let state = self.state();
            self.refusals.push(Refusal { state, reply: reply.clone() });
        }
    }
}
