//! Compiled patterns, per shard: PCRE's scratch memory is behind a lock that shards must not share.

use pcre2::bytes::{Captures, Regex, RegexBuilder};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// Steps after which PCRE gives up on one match: a pattern that backtracks without end costs milliseconds.
const MOST_STEPS: u32 = 100_000;
/// Patterns kept; a script that makes its patterns from mail must not fill the memory.
const MOST_KEPT: usize = 500;
/// Octets of a pattern.
const LONGEST: usize = 16 * 1024;

pub(crate) struct Pattern(Regex);

impl Pattern {
    /// Subjects and patterns are UTF-8: `.` is a character.
    pub fn new(text: &str, caseless: bool) -> Result<Pattern, String> {
        if text.len() > LONGEST {
            return Err(format!("a pattern longer than {LONGEST} octets"));
        }
        let build =
            |text: &str| RegexBuilder::new().caseless(caseless).utf(true).jit_if_available(true).build(text);
        // The limit would shift the offset in the message, so the complaint is about the text alone.
        build(text)
            .and_then(|_| build(&format!("(*LIMIT_MATCH={MOST_STEPS})(*LIMIT_DEPTH={MOST_STEPS}){text}")))
            .map(Pattern)
            .map_err(|error| error.to_string())
    }

    pub fn is_match(&self, subject: &str) -> Result<bool, String> {
        self.0.is_match(subject.as_bytes()).map_err(gave_up)
    }

    pub fn captures<'s>(&self, subject: &'s str) -> Result<Option<Captures<'s>>, String> {
        self.0.captures(subject.as_bytes()).map_err(gave_up)
    }
}

fn gave_up(error: pcre2::Error) -> String {
    format!("the pattern gave up after {MOST_STEPS} steps ({error})")
}

/// By text; where case counts, and where it does not.
type Kept = [HashMap<Box<str>, Rc<Pattern>>; 2];

#[derive(Default)]
pub(crate) struct Patterns {
    kept: RefCell<Kept>,
}

impl Patterns {
    /// How many there were.
    pub fn flush(&self) -> usize {
        self.kept.take().iter().map(HashMap::len).sum()
    }

    pub fn get(&self, text: &str, caseless: bool) -> Result<Rc<Pattern>, String> {
        if let Some(pattern) = self.kept.borrow()[usize::from(caseless)].get(text) {
            return Ok(pattern.clone());
        }
        let pattern = Rc::new(Pattern::new(text, caseless).map_err(|error| format!("'{text}': {error}"))?);
        let kept = &mut self.kept.borrow_mut()[usize::from(caseless)];
        if kept.len() >= MOST_KEPT {
            kept.clear();
        }
        kept.insert(text.into(), pattern.clone());
        Ok(pattern)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_gives_up_or_does_not_compile() {
        let patterns = Patterns::default();
        let pattern = patterns.get(r"^mx(\d+)[.]example$", true).expect("a pattern");
        assert_eq!(pattern.is_match("MX12.example"), Ok(true));
        assert_eq!(pattern.is_match("mx.example"), Ok(false));
        let endless = Pattern::new("^(a+)+$", false).expect("a pattern");
        assert!(
            endless.is_match(&format!("{}!", "a".repeat(60))).is_err_and(|error| error.contains("gave up"))
        );
        assert!(patterns.get("(", false).is_err_and(|error| error.contains("offset 1")));
        assert!(Pattern::new(&"a".repeat(LONGEST + 1), false).is_err());
    }

    #[test]
    fn patterns_made_from_mail_do_not_pile_up() {
        let patterns = Patterns::default();
        for number in 0..MOST_KEPT + 10 {
            patterns.get(&number.to_string(), false).expect("a pattern");
        }
        assert!(patterns.kept.borrow()[0].len() <= MOST_KEPT);
    }
}
