//! Questions to modules that belong to no phase: authentication, relaying, what is logged (spec policy.md §9).

use crate::{Client, Message};
use mail::{Address, Contexts, Reply, SessionState};

/// What a client of ours proves itself with to the next host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    pub user: Box<str>,
    pub password: Box<str>,
    /// Mechanism; empty: the best that the host offers.
    pub mechanism: Box<str>,
}

/// One question. A module that has nothing to say leaves it as it is.
///
/// Whoever is only told (`Log…`, `SessionAbort`, `SessionEnd`) delays nobody, may take its time, and changes
/// nothing. Where an answer is wanted of a failure or a delivery, there is no waiting without end for it: after
/// ten seconds the question counts as unanswered.
pub enum Hook<'a> {
    /// `ac_auth_perform_auth`: a user name and a password that a client gave.
    PerformAuth {
        client: &'a Client,
        contexts: &'a mut Contexts,
        mechanism: &'a str,
        /// Scheme and rest of the store's URI.
        uri: &'a str,
        user: &'a str,
        password: &'a str,
        /// None: this module does not decide.
        passes: &'a mut Option<bool>,
        /// Instead of the ordinary 235 or 535.
        reply: &'a mut Option<Reply>,
    },
    /// The clear password of a user, for mechanisms that prove knowledge of it (CRAM-MD5, DIGEST-MD5).
    FindPassword {
        uri: &'a str,
        user: &'a str,
        mechanism: &'a str,
        realm: &'a str,
        password: &'a mut Option<Box<str>>,
        /// Instead of it, the MD5 of `user:realm:password`.
        digest: &'a mut Option<[u8; 16]>,
    },
    /// `ac_auth_log_auth_failure`
    LogAuthFailure { client: &'a Client, contexts: &'a mut Contexts, user: &'a str, reply: &'a Reply },
    /// `core_pre_ec_can_relay_to`, `core_config_get_domain_relay`: may this client send to this recipient?
    CanRelayTo {
        client: &'a Client,
        contexts: &'a mut Contexts,
        recipient: &'a Address,
        /// None: the configuration decides.
        permits: &'a mut Option<bool>,
    },
    /// `core_log_rejection`
    LogRejection { client: &'a Client, contexts: &'a mut Contexts, state: SessionState, reply: &'a Reply },
    /// `core_log_reception_v1`, for each copy: it is durable and its client has, or gets, the 250.
    LogReception { client: &'a Client, message: &'a mut Message, contexts: &'a mut Contexts },
    /// `core_log_delivery_v1`. In this hook and the next ones `message.routing_domain` is the queue.
    LogDelivery { message: &'a mut Message, contexts: &'a mut Contexts, reply: &'a Reply },
    /// `core_log_transient_failure_v1`
    LogTransientFailure { message: &'a mut Message, contexts: &'a mut Contexts, reply: &'a Reply },
    /// `core_log_permanent_failure_v1`: a refusal in `message.code` changes what is logged and bounced.
    LogPermanentFailure { message: &'a mut Message, contexts: &'a mut Contexts, reply: &'a Reply },
    /// `core_generate_bounces`: shall the sender of a failed message get a notice? The configuration has spoken.
    GenerateBounces { message: &'a mut Message, contexts: &'a mut Contexts, enabled: &'a mut bool },
    /// `outbound_smtp_auth_config`: what we prove ourselves with to the next host of this message, asked for the copy
    /// that goes first; the others of its transaction go with it if their variables agree. None: the
    /// options outbound_smtp_auth_* of its binding and domain. The message's variables of these names, those
    /// that are set here too, go before both; outbound_smtp_auth_key has been set from the option.
    OutboundAuth {
        message: &'a mut Message,
        contexts: &'a mut Contexts,
        credentials: &'a mut Option<Credentials>,
    },
    /// `core_server_esmtp_session_abort`: the client has gone in the middle of a transaction.
    SessionAbort { client: &'a Client, contexts: &'a mut Contexts, state: SessionState },
    /// `validate_dealloc`: the client's session has closed, whatever became of it. Told last, once for each
    /// session: what a module keeps for `client.id` may go.
    SessionEnd { client: &'a Client, contexts: &'a mut Contexts },
}

/// The points at which modules may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HookKind {
    PerformAuth,
    FindPassword,
    LogAuthFailure,
    CanRelayTo,
    LogRejection,
    LogReception,
    LogDelivery,
    LogTransientFailure,
    LogPermanentFailure,
    GenerateBounces,
    OutboundAuth,
    SessionAbort,
    SessionEnd,
}

impl HookKind {
    pub const COUNT: usize = HookKind::SessionEnd as usize + 1;

    /// As scripts name it.
    pub const fn name(self) -> &'static str {
        match self {
            HookKind::PerformAuth => "ac_auth_perform_auth",
            HookKind::FindPassword => "find_password",
            HookKind::LogAuthFailure => "ac_auth_log_auth_failure",
            HookKind::CanRelayTo => "core_pre_ec_can_relay_to",
            HookKind::LogRejection => "core_log_rejection",
            HookKind::LogReception => "core_log_reception_v1",
            HookKind::LogDelivery => "core_log_delivery_v1",
            HookKind::LogTransientFailure => "core_log_transient_failure_v1",
            HookKind::LogPermanentFailure => "core_log_permanent_failure_v1",
            HookKind::GenerateBounces => "core_generate_bounces",
            HookKind::OutboundAuth => "outbound_smtp_auth_config",
            HookKind::SessionAbort => "core_server_esmtp_session_abort",
            HookKind::SessionEnd => "validate_dealloc",
        }
    }
}

impl Hook<'_> {
    pub fn kind(&self) -> HookKind {
        match self {
            Hook::PerformAuth { .. } => HookKind::PerformAuth,
            Hook::FindPassword { .. } => HookKind::FindPassword,
            Hook::LogAuthFailure { .. } => HookKind::LogAuthFailure,
            Hook::CanRelayTo { .. } => HookKind::CanRelayTo,
            Hook::LogRejection { .. } => HookKind::LogRejection,
            Hook::LogReception { .. } => HookKind::LogReception,
            Hook::LogDelivery { .. } => HookKind::LogDelivery,
            Hook::LogTransientFailure { .. } => HookKind::LogTransientFailure,
            Hook::LogPermanentFailure { .. } => HookKind::LogPermanentFailure,
            Hook::GenerateBounces { .. } => HookKind::GenerateBounces,
            Hook::OutboundAuth { .. } => HookKind::OutboundAuth,
            Hook::SessionAbort { .. } => HookKind::SessionAbort,
            Hook::SessionEnd { .. } => HookKind::SessionEnd,
        }
    }
}
