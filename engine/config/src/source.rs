//! The files that were read, and places in them. A span is 12 bytes; lines and columns are counted only
//! when somebody asks.

use std::fmt;
use std::sync::Arc;

/// A stretch of one file, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    pub(crate) file: u32,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Span {
    pub(crate) fn new(file: u32, start: usize, end: usize) -> Self {
        Span { file, start: start as u32, end: end as u32 }
    }
}

/// A place as people name it; line and column count from one, the column in characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    pub file: Arc<str>,
    pub line: u32,
    pub column: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// The implicit base configuration is read first.
pub(crate) const BASE_FILE: u32 = 0;

#[derive(Debug)]
pub(crate) struct SourceFile {
    pub name: Arc<str>,
    pub text: Arc<str>,
    pub included_from: Option<Span>,
    pub read_only: bool,
}

/// All files of one load, in the order in which they were read.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    files: Vec<SourceFile>,
}

impl Sources {
    pub fn add(&mut self, file: SourceFile) -> u32 {
        self.files.push(file);
        self.files.len() as u32 - 1
    }

    pub fn file(&self, number: u32) -> &SourceFile {
        &self.files[number as usize]
    }

    /// The one that is read behind the base.
    pub fn master(&self) -> &SourceFile {
        &self.files[1]
    }

    pub fn files(&self) -> &[SourceFile] {
        &self.files
    }

    /// A file that was included a second time belongs to two places: no place may rewrite it.
    pub fn mark_read_only(&mut self, name: &str) {
        self.files.iter_mut().filter(|file| &*file.name == name).for_each(|file| file.read_only = true);
    }

    pub fn position(&self, span: Span) -> Position {
        let file = self.file(span.file);
        let before = &file.text[..span.start as usize];
        let line = memchr::memchr_iter(b'\n', before.as_bytes()).count() as u32 + 1;
        let column = before[line_start(before)..].chars().count() as u32 + 1;
        Position { file: file.name.clone(), line, column }
    }

    /// The whole line on which a span starts, and where in it the span lies, in bytes.
    pub fn line_of(&self, span: Span) -> (&str, std::ops::Range<usize>) {
        let text = &self.file(span.file).text;
        let start = line_start(&text[..span.start as usize]);
        let rest = &text[start..];
        let length = memchr::memchr2(b'\n', b'\r', rest.as_bytes()).unwrap_or(rest.len());
        let from = (span.start as usize - start).min(length);
        let to = (span.end as usize).saturating_sub(start).clamp(from, length);
        (&rest[..length], from..to)
    }
}

/// Where the lines of files begin, for who asks about many places.
#[derive(Default)]
pub(crate) struct Lines {
    starts: std::collections::HashMap<u32, Vec<u32>>,
}

impl Lines {
    /// As `Sources::position`.
    pub fn position(&mut self, sources: &Sources, span: Span) -> Position {
        let file = sources.file(span.file);
        let starts = self.starts.entry(span.file).or_insert_with(|| {
            let ends = memchr::memchr_iter(b'\n', file.text.as_bytes());
            std::iter::once(0).chain(ends.map(|end| end as u32 + 1)).collect()
        });
        let line = starts.partition_point(|start| *start <= span.start);
        let before = &file.text[starts[line - 1] as usize..span.start as usize];
        Position { file: file.name.clone(), line: line as u32, column: before.chars().count() as u32 + 1 }
    }
}

fn line_start(before: &str) -> usize {
    memchr::memrchr(b'\n', before.as_bytes()).map_or(0, |newline| newline + 1)
}
