//! SCRAM-SHA-256 (RFC 5802, RFC 7677) without channel binding: the password is neither sent nor stored.

use super::{Turn, equal};
use crate::store::Stores;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::{digest, hmac, pbkdf2};
use std::num::NonZeroU32;

/// What the file holds for a user (RFC 5803): salt, rounds, and two keys that prove but do not open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verifier {
    pub rounds: u32,
    pub salt: Vec<u8>,
    pub stored_key: Vec<u8>,
    pub server_key: Vec<u8>,
}

/// Rounds that an unknown user seems to have.
const USUAL_ROUNDS: u32 = 4096;

/// `SCRAM-SHA-256$rounds:salt$stored-key:server-key`
pub(crate) fn read_verifier(text: &str) -> Option<Verifier> {
    let (rounds_and_salt, keys) = text.strip_prefix("SCRAM-SHA-256$")?.split_once('$')?;
    let (rounds, salt) = rounds_and_salt.split_once(':')?;
    let (stored, server) = keys.split_once(':')?;
    let decode = |text: &str| BASE64.decode(text).ok();
    let (salt, stored_key, server_key) = (decode(salt)?, decode(stored)?, decode(server)?);
    Some(Verifier { rounds: rounds.parse().ok().filter(|rounds| *rounds > 0)?, salt, stored_key, server_key })
}

/// A line for a `scram://` file.
pub fn verifier(user: &str, password: &str, salt: &[u8], rounds: u32) -> String {
    let salted = salted(password, salt, rounds);
    let stored = sha256(&sign(&salted, b"Client Key"));
    let server = sign(&salted, b"Server Key");
    let [salt, stored, server] = [salt, &stored, &server].map(|bytes| BASE64.encode(bytes));
    format!("{user}:SCRAM-SHA-256${rounds}:{salt}${stored}:{server}")
}

#[derive(Debug)]
pub(crate) struct ScramServer {
    nonce: String,
    state: State,
}

#[derive(Debug)]
enum State {
    First,
    Final { user: String, known: Option<Verifier>, nonce: String, messages: String },
    Proved { user: String },
}

impl ScramServer {
    pub fn new(nonce: &str) -> ScramServer {
        ScramServer { nonce: nonce.to_owned(), state: State::First }
    }

    pub fn told(&mut self, message: &str, stores: &Stores) -> Turn {
        match std::mem::replace(&mut self.state, State::First) {
            State::First if message.is_empty() => Turn::Challenge(String::new()),
            State::First => self.first(message, stores),
            State::Final { user, known, nonce, messages } => {
                match verify(message, known, &nonce, &messages) {
                    Some(signature) => {
                        self.state = State::Proved { user };
                        Turn::Challenge(format!("v={signature}"))
                    }
                    None => Turn::Failed { user },
                }
            }
            State::Proved { user } => Turn::Done { user },
        }
    }

    fn first(&mut self, message: &str, stores: &Stores) -> Turn {
        // `n,` or `y,`: no channel is bound; an authorisation name is not taken.
        let bare = message.strip_prefix("n,,").or_else(|| message.strip_prefix("y,,"));
        let attributes = bare.map(|bare| (bare, attribute(bare, "n"), attribute(bare, "r")));
        let Some((bare, Some(user), Some(theirs))) = attributes.filter(|(bare, ..)| bare.starts_with("n="))
        else {
            return Turn::Failed { user: String::new() };
        };
        let user = user.replace("=2C", ",").replace("=3D", "=");
        let known = stores.verifier(&user).cloned();
        let nonce = format!("{theirs}{}", self.nonce);
        let (salt, rounds) = match &known {
            Some(known) => (known.salt.clone(), known.rounds),
            // The same for the same name, so that it does not stand out.
            None => (stores.invented_salt(&user), USUAL_ROUNDS),
        };
        let challenge = format!("r={nonce},s={},i={rounds}", BASE64.encode(salt));
        let messages = format!("{bare},{challenge}");
        self.state = State::Final { user, known, nonce, messages };
        Turn::Challenge(challenge)
    }
}

/// Our signature, if the proof is right.
fn verify(message: &str, known: Option<Verifier>, nonce: &str, messages: &str) -> Option<String> {
    let known = known?;
    let (without, proof) = message.rsplit_once(",p=")?;
    let proof = BASE64.decode(proof).ok()?;
    let is_ours =
        attribute(without, "r") == Some(nonce) && matches!(attribute(without, "c"), Some("biws" | "eSws"));
    let signed = format!("{messages},{without}");
    let signature = sign(&known.stored_key, signed.as_bytes());
    let client_key: Vec<u8> =
        proof.iter().zip(&signature).map(|(proof, signature)| proof ^ signature).collect();
    let fits = equal(&sha256(&client_key), &known.stored_key) && proof.len() == signature.len();
    (is_ours && fits).then(|| BASE64.encode(sign(&known.server_key, signed.as_bytes())))
}

#[derive(Debug)]
pub struct ScramClient {
    user: String,
    password: String,
    nonce: String,
    expected: Option<String>,
}

impl ScramClient {
    pub(super) fn new(user: String, password: String, nonce: &str) -> ScramClient {
        ScramClient { user, password, nonce: nonce.to_owned(), expected: None }
    }

    fn bare(&self) -> String {
        format!("n={},r={}", self.user.replace('=', "=3D").replace(',', "=2C"), self.nonce)
    }

    pub(super) fn first(&self) -> String {
        format!("n,,{}", self.bare())
    }

    pub(super) fn answer(&mut self, challenge: &str) -> Option<String> {
        if let Some(expected) = &self.expected {
            // A server that does not know the password cannot say this.
            return (challenge.strip_prefix("v=")? == expected).then(String::new);
        }
        let nonce = attribute(challenge, "r").filter(|nonce| nonce.starts_with(&self.nonce))?;
        let salt = BASE64.decode(attribute(challenge, "s")?).ok()?;
        // A server must not keep us busy for long.
        let rounds =
            attribute(challenge, "i")?.parse().ok().filter(|rounds| (1..=1_000_000).contains(rounds))?;
        let salted = salted(&self.password, &salt, rounds);
        let client_key = sign(&salted, b"Client Key");
        let without = format!("c=biws,r={nonce}");
        let signed = format!("{},{challenge},{without}", self.bare());
        let signature = sign(&sha256(&client_key), signed.as_bytes());
        let proof: Vec<u8> =
            client_key.iter().zip(&signature).map(|(key, signature)| key ^ signature).collect();
        self.expected = Some(BASE64.encode(sign(&sign(&salted, b"Server Key"), signed.as_bytes())));
        Some(format!("{without},p={}", BASE64.encode(proof)))
    }
}

fn attribute<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    message.split(',').find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
}

fn salted(password: &str, salt: &[u8], rounds: u32) -> Vec<u8> {
    let mut out = [0; 32];
    let rounds = NonZeroU32::new(rounds).unwrap_or(NonZeroU32::MIN);
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, salt, password.as_bytes(), &mut out);
    out.to_vec()
}

fn sign(key: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message).as_ref().to_vec()
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, bytes).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7677 §3.
    #[test]
    fn the_example_of_the_rfc_comes_out() {
        let mut client = ScramClient::new("user".into(), "pencil".into(), "rOprNGfwEbeRWgbNEkqO");
        assert_eq!(client.first(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let challenge =
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        let answer = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                      p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        assert_eq!(client.answer(challenge).as_deref(), Some(answer));
        assert_eq!(client.answer("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=").as_deref(), Some(""));
        assert_eq!(client.answer("v=AAAATRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="), None);
    }

    #[test]
    fn a_line_of_the_file_is_read_as_it_was_written() {
        let line = verifier("ann", "pencil", b"0123456789abcdef", 4096);
        let text = line.strip_prefix("ann:").expect("the user first");
        let read = read_verifier(text).expect("a verifier");
        assert_eq!((read.rounds, &*read.salt), (4096, &b"0123456789abcdef"[..]));
        for damaged in
            ["", "SCRAM-SHA-1$1:a$b:c", "SCRAM-SHA-256$0:YQ==$YQ==:YQ==", "SCRAM-SHA-256$1:YQ==$YQ=="]
        {
            assert_eq!(read_verifier(damaged), None, "{damaged}");
        }
    }
}
