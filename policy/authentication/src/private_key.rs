//! The private key of a signer: PEM or DER in, signatures out. Keys are read once, when the configuration is loaded.

use crate::algorithm::{Algorithm, sha256};
use crate::tags::{base64, to_base64};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use std::fmt;

/// What is wrong with a key, for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFault(String);

impl fmt::Display for KeyFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// RSA of 2048 to 4096 bits, or Ed25519.
pub struct PrivateKey(Pair);

enum Pair {
    Rsa(Box<RsaKeyPair>),
    Ed25519(Box<Ed25519KeyPair>),
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PrivateKey({}, {} bits)", self.algorithm().as_str(), self.bits())
    }
}

impl PrivateKey {
    /// The first `PRIVATE KEY` (PKCS #8) or `RSA PRIVATE KEY` (PKCS #1) of a PEM file.
    pub fn from_pem(text: &[u8]) -> Result<Self, KeyFault> {
        let fault = |text: &str| KeyFault(text.to_owned());
        let text = std::str::from_utf8(text).map_err(|_| fault("the file is no PEM text"))?;
        for block in text.split("-----BEGIN ").skip(1) {
            let Some((label, rest)) = block.split_once("-----") else { continue };
            match label {
                "PRIVATE KEY" | "RSA PRIVATE KEY" => {}
                "ENCRYPTED PRIVATE KEY" => {
                    return Err(fault("the key is encrypted, expected one without a passphrase"));
                }
                _ => continue,
            }
            let body = rest.split("-----END").next().unwrap_or("");
            if body.contains("ENCRYPTED") {
                return Err(fault("the key is encrypted, expected one without a passphrase"));
            }
            let der = base64(body).ok_or_else(|| fault("the key is no base64"))?;
            return PrivateKey::from_der(&der);
        }
        Err(fault("no private key in the file, expected PEM with PRIVATE KEY or RSA PRIVATE KEY"))
    }

    /// A PEM body on one line, as scripts pass it (`keybuf`).
    pub fn from_base64(text: &str) -> Result<Self, KeyFault> {
        let der = base64(text).ok_or_else(|| KeyFault("the key is no base64".to_owned()))?;
        PrivateKey::from_der(&der)
    }

    /// PKCS #8 of either kind, or PKCS #1.
    pub fn from_der(der: &[u8]) -> Result<Self, KeyFault> {
        if let Ok(pair) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
            return Ok(PrivateKey(Pair::Ed25519(pair.into())));
        }
        let pair = RsaKeyPair::from_pkcs8(der).or_else(|first| {
            // The error that is about the key, not about its wrapping, helps the operator.
            RsaKeyPair::from_der(der)
                .map_err(|second| if first.to_string() == "InvalidEncoding" { second } else { first })
        });
        match pair {
            Ok(pair) => Ok(PrivateKey(Pair::Rsa(pair.into()))),
            Err(rejected) => Err(KeyFault(match rejected.to_string().as_str() {
                "TooSmall" => "the RSA key is too short, expected 2048 to 4096 bits".to_owned(),
                "TooLarge" => "the RSA key is too long, expected 2048 to 4096 bits".to_owned(),
                other => format!("no usable key ({other}), expected RSA of 2048 to 4096 bits or Ed25519"),
            })),
        }
    }

    pub fn algorithm(&self) -> Algorithm {
        match &self.0 {
            Pair::Rsa(_) => Algorithm::RsaSha256,
            Pair::Ed25519(_) => Algorithm::Ed25519Sha256,
        }
    }

    pub fn bits(&self) -> usize {
        match &self.0 {
            Pair::Rsa(pair) => pair.public().modulus_len() * 8,
            Pair::Ed25519(_) => 256,
        }
    }

    /// The signature of these octets; RSA of 2048 bits computes for most of a millisecond, Ed25519 for 20 microseconds.
    pub fn sign(&self, octets: &[u8]) -> Vec<u8> {
        match &self.0 {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                // PKCS #1 v1.5 uses no chance; the argument is for other paddings.
                let signed = pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), octets, &mut signature);
                signed.expect("a checked key signs into a buffer of its length");
                signature
            }
            Pair::Ed25519(pair) => pair.sign(sha256(octets).as_ref()).as_ref().to_vec(),
        }
    }

    /// The TXT record to publish at `SELECTOR._domainkey.DOMAIN`.
    pub fn public_record(&self) -> String {
        match &self.0 {
            Pair::Rsa(pair) => {
                format!("v=DKIM1; k=rsa; p={}", to_base64(&subject_public_key(pair.public().as_ref())))
            }
            Pair::Ed25519(pair) => format!("v=DKIM1; k=ed25519; p={}", to_base64(pair.public_key().as_ref())),
        }
    }
}

/// SubjectPublicKeyInfo around an RSAPublicKey (RFC 5280 §4.1, RFC 3279 §2.3.1).
fn subject_public_key(key: &[u8]) -> Vec<u8> {
    const RSA_ENCRYPTION: [u8; 15] =
        [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
    let element = |kind: u8, contents: &[u8]| {
        let length = u16::try_from(contents.len()).expect("keys are far shorter").to_be_bytes();
        [&[kind, 0x82, length[0], length[1]], contents].concat()
    };
    let bits = element(0x03, &[&[0], key].concat());
    element(0x30, &[&RSA_ENCRYPTION, bits.as_slice()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key_record::PublicKey;

    const RSA_2048: &[u8] = include_bytes!("../tests/keys/rsa2048.pem");
    const RSA_1024: &[u8] = include_bytes!("../tests/keys/rsa1024.pem");
    const PKCS1: &[u8] = include_bytes!("../tests/keys/rsa2048-pkcs1.pem");
    const ED25519: &[u8] = include_bytes!("../tests/keys/ed25519.pem");

    #[test]
    fn what_a_key_signs_its_public_record_verifies() {
        for (pem, bits) in [(RSA_2048, 2048), (PKCS1, 2048), (ED25519, 256)] {
            let key = PrivateKey::from_pem(pem).unwrap();
            assert_eq!(key.bits(), bits);
            let public = PublicKey::parse(key.public_record().as_bytes()).unwrap();
            assert_eq!((public.bits as usize, public.algorithm), (bits, key.algorithm()));
            let signature = key.sign(b"signed");
            assert!(public.verifies(b"signed", &signature) && !public.verifies(b"Signed", &signature));
        }
    }

    #[test]
    fn unusable_keys_say_what_is_expected() {
        let encrypted = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        for (pem, expected) in [
            (RSA_1024, "2048 to 4096 bits"),
            (b"".as_slice(), "no private key in the file"),
            (b"-----BEGIN PRIVATE KEY-----\n!!\n-----END PRIVATE KEY-----", "no base64"),
            (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "no usable key"),
            (encrypted.as_slice(), "passphrase"),
            (b"\xff\xfe", "no PEM text"),
        ] {
            let fault = PrivateKey::from_pem(pem).unwrap_err().to_string();
            assert!(fault.contains(expected), "{fault}");
        }
    }
}
