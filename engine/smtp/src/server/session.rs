//! One connection: what is wanted next, and who may tell what when.
//!
//! The law: `want` alone says what may be told next; telling anything else panics. Only `lost`, `stop`,
//! `reconfigured` and `talked_early` may come at any time. What is told may end the session: a driver that
//! reads while it waits for something else asks `want` again before it answers.

use super::amend::Amendment;
use super::auth::Sasl;
use super::extensions::{self, Changes};
use super::intake::Intake;
use super::{Counts, Draft, Facts, Judgement, Refusal, Settings, Want, replies};
use crate::limits;
use bytes::Bytes;
use mail::{Address, Phase, Reply, SessionState, Time};
use std::rc::Rc;

#[derive(Debug)]
pub(super) enum State {
    Judging(Phase),
    Pausing {
        phase: Phase,
        until: Time,
        judgement: Box<Judgement>,
    },
    Commands,
    /// AUTH is under way: somebody else decides what is said next.
    Authenticating,
    /// A line of AUTH is due.
    Responding,
    /// Somebody else does what a trusted client has asked for.
    Amending(Box<Amendment>),
    Body(Intake),
    Committing,
    /// Close once everything is written.
    Closing,
    Closed,
}

pub struct Session {
    pub(super) settings: Rc<Settings>,
    pub(super) facts: Facts,
    pub(super) state: State,
    /// When it was last told of the client or of a decision.
    pub(super) since: Time,
    /// When the command line or the message that is under way began.
    pub(super) began: Option<Time>,
    /// Received and not yet dealt with, from `at` on.
    pub(super) input: Vec<u8>,
    pub(super) at: usize,
    /// The rest of an over-long line is being thrown away.
    pub(super) line_overran: bool,
    pub(super) output: Vec<u8>,
    pub(super) writing: bool,
    /// `EHLO name`: accepted; and asked for.
    pub(super) hello: Option<Box<str>>,
    pub(super) hello_asked: Option<Box<str>>,
    pub(super) line: String,
    pub(super) candidate: Option<Address>,
    pub(super) draft: Draft,
    pub(super) in_transaction: bool,
    pub(super) changes: Changes,
    pub(super) enhanced: bool,
    pub(super) early: bool,
    pub(super) greeted: bool,
    /// The greeting was a refusal: only QUIT is left (RFC 5321 §3.1).
    pub(super) turned_away: bool,
    /// Close behind the reply to the message that is being committed.
    pub(super) leaving: bool,
    pub(super) stopping: bool,
    pub(super) reconfigured: bool,
    /// The client has gone in the middle of a transaction.
    pub(super) aborted: Option<SessionState>,
    pub(super) sasl: Sasl,
    pub(super) counts: Counts,
    pub(super) refusals: Vec<Refusal>,
}

impl Session {
    pub fn new(settings: Rc<Settings>, facts: Facts, now: Time) -> Self {
        let changes = Changes::default();
        let enhanced = extensions::enhanced(&settings, &changes);
        Session {
            settings,
            facts,
            state: State::Judging(Phase::Connect),
            since: now,
            began: None,
            input: Vec::new(),
            at: 0,
            line_overran: false,
            output: Vec::new(),
            writing: false,
            hello: None,
            hello_asked: None,
            line: String::new(),
            candidate: None,
            draft: Draft::default(),
            in_transaction: false,
            changes,
            enhanced,
            early: false,
            greeted: false,
            turned_away: false,
            leaving: false,
            stopping: false,
            reconfigured: false,
            aborted: None,
            sasl: Sasl::default(),
            counts: Counts::default(),
            refusals: Vec::new(),
        }
    }

    pub fn want(&self) -> Want {
        // Replies gather while a decision is open (RFC 2920 §3.2); a pause would hold them too long.
        let deciding = matches!(
            self.state,
            State::Judging(_) | State::Authenticating | State::Amending(_) | State::Committing
        );
        if self.writing || !(deciding || self.output.is_empty()) {
            return Want::Write { deadline: self.since + self.settings.write_time };
        }
        match self.state {
            State::Judging(phase) => Want::Judge(phase),
            State::Pausing { until, .. } => Want::Pause { until },
            State::Commands | State::Responding | State::Body(_) => {
                Want::Read { deadline: self.read_deadline() }
            }
            State::Authenticating => Want::Authenticate,
            State::Amending(_) => Want::Amend,
            State::Committing => Want::Commit,
            State::Closing | State::Closed => Want::Close,
        }
    }

    fn read_deadline(&self) -> Time {
        let whole = match self.state {
            State::Body(_) => self.settings.message_time,
            _ => self.settings.command_time,
        };
        let whole = self.began.map_or(Time::NEVER, |began| began.deadline(whole));
        whole.min(self.since.deadline(self.settings.idle_time))
    }

    /// Everything to write, in order. Only when `want` says so.
    pub fn take_output(&mut self) -> Vec<Bytes> {
        assert!(matches!(self.want(), Want::Write { .. }), "output is taken when a write is wanted");
        self.writing = true;
        if self.output.is_empty() {
            return Vec::new();
        }
        vec![Bytes::from(std::mem::take(&mut self.output))]
    }

    /// The message to store. Only at `Want::Commit`.
    pub fn take_draft(&mut self) -> Draft {
        assert!(matches!(self.state, State::Committing), "a draft is taken when it is to be committed");
        std::mem::take(&mut self.draft)
    }

    /// Bytes of the client, at least one; before the greeting also uncalled for.
    pub fn read(&mut self, bytes: &[u8], now: Time) {
        if self.is_before_greeting() {
            return self.hear_early(bytes);
        }
        assert!(matches!(self.want(), Want::Read { .. }), "told of bytes that were not wanted");
        self.since = now;
        if self.input.is_empty() {
            let used = self.consume(bytes, now);
            if !self.is_over() {
                self.input.extend_from_slice(&bytes[used..]);
            }
        } else {
            self.input.extend_from_slice(bytes);
            self.resume(now);
        }
    }

    /// The client closed its side.
    pub fn ended(&mut self, now: Time) {
        if self.is_before_greeting() {
            return self.lost();
        }
        assert!(matches!(self.want(), Want::Read { .. }), "told of an end that was not wanted");
        self.since = now;
        match self.state {
            // It may still listen.
            State::Body(_) => {
                self.aborted = Some(SessionState::ReadingBody);
                self.dismiss(&replies::FINAL_DOT_MISSING);
            }
            _ => self.lost(),
        }
    }

    /// All of `take_output` was written.
    pub fn wrote(&mut self, now: Time) {
        assert!(self.writing, "told of a write that was not wanted");
        self.writing = false;
        self.greeted = true;
        self.since = now;
        self.resume(now);
    }

    pub fn judged(&mut self, judgement: Judgement, now: Time) {
        let State::Judging(phase) = self.state else { panic!("told of a judgement that was not wanted") };
        self.since = now;
        if judgement.pause.is_zero() {
            self.conclude(phase, judgement);
            return self.settle(now);
        }
        let until = now + judgement.pause;
        self.state = State::Pausing { phase, until, judgement: Box::new(judgement) };
    }

    /// The time of `Want::Pause` has come.
    pub fn paused(&mut self, now: Time) {
        assert!(matches!(self.want(), Want::Pause { .. }), "told of a pause that was not wanted");
        let State::Pausing { phase, judgement, .. } = std::mem::replace(&mut self.state, State::Commands)
        else {
            unreachable!("a pause is wanted only while pausing");
        };
        self.since = now;
        self.conclude(phase, *judgement);
        self.settle(now);
    }

    /// What became of the draft: 2xx if it is safe, anything else if it is not.
    pub fn committed(&mut self, reply: Reply, now: Time) {
        assert!(matches!(self.state, State::Committing), "told of a commit that was not wanted");
        self.since = now;
        self.state = State::Commands;
        if reply.is_success() {
            self.counts.receptions += 1;
            self.counts.commands = 0;
            self.counts.errors = 0;
        }
        self.end_transaction();
        self.reply(&reply);
        if self.leaving {
            self.close();
        }
        self.settle(now);
    }

    /// The deadline of a read or a write passed.
    pub fn timed_out(&mut self, now: Time) {
        match self.want() {
            Want::Read { .. } => {
                self.since = now;
                self.abort();
                self.dismiss(&replies::TIMEOUT);
            }
            Want::Write { .. } => self.lost(),
            want => panic!("told of a timeout where {want:?} was wanted"),
        }
    }

    /// A transaction under way has come to nothing.
    fn abort(&mut self) {
        let at = self.in_transaction.then(|| self.state());
        self.aborted = self.aborted.or(at);
    }

    /// The connection is gone, at whatever moment; what is being judged or committed has no client left.
    pub fn lost(&mut self) {
        self.abort();
        self.end_transaction();
        self.discard_input();
        self.output = Vec::new();
        self.writing = false;
        self.state = State::Closed;
    }

    /// The server shuts down: 421 at once between commands, else behind the reply that is due.
    pub fn stop(&mut self, now: Time) {
        self.stopping = true;
        if matches!(self.state, State::Commands) {
            self.since = now;
            self.dismiss(&replies::SHUTTING_DOWN);
        }
    }

    /// A newer configuration is active: 421 at the next MAIL or RSET.
    pub fn reconfigured(&mut self, _now: Time) {
        self.reconfigured = true;
    }

    /// Whether it stands between two messages, where `adopt` may be told.
    pub fn is_between_messages(&self) -> bool {
        matches!(self.state, State::Commands) && self.greeted && !self.in_transaction
    }

    /// A newer configuration is active and nobody has to go: from here on the session goes by it. What EHLO has
    /// offered stays offered.
    pub fn adopt(&mut self, settings: Rc<Settings>) {
        assert!(self.is_between_messages(), "a message keeps the settings that it began with");
        self.settings = settings;
    }

    /// Other settings hold for this client, from the command that is being judged on.
    pub fn follow(&mut self, settings: Rc<Settings>) {
        assert!(
            !matches!(self.state, State::Body(_)),
            "a message is read by the settings that it began with"
        );
        self.settings = settings;
        self.enhanced = extensions::enhanced(&self.settings, &self.changes);
    }

    /// Bytes have arrived before the greeting and were left unread.
    pub fn talked_early(&mut self) {
        if !self.greeted {
            self.early = true;
        }
    }

    fn is_before_greeting(&self) -> bool {
        matches!(self.state, State::Judging(Phase::Connect) | State::Pausing { phase: Phase::Connect, .. })
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.state, State::Closing | State::Closed)
    }

    fn hear_early(&mut self, bytes: &[u8]) {
        self.early = true;
        if self.input.len() + bytes.len() > limits::EARLY_TALK {
            return self.lost();
        }
        self.input.extend_from_slice(bytes);
    }
}
