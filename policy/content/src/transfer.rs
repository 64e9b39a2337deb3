//! Content-Transfer-Encoding (RFC 2045 §6): how a part's octets travel.
//!
//! The law: decoding never fails. What is not of the encoding is passed over, as RFC 2045 §6.7 and §6.8 advise.

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};

/// Octets of an encoded line (RFC 2045 §6.7 rule 5, §6.8).
const LINE: usize = 76;

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    #[default]
    SevenBit,
    EightBit,
    Binary,
    QuotedPrintable,
    Base64,
}

impl Encoding {
    /// By its name in any case; one that is not known leaves the octets as they are.
    pub fn named(name: &str) -> Encoding {
        let known = Self::NAMES.iter().find(|(_, known)| known.eq_ignore_ascii_case(name.trim()));
        known.map_or(Encoding::Binary, |(encoding, _)| *encoding)
    }

    const NAMES: [(Encoding, &'static str); 5] = [
        (Encoding::SevenBit, "7bit"),
        (Encoding::EightBit, "8bit"),
        (Encoding::Binary, "binary"),
        (Encoding::QuotedPrintable, "quoted-printable"),
        (Encoding::Base64, "base64"),
    ];

    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize].1
    }

    pub fn decode(self, octets: &[u8]) -> Vec<u8> {
        match self {
            Encoding::SevenBit | Encoding::EightBit | Encoding::Binary => octets.to_vec(),
            Encoding::QuotedPrintable => decode_quoted_printable(octets),
            Encoding::Base64 => decode_base64(octets),
        }
    }

    /// The reverse. Text that is encoded as 7bit, 8bit or binary is left as it is.
    pub fn encode(self, octets: &[u8]) -> Vec<u8> {
        match self {
            Encoding::SevenBit | Encoding::EightBit | Encoding::Binary => octets.to_vec(),
            Encoding::QuotedPrintable => encode_quoted_printable(octets),
            Encoding::Base64 => encode_base64(octets),
        }
    }

    /// Itself if the octets may travel so (RFC 2045 §2.7, §2.8), else quoted-printable.
    pub fn fit_for(self, octets: &[u8]) -> Encoding {
        let short = octets.split(|octet| *octet == b'\n').all(|line| line.len() <= 999);
        let clean = !octets.contains(&0) && short;
        match self {
            Encoding::SevenBit if !clean || !octets.is_ascii() => Encoding::QuotedPrintable,
            Encoding::EightBit if !clean => Encoding::QuotedPrintable,
            kept => kept,
        }
    }
}

/// Octets that are not of the alphabet are passed over; decoding ends at the padding.
pub fn decode_base64(octets: &[u8]) -> Vec<u8> {
    let of_alphabet = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'/');
    let kept = octets.iter().copied().take_while(|octet| *octet != b'=').filter(of_alphabet);
    let mut digits: Vec<u8> = kept.collect();
    // One digit alone holds no octet.
    if digits.len() % 4 == 1 {
        digits.pop();
    }
    LENIENT.decode(digits).unwrap_or_default()
}

/// In lines of 76 octets, each with its end.
pub fn encode_base64(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(octets.len() * 4 / 3 + octets.len() / 28 + 8);
    for line in octets.chunks(LINE / 4 * 3) {
        out.extend_from_slice(STANDARD.encode(line).as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out
}

pub fn decode_quoted_printable(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(octets.len());
    for line in octets.split_inclusive(|octet| *octet == b'\n') {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let has_end = text.len() < line.len();
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        // Blanks at the end of a line were added on the way.
        let is_soft = decode_line(text.trim_ascii_end(), &mut out);
        if has_end && !is_soft {
            out.extend_from_slice(b"\r\n");
        } else if !is_soft {
            out.extend_from_slice(&text[text.trim_ascii_end().len()..]);
        }
    }
    out
}

/// True if the line ends softly.
fn decode_line(line: &[u8], out: &mut Vec<u8>) -> bool {
    let mut at = 0;
    while at < line.len() {
        let octet = line[at];
        at += 1;
        if octet != b'=' {
            out.push(octet);
            continue;
        }
        if at == line.len() {
            return true;
        }
        let digit = |at: usize| line.get(at).and_then(|octet| (*octet as char).to_digit(16));
        match (digit(at), digit(at + 1)) {
            (Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 2;
            }
            // Not of the encoding: as it stands.
            _ => out.push(b'='),
        }
    }
    false
}

pub fn encode_quoted_printable(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(octets.len() + octets.len() / 8 + 16);
    let mut column = 0;
    let mut at = 0;
    while at < octets.len() {
        let octet = octets[at];
        if octet == b'\r' && octets.get(at + 1) == Some(&b'\n') {
            out.extend_from_slice(b"\r\n");
            column = 0;
            at += 2;
            continue;
        }
        let ends_line = matches!(octets.get(at + 1), None | Some(b'\r'));
        let is_plain = match octet {
            b' ' | b'\t' => !ends_line,
            // Before a dot or "From " at the start of a line, gateways would add something.
            b'.' | b'F' => column > 0,
            _ => octet.is_ascii_graphic() && octet != b'=',
        };
        let width = if is_plain { 1 } else { 3 };
        // One column is left for the soft end.
        if column + width >= LINE {
            out.extend_from_slice(b"=\r\n");
            column = 0;
            continue;
        }
        match is_plain {
            true => out.push(octet),
            false => out.extend_from_slice(format!("={octet:02X}").as_bytes()),
        }
        column += width;
        at += 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn foreign_base64_is_read_as_far_as_it_goes() {
        for (text, expected) in [
            (&b"aGVsbG8="[..], &b"hello"[..]),
            (b"aGVs\r\nbG8=\r\n", b"hello"),
            (b"aGVsbG8", b"hello"),
            (b"a*G-V!sbG8=", b"hello"),
            (b"aGVsbG8=aGVsbG8=", b"hello"),
            (b"a", b""),
            (b"", b""),
        ] {
            assert_eq!(decode_base64(text), expected, "{text:?}");
        }
    }

    #[test]
    fn foreign_quoted_printable_is_read_as_far_as_it_goes() {
        for (text, expected) in [
            (&b"a=3Db"[..], &b"a=b"[..]),
            (b"a=3db", b"a=b"),
            (b"soft=\r\nline", b"softline"),
            (b"soft= \t\r\nline", b"softline"),
            (b"blanks  \r\nend", b"blanks\r\nend"),
            (b"=XY=", b"=XY"),
            (b"lone =4", b"lone =4"),
            (b"a\nb", b"a\r\nb"),
            (b"last ", b"last "),
        ] {
            let decoded = decode_quoted_printable(text);
            assert_eq!(decoded, expected, "{:?}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn an_encoding_is_kept_only_where_it_fits() {
        let long = vec![b'x'; 1200];
        for (wanted, octets, expected) in [
            (Encoding::SevenBit, &b"plain"[..], Encoding::SevenBit),
            (Encoding::SevenBit, "gr\u{fc}n".as_bytes(), Encoding::QuotedPrintable),
            (Encoding::EightBit, "gr\u{fc}n".as_bytes(), Encoding::EightBit),
            (Encoding::EightBit, &long, Encoding::QuotedPrintable),
            (Encoding::Base64, &long, Encoding::Base64),
        ] {
            assert_eq!(wanted.fit_for(octets), expected);
        }
        assert_eq!(
            (Encoding::named(" Base64"), Encoding::named("x-uuencode")),
            (Encoding::Base64, Encoding::Binary)
        );
    }

    proptest! {
        #[test]
        fn what_is_encoded_comes_back(octets: Vec<u8>) {
            prop_assert_eq!(decode_base64(&encode_base64(&octets)), octets.clone());
            // Quoted-printable is for text: its line ends are CRLF.
            let text: Vec<u8> = octets.iter().copied().filter(|octet| *octet != b'\n').collect();
            let encoded = encode_quoted_printable(&text);
            prop_assert!(encoded.split(|octet| *octet == b'\n').all(|line| line.len() <= 77));
            prop_assert!(encoded.is_ascii());
            prop_assert_eq!(decode_quoted_printable(&encoded), text);
        }
    }
}
