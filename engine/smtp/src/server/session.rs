//! One connection: what is wanted next, and who may tell what when.
//!
//! The law: `want` alone says what may be told next; telling anything else panics. Only `lost`, `stop`,
//! `reconfigured` and `talked_early` may come at any time.

use super::extensions::{self, Changes};
use super::intake::Intake;
use super::{Draft, Settings, replies};
use crate::limits;
use bytes::Bytes;
use mail::{Address, MessageId, Phase, Reply, SessionState, Time};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

/// What the driver is asked to do next. A pure function of the session: ask twice, same answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Then `read`, `ended`, `timed_out` or `lost`.
    Read { deadline: Time },
    /// Write `take_output`; then `wrote`, `timed_out` or `lost`.
    Write { deadline: Time },
    /// Then `judged`. `Phase::Data` stands for data and all phases behind it.
    Judge(Phase),
    /// Store `take_draft`; then `committed`.
    Commit,
    /// Then `paused`.
    Pause { until: Time },
    /// The end; nothing may be told any more.
    Close,
}

/// What is known of a connection when it opens.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// None on a Unix socket.
    pub peer: Option<SocketAddr>,
    pub local: Option<SocketAddr>,
    pub connection: MessageId,
}

/// The answer to `Want::Judge`.
#[derive(Clone, Debug, Default)]
pub struct Judgement {
    /// None is the phase's ordinary success. After `Phase::Data` a success leads to `Want::Commit`, and
    /// what is said is the reply given there.
    pub reply: Option<Reply>,
    /// Close behind the reply.
    pub disconnect: bool,
    /// Time to hold the reply back.
    pub pause: Duration,
}

/// A refusal that nobody judged: limits, order, syntax, conformance. For the reject log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub state: SessionState,
    pub reply: Reply,
}

/// Counters of the connection, as scripts and limits see them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages accepted.
    pub receptions: u32,
    /// RCPT commands of this connection.
    pub recipients: u32,
    /// Commands that do not exist.
    pub unrecognized: u32,
    /// Commands with wrong syntax.
    pub bad: u32,
    /// Since the last accepted message.
    pub commands: u32,
    /// Since the last accepted message.
    pub errors: u32,
}

#[derive(Debug)]
pub(super) enum State {
    Judging(Phase),
    Pausing {
        phase: Phase,
        until: Time,
        judgement: Box<Judgement>,
    },
    Commands,
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
    pub(super) argument: String,
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
            argument: String::new(),
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
            counts: Counts::default(),
            refusals: Vec::new(),
        }
    }

    pub fn want(&self) -> Want {
        // Replies gather while a decision is open (RFC 2920 §3.2); a pause would hold them too long.
        let deciding = matches!(self.state, State::Judging(_) | State::Committing);
        if self.writing || !(deciding || self.output.is_empty()) {
            return Want::Write { deadline: self.since + self.settings.write_time };
        }
        match self.state {
            State::Judging(phase) => Want::Judge(phase),
            State::Pausing { until, .. } => Want::Pause { until },
            State::Commands | State::Body(_) => Want::Read { deadline: self.read_deadline() },
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
            State::Body(_) => self.dismiss(&replies::FINAL_DOT_MISSING),
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
                self.dismiss(&replies::TIMEOUT);
            }
            Want::Write { .. } => self.lost(),
            want => panic!("told of a timeout where {want:?} was wanted"),
        }
    }

    /// The connection is gone, at whatever moment; what is being judged or committed has no client left.
    pub fn lost(&mut self) {
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

    /// Bytes have arrived before the greeting and were left unread.
    pub fn talked_early(&mut self) {
        if !self.greeted {
            self.early = true;
        }
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    pub fn early_talker(&self) -> bool {
        self.early
    }

    /// What follows the verb of the command that is being judged.
    pub fn verb_argument(&self) -> &str {
        &self.argument
    }

    /// The name that the client gave, or gives at this moment.
    pub fn helo(&self) -> Option<&str> {
        self.ehlo_line().and_then(|line| line.split_once(' ')).map(|(_, name)| name)
    }

    /// `EHLO name` or `HELO name`.
    pub fn ehlo_line(&self) -> Option<&str> {
        self.hello_asked.as_deref().or(self.hello.as_deref())
    }

    /// The client said EHLO, not HELO.
    pub fn is_extended(&self) -> bool {
        self.ehlo_line().is_some_and(|line| line.starts_with("EHLO"))
    }

    pub fn draft(&self) -> &Draft {
        &self.draft
    }

    pub fn draft_mut(&mut self) -> &mut Draft {
        &mut self.draft
    }

    /// The recipient that is being judged; it is among the draft's once it is accepted.
    pub fn candidate(&self) -> Option<&Address> {
        self.candidate.as_ref()
    }

    /// Replaces the recipient that is being judged.
    pub fn set_candidate(&mut self, recipient: Address) {
        assert!(self.candidate.is_some(), "a recipient is replaced while it is judged");
        self.candidate = Some(recipient);
    }

    /// What the client is at. Whoever judges refines `ReadingBody` for the phases behind data.
    pub fn state(&self) -> SessionState {
        match self.state {
            State::Judging(phase) | State::Pausing { phase, .. } => match phase {
                Phase::Connect => SessionState::JustConnected,
                Phase::Ehlo => SessionState::AwaitingEhlo,
                Phase::Mailfrom => SessionState::AwaitingMailfrom,
                Phase::Rcptto => SessionState::AwaitingRcptto,
                _ => SessionState::ReadingBody,
            },
            State::Body(_) if self.writing || !self.output.is_empty() => SessionState::DataPhase,
            State::Body(_) => SessionState::ReadingBody,
            State::Committing => SessionState::AsyncBodyResponse,
            State::Commands | State::Closing | State::Closed => match () {
                () if !self.greeted => SessionState::SendingBanner,
                () if self.hello.is_none() && !self.in_transaction => SessionState::AwaitingEhlo,
                () if self.in_transaction => SessionState::AwaitingRcptto,
                () => SessionState::AwaitingMailfrom,
            },
        }
    }

    /// Offers another extension, from connect or ehlo on; `keyword` may carry parameters.
    pub fn add_extension(&mut self, keyword: &str) {
        self.changes.add(keyword);
        self.enhanced = extensions::enhanced(&self.settings, &self.changes);
    }

    pub fn remove_extension(&mut self, keyword: &str) {
        self.changes.remove(keyword);
        self.enhanced = extensions::enhanced(&self.settings, &self.changes);
    }

    /// Refusals since it was last asked, at most `limits::REFUSALS_NOTED`.
    pub fn take_refusals(&mut self) -> Vec<Refusal> {
        std::mem::take(&mut self.refusals)
    }

    /// Octets on the heap, message included: for the memory budget.
    pub fn held_bytes(&self) -> usize {
        let hello =
            self.hello.as_deref().map_or(0, str::len) + self.hello_asked.as_deref().map_or(0, str::len);
        let recipients =
            self.draft.recipients.iter().map(|recipient| recipient.as_str().len()).sum::<usize>();
        let sender = self.draft.sender.as_ref().map_or(0, |sender| sender.as_str().len());
        let addresses = recipients + sender + self.draft.recipients.capacity() * size_of::<Address>();
        let refusals = self.refusals.capacity() * size_of::<Refusal>();
        let buffers = self.input.capacity() + self.output.capacity() + self.argument.capacity();
        hello + addresses + refusals + buffers + self.draft.body.capacity() + self.changes.capacity()
    }

    pub(super) fn in_transaction(&self) -> bool {
        self.in_transaction
    }

    pub(super) fn is_reconfigured(&self) -> bool {
        self.reconfigured
    }

    pub(super) fn lacks_hello(&self) -> bool {
        self.settings.require_ehlo && self.hello.is_none()
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
