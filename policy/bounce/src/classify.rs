//! Which class a reply belongs to: by its text, else by its status, else by its basic code.
//!
//! The law: the first rule that matches decides, so in `rules.rs` the particular stands before the general.

use crate::class::Class;
use crate::rules::{BY_STATUS, BY_TEXT, Code, Rule};
use crate::status::leading;
use mail::Reply;
use memchr::memmem;

/// Bytes of a reply that are looked at; what a host says after so many is its terms of use.
const SCANNED_BYTES: usize = 1024;

pub fn classify(reply: &Reply) -> Class {
    let mut folded = [0; SCANNED_BYTES];
    let text = fold(&reply.text, &mut folded);
    let pairs = Pairs::of(text);
    let by_text = BY_TEXT.iter().find(|rule| rule.matches(reply.code, text, &pairs));
    if let Some(rule) = by_text {
        return rule.class;
    }
    by_status(reply).unwrap_or(match reply.code {
        400..500 => Class::SoftBounce,
        _ => Class::Undetermined,
    })
}

fn by_status(reply: &Reply) -> Option<Class> {
    let (_, subject, detail) = reply.enhanced.or_else(|| leading(&reply.text))?;
    let row = BY_STATUS.iter().find(|(of_subject, of_detail, code, _)| {
        *of_subject == subject && of_detail.is_none_or(|wanted| wanted == detail) && code.admits(reply.code)
    });
    row.map(|(.., class)| *class)
}

/// Lower case, line ends as blanks, without mail addresses: what a mailbox is called says nothing about
/// why it takes no mail. At most as much as `folded` holds.
fn fold<'a>(text: &str, folded: &'a mut [u8]) -> &'a [u8] {
    let (mut length, mut is_address) = (0, false);
    for byte in text.bytes().take(folded.len()) {
        let is_edge = byte.is_ascii_whitespace() || b"<>()[],;:\"'".contains(&byte);
        if byte == b'@' {
            let local_part = folded[..length].iter().rposition(|byte| !is_local(*byte));
            length = local_part.map_or(0, |edge| edge + 1);
            is_address = true;
        }
        is_address &= !is_edge;
        if !is_address {
            folded[length] = if byte.is_ascii_whitespace() { b' ' } else { byte.to_ascii_lowercase() };
            length += 1;
        }
    }
    &folded[..length]
}

/// Bytes of an unquoted local part: atext, dots, and what is not ASCII (RFC 5322 §3.2.3, RFC 6532).
fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || !byte.is_ascii() || b"!#$%&*+-/=?^_`{|}~.".contains(&byte)
}

impl Rule {
    fn matches(&self, code: u16, text: &[u8], pairs: &Pairs) -> bool {
        self.code.admits(code)
            && self.patterns.iter().any(|pattern| pairs.may_hold(pattern) && holds(text, pattern))
    }
}

impl Code {
    fn admits(self, code: u16) -> bool {
        match self {
            Code::Any => true,
            Code::Soft => (400..500).contains(&code),
            Code::Hard => (500..600).contains(&code),
        }
    }
}

/// Is the pattern anywhere in the text? `|` stands for any text.
fn holds(text: &[u8], pattern: &str) -> bool {
    let mut rest = text;
    pattern.as_bytes().split(|byte| *byte == b'|').all(|piece| match memmem::find(rest, piece) {
        Some(at) => {
            rest = &rest[at + piece.len()..];
            true
        }
        None => false,
    })
}

/// The pairs of neighbouring bytes of a text, hashed into 1024 bits: most rules are ruled out by one look,
/// so that a reply is searched for a handful of patterns instead of all.
struct Pairs([u64; 16]);

impl Pairs {
    fn of(text: &[u8]) -> Self {
        let mut bits = [0; 16];
        for pair in text.windows(2) {
            let place = place(pair[0], pair[1]);
            bits[place / 64] |= 1 << (place % 64);
        }
        Pairs(bits)
    }

    fn may_hold(&self, pattern: &str) -> bool {
        let bytes = pattern.as_bytes();
        let has = |at: usize| {
            let place = place(bytes[at], bytes[at + 1]);
            self.0[place / 64] & 1 << (place % 64) != 0
        };
        has(0) && has(bytes.len() - 2)
    }
}

fn place(first: u8, second: u8) -> usize {
    (usize::from(first) * 31 + usize::from(second) * 7) % 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_finds_itself_and_is_written_as_the_law_asks() {
        for pattern in BY_TEXT.iter().flat_map(|rule| rule.patterns) {
            assert!(pattern.len() >= 2 && pattern.len() < SCANNED_BYTES, "{pattern}");
            assert_eq!(*pattern, pattern.to_ascii_lowercase());
            assert!(pattern.split('|').all(|piece| piece.len() >= 2), "{pattern}");
            let text = format!("550 {} .", pattern.replace('|', " or other "));
            assert!(
                Pairs::of(text.as_bytes()).may_hold(pattern) && holds(text.as_bytes(), pattern),
                "{pattern}"
            );
        }
    }

    #[test]
    fn the_pieces_of_a_pattern_come_in_their_order() {
        for (text, pattern, expected) in [
            ("user bob not found", "user|not found", true),
            ("not found: user", "user|not found", false),
            ("usernot found", "user|not found", true),
            ("", "user", false),
        ] {
            assert_eq!(holds(text.as_bytes(), pattern), expected, "{text}");
        }
    }

    #[test]
    fn an_address_is_no_evidence() {
        for (text, folded) in [
            ("<Spam.Trap@spf.example>: No\r\nuser", "<>: no  user"),
            ("to bob@alpha.example failed", "to  failed"),
            ("a@b", ""),
            ("@ x@", " "),
            ("user=bob@alpha.example, gone", ", gone"),
        ] {
            assert_eq!(fold(text, &mut [0; SCANNED_BYTES]), folded.as_bytes(), "{text}");
        }
        let reply = Reply::verbatim(550, "<phish.dkim@surbl.example>: user unknown");
        assert_eq!(classify(&reply), Class::InvalidRecipient);
    }

    #[test]
    fn no_reply_is_too_strange_to_have_a_class() {
        for text in ["", " ", "\r\n", "5", "5.", "5.1", "5.1.", "\u{fe0f}\0", &"é".repeat(4_000)] {
            assert_eq!(classify(&Reply::verbatim(550, text)), Class::Undetermined, "{text:?}");
            assert_eq!(classify(&Reply::verbatim(450, text)), Class::SoftBounce, "{text:?}");
        }
    }
}
