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
    let (class, subject, detail) = reply.enhanced.or_else(|| leading(&reply.text))?;
    let row = BY_STATUS.iter().find(|row| {
        row.0 == subject
            && row.1.is_none_or(|wanted| wanted == detail)
            && row.2.is_none_or(|wanted| wanted == class)
    });
    row.map(|row| row.3)
}

/// Lower case, line ends as blanks, at most as much as `folded` holds.
fn fold<'a>(text: &str, folded: &'a mut [u8]) -> &'a [u8] {
    let mut length = 0;
    for (place, byte) in folded.iter_mut().zip(text.bytes()) {
        *place = if matches!(byte, b'\r' | b'\n' | b'\t') { b' ' } else { byte.to_ascii_lowercase() };
        length += 1;
    }
    &folded[..length]
}

impl Rule {
    fn matches(&self, code: u16, text: &[u8], pairs: &Pairs) -> bool {
        self.code.admits(code) && pairs.may_hold(self.pattern) && holds(text, self.pattern)
    }
}

impl Code {
    fn admits(self, code: u16) -> bool {
        match self {
            Code::Any => true,
            Code::Soft => (400..500).contains(&code),
            Code::Hard => (500..600).contains(&code),
            Code::Only(only) => only == code,
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
