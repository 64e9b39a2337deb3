//! A script's text, places in it, and what is said about them. Findings are the configuration's complaints:
//! one form of error for whoever writes a file of ours.

use config::{Complaint, Position, Severity, Spot};
use std::cell::RefCell;
use std::sync::Arc;

/// A stretch of a script, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    pub start: u32,
    pub end: u32,
}

impl Mark {
    pub fn new(start: usize, end: usize) -> Mark {
        Mark { start: start as u32, end: end as u32 }
    }

    pub fn to(self, end: Mark) -> Mark {
        Mark { start: self.start, end: end.end.max(self.start) }
    }
}

/// More findings than this help nobody; the rest of the script is not read.
const MOST_FINDINGS: usize = 20;
/// Characters of a source line that a finding shows.
const EXCERPT: usize = 100;

/// One file under compilation, with what was found in it.
pub(crate) struct Script<'a> {
    pub name: Arc<str>,
    pub text: &'a str,
    pub included_from: Vec<Position>,
    /// Where each line but the first starts.
    lines: Vec<u32>,
    findings: RefCell<Vec<Complaint>>,
}

impl<'a> Script<'a> {
    pub fn new(name: Arc<str>, text: &'a str, included_from: Vec<Position>) -> Self {
        let newlines = memchr::memchr_iter(b'\n', text.as_bytes());
        let lines = newlines.map(|newline| newline as u32 + 1).collect();
        Script { name, text, included_from, lines, findings: RefCell::default() }
    }

    pub fn line(&self, mark: Mark) -> u32 {
        self.lines.partition_point(|start| *start <= mark.start) as u32 + 1
    }

    pub fn position(&self, mark: Mark) -> Position {
        let column = self.before(mark).chars().count() as u32 + 1;
        Position { file: self.name.clone(), line: self.line(mark), column }
    }

    /// Something is wrong; `expected` completes "expected …".
    pub fn error(&self, mark: Mark, message: impl Into<String>, expected: Option<&str>) {
        self.find(Severity::Error, mark, message.into(), expected, None);
    }

    /// As `error`, with the name that may have been meant.
    pub fn unknown(&self, mark: Mark, message: String, meant: Option<&str>) {
        self.find(Severity::Error, mark, message, None, meant);
    }

    pub fn warning(&self, mark: Mark, message: impl Into<String>) {
        self.find(Severity::Warning, mark, message.into(), None, None);
    }

    pub fn is_hopeless(&self) -> bool {
        self.findings.borrow().len() >= MOST_FINDINGS
    }

    pub fn into_findings(self) -> Vec<Complaint> {
        let mut findings = self.findings.into_inner();
        findings.sort_by_key(|finding| {
            finding.place.as_ref().map(|spot| (spot.position.line, spot.position.column))
        });
        findings
    }

    fn find(
        &self,
        severity: Severity,
        mark: Mark,
        message: String,
        expected: Option<&str>,
        meant: Option<&str>,
    ) {
        let mut findings = self.findings.borrow_mut();
        if findings.len() >= MOST_FINDINGS {
            return;
        }
        let (expected, suggestion) = (expected.map(str::to_owned), meant.map(str::to_owned));
        findings.push(Complaint { expected, suggestion, ..self.made(severity, mark, message) });
    }

    /// A finding that may be given later.
    pub fn made(&self, severity: Severity, mark: Mark, message: String) -> Complaint {
        Complaint { severity, message, expected: None, suggestion: None, place: Some(self.spot(mark)) }
    }

    fn before(&self, mark: Mark) -> &'a str {
        let line = self.lines.partition_point(|start| *start <= mark.start);
        let start = line.checked_sub(1).map_or(0, |line| self.lines[line]);
        &self.text[start as usize..mark.start as usize]
    }

    fn spot(&self, mark: Mark) -> Spot {
        let before = self.before(mark);
        let start = mark.start as usize;
        let rest = self.text[start..].split(['\n', '\r']).next().unwrap_or("");
        let indent = before.chars().count();
        // A long line is cut so that the mark stays in sight.
        let hidden = indent.saturating_sub(EXCERPT * 3 / 4);
        let line = before.chars().chain(rest.chars());
        let excerpt =
            line.skip(hidden).take(EXCERPT).map(|shown| if shown == '\t' { ' ' } else { shown }).collect();
        let marked = &self.text[start..(mark.end as usize).clamp(start, start + rest.len())];
        let room = EXCERPT - (indent - hidden);
        Spot {
            position: self.position(mark),
            excerpt,
            indent: indent - hidden,
            width: marked.chars().count().clamp(1, room),
            included_from: self.included_from.clone(),
        }
    }
}
