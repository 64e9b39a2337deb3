//! Character sets by their MIME names, to and from UTF-8.

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

/// The text of octets in a character set. An unknown set is read as UTF-8, and what is not UTF-8 as
/// Windows-1252, which has a character for every octet.
pub fn decode(octets: &[u8], charset: &str) -> String {
    match Encoding::for_label(charset.as_bytes()) {
        Some(known) if known != UTF_8 => known.decode_without_bom_handling(octets).0.into_owned(),
        _ => match std::str::from_utf8(octets) {
            Ok(text) => text.to_owned(),
            Err(_) => WINDOWS_1252.decode_without_bom_handling(octets).0.into_owned(),
        },
    }
}

/// The octets of a text; none if the set is not known or has no octets for one of its characters.
pub fn encode(text: &str, charset: &str) -> Option<Vec<u8>> {
    let known = Encoding::for_label(charset.as_bytes())?;
    let (octets, used, has_gaps) = known.encode(text);
    (!has_gaps && used == known).then(|| octets.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_sets_are_read_and_written_unknown_ones_guessed() {
        for (octets, charset, text) in [
            (&b"gr\xfcn"[..], "iso-8859-1", "gr\u{fc}n"),
            (b"gr\xc3\xbcn", "UTF-8", "gr\u{fc}n"),
            (b"gr\xc3\xbcn", "x-unknown", "gr\u{fc}n"),
            (b"gr\xfcn", "utf-8", "gr\u{fc}n"),
            (b"\xc8\xca", "koi8-r", "\u{445}\u{439}".to_uppercase().as_str()),
            (b"\x83\x65", "shift_jis", "\u{30c6}"),
        ] {
            let decoded = decode(octets, charset);
            assert_eq!(decoded.to_lowercase(), text.to_lowercase(), "{charset}");
        }
        assert_eq!(encode("gr\u{fc}n", "latin1").as_deref(), Some(&b"gr\xfcn"[..]));
        assert_eq!((encode("\u{30c6}", "latin1"), encode("a", "x-unknown")), (None, None));
    }
}
