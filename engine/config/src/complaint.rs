//! What is wrong with a configuration, in a form that needs no file beside it: the place, the line with the
//! spot marked, what was expected there, and how the file came to be read.

use crate::source::{Sources, Span};
use crate::{Expected, Position};
use std::fmt;

/// Source lines are shown up to this many characters around the spot.
const WIDEST_EXCERPT: usize = 120;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The configuration is rejected.
    Error,
    /// It is taken, but probably does not say what was meant.
    Warning,
    /// There is a newer way to say it.
    Note,
}

impl Severity {
    pub const fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    pub severity: Severity,
    pub message: String,
    /// Completes "expected …".
    pub expected: Option<String>,
    /// Completes "did you mean '…'?".
    pub suggestion: Option<String>,
    pub place: Option<Spot>,
}

/// Where a complaint points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    pub position: Position,
    /// The source line, cut to a readable width around the spot.
    pub excerpt: String,
    /// Characters of the excerpt before the mark, and under it.
    pub indent: usize,
    pub width: usize,
    /// The include statements that led here, innermost first.
    pub included_from: Vec<Position>,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.severity.name(), self.message)?;
        let Some(spot) = &self.place else { return self.hints(f, "; ") };
        let number = spot.position.line.to_string();
        let margin = number.len();
        write!(f, "\n{:margin$}--> {}", "", spot.position)?;
        write!(f, "\n{:margin$} |\n{number} | {}\n", "", spot.excerpt)?;
        write!(
            f,
            "{:margin$} | {:indent$}{:^<width$}",
            "",
            "",
            "",
            indent = spot.indent,
            width = spot.width
        )?;
        self.hints(f, " ")?;
        spot.included_from.iter().try_for_each(|from| write!(f, "\n{:margin$} = included from {from}", ""))
    }
}

impl Complaint {
    fn hints(&self, f: &mut fmt::Formatter<'_>, mut separator: &str) -> fmt::Result {
        if let Some(expected) = &self.expected {
            write!(f, "{separator}expected {expected}")?;
            separator = "; ";
        }
        match &self.suggestion {
            Some(suggestion) => write!(f, "{separator}did you mean '{suggestion}'?"),
            None => Ok(()),
        }
    }

    /// One line, as the panic log wants it.
    pub fn line(&self) -> String {
        let place = self.place.as_ref().map(|spot| format!("{}: ", spot.position)).unwrap_or_default();
        let bare = Complaint { place: None, ..self.clone() };
        format!("{place}{bare}")
    }
}

impl std::error::Error for Complaint {}

/// A complaint in the making: it knows its span, not yet its line.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
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
        self.expected(expected.what)
    }

    pub fn suggesting(self, suggestion: Option<impl Into<String>>) -> Self {
        Fault { suggestion: suggestion.map(Into::into), ..self }
    }

    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
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
    // A tab would shift the mark away from its word.
    let excerpt = before.into_iter().rev().chain(after).map(|shown| if shown == '\t' { ' ' } else { shown });
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

/// For complaints about whole files: there is no line to show.
pub(crate) fn about_file(file: &str, message: String) -> Complaint {
    placeless(format!("{file}: {message}"))
}

/// The last complaint, when there are too many.
pub(crate) fn about_rest(most: usize) -> Complaint {
    placeless(format!("there are more than {most} errors; the rest was not read"))
}

fn placeless(message: String) -> Complaint {
    Complaint { severity: Severity::Error, message, expected: None, suggestion: None, place: None }
}
