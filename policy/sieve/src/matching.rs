//! Match types and comparators (spec sieve.md §3; RFC 5228 §2.7, RFC 5231, RFC 4790).

use crate::pattern::Patterns;
use std::borrow::Cow;
use std::cmp::Ordering;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparator {
    Octet,
    Casemap,
    Numeric,
}

impl Comparator {
    pub const NAMES: [(&'static str, Comparator); 3] = [
        ("i;octet", Comparator::Octet),
        ("i;ascii-casemap", Comparator::Casemap),
        ("i;ascii-numeric", Comparator::Numeric),
    ];

    pub fn named(name: &str) -> Option<Comparator> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, comparator)| *comparator)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    Equal,
    Unequal,
    BitwiseAnd,
}

impl Relation {
    pub const NAMES: [(&'static str, Relation); 7] = [
        ("gt", Relation::Greater),
        ("ge", Relation::GreaterOrEqual),
        ("lt", Relation::Less),
        ("le", Relation::LessOrEqual),
        ("eq", Relation::Equal),
        ("ne", Relation::Unequal),
        ("bitwise-and", Relation::BitwiseAnd),
    ];

    pub fn named(name: &str) -> Option<Relation> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, relation)| *relation)
    }

    fn holds(self, order: Ordering) -> bool {
        match self {
            Relation::Greater => order.is_gt(),
            Relation::GreaterOrEqual => order.is_ge(),
            Relation::Less => order.is_lt(),
            Relation::LessOrEqual => order.is_le(),
            Relation::Equal => order.is_eq(),
            Relation::Unequal => order.is_ne(),
            Relation::BitwiseAnd => false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MatchType {
    Is,
    Contains,
    Matches,
    Regex,
    Value(Relation),
    Count(Relation),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Matching {
    pub kind: MatchType,
    pub comparator: Comparator,
}

impl Matching {
    /// Octets that are looked at in the worst case: a glob looks at each of the value once for each of the key.
    pub fn weight(self, octets: usize, key: &str) -> usize {
        let times = if self.kind == MatchType::Matches { key.len().max(1) } else { 1 };
        octets.saturating_mul(times)
    }

    /// Whether any value matches any key. `:count` looks at how many values there are.
    pub fn any<V: AsRef<str>, K: AsRef<str>>(
        self,
        values: &[V],
        keys: &[K],
        patterns: &Patterns,
    ) -> Result<bool, String> {
        if let MatchType::Count(relation) = self.kind {
            let count = Number::from_count(values.len());
            return Ok(keys.iter().any(|key| count.relates(relation, &Number::first_in(key.as_ref()))));
        }
        for key in keys {
            for value in values {
                if self.one(value.as_ref(), key.as_ref(), patterns)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn one(self, value: &str, key: &str, patterns: &Patterns) -> Result<bool, String> {
        let casemap = self.comparator == Comparator::Casemap;
        Ok(match self.kind {
            MatchType::Is => self.order(value, key).is_eq(),
            MatchType::Contains => contains(value, key, casemap),
            MatchType::Matches => glob(value, key, casemap),
            MatchType::Regex => patterns.get(key, casemap)?.is_match(value)?,
            MatchType::Value(Relation::BitwiseAnd) => bits(value) & bits(key) != 0,
            MatchType::Value(relation) => relation.holds(self.order(value, key)),
            MatchType::Count(_) => unreachable!("counted by the caller"),
        })
    }

    fn order(self, value: &str, key: &str) -> Ordering {
        match self.comparator {
            Comparator::Octet => value.as_bytes().cmp(key.as_bytes()),
            Comparator::Casemap => {
                let fold =
                    |text: &str| -> Vec<u8> { text.bytes().map(|byte| byte.to_ascii_lowercase()).collect() };
                if value.eq_ignore_ascii_case(key) { Ordering::Equal } else { fold(value).cmp(&fold(key)) }
            }
            Comparator::Numeric => Number::first_in(value).cmp(&Number::first_in(key)),
        }
    }
}

fn bits(text: &str) -> u64 {
    match Number::first_in(text) {
        Number::Infinite => 0,
        Number::Finite { whole, .. } => whole.parse().unwrap_or(u64::MAX),
    }
}

/// Decimal numbers of any length, compared exactly. A text without a number is greater than all
/// (RFC 4790 §9.1.1).
#[derive(Debug, PartialEq, Eq)]
enum Number<'a> {
    Finite { negative: bool, whole: Cow<'a, str>, fraction: &'a str },
    Infinite,
}

impl<'a> Number<'a> {
    fn first_in(text: &'a str) -> Number<'a> {
        let Some(start) = text.find(|shown: char| shown.is_ascii_digit()) else { return Number::Infinite };
        let negative = text[..start].ends_with('-');
        let rest = &text[start..];
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let whole = &rest[..digits(rest)];
        let after = rest[whole.len()..].strip_prefix('.').unwrap_or("");
        let fraction = after[..digits(after)].trim_end_matches('0');
        let whole = whole.trim_start_matches('0');
        // There is one zero only.
        let negative = negative && !(whole.is_empty() && fraction.is_empty());
        Number::Finite { negative, whole: Cow::Borrowed(whole), fraction }
    }

    fn from_count(count: usize) -> Number<'static> {
        let whole = if count == 0 { Cow::Borrowed("") } else { Cow::Owned(count.to_string()) };
        Number::Finite { negative: false, whole, fraction: "" }
    }

    fn relates(&self, relation: Relation, other: &Number<'_>) -> bool {
        relation.holds(self.cmp(other))
    }

    fn cmp(&self, other: &Number<'_>) -> Ordering {
        let (
            Number::Finite { negative, whole, fraction },
            Number::Finite { negative: other_negative, whole: other_whole, fraction: other_fraction },
        ) = (self, other)
        else {
            let infinite = |number: &Number<'_>| matches!(number, Number::Infinite);
            return infinite(self).cmp(&infinite(other));
        };
        let magnitude = whole
            .len()
            .cmp(&other_whole.len())
            .then_with(|| whole.as_ref().cmp(other_whole.as_ref()))
            .then_with(|| fraction.cmp(other_fraction));
        match (negative, other_negative) {
            (false, false) => magnitude,
            (true, true) => magnitude.reverse(),
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
        }
    }
}

/// Whether the needle stands in the haystack; the empty one stands everywhere.
pub(crate) fn contains(haystack: &str, needle: &str, casemap: bool) -> bool {
    contains_bytes(haystack.as_bytes(), needle.as_bytes(), casemap)
}

/// In time proportional to both, whatever they hold.
pub(crate) fn contains_bytes(haystack: &[u8], needle: &[u8], casemap: bool) -> bool {
    if !casemap {
        return memchr::memmem::find(haystack, needle).is_some();
    }
    /// Octets that are folded at a time.
    const PIECE: usize = 16 * 1024;
    /// Below this, comparing at each place is cheaper than making ready for more.
    const SHORT: usize = 4096;
    let Some(places) = (haystack.len() + 1).checked_sub(needle.len()) else { return false };
    if places * needle.len() <= SHORT {
        let Some((first, _)) = needle.split_first() else { return true };
        let (lower, upper) = (first.to_ascii_lowercase(), first.to_ascii_uppercase());
        return memchr::memchr2_iter(lower, upper, &haystack[..places])
            .any(|at| haystack[at..at + needle.len()].eq_ignore_ascii_case(needle));
    }
    let needle = needle.to_ascii_lowercase();
    let finder = memchr::memmem::Finder::new(&needle);
    let piece = PIECE.max(needle.len() * 4);
    let mut start = 0;
    let mut folded = Vec::with_capacity(piece.min(haystack.len()));
    loop {
        let end = (start + piece).min(haystack.len());
        folded.clear();
        folded.extend_from_slice(&haystack[start..end]);
        folded.make_ascii_lowercase();
        if finder.find(&folded).is_some() {
            return true;
        }
        if end == haystack.len() {
            return false;
        }
        // What begins in this piece may end in the next.
        start = end - needle.len().saturating_sub(1);
    }
}

/// `*` any characters, `?` one, `\` quotes the next (RFC 5228 §2.7.1). Only the last `*` is ever taken back,
/// so the work is at most length times length.
pub(crate) fn glob(text: &str, pattern: &str, casemap: bool) -> bool {
    let same = |left: char, right: char| left == right || casemap && left.eq_ignore_ascii_case(&right);
    let mut text = text.chars();
    let mut pattern = pattern.chars();
    // What to try again: the pattern after the last star, and the text that star has not swallowed.
    let mut again: Option<(std::str::Chars<'_>, std::str::Chars<'_>)> = None;
    loop {
        let rest = pattern.clone();
        let (is_star, fits) = match pattern.next() {
            Some('*') => (true, true),
            None => (false, text.clone().next().is_none()),
            Some('?') => (false, text.next().is_some()),
            Some(quoted) => {
                let wanted = if quoted == '\\' { pattern.next().unwrap_or('\\') } else { quoted };
                (false, text.next().is_some_and(|shown| same(shown, wanted)))
            }
        };
        if is_star {
            again = Some((pattern.clone(), text.clone()));
            continue;
        }
        if fits {
            if rest.as_str().is_empty() {
                return true;
            }
            continue;
        }
        let Some((after, mut unswallowed)) = again.take() else { return false };
        if unswallowed.next().is_none() {
            return false;
        }
        pattern = after.clone();
        text = unswallowed.clone();
        again = Some((after, unswallowed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glob_matches_the_whole_text() {
        for (text, pattern, expected) in [
            ("", "", true),
            ("", "*", true),
            ("", "?", false),
            ("frop", "frop", true),
            ("frop", "fro", false),
            ("fro", "frop", false),
            ("make money fast", "*make*money*fast*", true),
            ("make money slow", "*make*money*fast*", false),
            ("aXbXc", "*X?", true),
            ("grün", "gr?n", true),
            ("a*c", "a\\*c", true),
            ("abc", "a\\*c", false),
            ("a?c", "a\\?c", true),
            ("a\\c", "a\\\\c", true),
            ("ends\\", "ends\\", true),
            ("aaaaaaaaab", "*a*a*b", true),
            ("abcabd", "*ab?d", false),
            ("abcabd", "*abd", true),
            ("mississippi", "m*iss*ip*", true),
        ] {
            assert_eq!(glob(text, pattern, false), expected, "{text} {pattern}");
        }
        assert!(glob("FROP", "fr*", true) && !glob("FROP", "fr*", false));
    }

    #[test]
    fn numbers_of_any_length_compare() {
        let order = |left: &str, right: &str| Number::first_in(left).cmp(&Number::first_in(right));
        for (left, right, expected) in [
            ("10", "9", Ordering::Greater),
            ("010", "10", Ordering::Equal),
            ("2365.000000", "2365", Ordering::Equal),
            ("-3", "2", Ordering::Less),
            ("-3.5", "-3.25", Ordering::Less),
            ("score 5 of 9", "5", Ordering::Equal),
            ("none", "99999999999999999999999999", Ordering::Greater),
            ("none", "nothing", Ordering::Equal),
            ("99999999999999999999999998", "99999999999999999999999999", Ordering::Less),
            ("-0.0", "0", Ordering::Equal),
            ("1.05", "1.5", Ordering::Less),
        ] {
            assert_eq!(order(left, right), expected, "{left} {right}");
        }
    }

    #[test]
    fn containing_folds_only_ascii() {
        assert!(contains("Is YES really", "yes", true) && !contains("Is YES", "yes", false));
        assert!(contains("", "", true) && contains("x", "", false) && !contains("", "x", true));
        assert!(contains("aab", "AB", true) && !contains("a", "ab", true) && !contains("Ü", "ü", true));
        for at in [0, 16_379, 16_380, 16_384, 40_000] {
            let text = format!("{}NEEDLE{}", "-".repeat(at), "-".repeat(9));
            assert!(contains(&text, "needle", true) && !contains(&text, "needles", true), "{at}");
        }
    }
}
