//! The validation phases, and the states of a session that logs name (spec policy.md §2).

/// A point of the conversation at which policy is asked, in order of the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Before connect; nobody may wait.
    Accept,
    Connect,
    Ehlo,
    /// Behind the check of the credentials.
    Auth,
    Mailfrom,
    Rcptto,
    /// Once, behind the final dot.
    Data,
    RcpttoList,
    /// The last look at the recipients; the list is frozen.
    RcpttoListFinal,
    DataSpool,
    DataSpoolEachRcpt,
    /// Mail that HTTP brings begins here.
    MsgGenDataSpool,
    SetBinding,
    FinalValidation,
}

impl Phase {
    pub const ALL: [Phase; 14] = [
        Phase::Accept,
        Phase::Connect,
        Phase::Ehlo,
        Phase::Auth,
        Phase::Mailfrom,
        Phase::Rcptto,
        Phase::Data,
        Phase::RcpttoList,
        Phase::RcpttoListFinal,
        Phase::DataSpool,
        Phase::DataSpoolEachRcpt,
        Phase::MsgGenDataSpool,
        Phase::SetBinding,
        Phase::FinalValidation,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Phase::Accept => "accept",
            Phase::Connect => "connect",
            Phase::Ehlo => "ehlo",
            Phase::Auth => "auth",
            Phase::Mailfrom => "mailfrom",
            Phase::Rcptto => "rcptto",
            Phase::Data => "data",
            Phase::RcpttoList => "rcptto_list",
            Phase::RcpttoListFinal => "rcptto_list_final",
            Phase::DataSpool => "data_spool",
            Phase::DataSpoolEachRcpt => "data_spool_each_rcpt",
            Phase::MsgGenDataSpool => "msg_gen_data_spool",
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
    RcpttoListResponse = 19,
    RcpttoListFinalResponse = 20,
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
            SessionState::RcpttoListResponse => "rcptto list response",
            SessionState::RcpttoListFinalResponse => "rcptto list final response",
        }
    }
}
