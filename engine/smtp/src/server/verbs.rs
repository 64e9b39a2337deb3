//! The commands: a row and a function for each. A function checks order, limits and syntax, in this
//! order, and either answers or names the phase that must judge first.

use super::{Draft, Session, amend, parameters, replies};
use crate::address::{self, Path, Rules};
use crate::limits;
use mail::{Reply, Time};

pub(super) struct Verb {
    name: &'static str,
    pub act: fn(&mut Session, &[u8], Time),
    /// Nothing may have been sent behind this command when it is read (RFC 2920 §3.1). Of the commands
    /// that end a group this holds for DATA alone: what follows it is text or commands depending on our
    /// answer, so a client that did not wait leaves open what it meant. Behind EHLO, VRFY, EXPN and NOOP
    /// commands mean the same whatever we answer, and behind QUIT nothing is read.
    pub waits: bool,
    /// HELP names it: it is there for everybody.
    built: bool,
}

const fn verb(name: &'static str, act: fn(&mut Session, &[u8], Time)) -> Verb {
    Verb { name, act, waits: false, built: true }
}

/// The most frequent first.
const VERBS: [Verb; 17] = [
    verb("RCPT", rcpt),
    verb("MAIL", mail),
    Verb { waits: true, ..verb("DATA", data) },
    verb("EHLO", ehlo),
    verb("QUIT", quit),
    verb("RSET", rset),
    verb("HELO", helo),
    verb("NOOP", noop),
    verb("HELP", help),
    verb("VRFY", vrfy),
    Verb { built: false, ..verb("EXPN", not_implemented) },
    Verb { built: false, ..verb("STARTTLS", not_implemented) },
    Verb { waits: true, built: false, ..verb("AUTH", super::auth::auth) },
    Verb { built: false, ..verb("XCLIENT", amend::xclient) },
    Verb { built: false, ..verb("XREMOTEIP", amend::xremoteip) },
    Verb { built: false, ..verb("XSETCONTEXT", amend::xsetcontext) },
    Verb { built: false, ..verb("XDUMPCONTEXT", amend::xdumpcontext) },
];

pub(super) fn find(name: &[u8]) -> Option<&'static Verb> {
    VERBS.iter().find(|verb| verb.name.as_bytes().eq_ignore_ascii_case(name))
}

pub(super) fn is_quit(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"QUIT")
}

fn ehlo(session: &mut Session, argument: &[u8], _now: Time) {
    hello(session, "EHLO", argument, &replies::INVALID_EHLO);
}

fn helo(session: &mut Session, argument: &[u8], _now: Time) {
    hello(session, "HELO", argument, &replies::INVALID_HELO);
}

/// Any single printable word is taken as a name: RFC 5321 §4.1.4 forbids to refuse mail for a wrong one,
/// and policy may still judge it.
fn hello(session: &mut Session, verb: &str, argument: &[u8], invalid: &Reply) {
    let name = argument.trim_ascii();
    let sound = (1..=limits::DOMAIN).contains(&name.len()) && name.iter().all(u8::is_ascii_graphic);
    match str::from_utf8(name) {
        Ok(name) if sound => session.ask_ehlo(verb, name),
        _ => session.refuse(invalid),
    }
}

fn mail(session: &mut Session, argument: &[u8], _now: Time) {
    if session.lacks_hello() {
        return session.refuse(&replies::HELO_NEEDED);
    }
    if session.lacks_authentication() {
        return session.refuse(&replies::AUTHENTICATION_REQUIRED);
    }
    if session.in_transaction() {
        return session.refuse(&replies::MAIL_REPEATED);
    }
    if session.is_reconfigured() {
        return session.dismiss_reconfigured();
    }
    let receptions = session.counts().receptions;
    if session.settings().max_receptions_per_connection.is_some_and(|most| receptions >= most) {
        return session.dismiss(&replies::RECEPTIONS_PER_CONNECTION);
    }
    match read_mail(session, argument) {
        Ok(draft) => session.ask_mailfrom(argument, draft),
        Err(reply) => session.refuse(&reply),
    }
}

fn read_mail(session: &Session, argument: &[u8]) -> Result<Draft, Reply> {
    let settings = session.settings();
    let rules = rules(session, settings.allow_unqualified_sender);
    let path = behind(argument, b"FROM:").and_then(|path| address::path(path, rules).ok());
    let (path, rest) = path.ok_or(replies::MAIL_SYNTAX)?;
    let parameters = parameters::of_mail(rest, settings)?;
    let sender = match path {
        Path::Null if !settings.allow_null_envelope_sender => return Err(replies::NULL_SENDER_REFUSED),
        Path::Null => None,
        Path::Mailbox(sender) => Some(sender),
    };
    if parameters.size > Some(settings.largest_message()) {
        return Err(replies::TOO_LARGE);
    }
    let eight_bit = parameters.eight_bit.unwrap_or(false);
    Ok(Draft { sender, eight_bit, announced_size: parameters.size, ..Draft::default() })
}

fn rcpt(session: &mut Session, argument: &[u8], _now: Time) {
    if session.lacks_hello() {
        return session.refuse(&replies::HELO_NEEDED);
    }
    if !session.in_transaction() {
        return session.refuse(&replies::RCPT_WITHOUT_MAIL);
    }
    let asked = session.count_recipient();
    let settings = session.settings();
    if settings.max_recipients_per_connection.is_some_and(|most| asked > most) {
        return session.turn_away(&replies::RECIPIENTS_PER_CONNECTION);
    }
    let most = settings.max_recipients_per_message.unwrap_or(limits::RECIPIENTS).min(limits::RECIPIENTS);
    if session.draft().recipients.len() >= most as usize {
        return session.turn_away(&replies::RECIPIENTS_PER_MESSAGE);
    }
    let rules = rules(session, settings.allow_unqualified_recipient);
    match behind(argument, b"TO:").map(|path| address::path(path, rules)) {
        Some(Ok((Path::Mailbox(recipient), rest))) => match parameters::of_rcpt(rest, session.settings()) {
            Ok(()) => session.ask_rcptto(argument, recipient),
            Err(reply) => session.refuse(&reply),
        },
        _ => session.refuse(&replies::RCPT_SYNTAX),
    }
}

fn rules(session: &Session, unqualified: bool) -> Rules {
    let settings = session.settings();
    Rules {
        allow_ip_literal: settings.allow_ip_literal,
        pedantic: settings.rfc2821_pedantic_address_rules,
        blanks_inside: settings.allow_trailing_whitespace_in_commands,
        blanks_before: settings.rfc2821_allow_whitespace_in_envelope,
        unqualified,
    }
}

fn behind<'a>(argument: &'a [u8], word: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = argument.split_at_checked(word.len())?;
    start.eq_ignore_ascii_case(word).then_some(rest)
}

fn data(session: &mut Session, argument: &[u8], now: Time) {
    if session.lacks_hello() {
        return session.refuse(&replies::HELO_NEEDED);
    }
    if !session.in_transaction() {
        return session.refuse(&replies::DATA_WITHOUT_MAIL);
    }
    if session.draft().recipients.is_empty() {
        return session.refuse(&replies::DATA_WITHOUT_RCPT);
    }
    if !argument.trim_ascii().is_empty() {
        return session.refuse(&replies::DATA_ARGUMENT);
    }
    session.receive_message(now);
}

fn rset(session: &mut Session, argument: &[u8], _now: Time) {
    if !argument.trim_ascii().is_empty() {
        return session.refuse(&replies::RSET_ARGUMENT);
    }
    if session.is_reconfigured() {
        return session.dismiss_reconfigured();
    }
    session.end_transaction();
    session.reply(&replies::OK);
}

/// A parameter is allowed and ignored (RFC 5321 §4.1.1.9).
fn noop(session: &mut Session, _argument: &[u8], _now: Time) {
    session.reply(&replies::OK);
}

fn help(session: &mut Session, _argument: &[u8], _now: Time) {
    let built = VERBS.iter().filter(|verb| verb.built);
    let names: Vec<&str> = std::iter::once("commands:").chain(built.map(|verb| verb.name)).collect();
    session.reply(&Reply::with(214, (2, 0, 0), names.join(" ")));
}

fn vrfy(session: &mut Session, argument: &[u8], _now: Time) {
    if argument.trim_ascii().is_empty() {
        return session.refuse(&replies::VRFY_ARGUMENT);
    }
    session.reply(&replies::CANNOT_VERIFY);
}

fn quit(session: &mut Session, argument: &[u8], _now: Time) {
    if !argument.trim_ascii().is_empty() {
        return session.refuse(&replies::NO_PARAMETERS);
    }
    let text = format!("{} closing connection", session.settings().banner_hostname);
    session.reply(&Reply::with(221, (2, 0, 0), text));
    session.close();
}

fn not_implemented(session: &mut Session, _argument: &[u8], _now: Time) {
    session.refuse(&replies::NOT_IMPLEMENTED);
}
