//! What commands, the message and judgements do to a session. Every path ends in a reply, a question or
//! the wish for more input.

use super::intake::{Intake, Progress};
use super::session::{Judgement, Refusal, Session, State};
use super::{Draft, EarlyTalk, conformance, extensions, replies, verbs};
use crate::limits;
use crate::wire::{self, Line};
use mail::{Address, Phase, Reply, Time};

/// Input: from octets to commands and messages.
impl Session {
    /// Behind a decision: the point at which a server that shuts down may say so.
    pub(super) fn settle(&mut self, now: Time) {
        if self.stopping && matches!(self.state, State::Commands) {
            return self.dismiss(&replies::SHUTTING_DOWN);
        }
        self.resume(now);
    }

    /// Deals with what has been kept.
    pub(super) fn resume(&mut self, now: Time) {
        if self.input.is_empty() {
            return;
        }
        let mut input = std::mem::take(&mut self.input);
        self.at += self.consume(&input[self.at..], now);
        if self.is_over() || self.at == input.len() {
            self.at = 0;
            input.clear();
            if input.capacity() > limits::IDLE_BUFFER {
                input = Vec::new();
            }
        } else if matches!(self.state, State::Commands) {
            input.drain(..std::mem::take(&mut self.at));
        }
        self.input = input;
    }

    /// Goes on until a decision is needed, enough replies have gathered or a line is incomplete. Returns
    /// how many octets are dealt with.
    pub(super) fn consume(&mut self, input: &[u8], now: Time) -> usize {
        let mut used = 0;
        while used < input.len() {
            let rest = &input[used..];
            used += match &self.state {
                State::Commands if self.output.len() < limits::REPLIES_GATHERED => {
                    match wire::first_line(rest) {
                        Some(line) => {
                            self.take_line(line, line.length == rest.len(), now);
                            line.length
                        }
                        None => return used + self.wait_for_line_end(rest, now),
                    }
                }
                State::Body(_) => self.take_content(rest),
                _ => return used,
            };
        }
        used
    }

    /// Only what may still become a command is kept.
    fn wait_for_line_end(&mut self, rest: &[u8], now: Time) -> usize {
        self.began.get_or_insert(now);
        self.line_overran |= rest.len() > limits::COMMAND_LINE;
        if self.line_overran { rest.len() } else { 0 }
    }

    fn take_line(&mut self, line: Line<'_>, alone: bool, now: Time) {
        self.began = None;
        self.counts.commands += 1;
        if self.settings.max_commands.is_some_and(|most| self.counts.commands > most) {
            return self.dismiss(&replies::TOO_MANY_COMMANDS);
        }
        if std::mem::take(&mut self.line_overran) || line.length > limits::COMMAND_LINE {
            return self.refuse(&replies::LINE_TOO_LONG);
        }
        if !line.proper {
            return self.refuse(&replies::LINE_NOT_TERMINATED);
        }
        let blank = memchr::memchr(b' ', line.text);
        let (name, argument) =
            blank.map_or((line.text, &b""[..]), |at| (&line.text[..at], &line.text[at + 1..]));
        if self.turned_away && !verbs::is_quit(name) {
            return self.refuse(&replies::BAD_SEQUENCE);
        }
        match verbs::find(name) {
            Some(verb) if verb.waits && !alone => self.dismiss(&replies::BAD_SEQUENCE),
            Some(verb) => (verb.act)(self, argument, now),
            None => {
                self.counts.unrecognized += 1;
                self.refuse(&replies::UNRECOGNIZED);
            }
        }
    }

    pub(super) fn receive_message(&mut self, now: Time) {
        if let Some(size) = self.draft.announced_size {
            self.draft.body.reserve(size.min(limits::ANNOUNCED_RESERVE) as usize);
        }
        self.began = Some(now);
        self.state = State::Body(Intake::new(&self.settings));
        self.reply(&replies::CONTINUE);
    }

    fn take_content(&mut self, rest: &[u8]) -> usize {
        let State::Body(intake) = &mut self.state else { return 0 };
        match intake.read(rest, &mut self.draft.body) {
            Progress::More => rest.len(),
            Progress::Flooded => {
                self.dismiss(&replies::TOO_LARGE);
                rest.len()
            }
            Progress::Ended { used } => {
                self.finish_message();
                used
            }
        }
    }

    fn finish_message(&mut self) {
        self.began = None;
        let State::Body(intake) = std::mem::replace(&mut self.state, State::Judging(Phase::Data)) else {
            return;
        };
        if let Err(reply) = conformance::conclude(&mut self.draft, &intake, &self.settings) {
            self.refuse(&reply);
            self.end_transaction();
            self.await_command();
            if self.stopping && !self.is_over() {
                self.dismiss(&replies::SHUTTING_DOWN);
            }
        }
    }

    pub(super) fn discard_input(&mut self) {
        self.input = Vec::new();
        self.at = 0;
        self.began = None;
    }
}

/// Questions, and what follows from their answers.
impl Session {
    pub(super) fn ask_ehlo(&mut self, verb: &str, name: &str) {
        let mut line = String::with_capacity(verb.len() + 1 + name.len());
        line.push_str(verb);
        line.push(' ');
        line.push_str(name);
        self.hello_asked = Some(line.into_boxed_str());
        self.ask(Phase::Ehlo, name.as_bytes());
    }

    pub(super) fn ask_mailfrom(&mut self, argument: &[u8], draft: Draft) {
        self.draft = draft;
        self.ask(Phase::Mailfrom, argument);
    }

    pub(super) fn ask_rcptto(&mut self, argument: &[u8], recipient: Address) {
        self.candidate = Some(recipient);
        self.ask(Phase::Rcptto, argument);
    }

    fn ask(&mut self, phase: Phase, argument: &[u8]) {
        // ASCII by the grammar of the commands that are judged; policy sees nothing of anything else.
        self.argument.push_str(str::from_utf8(argument).unwrap_or_default());
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
            (_, Some(reply)) => {
                self.end_transaction();
                self.answer_refused(reply);
            }
            (_, None) => unreachable!("a judgement without a reply is a success"),
        }
        self.argument.clear();
        self.argument.shrink_to(limits::IDLE_BUFFER);
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
                text.push('\n');
                text.push_str(line);
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

    fn await_command(&mut self) {
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
    fn answer_refused(&mut self, reply: &Reply) {
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
