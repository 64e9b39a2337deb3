//! DIGEST-MD5 (RFC 2831), which RFC 6331 has retired: for the password files that are there.
//!
//! `qop=auth` and `md5-sess` only.

use super::{Turn, equal};
use crate::store::Stores;
use mail::md5::{Proof, directives, hex, md5, unhex};

/// What a password file holds for a user: the hexadecimal MD5 of `user:realm:password`.
pub fn digest(user: &str, realm: &str, password: &str) -> String {
    hex(&md5(format!("{user}:{realm}:{password}").as_bytes()))
}

#[derive(Debug)]
pub(crate) struct DigestServer {
    nonce: String,
    challenged: bool,
    /// Proved; the client has yet to acknowledge our own proof.
    proved: Option<String>,
}

impl DigestServer {
    pub fn new(nonce: &str) -> DigestServer {
        DigestServer { nonce: nonce.to_owned(), challenged: false, proved: None }
    }

    pub fn told(&mut self, message: &str, stores: &Stores) -> Turn {
        if let Some(user) = self.proved.take() {
            return Turn::Done { user };
        }
        if !std::mem::replace(&mut self.challenged, true) {
            let (realm, nonce) = (stores.realm(), &self.nonce);
            return Turn::Challenge(format!(
                "realm=\"{realm}\",nonce=\"{nonce}\",qop=\"auth\",charset=utf-8,algorithm=md5-sess"
            ));
        }
        let directives = directives(message);
        let get =
            |name: &str| directives.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value);
        let (user, realm) = (get("username").to_owned(), stores.realm());
        let proof =
            Proof { nonce: get("nonce"), cnonce: get("cnonce"), count: get("nc"), uri: get("digest-uri") };
        let known = stores.digest(&user, realm);
        let secret = known.and_then(unhex).unwrap_or_default();
        let expected = proof.response("AUTHENTICATE:", &secret);
        let fits = equal(expected.as_bytes(), get("response").as_bytes());
        let is_ours = proof.nonce == self.nonce && proof.count == "00000001" && get("qop") == "auth";
        if known.is_none() || !fits || !is_ours || proof.cnonce.is_empty() {
            return Turn::Failed { user };
        }
        self.proved = Some(user);
        Turn::Challenge(format!("rspauth={}", proof.response(":", &secret)))
    }
}

/// The client's answer to a challenge.
pub(super) fn respond(challenge: &str, user: &str, password: &str, cnonce: &str) -> Option<String> {
    let directives = directives(challenge);
    let get =
        |name: &str| directives.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str());
    if get("rspauth").is_some() {
        return Some(String::new());
    }
    let (realm, nonce) = (get("realm")?, get("nonce")?);
    let uri = "ecconsole/localhost";
    let proof = Proof { nonce, cnonce, count: "00000001", uri };
    let response = proof.response("AUTHENTICATE:", &md5(format!("{user}:{realm}:{password}").as_bytes()));
    Some(format!(
        "charset=utf-8,username=\"{}\",realm=\"{realm}\",nonce=\"{nonce}\",nc=00000001,cnonce=\"{cnonce}\",\
         digest-uri=\"{uri}\",response={response},qop=auth",
        user.replace('\\', "\\\\").replace('"', "\\\"")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 2831 §4, its first exchange.
    #[test]
    fn the_example_of_the_rfc_comes_out() {
        let proof = Proof {
            nonce: "OA6MG9tEQGm2hh",
            cnonce: "OA6MHXh6VqTrRk",
            count: "00000001",
            uri: "imap/elwood.innosoft.com",
        };
        let secret = md5(b"chris:elwood.innosoft.com:secret");
        assert_eq!(proof.response("AUTHENTICATE:", &secret), "d388dad90d4bbd760a152321f2143af7");
        assert_eq!(proof.response(":", &secret), "ea40f60335c427b5527b84dbabcdfffd");
    }

    #[test]
    fn directives_may_be_quoted() {
        let found = directives("realm=\"a, \\\"b\\\"\",nonce=x, qop=\"auth\"");
        let expected = [("realm", "a, \"b\""), ("nonce", "x"), ("qop", "auth")];
        assert_eq!(found, expected.map(|(name, value)| (name, value.to_owned())));
        assert!(directives("nothing").is_empty());
    }

    #[test]
    fn a_password_file_has_what_htdigest_writes() {
        assert_eq!(digest("ops", "Momentum Console", "secret"), "37ff71ecbb17be72d87ce0b53a604cc4");
    }
}
