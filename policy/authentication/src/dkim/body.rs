//! The hash of a body in its canonical form (RFC 6376 §3.4.3, §3.4.4), computed in steps so that a long body stalls nobody.

use super::Canon;
use memchr::{memchr, memchr2};
use ring::digest::{Context, SHA256};

/// A step looks at this many octets of the body: some 100 microseconds.
const STEP: usize = 64 * 1024;

/// SHA-256 over the canonical form of a body. `step` until `is_over`.
pub struct BodyHash {
    canon: Canon,
    /// `l=`: canonical octets that are hashed.
    limit: Option<u64>,
    position: usize,
    /// CRLFs that only count if something follows them.
    withheld_lines: u64,
    /// Relaxed: white space that only counts if something follows it in its line.
    withheld_space: bool,
    /// Canonical octets so far, hashed or not.
    length: u64,
    buffer: Vec<u8>,
    state: State,
}

enum State {
    Hashing(Box<Context>),
    Over([u8; 32]),
}

impl BodyHash {
    pub fn new(canon: Canon, limit: Option<u64>) -> Self {
        BodyHash {
            canon,
            limit,
            position: 0,
            withheld_lines: 0,
            withheld_space: false,
            length: 0,
            buffer: Vec::with_capacity(2 * STEP),
            state: State::Hashing(Box::new(Context::new(&SHA256))),
        }
    }

    pub fn canon(&self) -> Canon {
        self.canon
    }

    pub fn limit(&self) -> Option<u64> {
        self.limit
    }

    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Over(_))
    }

    /// The hash, once it is over.
    pub fn hash(&self) -> Option<&[u8; 32]> {
        match &self.state {
            State::Over(hash) => Some(hash),
            State::Hashing(_) => None,
        }
    }

    /// Octets of the canonical body, for `l=`.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Takes the next part of the body; `body` is the same in each step.
    pub fn step(&mut self, body: &[u8]) {
        if self.is_over() {
            return;
        }
        let mut end = body.len().min(self.position.saturating_add(STEP));
        if end < body.len() && body[end - 1] == b'\r' {
            end += 1;
        }
        let mut rest = &body[self.position..end];
        while !rest.is_empty() {
            let (line, ended, next) = first_line(rest);
            match self.canon {
                Canon::Simple => self.simple(line),
                Canon::Relaxed => self.relaxed(line),
            }
            if ended {
                self.withheld_lines += 1;
                self.withheld_space = false;
            }
            rest = next;
        }
        self.position = end;
        self.digest();
        if end == body.len() {
            self.finish();
        }
    }

    fn simple(&mut self, text: &[u8]) {
        if !text.is_empty() {
            self.release_lines();
            self.write(text);
        }
    }

    fn relaxed(&mut self, mut text: &[u8]) {
        while !text.is_empty() {
            let word_end = memchr2(b' ', b'\t', text).unwrap_or(text.len());
            if word_end > 0 {
                self.release_lines();
                if std::mem::take(&mut self.withheld_space) {
                    self.write(b" ");
                }
                self.write(&text[..word_end]);
            }
            self.withheld_space |= word_end < text.len();
            text = text.get(word_end + 1..).unwrap_or(b"");
        }
    }

    fn release_lines(&mut self) {
        for _ in 0..std::mem::take(&mut self.withheld_lines) {
            self.write(b"\r\n");
            if self.buffer.len() >= STEP {
                self.digest();
            }
        }
    }

    fn write(&mut self, octets: &[u8]) {
        self.length += octets.len() as u64;
        self.buffer.extend_from_slice(octets);
    }

    fn digest(&mut self) {
        let State::Hashing(context) = &mut self.state else { return };
        let before = self.length - self.buffer.len() as u64;
        let left = self.limit.map_or(u64::MAX, |limit| limit.saturating_sub(before));
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(self.buffer.len());
        context.update(&self.buffer[..wanted]);
        self.buffer.clear();
    }

    /// A body ends in one CRLF; an empty one is CRLF in the simple form, nothing in the relaxed one.
    fn finish(&mut self) {
        if self.length > 0 || self.canon == Canon::Simple {
            self.write(b"\r\n");
        }
        self.digest();
        if let State::Hashing(context) = &self.state {
            let digest = Context::clone(context).finish();
            self.state = State::Over(digest.as_ref().try_into().expect("SHA-256 has 32 octets"));
            self.buffer = Vec::new();
        }
    }
}

/// The first line without its CRLF, whether it had one, and the rest. A bare LF is an octet like others.
fn first_line(text: &[u8]) -> (&[u8], bool, &[u8]) {
    let mut from = 0;
    while let Some(found) = memchr(b'\n', &text[from..]) {
        let at = from + found;
        if at > 0 && text[at - 1] == b'\r' {
            return (&text[..at - 1], true, &text[at + 1..]);
        }
        from = at + 1;
    }
    (text, false, b"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algorithm::sha256;

    fn hashed(canon: Canon, limit: Option<u64>, body: &[u8]) -> ([u8; 32], u64) {
        let mut hash = BodyHash::new(canon, limit);
        while !hash.is_over() {
            hash.step(body);
        }
        (*hash.hash().unwrap(), hash.length())
    }

    #[test]
    fn bodies_have_their_canonical_forms() {
        for (canon, body, expected) in [
            // RFC 6376 §3.4.5
            (Canon::Relaxed, " C \r\nD \t E\r\n\r\n\r\n", " C\r\nD E\r\n"),
            (Canon::Simple, " C \r\nD \t E\r\n\r\n\r\n", " C \r\nD \t E\r\n"),
            (Canon::Simple, "", "\r\n"),
            (Canon::Relaxed, "", ""),
            (Canon::Simple, "\r\n\r\n", "\r\n"),
            (Canon::Relaxed, "\r\n \t\r\n", ""),
            (Canon::Simple, "no end", "no end\r\n"),
            (Canon::Relaxed, "no end \t", "no end\r\n"),
            (Canon::Relaxed, "\t\ta\r\n\r\n b\r\n", " a\r\n\r\n b\r\n"),
            (Canon::Simple, "bare\nfeed\r\n", "bare\nfeed\r\n"),
            (Canon::Simple, "\r\nx", "\r\nx\r\n"),
        ] {
            let (hash, length) = hashed(canon, None, body.as_bytes());
            assert_eq!(
                (hash.as_slice(), length),
                (sha256(expected.as_bytes()).as_ref(), expected.len() as u64),
                "{body:?}"
            );
        }
    }

    #[test]
    fn steps_and_limits_cut_nothing_wrong() {
        for filler in ["x", " ", "\r\n", "a \t b\r\n", "\r", " \r\n"] {
            for start in STEP - 4..STEP + 4 {
                let mut body = "y".repeat(start);
                body.push_str(&filler.repeat(2 * STEP / filler.len()));
                body.push_str("end\r\n");
                let whole: Vec<u8> = body.bytes().collect();
                assert_eq!(hashed(Canon::Simple, None, &whole).0.as_slice(), sha256(&whole).as_ref());
                let lines = body.split("\r\n").map(|line| {
                    let words: Vec<&str> = line.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
                    let lead = if line.starts_with([' ', '\t']) && !words.is_empty() { " " } else { "" };
                    format!("{lead}{}", words.join(" "))
                });
                let relaxed = lines.collect::<Vec<_>>().join("\r\n");
                assert_eq!(
                    hashed(Canon::Relaxed, None, &whole).0.as_slice(),
                    sha256(relaxed.as_bytes()).as_ref()
                );
                let limited = hashed(Canon::Simple, Some(STEP as u64 + 1), &whole);
                assert_eq!(limited.0.as_slice(), sha256(&whole[..STEP + 1]).as_ref());
                assert_eq!(limited.1, whole.len() as u64);
            }
        }
    }
}
