//! The algorithms of DKIM and ARC (RFC 6376 §3.3, RFC 8301, RFC 8463): names, and the check of one signature.

use ring::{digest, signature};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    RsaSha256,
    Ed25519Sha256,
}

impl Algorithm {
    pub fn as_str(self) -> &'static str {
        match self {
            Algorithm::RsaSha256 => "rsa-sha256",
            Algorithm::Ed25519Sha256 => "ed25519-sha256",
        }
    }

    /// None for unknown ones and for rsa-sha1, which nobody may sign or verify with (RFC 8301 §3.1).
    pub fn named(name: &str) -> Option<Self> {
        [Algorithm::RsaSha256, Algorithm::Ed25519Sha256]
            .into_iter()
            .find(|known| known.as_str().eq_ignore_ascii_case(name))
    }
}

pub(crate) fn sha256(octets: &[u8]) -> digest::Digest {
    digest::digest(&digest::SHA256, octets)
}

/// `key`: RSAPublicKey (RFC 8017 §A.1.1) or the 32 octets of Ed25519. RSA keys of 1024 to 8192 bits.
pub(crate) fn verifies(algorithm: Algorithm, key: &[u8], octets: &[u8], signed: &[u8]) -> bool {
    match algorithm {
        Algorithm::RsaSha256 => {
            // Ring names it for its short keys, which RFC 8301 §3.2 wants verifiers to take.
            let rsa = &signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY;
            signature::UnparsedPublicKey::new(rsa, key).verify(octets, signed).is_ok()
        }
        // RFC 8463 §3: the digest is what is signed.
        Algorithm::Ed25519Sha256 => signature::UnparsedPublicKey::new(&signature::ED25519, key)
            .verify(sha256(octets).as_ref(), signed)
            .is_ok(),
    }
}
