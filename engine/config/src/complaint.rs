//! What is wrong with a configuration, in a form that needs no file beside it: the place, the line with the
//! spot marked, what was expected there, and how the file came to be read.

use crate::Position;
use std::fmt;

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
