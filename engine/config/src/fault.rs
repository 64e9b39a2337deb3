//! Faults while they are being found: a span and a sentence. They become complaints when all is read.

use crate::source::{Sources, Span};
use crate::{Complaint, Expected, Position, Severity, Spot};

/// Source lines are shown up to this many characters around the spot.
const WIDEST_EXCERPT: usize = 120;

/// Names in messages are shown up to this many characters.
const WIDEST_NAME: usize = 64;

/// What was found so far. Errors beyond the limit end the reading, warnings beyond it are dropped.
#[derive(Debug)]
pub struct Faults {
    found: Vec<Fault>,
    errors: usize,
    most: usize,
}

impl Faults {
    pub fn new(most: usize) -> Self {
        Faults { found: Vec::new(), errors: 0, most }
    }

    pub fn push(&mut self, fault: Fault) {
        let is_error = fault.severity == Severity::Error;
        self.errors += usize::from(is_error);
        if is_error || self.found.len() < self.most {
            self.found.push(fault);
        }
    }

    pub fn absorb(&mut self, other: Faults) {
        other.found.into_iter().for_each(|fault| self.push(fault));
    }

    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    pub fn is_hopeless(&self) -> bool {
        self.errors > self.most
    }

    /// All complaints; the second is true if there is an error among them.
    pub fn complaints(self, sources: &Sources) -> (Vec<Complaint>, bool) {
        let (hopeless, rejected) = (self.is_hopeless(), self.errors > 0);
        let told = self.found.into_iter().filter(|fault| !hopeless || fault.severity == Severity::Error);
        let room = if hopeless { self.most } else { usize::MAX };
        let mut complaints: Vec<_> = told.take(room).map(|fault| fault.complaint(sources)).collect();
        if hopeless {
            complaints.push(crate::complaint::about_rest(self.most));
        }
        (complaints, rejected)
    }
}

/// A name as messages show it: readable, whatever the file holds.
pub fn shorten(name: &str) -> String {
    let mut shown: String = name.chars().take(WIDEST_NAME).map(tame).collect();
    if name.chars().nth(WIDEST_NAME).is_some() {
        shown.push('…');
    }
    shown
}

/// A tab would shift the mark from its word; control characters would reach the operator's terminal.
fn tame(shown: char) -> char {
    if shown.is_control() { ' ' } else { shown }
}

/// A complaint in the making: it knows its span, not yet its line.
#[derive(Clone, Debug)]
pub struct Fault {
    severity: Severity,
    span: Span,
    message: String,
    expected: Option<String>,
    suggestion: Option<String>,
}

impl Fault {
    pub fn error(span: Span, message: impl Into<String>) -> Self {
        Fault { severity: Severity::Error, span, message: message.into(), expected: None, suggestion: None }
    }

    pub fn warning(span: Span, message: impl Into<String>) -> Self {
        Fault { severity: Severity::Warning, ..Fault::error(span, message) }
    }

    pub fn note(span: Span, message: impl Into<String>) -> Self {
        Fault { severity: Severity::Note, ..Fault::error(span, message) }
    }

    pub fn expected(self, what: impl Into<String>) -> Self {
        Fault { expected: Some(what.into()), ..self }
    }

    pub fn wanting(self, expected: Expected) -> Self {
        let suggestion = expected.suggestion;
        self.expected(expected.what).suggesting(suggestion)
    }

    pub fn suggesting(self, suggestion: Option<impl Into<String>>) -> Self {
        Fault { suggestion: suggestion.map(Into::into), ..self }
    }

    /// What is wrong, where no file is to be pointed at.
    pub fn sentence(self) -> String {
        match self.expected {
            Some(expected) => format!("{}; expected {expected}", self.message),
            None => self.message,
        }
    }

    pub fn complaint(self, sources: &Sources) -> Complaint {
        let Fault { severity, span, message, expected, suggestion } = self;
        Complaint { severity, message, expected, suggestion, place: Some(spot(span, sources)) }
    }
}

fn spot(span: Span, sources: &Sources) -> Spot {
    let (line, range) = sources.line_of(span);
    let before: Vec<char> = line[..range.start].chars().rev().take(WIDEST_EXCERPT / 2).collect();
    let room = WIDEST_EXCERPT - before.len();
    let indent = before.len();
    let after: Vec<char> = line[range.start..].chars().take(room).collect();
    let width = line[range].chars().take(room).count().max(1);
    let excerpt = before.into_iter().rev().chain(after).map(tame);
    Spot {
        position: sources.position(span),
        excerpt: excerpt.collect(),
        indent,
        width,
        included_from: inclusion(span, sources),
    }
}

fn inclusion(span: Span, sources: &Sources) -> Vec<Position> {
    let chain = std::iter::successors(sources.file(span.file).included_from, |from| {
        sources.file(from.file).included_from
    });
    chain.map(|from| sources.position(from)).collect()
}
