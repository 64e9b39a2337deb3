//! MD5, as old mechanisms of authentication use it: HMAC (RFC 2104), and the proof of DIGEST-MD5 (RFC 2831),
//! which RFC 6331 has retired. For clients and password files that are there; nothing new is built on it.

use ::md5::{Digest, Md5};

pub fn md5(bytes: &[u8]) -> [u8; 16] {
    Md5::digest(bytes).into()
}

/// RFC 2104 with MD5.
pub fn hmac_md5(key: &[u8], text: &[u8]) -> [u8; 16] {
    const BLOCK: usize = 64;
    let mut padded = [0; BLOCK];
    match key.len() {
        ..=BLOCK => padded[..key.len()].copy_from_slice(key),
        _ => padded[..16].copy_from_slice(&md5(key)),
    }
    let inner = md5(&[&padded.map(|octet| octet ^ 0x36)[..], text].concat());
    md5(&[&padded.map(|octet| octet ^ 0x5C)[..], &inner].concat())
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

/// Equal, without telling by the time taken where they differ.
pub fn equal(one: &[u8], other: &[u8]) -> bool {
    let differences = one.iter().zip(other).fold(0, |differences, (one, other)| differences | (one ^ other));
    one.len() == other.len() && std::hint::black_box(differences) == 0
}

/// What both sides of DIGEST-MD5 have said; `qop=auth` and `md5-sess`, or plain `md5`.
pub struct Proof<'a> {
    pub nonce: &'a str,
    pub cnonce: &'a str,
    pub count: &'a str,
    pub uri: &'a str,
}

impl Proof<'_> {
    /// RFC 2831 §2.1.2.1; `secret` is the MD5 of user, realm and password, `method` `AUTHENTICATE:` or `:`.
    pub fn response(&self, method: &str, secret: &[u8]) -> String {
        let Proof { nonce, cnonce, count, uri } = self;
        let a1 = [secret, format!(":{nonce}:{cnonce}").as_bytes()].concat();
        let a2 = hex(&md5(format!("{method}{uri}").as_bytes()));
        hex(&md5(format!("{}:{nonce}:{count}:{cnonce}:auth:{a2}", hex(&md5(&a1))).as_bytes()))
    }
}

/// `name=value` and `name="quoted value"`, separated by commas.
pub fn directives(text: &str) -> Vec<(&str, String)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((name, after)) = rest.split_once('=') {
        let mut value = String::new();
        let mut quoted = false;
        let mut characters = after.char_indices();
        let end = loop {
            match characters.next() {
                None => break after.len(),
                Some((_, '"')) => quoted = !quoted,
                Some((_, '\\')) if quoted => value.extend(characters.next().map(|(_, c)| c)),
                Some((at, ',')) if !quoted => break at,
                Some((_, c)) => value.push(c),
            }
        };
        found.push((name.trim_matches([' ', ',']), value.trim_end().to_owned()));
        rest = &after[end..];
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 2202 §2, and the example of RFC 2195 §2.
    #[test]
    fn the_examples_of_the_rfcs_come_out() {
        for (key, text, expected) in [
            (&[0x0B; 16][..], "Hi There", "9294727a3638bb1c13f48ef8158bfc9d"),
            (b"Jefe", "what do ya want for nothing?", "750c783e6ab0b503eaa86e310a5db738"),
            (
                &[0xAA; 80],
                "Test Using Larger Than Block-Size Key - Hash Key First",
                "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd",
            ),
            (
                b"tanstaaftanstaaf",
                "<1896.697170952@postoffice.reston.mci.net>",
                "b913a602c7eda7a495b4e6e7334d3890",
            ),
        ] {
            assert_eq!(hex(&hmac_md5(key, text.as_bytes())), expected);
        }
    }

    #[test]
    fn bytes_are_equal_only_if_all_are() {
        for (one, other, same) in
            [("", "", true), ("ab", "ab", true), ("ab", "ac", false), ("a", "ab", false)]
        {
            assert_eq!(equal(one.as_bytes(), other.as_bytes()), same);
        }
    }
}
