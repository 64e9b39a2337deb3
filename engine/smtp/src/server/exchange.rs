//! What passes between a session and its driver; plain values.

use mail::{MessageId, Phase, Reply, SessionState, Time};
use std::net::SocketAddr;
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
    /// Go on with `sasl`; then `challenge` or `authenticated`.
    Authenticate,
    /// Do as `amendment` says; then `amended` or `reintroduced`.
    Amend,
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
