//! Regular expressions are PCRE, for so Momentum's files are written.

use crate::types::scalar;
use crate::{Declared, Expected, OptionType, Value};
use pcre2::bytes;
use std::fmt;
use std::sync::Arc;

/// Steps after which PCRE gives up on a match: a pattern that backtracks without end costs milliseconds.
const MOST_STEPS: u32 = 100_000;

/// A compiled pattern; equal if its text is.
#[derive(Clone)]
pub struct Pattern {
    text: Arc<str>,
    compiled: Arc<bytes::Regex>,
}

impl Pattern {
    pub fn new(text: &str) -> Result<Pattern, Expected> {
        // The limit would shift the offset in the message, so the complaint is about the text alone.
        let compiled = bytes::Regex::new(text)
            .and_then(|_| bytes::Regex::new(&format!("(*LIMIT_MATCH={MOST_STEPS}){text}")))
            .map_err(|error| Expected::from(format!("a regular expression ({error})")))?;
        Ok(Pattern { text: text.into(), compiled: Arc::new(compiled) })
    }

    /// A pattern that gives up does not match.
    pub fn matches(&self, subject: &[u8]) -> bool {
        matches!(self.compiled.is_match(subject), Ok(true))
    }

    /// What matched, and its groups; none if nothing did, or if the pattern gave up.
    pub fn groups<'a>(&self, subject: &'a [u8]) -> Option<Vec<Option<&'a [u8]>>> {
        let found = self.compiled.captures(subject).ok()??;
        Some((0..found.len()).map(|group| found.get(group).map(|range| range.as_bytes())).collect())
    }

    /// The group of a name, in what matched.
    pub fn named_group<'a>(&self, name: &str, subject: &'a [u8]) -> Option<&'a [u8]> {
        let found = self.compiled.captures(subject).ok()??;
        found.name(name).map(|range| range.as_bytes())
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.text == other.text
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/", self.text)
    }
}

/// PCRE text that compiles.
pub enum Regex {}

impl OptionType for Regex {
    type Value = Pattern;
    const NAME: &'static str = "regex";
    fn read(raw: &Value, _: Declared<'_>) -> Result<Pattern, Expected> {
        Pattern::new(scalar(raw)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_gives_up_or_does_not_compile() {
        let pattern = Pattern::new(r"(?i)^mx\d+[.]example$").expect("a pattern");
        assert!(pattern.matches(b"MX12.example") && !pattern.matches(b"mx.example"));
        let endless = Pattern::new("^(a+)+$").expect("a pattern");
        assert!(endless.matches(b"aaa") && !endless.matches(&[b"a".repeat(60), b"!".to_vec()].concat()));
        assert!(Pattern::new("(").is_err_and(|expected| expected.what.contains("offset 1")));
    }
}
