//! XCLIENT, XREMOTEIP, XSETCONTEXT, XDUMPCONTEXT: what a trusted client wants to have believed, read and
//! answered here, done by the driver (spec inbound-smtp.md §4; XCLIENT as Postfix's XCLIENT_README says).
//!
//! Law: whoever is offered the extension is believed. Who is offered it, `smtp_extensions` of his Peer says.

use super::session::{Session, State};
use super::{Settings, extensions, replies};
use crate::limits;
use mail::{Phase, Reply, Time};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

/// The driver answers with `amended`, or `reintroduced`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Amendment {
    /// XCLIENT: the connection begins anew, of somebody else.
    Client(Introduction),
    /// XREMOTEIP: the client has this address, whatever it is at.
    RemoteIp(IpAddr),
    /// XSETCONTEXT: variables of the connection context.
    SetContext(Vec<(String, String)>),
    /// XDUMPCONTEXT
    DumpContext,
}

/// Who a client of XCLIENT speaks for; what is not said stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Introduction {
    /// 0.0.0.0 if nobody knows it: an address that no configuration trusts.
    pub address: Option<IpAddr>,
    pub port: Option<u16>,
    /// Which of our addresses and ports he has reached.
    pub local: (Option<IpAddr>, Option<u16>),
    pub helo: Option<String>,
    /// He speaks ESMTP to whoever introduces him.
    pub is_extended: bool,
    /// None within: nobody has logged in.
    pub login: Option<Option<String>>,
}

/// What EHLO says of XCLIENT.
pub(super) const ATTRIBUTES: &str = "NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT";

impl Session {
    /// Only at `Want::Amend`.
    pub fn amendment(&self) -> &Amendment {
        match &self.state {
            State::Amending(amendment) => amendment,
            _ => panic!("asked for an amendment that is not wanted"),
        }
    }

    /// It was done, or not.
    pub fn amended(&mut self, reply: &Reply, now: Time) {
        assert!(matches!(self.state, State::Amending(_)), "told of an amendment that was not wanted");
        self.since = now;
        self.state = State::Commands;
        if reply.is_success() {
            self.reply(reply)
        } else {
            self.refuse(reply)
        }
        self.settle(now);
    }

    /// The client is somebody else, who has just connected.
    pub fn reintroduced(
        &mut self,
        settings: Rc<Settings>,
        peer: Option<SocketAddr>,
        introduction: &Introduction,
        now: Time,
    ) {
        assert!(matches!(self.state, State::Amending(_)), "told of an amendment that was not wanted");
        self.end_transaction();
        self.since = now;
        self.settings = settings;
        self.facts.peer = peer;
        self.changes = extensions::Changes::default();
        self.enhanced = extensions::enhanced(&self.settings, &self.changes);
        (self.early, self.greeted) = (false, false);
        let verb = if introduction.is_extended { "EHLO" } else { "HELO" };
        self.hello = introduction.helo.as_ref().map(|name| format!("{verb} {name}").into_boxed_str());
        self.introduce(introduction.login.clone().flatten());
        self.state = State::Judging(Phase::Connect);
    }

    /// XREMOTEIP: from here on the client has this address.
    pub fn readdressed(&mut self, peer: SocketAddr) {
        self.facts.peer = Some(peer);
    }

    fn amend(&mut self, name: &str, amendment: impl FnOnce() -> Option<Amendment>) {
        if !extensions::is_offered(&self.settings, &self.changes, name) {
            self.counts.unrecognized += 1;
            return self.refuse(&replies::UNRECOGNIZED);
        }
        match amendment() {
            Some(amendment) => self.state = State::Amending(Box::new(amendment)),
            None => self.refuse(&replies::PARAMETER_VALUE),
        }
    }
}

pub(super) fn xclient(session: &mut Session, argument: &[u8], _now: Time) {
    if session.in_transaction() && extensions::is_offered(&session.settings, &session.changes, "XCLIENT") {
        return session.refuse(&replies::BAD_SEQUENCE);
    }
    session.amend("XCLIENT", || introduction(argument).map(Amendment::Client));
}

pub(super) fn xremoteip(session: &mut Session, argument: &[u8], _now: Time) {
    session
        .amend("XREMOTEIP", || address(std::str::from_utf8(argument).ok()?.trim()).map(Amendment::RemoteIp));
}

pub(super) fn xsetcontext(session: &mut Session, argument: &[u8], _now: Time) {
    session.amend("XSETCONTEXT", || Some(Amendment::SetContext(pairs(argument)?)));
}

pub(super) fn xdumpcontext(session: &mut Session, argument: &[u8], _now: Time) {
    session.amend("XDUMPCONTEXT", || argument.trim_ascii().is_empty().then_some(Amendment::DumpContext));
}

fn introduction(argument: &[u8]) -> Option<Introduction> {
    let mut introduction = Introduction::default();
    for (name, value) in pairs(argument)? {
        let known = !matches!(&*value.to_ascii_uppercase(), "[UNAVAILABLE]" | "[TEMPUNAVAIL]");
        match &*name.to_ascii_uppercase() {
            "ADDR" if known => introduction.address = Some(address(&value)?),
            "ADDR" => introduction.address = Some(IpAddr::from([0, 0, 0, 0])),
            "PORT" if known => introduction.port = Some(value.parse().ok()?),
            "PORT" => introduction.port = Some(0),
            "HELO" => introduction.helo = known.then_some(word(value)?),
            "LOGIN" => introduction.login = Some(known.then_some(word(value)?)),
            "PROTO" if value.eq_ignore_ascii_case("ESMTP") => introduction.is_extended = true,
            "PROTO" if value.eq_ignore_ascii_case("SMTP") => introduction.is_extended = false,
            "DESTADDR" if known => introduction.local.0 = Some(address(&value)?),
            "DESTPORT" if known => introduction.local.1 = Some(value.parse().ok()?),
            // Nothing here depends on the name of a client; proxies send it all the same.
            "NAME" | "DESTADDR" | "DESTPORT" => {}
            _ => return None,
        }
    }
    Some(introduction)
}

fn address(text: &str) -> Option<IpAddr> {
    let is_six = text.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("IPV6:"));
    let text = if is_six { &text[5..] } else { text };
    text.parse().ok()
}

/// A name without blanks and controls.
fn word(text: String) -> Option<String> {
    let sound =
        (1..=limits::DOMAIN).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_graphic());
    sound.then_some(text)
}

/// `name=value name=value …`, at least one, both in xtext.
fn pairs(argument: &[u8]) -> Option<Vec<(String, String)>> {
    let words = argument.split(|octet| *octet == b' ').filter(|word| !word.is_empty());
    let pairs: Option<Vec<(String, String)>> = words
        .map(|word| {
            let equals = memchr::memchr(b'=', word)?;
            let (name, value) = (from_xtext(&word[..equals])?, from_xtext(&word[equals + 1..])?);
            (!name.is_empty()).then_some((name, value))
        })
        .collect();
    pairs.filter(|pairs| !pairs.is_empty())
}

/// RFC 3461 §4 (RFC 1891 §5): `+` and two hexadecimal digits stand for an octet.
fn from_xtext(text: &[u8]) -> Option<String> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, after @ ..] = rest {
        rest = after;
        if *first == b'+' {
            let (digits, after) = rest.split_at_checked(2)?;
            rest = after;
            let digits = std::str::from_utf8(digits)
                .ok()
                .filter(|digits| digits.bytes().all(|d| d.is_ascii_hexdigit()))?;
            octets.push(u8::from_str_radix(digits, 16).ok()?);
        } else {
            octets.push(*first);
        }
    }
    String::from_utf8(octets).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_read_in_any_case_and_nothing_is_guessed() {
        let of = |text: &str| introduction(text.as_bytes());
        let ip = |text: &str| Some(text.parse().unwrap());
        let none = Introduction::default();
        for (text, expected) in [
            (
                "ADDR=192.0.2.1 port=25",
                Some(Introduction { address: ip("192.0.2.1"), port: Some(25), ..none.clone() }),
            ),
            (
                "addr=IPV6:2001:db8::1 NAME=x.example",
                Some(Introduction { address: ip("2001:db8::1"), ..none.clone() }),
            ),
            ("ADDR=[UNAVAILABLE]", Some(Introduction { address: ip("0.0.0.0"), ..none.clone() })),
            (
                "HELO=b.example PROTO=esmtp DESTPORT=587",
                Some(Introduction {
                    helo: Some("b.example".into()),
                    is_extended: true,
                    local: (None, Some(587)),
                    ..none.clone()
                }),
            ),
            (
                "HELO=a.example PROTO=smtp",
                Some(Introduction { helo: Some("a.example".into()), ..none.clone() }),
            ),
            ("LOGIN=tim", Some(Introduction { login: Some(Some("tim".into())), ..none.clone() })),
            ("LOGIN=[unavailable]", Some(Introduction { login: Some(None), ..none.clone() })),
            ("NAME=[TEMPUNAVAIL]  DESTADDR=[unavailable]", Some(none.clone())),
            (
                "NAME=x.example  DESTADDR=192.0.2.9",
                Some(Introduction { local: (ip("192.0.2.9"), None), ..none.clone() }),
            ),
            ("DESTADDR=x.example", None),
            ("DESTPORT=x", None),
            ("", None),
            ("ADDR", None),
            ("ADDR=", None),
            ("ADDR=x.example", None),
            ("PORT=65536", None),
            ("PROTO=LMTP", None),
            ("HELO=a+20b", None),
            ("HELO=", None),
            ("LOGIN=a+0D+0Ab", None),
            ("COLOUR=red", None),
            ("NAME=a+2", None),
            ("NAME=a+zz", None),
        ] {
            assert_eq!(of(text), expected, "{text}");
        }
    }

    #[test]
    fn variables_are_decoded() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        for (text, expected) in [
            ("a=1", Some(vec![pair("a", "1")])),
            ("a=1  b=x+3Dy+2Bz", Some(vec![pair("a", "1"), pair("b", "x=y+z")])),
            ("a+20b=", Some(vec![pair("a b", "")])),
            ("a=b=c", Some(vec![pair("a", "b=c")])),
            ("=1", None),
            ("a", None),
            (" ", None),
            ("a=+FF", None),
        ] {
            assert_eq!(pairs(text.as_bytes()), expected, "{text}");
        }
    }
}
