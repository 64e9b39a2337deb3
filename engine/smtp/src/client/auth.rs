//! AUTH, the client's side (RFC 4954): which mechanism is used, and what is said in it.
//!
//! Law: a secret goes only to a peer that has offered the mechanism, alone in its write, and is shown to nobody
//! else: `Debug` has no password.

use crate::sasl::Mechanism;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail::Reply;
use mail::md5::{hex, hmac_md5};
use std::fmt;
use std::rc::Rc;

pub(super) const NOT_OFFERED: Reply =
    Reply::fixed(451, (4, 7, 6), "[internal] AUTH required but not advertised");

/// Best first: the one that keeps the password, then those that show it.
const SPOKEN: [Mechanism; 3] = [Mechanism::CramMd5, Mechanism::Plain, Mechanism::Login];

/// What proves to a peer who we are.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub user: Box<str>,
    pub password: Box<str>,
    /// A name; empty: the best of those that the peer offers.
    pub mechanism: Box<str>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).field("mechanism", &self.mechanism).finish()
    }
}

/// Mechanisms that a peer offers, of those that we speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mechanisms([bool; SPOKEN.len()]);

impl Mechanisms {
    /// A word of the line that offers AUTH.
    pub fn add(&mut self, word: &[u8]) {
        let named = |mechanism: &Mechanism| mechanism.name().as_bytes().eq_ignore_ascii_case(word);
        if let Some(place) = SPOKEN.iter().position(named) {
            self.0[place] = true;
        }
    }

    fn offered(self) -> impl Iterator<Item = Mechanism> {
        SPOKEN.into_iter().zip(self.0).filter(|(_, offered)| *offered).map(|(mechanism, _)| mechanism)
    }
}

/// A proof under way.
#[derive(Debug)]
pub(super) struct Exchange {
    pub credentials: Rc<Credentials>,
    mechanism: Mechanism,
    /// Challenges answered.
    answered: u8,
}

impl Exchange {
    /// None: the peer does not offer what is wanted.
    pub fn new(credentials: Rc<Credentials>, offered: Mechanisms) -> Option<Self> {
        let only = &credentials.mechanism;
        let wanted = |mechanism: &Mechanism| only.is_empty() || mechanism.name().eq_ignore_ascii_case(only);
        let mechanism = offered.offered().find(wanted)?;
        Some(Exchange { credentials, mechanism, answered: 0 })
    }

    /// The command, without its line end.
    pub fn command(&self) -> String {
        let name = self.mechanism.name();
        match self.mechanism {
            Mechanism::Plain => format!("AUTH {name} {}", STANDARD.encode(self.plain())),
            _ => format!("AUTH {name}"),
        }
    }

    /// What answers a 334, without its line end; `*` gives up (RFC 4954 §4).
    pub fn response(&mut self, challenge: &[u8]) -> String {
        let Credentials { user, password, .. } = &*self.credentials;
        self.answered += 1;
        let response = match (self.mechanism, self.answered) {
            // A peer that has overlooked the initial response.
            (Mechanism::Plain, 1) => Some(self.plain()),
            (Mechanism::Login, 1) => Some(user.to_string()),
            (Mechanism::Login, 2) => Some(password.to_string()),
            (Mechanism::CramMd5, 1) => STANDARD
                .decode(challenge)
                .ok()
                .map(|challenge| format!("{user} {}", hex(&hmac_md5(password.as_bytes(), &challenge)))),
            _ => None,
        };
        response.map_or_else(|| "*".to_owned(), |response| STANDARD.encode(response))
    }

    fn plain(&self) -> String {
        format!("\0{}\0{}", self.credentials.user, self.credentials.password)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(mechanism: &str, offered: &[&str]) -> Option<Exchange> {
        let (user, password) = ("tim".into(), "tanstaaftanstaaf".into());
        let credentials = Credentials { user, password, mechanism: mechanism.into() };
        let mut mechanisms = Mechanisms::default();
        offered.iter().for_each(|name| mechanisms.add(name.as_bytes()));
        Exchange::new(Rc::new(credentials), mechanisms)
    }

    #[test]
    fn the_best_mechanism_that_is_offered_and_wanted_is_used() {
        for (wanted, offered, command) in [
            ("", &["LOGIN", "plain"][..], Some("AUTH PLAIN AHRpbQB0YW5zdGFhZnRhbnN0YWFm")),
            ("", &["LOGIN", "PLAIN", "CRAM-MD5", "DIGEST-MD5"], Some("AUTH CRAM-MD5")),
            ("login", &["PLAIN", "LOGIN"], Some("AUTH LOGIN")),
            ("CRAM-MD5", &["PLAIN", "LOGIN"], None),
            ("DIGEST-MD5", &["DIGEST-MD5"], None),
            ("PLAIN", &[], None),
            ("", &["GSSAPI", "XOAUTH2"], None),
        ] {
            let said = exchange(wanted, offered).map(|exchange| exchange.command());
            assert_eq!(said.as_deref(), command, "{wanted:?} {offered:?}");
        }
        let shown = format!("{:?}", exchange("", &["PLAIN"]));
        assert!(shown.contains("tim") && !shown.contains("tanstaaf"), "{shown}");
    }

    /// CRAM-MD5: the example of RFC 2195 §2.
    #[test]
    fn challenges_are_answered_and_one_too_many_ends_it() {
        let encode = |text: &str| STANDARD.encode(text);
        let cram = encode("tim b913a602c7eda7a495b4e6e7334d3890");
        for (mechanism, challenges, responses) in [
            (
                "LOGIN",
                vec!["Username:", "Password:", "?"],
                vec![encode("tim"), encode("tanstaaftanstaaf"), "*".into()],
            ),
            ("CRAM-MD5", vec!["<1896.697170952@postoffice.reston.mci.net>", "?"], vec![cram, "*".into()]),
            ("PLAIN", vec!["", "?"], vec![encode("\0tim\0tanstaaftanstaaf"), "*".into()]),
        ] {
            let mut exchange = exchange("", &[mechanism]).unwrap();
            let said: Vec<_> =
                challenges.iter().map(|challenge| exchange.response(encode(challenge).as_bytes())).collect();
            assert_eq!(said, responses, "{mechanism}");
        }
        assert_eq!(exchange("", &["CRAM-MD5"]).unwrap().response(b"not base64!"), "*");
    }
}
