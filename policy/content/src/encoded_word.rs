//! Encoded words in header fields (RFC 2047).

use crate::{charset, transfer};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem;

/// Octets of text that one encoded word carries: with its frame it stays below 75 (§2).
const WORD: usize = 42;

/// The text of a field's value. Blanks between two encoded words are not part of it (§6.2).
pub fn decode(value: &[u8]) -> String {
    let mut text = String::with_capacity(value.len());
    let mut rest = value;
    let mut follows_word = false;
    while let Some(at) = memmem::find(rest, b"=?") {
        let Some((word, length)) = read_word(&rest[at..]) else {
            text.push_str(&charset::decode(&rest[..at + 2], "utf-8"));
            rest = &rest[at + 2..];
            follows_word = false;
            continue;
        };
        let between = &rest[..at];
        if !(follows_word && between.trim_ascii().is_empty()) {
            text.push_str(&charset::decode(between, "utf-8"));
        }
        text.push_str(&word);
        rest = &rest[at + length..];
        follows_word = true;
    }
    text.push_str(&charset::decode(rest, "utf-8"));
    text
}

/// The word that `text` begins with, and how long it stands there.
fn read_word(text: &[u8]) -> Option<(String, usize)> {
    let inner = text.strip_prefix(b"=?")?;
    let mut marks = inner.iter().enumerate().filter(|(_, octet)| **octet == b'?').map(|(at, _)| at);
    let (first, second) = (marks.next()?, marks.next()?);
    let end = second + 1 + memmem::find(&inner[second + 1..], b"?=")?;
    let encoded = &inner[second + 1..end];
    if encoded.iter().any(u8::is_ascii_whitespace) {
        return None;
    }
    let charset = std::str::from_utf8(&inner[..first]).ok()?;
    // A language may follow the character set (RFC 2231 §5).
    let charset = charset.split('*').next()?;
    let octets = match &inner[first + 1..second] {
        b"B" | b"b" => transfer::decode_base64(encoded),
        b"Q" | b"q" => decode_q(encoded),
        _ => return None,
    };
    Some((charset::decode(&octets, charset), end + 4))
}

/// The Q encoding (§4.2): quoted-printable, with `_` for a blank.
fn decode_q(encoded: &[u8]) -> Vec<u8> {
    let blanks: Vec<u8> = encoded.iter().map(|octet| if *octet == b'_' { b' ' } else { *octet }).collect();
    transfer::decode_quoted_printable(&blanks)
}

/// The value with its non-ASCII words encoded as UTF-8; everything else, addresses too, stays.
pub fn encode_words(value: &str) -> String {
    if value.is_ascii() {
        return value.to_owned();
    }
    let mut out = String::with_capacity(value.len() * 2);
    // Words in a row that need it are one run, for the blanks between encoded words would be lost.
    let mut run = String::new();
    for (blanks, word) in words(value) {
        if word.is_ascii() {
            flush(&mut out, &mut run);
            out.push_str(blanks);
            out.push_str(word);
            continue;
        }
        match run.is_empty() {
            true => out.push_str(blanks),
            false => run.push_str(blanks),
        }
        // A word within quotes is not decoded by readers: the quotes go.
        run.push_str(word.strip_prefix('"').and_then(|word| word.strip_suffix('"')).unwrap_or(word));
    }
    flush(&mut out, &mut run);
    out
}

fn flush(out: &mut String, run: &mut String) {
    let mut rest = run.as_str();
    let mut is_first = true;
    while !rest.is_empty() {
        let mut end = rest.len().min(WORD);
        while !rest.is_char_boundary(end) {
            end -= 1;
        }
        if !is_first {
            out.push(' ');
        }
        out.push_str(&format!("=?UTF-8?B?{}?=", STANDARD.encode(&rest[..end])));
        rest = &rest[end..];
        is_first = false;
    }
    run.clear();
}

/// Each word with the blanks before it; a quoted string is one word, trailing blanks are an empty one's.
fn words(value: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = value;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let start = rest.find(|c: char| !c.is_ascii_whitespace()).unwrap_or(rest.len());
        let word = &rest[start..];
        let end = match word.strip_prefix('"').and_then(|inner| inner.find('"')) {
            Some(close) => close + 2,
            None => word.find(|c: char| c.is_ascii_whitespace()).unwrap_or(word.len()),
        };
        let pair = (&rest[..start], &word[..end]);
        rest = &word[end..];
        Some(pair)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_words_are_read_and_others_left() {
        for (value, text) in [
            ("plain", "plain"),
            ("=?UTF-8?B?Z3LDvMOfZQ==?=", "gr\u{fc}\u{df}e"),
            ("=?iso-8859-1?q?gr=FC=DFe_you?= there", "gr\u{fc}\u{df}e you there"),
            ("=?UTF-8?Q?a?= =?UTF-8?Q?b?=", "ab"),
            ("=?UTF-8?Q?a?= b =?UTF-8?Q?c?=", "a b c"),
            ("=?UTF-8*en?Q?a?=", "a"),
            ("=?UTF-8?X?a?=", "=?UTF-8?X?a?="),
            ("=?UTF-8?Q?a b?=", "=?UTF-8?Q?a b?="),
            ("=?half", "=?half"),
            ("x =?=? y", "x =?=? y"),
        ] {
            assert_eq!(decode(value.as_bytes()), text, "{value}");
        }
    }

    #[test]
    fn what_is_encoded_reads_the_same_and_addresses_stay() {
        for (value, encoded) in [
            ("plain text", "plain text"),
            ("J\u{fc}rgen <j@x.example>", "=?UTF-8?B?SsO8cmdlbg==?= <j@x.example>"),
            ("\"J\u{fc}rgen M\" <j@x.example>", "=?UTF-8?B?SsO8cmdlbiBN?= <j@x.example>"),
            ("a \u{fc} \u{df} b", "a =?UTF-8?B?w7wgw58=?= b"),
        ] {
            assert_eq!(encode_words(value), encoded);
        }
        for text in [
            "\u{fc}".repeat(200),
            "w\u{f6}rter ".repeat(30).trim_end().to_owned(),
            "\u{30c6}\u{30c6} a".into(),
        ] {
            let encoded = encode_words(&text);
            assert!(encoded.is_ascii() && encoded.split(' ').all(|word| word.len() <= 75), "{encoded}");
            assert_eq!(decode(encoded.as_bytes()), text);
        }
    }
}
