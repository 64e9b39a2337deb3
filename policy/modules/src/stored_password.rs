//! How passwords are kept in tables, and whether one is the user's (spec module-details.md, auth_ds). Decides.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use mail::md5::{equal, hex, md5};
use ring::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA512, digest};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Clear,
    /// MD5 of `user:realm:password`, in hexadecimal.
    DigestMd5,
    Md5Hex,
    Md5Base64,
    Sha1Hex,
    Sha1Base64,
    /// Base64 of the hash and the salt behind it.
    Smd5,
    Ssha1,
    /// `{SCHEME}value`; without a scheme it is the password itself.
    Rfc2307,
    /// crypt(3), in any of its forms.
    Ucrypt,
}

impl Kind {
    const NAMES: [(&'static str, Kind); 11] = [
        ("clear", Kind::Clear),
        ("digest-md5", Kind::DigestMd5),
        ("md5", Kind::Md5Hex),
        ("md5_hex", Kind::Md5Hex),
        ("md5_base64", Kind::Md5Base64),
        ("sha1_hex", Kind::Sha1Hex),
        ("sha1_base64", Kind::Sha1Base64),
        ("smd5", Kind::Smd5),
        ("ssha1", Kind::Ssha1),
        ("rfc2307", Kind::Rfc2307),
        ("ucrypt", Kind::Ucrypt),
    ];

    pub fn named(name: &str) -> Result<Kind, String> {
        let name = name.trim();
        if name.eq_ignore_ascii_case("hmac_md5") {
            return Err("hmac_md5 has no form of its own here: keep clear passwords for CRAM-MD5".into());
        }
        let known = Self::NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        known.map(|(_, kind)| *kind).ok_or_else(|| {
            let names: Vec<&str> = Self::NAMES.iter().map(|(name, _)| *name).collect();
            format!("'{name}' is no form of passwords, expected one of {}", names.join(", "))
        })
    }

    /// Whether looking costs so much that it is no work for a shard.
    pub fn is_slow(self, stored: &str) -> bool {
        self == Kind::Ucrypt || (self == Kind::Rfc2307 && prefix(stored).0.eq_ignore_ascii_case("crypt"))
    }

    pub fn verify(self, stored: &str, user: &str, realm: &str, password: &str) -> bool {
        let stored = stored.trim_end_matches(['\r', '\n']);
        let is = |computed: String| equal(computed.as_bytes(), stored.as_bytes());
        let is_hex =
            |computed: &[u8]| equal(hex(computed).as_bytes(), stored.to_ascii_lowercase().as_bytes());
        let octets = password.as_bytes();
        match self {
            // An empty cell is no password that somebody could give.
            _ if stored.is_empty() => false,
            Kind::Clear => equal(octets, stored.as_bytes()),
            Kind::DigestMd5 => is_hex(&md5(format!("{user}:{realm}:{password}").as_bytes())),
            Kind::Md5Hex => is_hex(&md5(octets)),
            Kind::Md5Base64 => is(BASE64.encode(md5(octets))),
            Kind::Sha1Hex => is_hex(digest(&SHA1_FOR_LEGACY_USE_ONLY, octets).as_ref()),
            Kind::Sha1Base64 => is(BASE64.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, octets))),
            Kind::Smd5 => salted(prefix(stored).1, 16, |text| md5(text).to_vec(), octets),
            Kind::Ssha1 => salted_sha(prefix(stored).1, &SHA1_FOR_LEGACY_USE_ONLY, octets),
            Kind::Rfc2307 => rfc2307(stored, octets),
            Kind::Ucrypt => pwhash::unix::verify(octets, stored),
        }
    }
}

/// `{SCHEME}value`
fn prefix(stored: &str) -> (&str, &str) {
    stored.strip_prefix('{').and_then(|rest| rest.split_once('}')).unwrap_or(("", stored))
}

/// RFC 2307 §5.3, and the schemes that directories have added to it.
fn rfc2307(stored: &str, password: &[u8]) -> bool {
    let (scheme, value) = prefix(stored);
    let plain = |hash: Vec<u8>| equal(BASE64.encode(hash).as_bytes(), value.as_bytes());
    let sha = |algorithm| plain(digest(algorithm, password).as_ref().to_vec());
    match scheme.to_ascii_uppercase().as_str() {
        "" | "CLEAR" | "CLEARTEXT" | "PLAIN" => equal(password, value.as_bytes()),
        "CRYPT" => pwhash::unix::verify(password, value),
        "MD5" => plain(md5(password).to_vec()),
        "SMD5" => salted(value, 16, |text| md5(text).to_vec(), password),
        "SHA" => sha(&SHA1_FOR_LEGACY_USE_ONLY),
        "SHA256" => sha(&SHA256),
        "SHA512" => sha(&SHA512),
        "SSHA" => salted_sha(value, &SHA1_FOR_LEGACY_USE_ONLY, password),
        "SSHA256" => salted_sha(value, &SHA256, password),
        "SSHA512" => salted_sha(value, &SHA512, password),
        _ => false,
    }
}

fn salted_sha(value: &str, algorithm: &'static Algorithm, password: &[u8]) -> bool {
    let hash = |text: &[u8]| digest(algorithm, text).as_ref().to_vec();
    salted(value, algorithm.output_len(), hash, password)
}

fn salted(value: &str, length: usize, hash: impl Fn(&[u8]) -> Vec<u8>, password: &[u8]) -> bool {
    let Ok(octets) = BASE64.decode(value) else { return false };
    let Some((known, salt)) = octets.split_at_checked(length) else { return false };
    equal(&hash(&[password, salt].concat()), known)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with openssl, python3 crypt and slappasswd for `secret` of user `ann`, realm `r`.
    const STORED: [(&str, &str); 19] = [
        ("clear", "secret"),
        ("digest-md5", "c0376b98fbfd46ea74f457f803f64625"),
        ("md5", "5ebe2294ecd0e0f08eab7690d2a6ee69"),
        ("md5_hex", "5EBE2294ECD0E0F08EAB7690D2A6EE69"),
        ("md5_base64", "Xr4ilOzQ4PCOq3aQ0qbuaQ=="),
        ("sha1_hex", "e5e9fa1ba31ecd1ae84f75caaa474f3a663f05f4"),
        ("sha1_base64", "5en6G6MezRroT3XKqkdPOmY/BfQ="),
        ("smd5", "mc0uWpXVVe5747A4pKhGJXNhbHQ="),
        ("ssha1", "1G904nLkTkGWjKNnQuB/hpWXC/hzYWx0c2FsdA=="),
        ("rfc2307", "secret"),
        ("rfc2307", "{MD5}Xr4ilOzQ4PCOq3aQ0qbuaQ=="),
        ("rfc2307", "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="),
        ("rfc2307", "{SSHA}1G904nLkTkGWjKNnQuB/hpWXC/hzYWx0c2FsdA=="),
        (
            "rfc2307",
            "{crypt}$6$saltstring$AIsRs/Ee56G/tC8MEHhvReZTfx8u3rXXMl6eYrjCG9ibix19DxoMBLogdTET5Ukw9Sf7eZTITsuk0Ry5qulYz.",
        ),
        ("ucrypt", "abNANd1rDfiNc"),
        ("ucrypt", "$1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1"),
        ("ucrypt", "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW"),
        ("ucrypt", "$5$saltstring$C3o4O1TC6aRHF4FI.QSZMXtHbaj2gSXr4sUc/3NcUi."),
        (
            "ucrypt",
            "$6$saltstring$AIsRs/Ee56G/tC8MEHhvReZTfx8u3rXXMl6eYrjCG9ibix19DxoMBLogdTET5Ukw9Sf7eZTITsuk0Ry5qulYz.",
        ),
    ];

    #[test]
    fn every_form_knows_the_password_and_no_other() {
        for (name, stored) in STORED {
            let kind = Kind::named(name).unwrap();
            assert!(kind.verify(stored, "ann", "r", "secret"), "{name} {stored}");
            for wrong in ["Secret", "secret ", "", stored] {
                assert!(
                    wrong == "secret" || !kind.verify(stored, "ann", "r", wrong),
                    "{name} {stored} {wrong}"
                );
            }
            assert!(!kind.verify("", "ann", "r", ""), "{name}");
            assert!(!kind.verify("!", "ann", "r", "secret"), "{name}");
        }
        assert!(
            Kind::Rfc2307.is_slow("{CRYPT}x")
                && Kind::Ucrypt.is_slow("x")
                && !Kind::Rfc2307.is_slow("{MD5}x")
        );
        assert!(Kind::named("plain").unwrap_err().starts_with("'plain' is no form of passwords"));
    }
}
