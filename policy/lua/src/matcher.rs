//! Patterns of Lua (reference manual 5.1, §5.4.1), matched by a machine that can stop at any step and go on later.
//!
//! The law: it matches, captures and complains as the machine's own `string.find` does, fault for fault; the tests
//! compare the two.

/// A set of octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Set([u64; 4]);

impl Set {
    const ALL: Set = Set([u64::MAX; 4]);

    fn of(contains: impl Fn(u8) -> bool) -> Set {
        let mut set = Set([0; 4]);
        for octet in (0..=255u8).filter(|octet| contains(*octet)) {
            set.0[usize::from(octet >> 6)] |= 1 << (octet & 63);
        }
        set
    }

    fn has(&self, octet: u8) -> bool {
        self.0[usize::from(octet >> 6)] >> (octet & 63) & 1 == 1
    }

    fn meets(&self, other: &Set) -> bool {
        self.0.iter().zip(other.0).any(|(a, b)| a & b != 0)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Times {
    Once,
    Optional,
    /// `*`, and `+` with one at least.
    Most {
        least: usize,
    },
    /// `-`
    Fewest,
}

#[derive(Clone, Debug)]
enum Item {
    Octets(Set, Times),
    Open {
        is_position: bool,
    },
    Close,
    Balance(u8, u8),
    Frontier(Set),
    /// `%1`; what stands after the `%` may be no capture.
    Again(u8),
    /// `$` at the end.
    End,
    /// Complained of when matching gets here, not before.
    Wrong(&'static str),
}

/// A pattern, read once.
#[derive(Debug)]
pub struct Pattern {
    items: Vec<Item>,
    is_anchored: bool,
    /// Without any magic: found as it is.
    literal: Option<Vec<u8>>,
    /// What every match begins with.
    first: Option<Set>,
}

const CAPTURES: usize = 32;
const ENDS_WITH_ESCAPE: &str = "malformed pattern (ends with '%')";
const NO_BRACKET: &str = "malformed pattern (missing ']')";

impl Pattern {
    pub fn new(text: &[u8]) -> Pattern {
        let is_anchored = text.first() == Some(&b'^');
        let mut rest = &text[usize::from(is_anchored)..];
        let mut items = Vec::new();
        while !rest.is_empty() {
            match item(rest) {
                Ok((item, length)) => {
                    items.push(item);
                    rest = &rest[length..];
                }
                Err(wrong) => {
                    items.push(Item::Wrong(wrong));
                    break;
                }
            }
        }
        let is_literal = !text.iter().any(|octet| b"^$*+?.([%-".contains(octet));
        let literal = is_literal.then(|| text.to_vec());
        let first = match items.iter().take(CAPTURES).find(|item| !matches!(item, Item::Open { .. })) {
            Some(Item::Octets(set, Times::Once | Times::Most { least: 1 })) => Some(*set),
            _ => None,
        };
        Pattern { items, is_anchored, literal, first }
    }

    /// Tried at its first place only.
    pub fn is_anchored(&self) -> bool {
        self.is_anchored
    }

    /// The longest subject in which it needs no more than some ten thousands of steps, whatever the subject holds.
    pub fn cheap_within(&self) -> usize {
        const STEPS: f64 = 65_536.0;
        const LONGEST: usize = 2048;
        if self.items.iter().any(|item| matches!(item, Item::Wrong(_))) || self.items.len() > 100 {
            return 0;
        }
        // In halves: every place to begin at, and every item whose length can be tried again and again.
        let tries = (0..self.items.len()).map(|at| self.tries(at)).sum::<u32>();
        let power = (tries + 2 * u32::from(!self.is_anchored)).max(2);
        (STEPS.powf(2.0 / f64::from(power)) as usize).min(LONGEST)
    }

    fn tries(&self, at: usize) -> u32 {
        match &self.items[at] {
            Item::Octets(_, Times::Once) | Item::Open { .. } | Item::Close | Item::Frontier(_) => 0,
            Item::End | Item::Wrong(_) => 0,
            Item::Octets(_, Times::Optional) => 1,
            Item::Octets(set, Times::Most { .. }) => {
                // What follows fits nowhere else, or everywhere: one length is tried to its end.
                let mut after = self.items[at + 1..].iter();
                match after.find(|item| !matches!(item, Item::Open { .. } | Item::Close)) {
                    Some(Item::Octets(next, Times::Once | Times::Most { least: 1 })) if !set.meets(next) => 1,
                    None => 1,
                    _ => 2,
                }
            }
            Item::Octets(_, Times::Fewest) | Item::Balance(..) | Item::Again(_) => 2,
        }
    }
}

/// The item that a pattern begins with, and its length.
fn item(text: &[u8]) -> Result<(Item, usize), &'static str> {
    let second = text.get(1).copied();
    Ok(match (text[0], second) {
        (b'(', Some(b')')) => (Item::Open { is_position: true }, 2),
        (b'(', _) => (Item::Open { is_position: false }, 1),
        (b')', _) => (Item::Close, 1),
        (b'$', None) => (Item::End, 1),
        (b'%', Some(b'b')) => match text.get(2..4) {
            Some(pair) => (Item::Balance(pair[0], pair[1]), 4),
            None => return Err("malformed pattern (missing arguments to '%b')"),
        },
        (b'%', Some(b'f')) => {
            if text.get(2) != Some(&b'[') {
                return Err("missing '[' after '%f' in pattern");
            }
            let length = class_length(&text[2..])?;
            (Item::Frontier(bracket(&text[2..2 + length])), 2 + length)
        }
        (b'%', Some(digit @ b'0'..=b'9')) => (Item::Again(digit), 2),
        _ => {
            let length = class_length(text)?;
            let set = class(&text[..length]);
            let (times, suffix) = match text.get(length) {
                Some(b'?') => (Times::Optional, 1),
                Some(b'*') => (Times::Most { least: 0 }, 1),
                Some(b'+') => (Times::Most { least: 1 }, 1),
                Some(b'-') => (Times::Fewest, 1),
                _ => (Times::Once, 0),
            };
            (Item::Octets(set, times), length + suffix)
        }
    })
}

fn class_length(text: &[u8]) -> Result<usize, &'static str> {
    match text[0] {
        b'%' if text.len() == 1 => Err(ENDS_WITH_ESCAPE),
        b'%' => Ok(2),
        b'[' => {
            let mut at = 1 + usize::from(text.get(1) == Some(&b'^'));
            loop {
                let octet = *text.get(at).ok_or(NO_BRACKET)?;
                at += 1;
                if octet == b'%' && at < text.len() {
                    at += 1;
                }
                if text.get(at) == Some(&b']') {
                    return Ok(at + 1);
                }
            }
        }
        _ => Ok(1),
    }
}

fn class(text: &[u8]) -> Set {
    match text {
        [b'.'] => Set::ALL,
        [b'%', letter] => Set::of(|octet| in_class(octet, *letter)),
        [b'[', ..] => bracket(text),
        _ => Set::of(|octet| octet == text[0]),
    }
}

/// From `[` to `]`.
fn bracket(text: &[u8]) -> Set {
    let is_negated = text.get(1) == Some(&b'^');
    let inner = &text[1 + usize::from(is_negated)..text.len() - 1];
    let contains = |octet: u8| {
        let mut at = 0;
        while at < inner.len() {
            match inner[at..] {
                [b'%', letter, ..] => {
                    if in_class(octet, letter) {
                        return true;
                    }
                    at += 2;
                }
                [low, b'-', high, ..] => {
                    if (low..=high).contains(&octet) {
                        return true;
                    }
                    at += 3;
                }
                [one, ..] => {
                    if octet == one {
                        return true;
                    }
                    at += 1;
                }
                [] => {}
            }
        }
        false
    };
    Set::of(|octet| contains(octet) != is_negated)
}

/// As the C library says it in the locale "C".
fn in_class(octet: u8, letter: u8) -> bool {
    let is_in = match letter.to_ascii_lowercase() {
        b'a' => octet.is_ascii_alphabetic(),
        b'c' => octet.is_ascii_control(),
        b'd' => octet.is_ascii_digit(),
        b'g' => octet.is_ascii_graphic(),
        b'l' => octet.is_ascii_lowercase(),
        b'p' => octet.is_ascii_punctuation(),
        b's' => matches!(octet, b' ' | 9..=13),
        b'u' => octet.is_ascii_uppercase(),
        b'w' => octet.is_ascii_alphanumeric(),
        b'x' => octet.is_ascii_hexdigit(),
        b'z' => octet == 0,
        _ => return octet == letter,
    };
    is_in != letter.is_ascii_uppercase()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    Unfinished,
    Position,
    Octets(usize),
}

#[derive(Clone, Copy, Debug)]
struct Capture {
    start: usize,
    length: Length,
}

/// What to do when a way leads nowhere.
#[derive(Clone, Copy, Debug)]
enum Otherwise {
    /// One repetition less, down to `least`, then the item `next`.
    Fewer {
        next: usize,
        least: usize,
        at: usize,
    },
    /// One repetition more of the item.
    More {
        item: usize,
        at: usize,
    },
    /// Without the optional item.
    Without {
        next: usize,
        at: usize,
    },
    /// The capture was not opened.
    Unopen,
    Unclose(usize),
}

#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// First octet, and the one after the last.
    Found(usize, usize),
    Nothing,
    /// The steps are used up: call again.
    More,
    Wrong(String),
}

/// A value that a match yields.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    Octets(usize, usize),
    /// Counted from 1.
    Position(usize),
}

/// Octets that a repetition passes over before the steps are looked at again.
const STRETCH: usize = 1024;

/// Where a search is.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// About to try at `start`.
    Start,
    /// At an item, at an octet.
    At(usize, usize),
    Over,
}

/// A search that can be left and taken up again.
#[derive(Debug)]
pub struct Search {
    start: usize,
    place: Place,
    /// Of a repetition that goes on, where it began; of a balance, how deep it is.
    inside: Option<usize>,
    captures: Vec<Capture>,
    otherwise: Vec<Otherwise>,
}

impl Search {
    pub fn from(start: usize) -> Search {
        Search { start, place: Place::Start, inside: None, captures: Vec::new(), otherwise: Vec::new() }
    }

    /// Goes on for so many steps. After `Nothing` the search is over; after `Found`, `capture` says what.
    pub fn go_on(&mut self, pattern: &Pattern, text: &[u8], steps: &mut u64) -> Outcome {
        if let Some(literal) = &pattern.literal {
            let found = text.get(self.start..).and_then(|rest| memchr::memmem::find(rest, literal));
            let Some(found) = found else { return Outcome::Nothing };
            return Outcome::Found(self.start + found, self.start + found + literal.len());
        }
        while *steps > 0 {
            *steps -= 1;
            let (at_item, at) = match self.place {
                Place::Over => return Outcome::Nothing,
                Place::Start => {
                    self.begin(pattern, text, steps);
                    continue;
                }
                Place::At(item, at) => (item, at),
            };
            let Some(item) = pattern.items.get(at_item) else { return Outcome::Found(self.start, at) };
            match self.item(item, at_item, at, text, steps) {
                Ok(Some(place)) => self.place = place,
                Ok(None) => self.turn_back(pattern, text),
                Err(wrong) => return Outcome::Wrong(wrong),
            }
        }
        Outcome::More
    }

    /// To the next place at which the pattern may begin.
    fn begin(&mut self, pattern: &Pattern, text: &[u8], steps: &mut u64) {
        if self.start > text.len() {
            self.place = Place::Over;
            return;
        }
        let first = pattern.first.as_ref().filter(|_| !pattern.is_anchored);
        let Some(first) = first else {
            self.place = Place::At(0, self.start);
            return;
        };
        let end = text.len().min(self.start + STRETCH);
        let passed = text[self.start..end].iter().position(|octet| first.has(*octet));
        let passed_over = passed.unwrap_or(end - self.start);
        self.start += passed_over;
        *steps = steps.saturating_sub(passed_over as u64 / 8);
        if passed.is_some() || end == text.len() {
            self.place = Place::At(0, self.start);
        }
    }

    /// Where one item leads; none: nowhere.
    fn item(
        &mut self,
        item: &Item,
        number: usize,
        at: usize,
        text: &[u8],
        steps: &mut u64,
    ) -> Result<Option<Place>, String> {
        let octet = text.get(at).copied();
        let next = number + 1;
        let fits = |set: &Set| octet.is_some_and(|octet| set.has(octet));
        let to = |at: usize| Ok(Some(Place::At(next, at)));
        match item {
            Item::Octets(set, Times::Once) => Ok(fits(set).then_some(Place::At(next, at + 1))),
            Item::Octets(set, Times::Optional) => {
                if !fits(set) {
                    return to(at);
                }
                self.otherwise.push(Otherwise::Without { next, at });
                to(at + 1)
            }
            Item::Octets(set, Times::Most { least }) => {
                let begun = self.inside.take().unwrap_or(at);
                let stretch = &text[at..text.len().min(at + STRETCH)];
                let fitting = stretch.iter().take_while(|octet| set.has(**octet)).count();
                *steps = steps.saturating_sub(fitting as u64 / 8);
                let end = at + fitting;
                if fitting == STRETCH {
                    self.inside = Some(begun);
                    return Ok(Some(Place::At(number, end)));
                }
                let least = begun + least;
                if end > least {
                    self.otherwise.push(Otherwise::Fewer { next, least, at: end });
                }
                if end < least { Ok(None) } else { to(end) }
            }
            Item::Octets(_, Times::Fewest) => {
                self.otherwise.push(Otherwise::More { item: number, at });
                to(at)
            }
            Item::Open { is_position } => {
                if self.captures.len() >= CAPTURES {
                    return Err("too many captures".to_owned());
                }
                let length = if *is_position { Length::Position } else { Length::Unfinished };
                self.captures.push(Capture { start: at, length });
                self.otherwise.push(Otherwise::Unopen);
                to(at)
            }
            Item::Close => {
                let open = self.captures.iter().rposition(|capture| capture.length == Length::Unfinished);
                let open = open.ok_or("invalid pattern capture")?;
                self.captures[open].length = Length::Octets(at - self.captures[open].start);
                self.otherwise.push(Otherwise::Unclose(open));
                to(at)
            }
            Item::Balance(opening, closing) => {
                let mut depth = match self.inside.take() {
                    Some(depth) => depth,
                    None if octet == Some(*opening) => return Ok(Some(self.balance(number, at + 1, 1))),
                    None => return Ok(None),
                };
                let stretch = &text[at.min(text.len())..text.len().min(at + STRETCH)];
                *steps = steps.saturating_sub(stretch.len() as u64 / 4);
                for (passed, octet) in stretch.iter().enumerate() {
                    if octet == closing {
                        depth -= 1;
                        if depth == 0 {
                            return to(at + passed + 1);
                        }
                    } else if octet == opening {
                        depth += 1;
                    }
                }
                let is_end = stretch.len() < STRETCH;
                Ok((!is_end).then(|| self.balance(number, at + STRETCH, depth)))
            }
            Item::Frontier(set) => {
                let before = at.checked_sub(1).map_or(0, |before| text[before]);
                Ok((!set.has(before) && set.has(octet.unwrap_or(0))).then_some(Place::At(next, at)))
            }
            Item::Again(digit) => {
                let index = usize::from(*digit).checked_sub(usize::from(b'1'));
                let capture = index.and_then(|index| self.captures.get(index));
                let length = capture.map(|capture| (capture.start, capture.length));
                match length {
                    None | Some((_, Length::Unfinished)) => {
                        Err(format!("invalid capture index %{}", char::from(*digit)))
                    }
                    Some((_, Length::Position)) => Ok(None),
                    Some((start, Length::Octets(length))) => {
                        *steps = steps.saturating_sub(length as u64 / 16);
                        let is_same = text[at..].starts_with(&text[start..start + length]);
                        Ok(is_same.then_some(Place::At(next, at + length)))
                    }
                }
            }
            Item::End => Ok((at == text.len()).then_some(Place::At(next, at))),
            Item::Wrong(wrong) => Err((*wrong).to_owned()),
        }
    }

    fn balance(&mut self, item: usize, at: usize, depth: usize) -> Place {
        self.inside = Some(depth);
        Place::At(item, at)
    }

    /// To the last place from which another way leads on.
    fn turn_back(&mut self, pattern: &Pattern, text: &[u8]) {
        while let Some(otherwise) = self.otherwise.pop() {
            let place = match otherwise {
                Otherwise::Unopen => {
                    self.captures.pop();
                    continue;
                }
                Otherwise::Unclose(open) => {
                    self.captures[open].length = Length::Unfinished;
                    continue;
                }
                Otherwise::Without { next, at } => (next, at),
                Otherwise::Fewer { next, least, at } => {
                    if at - 1 > least {
                        self.otherwise.push(Otherwise::Fewer { next, least, at: at - 1 });
                    }
                    (next, at - 1)
                }
                Otherwise::More { item, at } => {
                    let Item::Octets(set, _) = &pattern.items[item] else { continue };
                    if !text.get(at).is_some_and(|octet| set.has(*octet)) {
                        continue;
                    }
                    self.otherwise.push(Otherwise::More { item, at: at + 1 });
                    (item + 1, at + 1)
                }
            };
            self.place = Place::At(place.0, place.1);
            return;
        }
        self.start += 1;
        self.place = if pattern.is_anchored { Place::Over } else { Place::Start };
    }

    pub fn captures(&self) -> usize {
        self.captures.len()
    }

    /// A capture counted from 0; the whole match, if the pattern captures nothing.
    pub fn capture(&self, index: usize, found: (usize, usize)) -> Result<Piece, &'static str> {
        let Some(capture) = self.captures.get(index) else {
            return if index == 0 {
                Ok(Piece::Octets(found.0, found.1))
            } else {
                Err("invalid capture index")
            };
        };
        match capture.length {
            Length::Unfinished => Err("unfinished capture"),
            Length::Position => Ok(Piece::Position(capture.start + 1)),
            Length::Octets(length) => Ok(Piece::Octets(capture.start, capture.start + length)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlua::{Function, Lua, MultiValue, Value};

    /// What `string.find` answers or complains of, as text.
    fn native(find: &Function, text: &[u8], pattern: &[u8], lua: &Lua) -> String {
        let arguments = (lua.create_string(text).unwrap(), lua.create_string(pattern).unwrap());
        let shown = |value: Value| match value {
            Value::String(octets) => format!("{:?}", octets.as_bytes().to_vec()),
            Value::Nil => "nil".to_owned(),
            other => crate::value::number(&other).map_or_else(String::new, |number| number.to_string()),
        };
        match find.call::<MultiValue>(arguments) {
            Ok(values) => values.into_iter().map(shown).collect::<Vec<_>>().join(" "),
            Err(error) => crate::machine::plain_text(&error),
        }
    }

    /// The same of ours, left and taken up again after every few steps.
    fn ours(text: &[u8], pattern: &[u8]) -> String {
        let pattern = Pattern::new(pattern);
        let mut search = Search::from(0);
        loop {
            match search.go_on(&pattern, text, &mut 3) {
                Outcome::More => {}
                Outcome::Nothing => return "nil".to_owned(),
                Outcome::Wrong(wrong) => return wrong,
                Outcome::Found(first, end) => {
                    let mut shown = vec![(first + 1).to_string(), end.to_string()];
                    for index in 0..search.captures() {
                        match search.capture(index, (first, end)) {
                            Ok(Piece::Octets(first, end)) => shown.push(format!("{:?}", &text[first..end])),
                            Ok(Piece::Position(at)) => shown.push(at.to_string()),
                            Err(wrong) => return wrong.to_owned(),
                        }
                    }
                    return shown.join(" ");
                }
            }
        }
    }

    #[test]
    fn it_finds_captures_and_complains_as_the_machine_does() {
        let lua = Lua::new();
        let find: Function = lua.load("return string.find").eval().unwrap();
        let both = |text: &[u8], pattern: &[u8]| {
            let (native, ours) = (native(&find, text, pattern, &lua), ours(text, pattern));
            let case = || {
                format!("{:?} in {:?}", pattern.escape_ascii().to_string(), text.escape_ascii().to_string())
            };
            // Where the machine names a place in front, ours is the end.
            assert!(native.ends_with(&ours) && !ours.is_empty(), "{}: {native} but {ours}", case());
        };
        for pattern in [
            "",
            "a",
            "^a",
            "a$",
            "^$",
            "$",
            "a*b",
            "a-b",
            "(a*)(b?)",
            "()b()",
            "%b()",
            "%bxy",
            "%f[%w]%w+",
            "%f[b]",
            "[^a]",
            "[]]",
            "[^]]",
            "[a-]",
            "[%a_]+",
            "%1",
            "(a)%1",
            "(a*)%1b",
            "((a)(b))",
            "(a",
            "a)",
            "%",
            "[a",
            "[",
            "[^",
            "%b",
            "%bx",
            "%f",
            "%fa",
            "(()a)%2",
            "(.-)%s*$",
            "^%s*(.-)%s*$",
            ".-b.-b",
            "a?a?a?aaa",
            "%z",
            "[%z]",
            "%0",
            "%g+",
            "a^",
            "^^",
            "x%$",
            "(%1)",
        ] {
            for text in [
                "", "a", "b", "aab", "abab", "(a(b)c)", " a b ", "xyxy)", "aaa", "a\0b", "$x$", "]^-a",
                "ab ab",
            ] {
                both(text.as_bytes(), pattern.as_bytes());
            }
        }
        // Chance, the same each time.
        let mut state = 7u64;
        let mut dice = move |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        for _ in 0..60_000 {
            let pieces = [
                "a", "b", ".", "%a", "[ab]", "[^b]", "*", "+", "-", "?", "(", ")", "()", "%1", "%b()",
                "%f[a]", "$", "^", "%",
            ];
            let pattern: String = (0..dice(7)).map(|_| pieces[dice(pieces.len())]).collect();
            let text: String = (0..dice(9)).map(|_| ["a", "b", "(", ")", "c"][dice(5)]).collect();
            both(text.as_bytes(), pattern.as_bytes());
        }
    }
}
