//! The conversation with one client: what is wanted next, and what follows from what happened.

use super::{Draft, Settings};
use bytes::Bytes;
use mail::{Address, MessageId, Phase, Reply, SessionState, Time};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

/// What the driver is asked to do next. A pure function of the session: ask twice, same answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    Read { deadline: Time },
    Write { deadline: Time },
    Judge(Phase),
    Commit,
    Pause { until: Time },
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
    /// None is the phase's ordinary success.
    pub reply: Option<Reply>,
    /// Close behind the reply.
    pub disconnect: bool,
    /// Time to hold the reply back.
    pub pause: Duration,
}

pub struct Session {
    settings: Rc<Settings>,
    facts: Facts,
    draft: Draft,
}

impl Session {
    pub fn new(settings: Rc<Settings>, facts: Facts, now: Time) -> Self { let _ = now; Session { settings, facts, draft: Draft::default() } }
    pub fn want(&self) -> Want { Want::Close }
    pub fn take_output(&mut self) -> Vec<Bytes> { Vec::new() }
    pub fn take_draft(&mut self) -> Draft { std::mem::take(&mut self.draft) }
    pub fn facts(&self) -> &Facts { &self.facts }
    pub fn settings(&self) -> &Rc<Settings> { &self.settings }
    pub fn state(&self) -> SessionState { SessionState::JustConnected }
    pub fn verb_argument(&self) -> &str { "" }
    pub fn helo(&self) -> Option<&str> { None }
    pub fn ehlo_line(&self) -> Option<&str> { None }
    pub fn is_extended(&self) -> bool { true }
    pub fn early_talker(&self) -> bool { false }
    pub fn draft(&self) -> &Draft { &self.draft }
    pub fn draft_mut(&mut self) -> &mut Draft { &mut self.draft }
    pub fn candidate(&self) -> Option<&Address> { None }
    pub fn held_bytes(&self) -> usize { 0 }
    pub fn add_extension(&mut self, _keyword: &str) {}
    pub fn remove_extension(&mut self, _keyword: &str) {}
    pub fn talked_early(&mut self) {}
    pub fn read(&mut self, _bytes: &[u8], _now: Time) {}
    pub fn ended(&mut self, _now: Time) {}
    pub fn wrote(&mut self, _now: Time) {}
    pub fn judged(&mut self, _judgement: Judgement, _now: Time) {}
    pub fn committed(&mut self, _reply: Reply, _now: Time) {}
    pub fn timed_out(&mut self, _now: Time) {}
    pub fn paused(&mut self, _now: Time) {}
    pub fn lost(&mut self) {}
    pub fn stop(&mut self, _now: Time) {}
    pub fn reconfigured(&mut self, _now: Time) {}
}
