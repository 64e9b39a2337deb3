//! SASL mechanisms of SMTP (RFC 4954), the server's side and the client's, as exchanges of messages.
//!
//! Law: nobody here knows a store. An exchange asks to have a password checked or a secret found, and a refusal
//! says nothing about why.

use mail::md5::{Proof, directives, equal, hex, hmac_md5, md5};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mechanism {
    DigestMd5,
    CramMd5,
    Login,
    Plain,
}

impl Mechanism {
    /// Those that keep the password secret first.
    pub const ALL: [Mechanism; 4] =
        [Mechanism::DigestMd5, Mechanism::CramMd5, Mechanism::Plain, Mechanism::Login];

    pub const fn name(self) -> &'static str {
        match self {
            Mechanism::DigestMd5 => "DIGEST-MD5",
            Mechanism::CramMd5 => "CRAM-MD5",
            Mechanism::Login => "LOGIN",
            Mechanism::Plain => "PLAIN",
        }
    }

    pub fn named(name: &str) -> Option<Mechanism> {
        Mechanism::ALL.into_iter().find(|mechanism| mechanism.name().eq_ignore_ascii_case(name))
    }
}

/// What a store knows of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Secret {
    Password(String),
    /// The MD5 of `user:realm:password`.
    Digest([u8; 16]),
}

/// What the server does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Say this, then `told` the response.
    Challenge(String),
    /// Is this the user's password? Then `checked`.
    Check {
        user: String,
        password: String,
    },
    /// What is known of the user? Then `found`.
    Find {
        user: String,
    },
    Done {
        user: String,
    },
    /// With the name that was given.
    Failed {
        user: String,
    },
}

/// The server's side of one exchange.
#[derive(Debug)]
pub struct Exchange {
    mechanism: Mechanism,
    realm: String,
    /// Random; the challenge of CRAM-MD5 is made with it.
    nonce: String,
    step: Step,
}

#[derive(Debug)]
enum Step {
    Begun,
    Challenged,
    /// LOGIN: the password is missing.
    Named {
        user: String,
    },
    /// Somebody looks in a store.
    Asked {
        user: String,
        response: String,
    },
    /// DIGEST-MD5: we have proved ourselves, the client has to acknowledge it.
    Proved {
        user: String,
    },
}

impl Exchange {
    pub fn new(mechanism: Mechanism, realm: &str, nonce: &str) -> Self {
        let nonce = match mechanism {
            Mechanism::CramMd5 => format!("<{nonce}@{realm}>"),
            _ => nonce.to_owned(),
        };
        Exchange { mechanism, realm: realm.to_owned(), nonce, step: Step::Begun }
    }

    /// A message of the client; none if it sent none with its command.
    pub fn told(&mut self, message: Option<&[u8]>) -> Turn {
        let Some(text) = message.map(std::str::from_utf8).transpose().ok() else { return failed("") };
        match (std::mem::replace(&mut self.step, Step::Challenged), text, self.mechanism) {
            (Step::Begun, None, mechanism) => Turn::Challenge(self.challenge(mechanism)),
            // These two begin with the server (RFC 4954 §4).
            (Step::Begun, Some(_), Mechanism::CramMd5 | Mechanism::DigestMd5) => failed(""),
            (Step::Named { user }, Some(password), _) => self.check(&user, password),
            (Step::Proved { user }, Some(_), _) => Turn::Done { user },
            (Step::Begun | Step::Challenged, Some(text), mechanism) => self.answered(text, mechanism),
            _ => failed(""),
        }
    }

    fn challenge(&self, mechanism: Mechanism) -> String {
        let (realm, nonce) = (&self.realm, &self.nonce);
        match mechanism {
            Mechanism::Plain => String::new(),
            Mechanism::Login => "Username:".to_owned(),
            Mechanism::CramMd5 => nonce.clone(),
            Mechanism::DigestMd5 => {
                format!("realm=\"{realm}\",nonce=\"{nonce}\",qop=\"auth\",charset=utf-8,algorithm=md5-sess")
            }
        }
    }

    fn answered(&mut self, text: &str, mechanism: Mechanism) -> Turn {
        match mechanism {
            Mechanism::Plain => {
                let mut parts = text.split('\0');
                match (parts.next(), parts.next(), parts.next(), parts.next()) {
                    (Some(as_whom), Some(user), Some(password), None)
                        if as_whom.is_empty() || as_whom == user =>
                    {
                        self.check(user, password)
                    }
                    (_, Some(user), ..) => failed(user),
                    _ => failed(""),
                }
            }
            Mechanism::Login => {
                self.step = Step::Named { user: text.to_owned() };
                Turn::Challenge("Password:".to_owned())
            }
            Mechanism::CramMd5 => match text.rsplit_once(' ') {
                Some((user, digest)) => self.find(user, digest),
                None => failed(""),
            },
            Mechanism::DigestMd5 => {
                let said = directives(text);
                let user = said.iter().find(|(name, _)| *name == "username").map_or("", |(_, user)| user);
                self.find(user, text)
            }
        }
    }

    fn check(&mut self, user: &str, password: &str) -> Turn {
        if user.is_empty() {
            return failed(user);
        }
        self.step = Step::Asked { user: user.to_owned(), response: String::new() };
        Turn::Check { user: user.to_owned(), password: password.to_owned() }
    }

    fn find(&mut self, user: &str, response: &str) -> Turn {
        self.step = Step::Asked { user: user.to_owned(), response: response.to_owned() };
        Turn::Find { user: user.to_owned() }
    }

    /// The answer to `Turn::Check`.
    pub fn checked(&mut self, is_right: bool) -> Turn {
        match std::mem::replace(&mut self.step, Step::Challenged) {
            Step::Asked { user, .. } if is_right => Turn::Done { user },
            Step::Asked { user, .. } => Turn::Failed { user },
            _ => failed(""),
        }
    }

    /// The answer to `Turn::Find`; none: there is no such user, who takes the same way as those who are.
    pub fn found(&mut self, secret: Option<Secret>) -> Turn {
        let Step::Asked { user, response } = std::mem::replace(&mut self.step, Step::Challenged) else {
            return failed("");
        };
        let is_known = secret.is_some();
        let secret = secret.unwrap_or(Secret::Password(String::new()));
        match (self.mechanism, secret) {
            (Mechanism::CramMd5, Secret::Password(password)) => {
                let expected = hex(&hmac_md5(password.as_bytes(), self.nonce.as_bytes()));
                let fits = equal(expected.as_bytes(), response.to_ascii_lowercase().as_bytes());
                if fits && is_known { Turn::Done { user } } else { Turn::Failed { user } }
            }
            (Mechanism::DigestMd5, secret) => {
                let secret = match secret {
                    Secret::Digest(digest) => digest,
                    Secret::Password(password) => md5(format!("{user}:{}:{password}", self.realm).as_bytes()),
                };
                match self.acknowledgement(&response, &secret).filter(|_| is_known) {
                    Some(proof) => {
                        self.step = Step::Proved { user };
                        Turn::Challenge(proof)
                    }
                    None => Turn::Failed { user },
                }
            }
            _ => Turn::Failed { user },
        }
    }

    /// Our own proof, if the client's is right (RFC 2831 §2.1.2 and §2.1.3).
    fn acknowledgement(&self, response: &str, secret: &[u8]) -> Option<String> {
        let said = directives(response);
        let get = |name: &str| said.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value);
        let proof =
            Proof { nonce: get("nonce"), cnonce: get("cnonce"), count: get("nc"), uri: get("digest-uri") };
        let expected = proof.response("AUTHENTICATE:", secret);
        let is_ours = proof.nonce == self.nonce && proof.count == "00000001" && get("qop") == "auth";
        let fits = equal(expected.as_bytes(), get("response").as_bytes());
        (fits && is_ours && !proof.cnonce.is_empty())
            .then(|| format!("rspauth={}", proof.response(":", secret)))
    }
}

fn failed(user: &str) -> Turn {
    Turn::Failed { user: user.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays responses against a server whose only user is tim with the password of RFC 2195.
    fn play(mechanism: Mechanism, responses: &[Option<&str>]) -> Vec<Turn> {
        let mut exchange = Exchange::new(mechanism, "postoffice.example", "1896.697170952");
        let mut turns = Vec::new();
        for response in responses {
            let mut turn = exchange.told(response.map(str::as_bytes));
            turn = match turn {
                Turn::Check { user, password } => {
                    exchange.checked(user == "tim" && password == "tanstaaftanstaaf")
                }
                Turn::Find { user } => {
                    let secret = Secret::Password("tanstaaftanstaaf".into());
                    exchange.found((user == "tim").then_some(secret))
                }
                turn => turn,
            };
            turns.push(turn);
        }
        turns
    }

    fn done() -> Turn {
        Turn::Done { user: "tim".into() }
    }

    #[test]
    fn who_knows_the_password_passes_and_nobody_else() {
        use Mechanism::{CramMd5, Login, Plain};
        let says = |text: &str| Turn::Challenge(text.into());
        let challenge = "<1896.697170952@postoffice.example>";
        let digest = hex(&hmac_md5(b"tanstaaftanstaaf", challenge.as_bytes()));
        let proof = format!("tim {digest}");
        let stranger = format!("tom {digest}");
        type Case<'a> = (Mechanism, Vec<Option<&'a str>>, Vec<Turn>);
        let cases: [Case<'_>; 12] = [
            (Plain, vec![Some("\0tim\0tanstaaftanstaaf")], vec![done()]),
            (Plain, vec![None, Some("tim\0tim\0tanstaaftanstaaf")], vec![says(""), done()]),
            (Plain, vec![Some("tom\0tim\0tanstaaftanstaaf")], vec![failed("tim")]),
            (Plain, vec![Some("\0tim\0wrong")], vec![failed("tim")]),
            (Plain, vec![Some("tim")], vec![failed("")]),
            (
                Login,
                vec![None, Some("tim"), Some("tanstaaftanstaaf")],
                vec![says("Username:"), says("Password:"), done()],
            ),
            (Login, vec![Some("tim"), Some("wrong")], vec![says("Password:"), failed("tim")]),
            (CramMd5, vec![None, Some(&proof)], vec![says(challenge), done()]),
            (CramMd5, vec![None, Some(&stranger)], vec![says(challenge), failed("tom")]),
            (CramMd5, vec![None, Some("tim 00")], vec![says(challenge), failed("tim")]),
            (CramMd5, vec![Some(&proof)], vec![failed("")]),
            (Login, vec![None, Some(""), Some("")], vec![says("Username:"), says("Password:"), failed("")]),
        ];
        for (mechanism, responses, expected) in cases {
            assert_eq!(play(mechanism, &responses), expected, "{mechanism:?} {responses:?}");
        }
    }

    /// The example of RFC 2831 §4, its first exchange, with the nonce of a server of ours.
    #[test]
    fn digest_md5_proves_both_sides() {
        let secret = md5(b"chris:elwood.innosoft.com:secret");
        let proof = Proof {
            nonce: "OA6MG9tEQGm2hh",
            cnonce: "OA6MHXh6VqTrRk",
            count: "00000001",
            uri: "imap/elwood.innosoft.com",
        };
        assert_eq!(proof.response("AUTHENTICATE:", &secret), "d388dad90d4bbd760a152321f2143af7");
        let answer = |response: &str| {
            format!(
                "charset=utf-8,username=\"chris\",realm=\"elwood.innosoft.com\",nonce=\"OA6MG9tEQGm2hh\",\
                 nc=00000001,cnonce=\"OA6MHXh6VqTrRk\",digest-uri=\"imap/elwood.innosoft.com\",\
                 response={response},qop=auth"
            )
        };
        for (response, secret, passes) in [
            ("d388dad90d4bbd760a152321f2143af7", Some(Secret::Digest(secret)), true),
            ("d388dad90d4bbd760a152321f2143af7", Some(Secret::Password("secret".into())), true),
            ("d388dad90d4bbd760a152321f2143af7", Some(Secret::Password("other".into())), false),
            ("d388dad90d4bbd760a152321f2143af7", None, false),
            ("00000000000000000000000000000000", Some(Secret::Digest(secret)), false),
        ] {
            let mut exchange = Exchange::new(Mechanism::DigestMd5, "elwood.innosoft.com", "OA6MG9tEQGm2hh");
            assert!(matches!(exchange.told(None), Turn::Challenge(text) if text.contains("OA6MG9tEQGm2hh")));
            let asked = exchange.told(Some(answer(response).as_bytes()));
            assert_eq!(asked, Turn::Find { user: "chris".into() });
            let turn = exchange.found(secret);
            if !passes {
                assert_eq!(turn, failed("chris"));
                continue;
            }
            assert_eq!(turn, Turn::Challenge("rspauth=ea40f60335c427b5527b84dbabcdfffd".into()));
            assert_eq!(exchange.told(Some(b"")), Turn::Done { user: "chris".into() });
        }
    }
}
