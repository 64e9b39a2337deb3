//! The audit ledger: which deliveries were promised, or made, as one bit each.
//!
//! Law: nothing here grows without bound on what a peer says; what does not fit is counted, not kept.

use crate::token::{TOKEN_BYTES, Token};
use std::collections::BTreeMap;
use std::fmt;

/// Runs that a ledger keeps apart.
pub const RUNS: usize = 64;
/// Pages of all runs together: 256 MiB, which is two thousand million deliveries.
pub const PAGES: usize = 32_768;
/// Missing tokens that a comparison names.
pub const EXAMPLES: usize = 10;

const PAGE_WORDS: usize = 1024;
const PAGE_BITS: u64 = 64 * PAGE_WORDS as u64;

type Page = Box<[u64; PAGE_WORDS]>;

/// A set of tokens, and how often one came that was there already.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    runs: BTreeMap<u32, Vec<Option<Page>>>,
    pages: usize,
    tokens: u64,
    duplicates: u64,
    unrecorded: u64,
}

/// What became of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    New,
    Again,
    /// The ledger is full: it is not known whether it came before.
    Unrecorded,
}

impl Ledger {
    pub fn mark(&mut self, token: Token) -> Mark {
        let (index, word, bit) = place(token.number);
        let Some(page) = self.page(token.run, index) else {
            self.unrecorded += 1;
            return Mark::Unrecorded;
        };
        if page[word] & bit != 0 {
            self.duplicates += 1;
            return Mark::Again;
        }
        page[word] |= bit;
        self.tokens += 1;
        Mark::New
    }

    pub fn contains(&self, token: Token) -> bool {
        let (index, word, bit) = place(token.number);
        let page = self.runs.get(&token.run).and_then(|pages| pages.get(index)?.as_ref());
        page.is_some_and(|page| page[word] & bit != 0)
    }

    /// Different tokens.
    pub fn len(&self) -> u64 {
        self.tokens
    }

    pub fn is_empty(&self) -> bool {
        self.tokens == 0
    }

    /// Tokens that came once more: a token that came three times counts twice.
    pub fn duplicates(&self) -> u64 {
        self.duplicates
    }

    /// Tokens beyond `RUNS` or `PAGES`.
    pub fn unrecorded(&self) -> u64 {
        self.unrecorded
    }

    /// Adds what another one has; tokens in both are duplicates.
    pub fn merge(&mut self, other: &Ledger) {
        self.duplicates += other.duplicates;
        self.unrecorded += other.unrecorded;
        for (run, index, theirs) in other.all_pages() {
            let Some(ours) = self.page(run, index) else {
                self.unrecorded += theirs.iter().map(|word| u64::from(word.count_ones())).sum::<u64>();
                continue;
            };
            let (mut added, mut again) = (0, 0);
            for (our, their) in ours.iter_mut().zip(theirs.iter()) {
                again += u64::from((*our & their).count_ones());
                added += u64::from((!*our & their).count_ones());
                *our |= their;
            }
            self.tokens += added;
            self.duplicates += again;
        }
    }

    /// Marks each line's token. Returns how many lines were none: the last one of a program that was killed
    /// may be cut.
    pub fn read_lines(&mut self, lines: &[u8]) -> u64 {
        let mut strange = 0;
        for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            match Token::parse(line) {
                Some(token) => {
                    self.mark(token);
                }
                None => strange += 1,
            }
        }
        strange
    }

    /// All tokens in order, one a line.
    pub fn lines(&self) -> Vec<u8> {
        let mut lines = Vec::with_capacity(self.tokens as usize * (TOKEN_BYTES + 1));
        self.tokens().for_each(|token| write_line(token, &mut lines));
        lines
    }

    /// What of the promised has been delivered.
    pub fn compare(promised: &Ledger, delivered: &Ledger) -> Comparison {
        let missing = promised.tokens().filter(|token| !delivered.contains(*token));
        let mut comparison = Comparison {
            promised: promised.tokens,
            delivered: delivered.tokens,
            duplicate: delivered.duplicates,
            unrecorded: promised.unrecorded + delivered.unrecorded,
            ..Comparison::default()
        };
        for token in missing {
            comparison.missing += 1;
            if comparison.examples.len() < EXAMPLES {
                comparison.examples.push(token);
            }
        }
        comparison.unpromised = delivered.tokens - (promised.tokens - comparison.missing);
        comparison
    }

    /// In order of run and number.
    pub fn tokens(&self) -> impl Iterator<Item = Token> {
        self.all_pages().flat_map(|(run, index, page)| {
            let words = page.iter().enumerate().filter(|(_, word)| **word != 0);
            words.flat_map(move |(at, word)| {
                let first = index as u64 * PAGE_BITS + at as u64 * 64;
                let set = (0..64).filter(move |bit| word >> bit & 1 == 1);
                set.map(move |bit| Token { run, number: first + bit })
            })
        })
    }

    fn all_pages(&self) -> impl Iterator<Item = (u32, usize, &Page)> {
        self.runs.iter().flat_map(|(run, pages)| {
            let made = pages.iter().enumerate().filter_map(|(index, page)| Some((index, page.as_ref()?)));
            made.map(|(index, page)| (*run, index, page))
        })
    }

    /// Made if it is not there; none at the bounds.
    fn page(&mut self, run: u32, index: usize) -> Option<&mut Page> {
        if !self.runs.contains_key(&run) && self.runs.len() == RUNS {
            return None;
        }
        let pages = self.runs.entry(run).or_default();
        if pages.len() <= index {
            pages.resize(index + 1, None);
        }
        let page = &mut pages[index];
        if page.is_none() {
            if self.pages == PAGES {
                return None;
            }
            self.pages += 1;
        }
        Some(page.get_or_insert_with(|| Box::new([0; PAGE_WORDS])))
    }
}

/// One line of a ledger file.
pub fn write_line(token: Token, lines: &mut Vec<u8>) {
    lines.extend_from_slice(&token.bytes());
    lines.push(b'\n');
}

/// Index of the page, index of the word in it, bit of the word.
fn place(number: u64) -> (usize, usize, u64) {
    let word = number % PAGE_BITS / 64;
    ((number / PAGE_BITS) as usize, word as usize, 1 << (number % 64))
}

/// The result of an audit. Nothing was lost if `missing` is zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    pub promised: u64,
    /// Different deliveries that arrived.
    pub delivered: u64,
    /// Promised and never delivered.
    pub missing: u64,
    /// Deliveries beyond the first of the same token.
    pub duplicate: u64,
    /// Delivered though the promise never reached the client (a connection lost before the reply).
    pub unpromised: u64,
    /// What a full ledger could not keep; above zero the other numbers are bounds only.
    pub unrecorded: u64,
    /// The first of the missing, at most `EXAMPLES`.
    pub examples: Vec<Token>,
}

impl Comparison {
    pub fn to_json(&self) -> serde_json::Value {
        let example = |token: &Token| String::from_utf8_lossy(&token.bytes()).into_owned();
        serde_json::json!({
            "promised": self.promised,
            "delivered": self.delivered,
            "missing": self.missing,
            "duplicate": self.duplicate,
            "unpromised": self.unpromised,
            "unrecorded": self.unrecorded,
            "examples": self.examples.iter().map(example).collect::<Vec<_>>(),
        })
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "promised    {:>12}", self.promised)?;
        writeln!(f, "delivered   {:>12}", self.delivered)?;
        writeln!(f, "missing     {:>12}", self.missing)?;
        writeln!(f, "duplicate   {:>12}", self.duplicate)?;
        writeln!(f, "unpromised  {:>12}", self.unpromised)?;
        if self.unrecorded > 0 {
            writeln!(f, "unrecorded  {:>12}", self.unrecorded)?;
        }
        self.examples
            .iter()
            .try_for_each(|token| writeln!(f, "missing: {}", String::from_utf8_lossy(&token.bytes())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::NUMBERS;

    fn ledger(tokens: &[(u32, u64)]) -> Ledger {
        let mut ledger = Ledger::default();
        for (run, number) in tokens {
            ledger.mark(Token { run: *run, number: *number });
        }
        ledger
    }

    #[test]
    fn a_comparison_tells_missing_duplicate_and_unpromised_apart() {
        let promised = ledger(&[(1, 0), (1, 1), (1, 65_536), (1, 200_000), (2, 5)]);
        let delivered = ledger(&[(1, 0), (1, 1), (1, 1), (1, 1), (1, 65_536), (3, 5), (2, 6)]);
        let comparison = Ledger::compare(&promised, &delivered);
        let expected = Comparison {
            promised: 5,
            delivered: 5,
            missing: 2,
            duplicate: 2,
            unpromised: 2,
            unrecorded: 0,
            examples: vec![Token { run: 1, number: 200_000 }, Token { run: 2, number: 5 }],
        };
        assert_eq!(comparison, expected);
        assert_eq!(comparison.to_json()["examples"][1], "00000002-0000000005");
    }

    #[test]
    fn what_two_threads_received_counts_as_if_one_had() {
        let mut one = ledger(&[(1, 0), (1, 63), (1, 64), (1, 64)]);
        one.merge(&ledger(&[(1, 63), (1, 64), (1, 70_000), (2, 0)]));
        assert_eq!((one.len(), one.duplicates()), (5, 3));
        assert!(one.contains(Token { run: 1, number: 70_000 }));
    }

    #[test]
    fn lines_read_back_and_a_cut_line_is_no_token() {
        let one = ledger(&[(7, 3), (7, 65_537), (9, 1)]);
        let mut lines = one.lines();
        let mut other = Ledger::default();
        assert_eq!(other.read_lines(&lines), 0);
        assert!(one.tokens().eq(other.tokens()));
        lines.extend_from_slice(b"00000009-00000");
        assert_eq!(other.read_lines(&lines), 1);
        assert_eq!((other.len(), other.duplicates()), (3, 3));
    }

    #[test]
    fn strange_tokens_cannot_make_it_grow_without_bound() {
        let mut ledger = Ledger::default();
        for run in 0..RUNS as u32 {
            assert_eq!(ledger.mark(Token { run, number: NUMBERS - 1 }), Mark::New);
        }
        assert_eq!(ledger.mark(Token { run: RUNS as u32, number: 0 }), Mark::Unrecorded);
        assert_eq!((ledger.len(), ledger.unrecorded()), (RUNS as u64, 1));
    }
}
