//! AUTH (RFC 4954): the exchange as lines. What a mechanism says and whether it believes the client is decided
//! elsewhere, told with `challenge` and `authenticated`.

use super::session::{Session, State};
use super::{Judgement, extensions, replies};
use crate::limits;
use crate::sasl::Mechanism;
use crate::wire::Line;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail::{Phase, Reply, Time};

/// What is known of a session's authentication.
#[derive(Debug, Default)]
pub(super) struct Sasl {
    mechanism: Option<Mechanism>,
    /// Decoded; none if the command came alone.
    response: Option<Vec<u8>>,
    /// Nothing has been said in this exchange before.
    is_first: bool,
    /// Who has proved himself, while it is judged.
    proved: Option<Box<str>>,
    user: Option<Box<str>>,
    failures: u32,
    waived: bool,
}

impl Session {
    /// The exchange under way: its mechanism, what the client has said last, and whether that is the first of
    /// it. Only at `Want::Authenticate`.
    pub fn sasl(&self) -> (Mechanism, Option<&[u8]>, bool) {
        assert!(matches!(self.state, State::Authenticating), "asked for an exchange that is not wanted");
        let mechanism = self.sasl.mechanism.expect("an exchange has a mechanism");
        (mechanism, self.sasl.response.as_deref(), self.sasl.is_first)
    }

    /// The mechanism has something to say.
    pub fn challenge(&mut self, text: &str, now: Time) {
        assert!(matches!(self.state, State::Authenticating), "told of a challenge that was not wanted");
        self.since = now;
        self.state = State::Responding;
        self.sasl.is_first = false;
        // Not a reply with an enhanced code: the text is the challenge.
        self.output.extend_from_slice(format!("334 {}\r\n", STANDARD.encode(text)).as_bytes());
        self.resume(now);
    }

    /// The end of the exchange: who proved himself, if anybody did, and what policy says of it.
    pub fn authenticated(&mut self, user: Option<&str>, judgement: Judgement, now: Time) {
        assert!(matches!(self.state, State::Authenticating), "told of an end that was not wanted");
        self.sasl.mechanism = None;
        self.sasl.response = None;
        self.sasl.proved = user.map(Into::into);
        self.state = State::Judging(Phase::Auth);
        self.judged(judgement, now);
    }

    /// The user who has proved himself.
    pub fn user(&self) -> Option<&str> {
        self.sasl.user.as_deref()
    }

    /// Whether this client needs no authentication, whatever the settings say.
    pub fn waive_authentication(&mut self, waived: bool) {
        self.sasl.waived = waived;
    }

    /// Somebody trusted says who has logged in.
    pub(super) fn introduce(&mut self, user: Option<String>) {
        let failures = self.sasl.failures;
        self.sasl = Sasl { user: user.map(Into::into), failures, ..Sasl::default() };
    }

    pub(super) fn lacks_authentication(&self) -> bool {
        self.settings.require_authentication && self.sasl.user.is_none() && !self.sasl.waived
    }

    /// A proof that policy accepts makes the client a user; without one there is no success.
    pub(super) fn answer_auth(&mut self, accepted: bool, reply: Option<&Reply>) {
        let proved = self.sasl.proved.take();
        if proved.is_some() && accepted {
            self.sasl.user = proved;
            return self.reply(reply.unwrap_or(&replies::AUTHENTICATED));
        }
        self.sasl.failures += 1;
        if self.sasl.failures > limits::AUTH_FAILURES {
            return self.dismiss(&replies::TOO_MANY_ERRORS);
        }
        match reply.filter(|reply| !reply.is_success()) {
            Some(reply) => self.answer_refused(reply),
            None => self.answer_refused(&replies::AUTHENTICATION_FAILED),
        }
    }

    /// A line of the client in the middle of an exchange.
    pub(super) fn take_response(&mut self, line: Line<'_>) {
        self.began = None;
        self.state = State::Commands;
        if std::mem::take(&mut self.line_overran) || line.length > limits::AUTH_LINE {
            return self.refuse(&replies::RESPONSE_TOO_LONG);
        }
        if line.text == b"*" {
            return self.refuse(&replies::AUTHENTICATION_CANCELLED);
        }
        match STANDARD.decode(line.text) {
            Ok(response) if line.proper => {
                self.sasl.response = Some(response);
                self.state = State::Authenticating;
            }
            _ => self.refuse(&replies::NOT_BASE64),
        }
    }
}

/// `AUTH mechanism [initial-response]`
pub(super) fn auth(session: &mut Session, argument: &[u8], _now: Time) {
    let offers_any =
        Mechanism::ALL.iter().any(|known| extensions::offers(&session.settings, &session.changes, *known));
    if !offers_any {
        return session.refuse(&replies::NOT_IMPLEMENTED);
    }
    if !session.is_extended() || session.in_transaction() || session.user().is_some() {
        return session.refuse(&replies::BAD_SEQUENCE);
    }
    let Ok(argument) = std::str::from_utf8(argument) else {
        return session.refuse(&replies::MECHANISM_UNKNOWN);
    };
    let (name, initial) = match argument.trim_end().split_once(' ') {
        Some((name, initial)) => (name, Some(initial)),
        None => (argument.trim_end(), None),
    };
    let mechanism = Mechanism::named(name)
        .filter(|mechanism| extensions::offers(&session.settings, &session.changes, *mechanism));
    let Some(mechanism) = mechanism else { return session.refuse(&replies::MECHANISM_UNKNOWN) };
    // `=` is an empty response, nothing is none (RFC 4954 §4).
    let response = match initial {
        Some("=") => Ok(Some(Vec::new())),
        Some(initial) => STANDARD.decode(initial).map(Some),
        None => Ok(None),
    };
    let Ok(response) = response else { return session.refuse(&replies::NOT_BASE64) };
    session.sasl.mechanism = Some(mechanism);
    session.sasl.response = response;
    session.sasl.is_first = true;
    session.state = State::Authenticating;
}
