//! The public key of a signer (RFC 6376 §3.6.1, RFC 8463 §4), read from its TXT record.

use crate::algorithm::{Algorithm, verifies};
use crate::dkim::Fault;
use crate::question::Reply;
use crate::tags::{Tags, base64, colon_list};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    pub algorithm: Algorithm,
    pub bits: u32,
    /// `t=y`: the domain is trying things out.
    pub is_testing: bool,
    /// `t=s`: `i=` must have exactly the domain of `d=`.
    pub is_strict: bool,
    octets: Vec<u8>,
}

impl PublicKey {
    /// From the reply to the question for a key. Several records: the first one that is a key is tried.
    pub(crate) fn from_reply(reply: &Reply) -> Result<PublicKey, Fault> {
        let texts = match reply {
            Reply::Failed => return Err(Fault::KeyUnavailable),
            Reply::Texts(texts) => texts,
            _ => return Err(Fault::NoKey),
        };
        let mut first = None;
        for text in texts {
            match PublicKey::parse(text) {
                Ok(key) => return Ok(key),
                Err(fault) => first = first.or(Some(fault)),
            }
        }
        Err(first.unwrap_or(Fault::NoKey))
    }

    /// A key record.
    pub fn parse(text: &[u8]) -> Result<PublicKey, Fault> {
        /// An RSA key of 8192 bits has 1,400 octets in base64.
        const MAX_OCTETS: usize = 4096;
        let text =
            std::str::from_utf8(text).ok().filter(|text| text.len() <= MAX_OCTETS).ok_or(Fault::KeySyntax)?;
        let tags = Tags::parse(text).ok_or(Fault::KeySyntax)?;
        if tags.get("v").is_some_and(|version| version != "DKIM1" || tags.first() != Some(("v", version))) {
            return Err(Fault::KeySyntax);
        }
        let allows = |tag: &str, wanted: &[&str]| {
            tags.get(tag).is_none_or(|list| colon_list(list).any(|element| wanted.contains(&element)))
        };
        if !allows("h", &["sha256"]) || !allows("s", &["*", "email"]) {
            return Err(Fault::KeyNotForThis);
        }
        let flags: Vec<&str> = colon_list(tags.get("t").unwrap_or("")).collect();
        let data = tags.get("p").ok_or(Fault::KeySyntax)?;
        if data.is_empty() {
            return Err(Fault::KeyRevoked);
        }
        let data = base64(data).ok_or(Fault::KeySyntax)?;
        let (algorithm, octets, bits) = match tags.get("k").unwrap_or("rsa") {
            "rsa" => {
                let (octets, bits) = rsa_key(&data).ok_or(Fault::KeySyntax)?;
                (Algorithm::RsaSha256, octets.to_vec(), bits)
            }
            "ed25519" if data.len() == 32 => (Algorithm::Ed25519Sha256, data, 256),
            _ => return Err(Fault::KeySyntax),
        };
        if algorithm == Algorithm::RsaSha256 && !(1024..=8192).contains(&bits) {
            return Err(Fault::KeySize);
        }
        Ok(PublicKey {
            algorithm,
            bits,
            is_testing: flags.contains(&"y"),
            is_strict: flags.contains(&"s"),
            octets,
        })
    }

    pub(crate) fn verifies(&self, octets: &[u8], signed: &[u8]) -> bool {
        verifies(self.algorithm, &self.octets, octets, signed)
    }
}

/// RSAPublicKey out of SubjectPublicKeyInfo (which RFC 6376 asks for) or by itself (which many publish), and the bits
/// of its modulus.
fn rsa_key(data: &[u8]) -> Option<(&[u8], u32)> {
    const SEQUENCE: u8 = 0x30;
    const BIT_STRING: u8 = 0x03;
    const INTEGER: u8 = 0x02;
    let (outer, _) = der(data, SEQUENCE)?;
    let (key, mut inner) = match der(outer, SEQUENCE) {
        Some((_, rest)) => {
            let (bits, _) = der(rest, BIT_STRING)?;
            let key = bits.strip_prefix(&[0])?;
            (key, der(key, SEQUENCE)?.0)
        }
        None => (data, outer),
    };
    let (modulus, rest) = der(inner, INTEGER)?;
    inner = rest;
    der(inner, INTEGER)?;
    let significant = &modulus[modulus.iter().position(|octet| *octet != 0)?..];
    Some((key, significant.len() as u32 * 8 - significant[0].leading_zeros()))
}

/// The contents of an element of this kind, and what follows it. Lengths up to 65,535 (X.690 §8.1.3).
fn der(data: &[u8], kind: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = data.split_first()?;
    let (length, rest) = match rest {
        [short @ 0..=0x7f, rest @ ..] => (usize::from(*short), rest),
        [0x81, length, rest @ ..] => (usize::from(*length), rest),
        [0x82, high, low, rest @ ..] => (usize::from(u16::from_be_bytes([*high, *low])), rest),
        _ => return None,
    };
    if *first == kind { rest.split_at_checked(length) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8463 appendix A.2.
    const ED25519: &str = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    /// RFC 8463 appendix A.2: RSA of 1024 bits.
    const RSA: &str = "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWR\
        iGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutAC\
        DfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3\
        Ip3G+2kryOTIKT+l/K4w3QIDAQAB";

    #[test]
    fn keys_are_read_and_refused_for_what_is_wrong_with_them() {
        let tail = RSA.split_once("p=").unwrap().1;
        let short = "p=MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAJqQMQszd9RPva11LfyXE/5s0lur1SYqxlZia1oF5YPKKSQmLL8RWzyLhG4GDw52TK18/656t5459utDYQ5s328CAwEAAQ==";
        for (record, expected) in [
            (ED25519.to_owned(), Ok((256, false))),
            (RSA.to_owned(), Ok((1024, false))),
            (format!("p={tail}"), Ok((1024, false))),
            (format!("t=y:s; p={tail}"), Ok((1024, true))),
            (format!("s=*; h=sha1:sha256; p={tail}"), Ok((1024, false))),
            (format!("h=sha1; p={tail}"), Err(Fault::KeyNotForThis)),
            (format!("s=tlsrpt; p={tail}"), Err(Fault::KeyNotForThis)),
            (format!("k=rsa; v=DKIM1; p={tail}"), Err(Fault::KeySyntax)),
            (format!("v=DKIM2; p={tail}"), Err(Fault::KeySyntax)),
            (format!("k=dsa; p={tail}"), Err(Fault::KeySyntax)),
            ("k=ed25519; p=AAAA".to_owned(), Err(Fault::KeySyntax)),
            ("v=DKIM1; p=".to_owned(), Err(Fault::KeyRevoked)),
            ("v=DKIM1".to_owned(), Err(Fault::KeySyntax)),
            ("p=!!!".to_owned(), Err(Fault::KeySyntax)),
            ("p=MIGf".to_owned(), Err(Fault::KeySyntax)),
            (short.to_owned(), Err(Fault::KeySize)),
            (format!("n={}; p={tail}", "x".repeat(5000)), Err(Fault::KeySyntax)),
        ] {
            let got = PublicKey::parse(record.as_bytes()).map(|key| (key.bits, key.is_testing));
            assert_eq!(got, expected, "{record}");
        }
    }

    #[test]
    fn a_reply_without_a_key_says_whether_to_try_again() {
        let texts =
            |texts: &[&str]| Reply::Texts(texts.iter().map(|text| text.as_bytes().to_vec()).collect());
        for (reply, expected) in [
            (Reply::Failed, Some(Fault::KeyUnavailable)),
            (Reply::NoName, Some(Fault::NoKey)),
            (Reply::NoData, Some(Fault::NoKey)),
            (texts(&[]), Some(Fault::NoKey)),
            (texts(&["v=spf1 -all"]), Some(Fault::KeySyntax)),
            (texts(&["v=spf1 -all", ED25519]), None),
        ] {
            assert_eq!(PublicKey::from_reply(&reply).err(), expected, "{reply:?}");
        }
    }
}
