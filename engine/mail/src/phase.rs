//! The validation phases, and the states of a session that logs name (spec policy.md §2).

/// A point of the conversation at which policy is asked, in order of the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    Connect,
    Ehlo,
    Mailfrom,
    Rcptto,
    Data,
    DataSpool,
    DataSpoolEachRcpt,
    SetBinding,
    FinalValidation,
}

impl Phase {
    pub const ALL: [Phase; 9] = [
        Phase::Connect,
        Phase::Ehlo,
        Phase::Mailfrom,
        Phase::Rcptto,
        Phase::Data,
        Phase::DataSpool,
        Phase::DataSpoolEachRcpt,
        Phase::SetBinding,
        Phase::FinalValidation,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Phase::Connect => "connect",
            Phase::Ehlo => "ehlo",
            Phase::Mailfrom => "mailfrom",
            Phase::Rcptto => "rcptto",
            Phase::Data => "data",
            Phase::DataSpool => "data_spool",
            Phase::DataSpoolEachRcpt => "data_spool_each_rcpt",
            Phase::SetBinding => "set_binding",
            Phase::FinalValidation => "final_validation",
        }
    }
}

/// What a session was waiting for: `P=` of the reject log. The numbers are those of reception_timing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum SessionState {
    JustConnected = 0,
    SendingBanner = 1,
    AwaitingEhlo = 2,
    AwaitingMailfrom = 4,
    AwaitingRcptto = 6,
    DataPhase = 8,
    ReadingBody = 9,
    SendingBodyResponse = 10,
    AsyncBodyHandler = 11,
    AsyncBodyResponse = 12,
    RelayingDenied = 13,
    ConcurrencyLimit = 18,
}

impl SessionState {
    pub const fn text(self) -> &'static str {
        match self {
            SessionState::JustConnected => "just connected",
            SessionState::SendingBanner => "sending banner",
            SessionState::AwaitingEhlo => "awaiting ehlo/helo",
            SessionState::AwaitingMailfrom => "awaiting mailfrom",
            SessionState::AwaitingRcptto => "awaiting rcptto",
            SessionState::DataPhase => "data phase",
            SessionState::ReadingBody => "reading body",
            SessionState::SendingBodyResponse => "sending body response",
            SessionState::AsyncBodyHandler => "async body handler",
            SessionState::AsyncBodyResponse => "async body response",
            SessionState::RelayingDenied => "relaying denied",
            SessionState::ConcurrencyLimit => "concurrency limit",
        }
    }
}
