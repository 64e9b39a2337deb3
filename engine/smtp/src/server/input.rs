//! From octets to commands and messages. Received octets are kept only while a decision is open or a
//! command line is incomplete; those of a message go to its body at once.

use super::intake::{Intake, Progress};
use super::session::{Session, State};
use super::{conformance, replies, verbs};
use crate::limits;
use crate::wire::{self, Line};
use mail::{Phase, Time};

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
                State::Responding => match wire::first_line(rest) {
                    Some(line) => {
                        self.take_response(line);
                        line.length
                    }
                    None => return used + self.wait_for_line_end(rest, now),
                },
                State::Body(_) => self.take_content(rest),
                _ => return used,
            };
        }
        used
    }

    /// Only what may still become a command is kept.
    fn wait_for_line_end(&mut self, rest: &[u8], now: Time) -> usize {
        self.began.get_or_insert(now);
        self.line_overran |= rest.len() > self.longest_line();
        if self.line_overran { rest.len() } else { 0 }
    }

    fn longest_line(&self) -> usize {
        if matches!(self.state, State::Responding) { limits::AUTH_LINE } else { limits::COMMAND_LINE }
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
