//! The two canonical forms of a header (RFC 6376 §3.4.1, §3.4.2), and the octets that a signature signs (§3.7).

use crate::fields::{Field, Picker};
use crate::tags::value_range;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Canon {
    #[default]
    Simple,
    Relaxed,
}

impl Canon {
    pub fn as_str(self) -> &'static str {
        match self {
            Canon::Simple => "simple",
            Canon::Relaxed => "relaxed",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        [Canon::Simple, Canon::Relaxed].into_iter().find(|known| known.as_str().eq_ignore_ascii_case(name))
    }
}

/// Appends the canonical form of a field, CRLF included.
pub(crate) fn canonical_field(canon: Canon, field: Field<'_>, octets: &mut Vec<u8>) {
    match canon {
        Canon::Simple => {
            octets.extend_from_slice(field.raw);
            if !field.raw.ends_with(b"\r\n") {
                octets.extend_from_slice(b"\r\n");
            }
        }
        Canon::Relaxed => {
            octets.extend(field.name.iter().map(u8::to_ascii_lowercase));
            octets.push(b':');
            let words = field.value.split(|octet| matches!(octet, b' ' | b'\t' | b'\r' | b'\n'));
            for (index, word) in words.filter(|word| !word.is_empty()).enumerate() {
                if index > 0 {
                    octets.push(b' ');
                }
                octets.extend_from_slice(word);
            }
            octets.extend_from_slice(b"\r\n");
        }
    }
}

/// Appends a signature's own field: the value of `b=` taken out, no CRLF at the end.
pub(crate) fn own_field(canon: Canon, field: Field<'_>, octets: &mut Vec<u8>) {
    let mut raw = field.raw.to_vec();
    let value_start = field.raw.len() - field.value.len();
    if let Some(range) = value_range(field.value, "b") {
        raw.drain(value_start + range.start..value_start + range.end);
    }
    canonical_field(canon, Field::new(&raw), octets);
    octets.truncate(octets.len() - 2);
}

/// What the header part of a signature signs: the fields that `h=` names, then the signature's own field.
pub(crate) fn signed_octets<'a>(
    canon: Canon,
    names: impl Iterator<Item = &'a str>,
    others: &mut Picker<'_>,
    own: Field<'_>,
) -> Vec<u8> {
    let mut octets = Vec::with_capacity(4096);
    for name in names {
        // A name without a field signs that there is none (RFC 6376 §5.4).
        if let Some(field) = others.take(name) {
            canonical_field(canon, field, &mut octets);
        }
    }
    own_field(canon, own, &mut octets);
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_headers_of_the_rfc_canonicalize_as_they_stand_there() {
        let (mut relaxed, mut simple) = (Vec::new(), Vec::new());
        for raw in [b"A: X\r\n".as_slice(), b"B : Y\t\r\n\tZ  \r\n"] {
            canonical_field(Canon::Relaxed, Field::new(raw), &mut relaxed);
            canonical_field(Canon::Simple, Field::new(raw), &mut simple);
        }
        assert_eq!(relaxed, b"a:X\r\nb:Y Z\r\n");
        assert_eq!(simple, b"A: X\r\nB : Y\t\r\n\tZ  \r\n");
    }

    #[test]
    fn the_own_field_loses_the_signature_and_its_end() {
        let raw = b"DKIM-Signature: v=1; b=abc\r\n\tdef; bh=x\r\n";
        for (canon, expected) in [
            (Canon::Relaxed, b"dkim-signature:v=1; b=; bh=x".as_slice()),
            (Canon::Simple, b"DKIM-Signature: v=1; b=; bh=x"),
        ] {
            let mut octets = Vec::new();
            own_field(canon, Field::new(raw), &mut octets);
            assert_eq!(octets, expected);
        }
    }

    #[test]
    fn fields_are_signed_from_the_bottom_and_missing_ones_are_nothing() {
        let fields = [b"A: 1\r\n".as_slice(), b"A: 2\r\n", b"B: 3\r\n"].map(Field::new);
        let mut picker = Picker::new(fields.into_iter());
        let names = ["a", "b", "A", "a", "c"].into_iter();
        let own = Field::new(b"S: b=x\r\n");
        assert_eq!(signed_octets(Canon::Relaxed, names, &mut picker, own), b"a:2\r\nb:3\r\na:1\r\ns:b=");
    }
}
