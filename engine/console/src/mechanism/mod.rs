//! How an operator proves who they are: SASL mechanisms, both sides, as exchanges of messages.
//!
//! The law: a refusal says nothing about why; users that do not exist take the same way as those who do.

mod digest_md5;
mod login;
mod scram;

pub(crate) use digest_md5::DigestServer;
pub use digest_md5::digest;
pub(crate) use login::LoginServer;
pub use scram::verifier;
pub(crate) use scram::{ScramServer, Verifier, read_verifier};

use crate::store::Stores;
pub(crate) use mail::md5::equal;

/// In the order of preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    ScramSha256,
    DigestMd5,
    Login,
}

impl Mechanism {
    pub const ALL: [Mechanism; 3] = [Mechanism::ScramSha256, Mechanism::DigestMd5, Mechanism::Login];

    pub const fn name(self) -> &'static str {
        match self {
            Mechanism::ScramSha256 => "SCRAM-SHA-256",
            Mechanism::DigestMd5 => "DIGEST-MD5",
            Mechanism::Login => "LOGIN",
        }
    }

    pub fn named(name: &str) -> Option<Mechanism> {
        Mechanism::ALL.into_iter().find(|mechanism| mechanism.name().eq_ignore_ascii_case(name))
    }
}

/// What the server says next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Challenge(String),
    Done {
        user: String,
    },
    /// With the name that was given, for acctlog.
    Failed {
        user: String,
    },
}

/// The server's side of one exchange.
#[derive(Debug)]
pub(crate) enum ServerExchange {
    Scram(ScramServer),
    Digest(DigestServer),
    Login(LoginServer),
}

impl ServerExchange {
    pub fn new(mechanism: Mechanism, nonce: &str) -> ServerExchange {
        match mechanism {
            Mechanism::ScramSha256 => ServerExchange::Scram(ScramServer::new(nonce)),
            Mechanism::DigestMd5 => ServerExchange::Digest(DigestServer::new(nonce)),
            Mechanism::Login => ServerExchange::Login(LoginServer::default()),
        }
    }

    /// `message` is empty if the client sent none with its first line.
    pub fn told(&mut self, message: &str, stores: &Stores) -> Turn {
        match self {
            ServerExchange::Scram(exchange) => exchange.told(message, stores),
            ServerExchange::Digest(exchange) => exchange.told(message, stores),
            ServerExchange::Login(exchange) => exchange.told(message, stores),
        }
    }
}

/// The client's side.
#[derive(Debug)]
pub enum ClientExchange {
    Scram(Box<scram::ScramClient>),
    Digest { user: String, password: String, cnonce: String },
    Login { user: String, password: String },
}

impl ClientExchange {
    /// `nonce` is random.
    pub fn new(mechanism: Mechanism, user: &str, password: &str, nonce: &str) -> ClientExchange {
        let (user, password) = (user.to_owned(), password.to_owned());
        match mechanism {
            Mechanism::ScramSha256 => {
                ClientExchange::Scram(Box::new(scram::ScramClient::new(user, password, nonce)))
            }
            Mechanism::DigestMd5 => ClientExchange::Digest { user, password, cnonce: nonce.to_owned() },
            Mechanism::Login => ClientExchange::Login { user, password },
        }
    }

    /// What goes with the first line.
    pub fn first(&self) -> Option<String> {
        match self {
            ClientExchange::Scram(exchange) => Some(exchange.first()),
            _ => None,
        }
    }

    /// The answer to a challenge; none: the server is not to be trusted, or makes no sense.
    pub fn answer(&mut self, challenge: &str) -> Option<String> {
        match self {
            ClientExchange::Scram(exchange) => exchange.answer(challenge),
            ClientExchange::Digest { user, password, cnonce } => {
                digest_md5::respond(challenge, user, password, cnonce)
            }
            ClientExchange::Login { user, password } => Some(match challenge.starts_with("User") {
                true => user.clone(),
                false => password.clone(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets both sides talk to the end.
    fn converse(mechanism: Mechanism, user: &str, password: &str) -> Turn {
        let mut stores = Stores::default();
        stores.add(
            "digest",
            "d",
            &format!("ann:Momentum Console:{}\n", digest("ann", "Momentum Console", "pencil")),
        );
        stores.add("file", "f", "ann:pencil\n");
        stores.add("scram", "s", &format!("{}\n", verifier("ann", "pencil", b"salt of sixteen.", 4096)));
        for (mechanism, uri) in
            [(Mechanism::DigestMd5, "d"), (Mechanism::Login, "f"), (Mechanism::ScramSha256, "s")]
        {
            stores.offer(mechanism, uri, "Momentum Console");
        }
        let mut server = ServerExchange::new(mechanism, "servernonce");
        let mut client = ClientExchange::new(mechanism, user, password, "clientnonce");
        let mut message = client.first().unwrap_or_default();
        for _ in 0..4 {
            match server.told(&message, &stores) {
                Turn::Challenge(challenge) => match client.answer(&challenge) {
                    Some(answer) => message = answer,
                    None => return Turn::Challenge(challenge),
                },
                end => return end,
            }
        }
        panic!("an exchange has at most four turns")
    }

    #[test]
    fn who_knows_the_password_gets_in_and_nobody_else() {
        for mechanism in Mechanism::ALL {
            let failed = |user: &str| Turn::Failed { user: user.into() };
            assert_eq!(converse(mechanism, "ann", "pencil"), Turn::Done { user: "ann".into() });
            assert_eq!(converse(mechanism, "ann", "pen"), failed("ann"), "{mechanism:?}");
            assert_eq!(converse(mechanism, "bob", "pencil"), failed("bob"), "{mechanism:?}");
        }
    }
}
