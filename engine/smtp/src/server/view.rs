//! What those who judge and log may see of a session, and the little that they may change.

use super::extensions;
use super::session::{Session, State};
use super::{Counts, Draft, Facts, Refusal, Settings};
use mail::{Address, Phase, SessionState};

impl Session {
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Where the client was when the connection was lost, or fell silent, in the middle of a transaction.
    pub fn aborted_at(&self) -> Option<SessionState> {
        self.aborted
    }

    pub fn early_talker(&self) -> bool {
        self.early
    }

    /// The command that is being judged: the verb in capitals, the rest as it came.
    pub fn line(&self) -> &str {
        &self.line
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
            State::Authenticating
            | State::Responding
            | State::Amending(_)
            | State::Commands
            | State::Closing
            | State::Closed => match () {
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
        let buffers = self.input.capacity() + self.output.capacity() + self.line.capacity();
        hello + addresses + refusals + buffers + self.draft.body.capacity() + self.changes.capacity()
    }

    /// A transaction is under way, begins with what is being judged, or was broken off by the end of the connection.
    pub fn has_message(&self) -> bool {
        let begins = matches!(
            self.state,
            State::Judging(Phase::Mailfrom) | State::Pausing { phase: Phase::Mailfrom, .. }
        );
        begins || self.in_transaction || self.aborted.is_some()
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
}
