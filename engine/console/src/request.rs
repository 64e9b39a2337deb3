//! A line understood: the command, its operands, and the clauses that all commands share (console.md §3).
//!
//! The law: a clause that a command does not take is a mistake, never a part of a note: nobody who asks for a
//! dry run gets the real thing.

use crate::command::{Command, UnknownCommand, find};
use crate::line::{Mistake, placed_words};
use std::fmt;

/// What is asked of the server. Shards get it as it is.
#[derive(Clone, Debug)]
pub struct Request {
    /// As it was typed, without the `--format` clause: what authorisation tests and acctlog shows.
    pub line: String,
    pub command: &'static Command,
    /// Of a command that a module has: the instance that was named.
    pub instance: Option<String>,
    /// What followed the name, without the shared clauses.
    pub operands: Vec<String>,
    pub filter: Option<Filter>,
    pub dry_run: bool,
    pub format: Format,
    /// Who asks, as acctlog names them.
    pub user: String,
}

/// `--meta` or `--header`: which messages are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// A variable of the message context, else of the connection context, has exactly this value.
    Meta { key: String, value: String },
    /// A physical line of this field, in the header of the first part, is exactly this.
    Header { name: String, line: String },
}

/// How the answer is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    #[default]
    Text,
    Json,
}

/// Why a line is no request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoRequest {
    /// Nothing but blanks or a comment.
    Empty,
    Line(Mistake),
    Unknown(UnknownCommand),
    Clause(String),
}

impl fmt::Display for NoRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoRequest::Empty => f.write_str("no command"),
            NoRequest::Line(mistake) => mistake.fmt(f),
            NoRequest::Unknown(unknown) => unknown.fmt(f),
            NoRequest::Clause(problem) => f.write_str(problem),
        }
    }
}

impl std::error::Error for NoRequest {}

impl Request {
    /// Reads a line that `user` has typed.
    pub fn parse(list: &[&'static Command], line: &str, user: &str) -> Result<Request, NoRequest> {
        let mut placed = placed_words(line).map_err(NoRequest::Line)?;
        let mut line = line.to_owned();
        let format = take_format(&mut placed, &mut line)?.unwrap_or_default();
        let mut words: Vec<String> = placed.into_iter().map(|(word, _)| word).collect();
        if words.is_empty() {
            return Err(NoRequest::Empty);
        }
        let named = find(list, &words).map_err(NoRequest::Unknown)?;
        let (command, instance) = (named.command, named.instance.map(str::to_owned));
        let mut operands = words.split_off(named.length);
        let dry_run = take_dry_run(command, &mut operands)?;
        let filter = take_filter(command, &mut operands)?;
        let line = line.trim().to_owned();
        Ok(Request { line, command, instance, operands, filter, dry_run, format, user: user.to_owned() })
    }
}

type Placed = (String, std::ops::Range<usize>);

/// `--format text|json`, anywhere; it is cut out of the line too.
fn take_format(placed: &mut Vec<Placed>, line: &mut String) -> Result<Option<Format>, NoRequest> {
    let is_clause = |word: &str| word == "--format" || word.starts_with("--format=");
    let Some(at) = placed.iter().position(|(word, _)| is_clause(word)) else { return Ok(None) };
    let (value, last) = match placed[at].0.split_once('=') {
        Some((_, value)) => (Some(value.to_owned()), at),
        None => (placed.get(at + 1).map(|(word, _)| word.clone()), at + 1),
    };
    let format = match value.as_deref() {
        Some("text") => Format::Text,
        Some("json") => Format::Json,
        _ => return Err(NoRequest::Clause("--format is followed by text or json".into())),
    };
    let (start, end) = (placed[at].1.start, placed[last].1.end);
    line.replace_range(start..end, "");
    placed.drain(at..=last);
    Ok(Some(format))
}

fn take_dry_run(command: &Command, operands: &mut Vec<String>) -> Result<bool, NoRequest> {
    let before = operands.len();
    operands.retain(|word| word != "--dry-run");
    let asked = operands.len() < before;
    if asked && !command.takes_dry_run {
        return Err(NoRequest::Clause(format!("{} has no dry run", command.name)));
    }
    Ok(asked)
}

fn take_filter(command: &Command, operands: &mut Vec<String>) -> Result<Option<Filter>, NoRequest> {
    let is_filter = |word: &String| word == "--meta" || word == "--header";
    let Some(at) = operands.iter().position(is_filter) else { return Ok(None) };
    let switch = operands[at].clone();
    let problem = |problem: &str| Err(NoRequest::Clause(format!("{switch} {problem}")));
    if !command.takes_filter {
        return problem(&format!("is nothing that {} takes", command.name));
    }
    if at > 0 {
        return problem("stands directly after the command");
    }
    if operands.len() < 3 {
        return problem(if switch == "--meta" {
            "needs a key and a value"
        } else {
            "needs a name and a line"
        });
    }
    let mut words = operands.drain(..3).skip(1);
    let (key, value) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    drop(words);
    if operands.iter().any(is_filter) {
        return problem("may stand once, alone");
    }
    Ok(Some(match &*switch {
        "--meta" => Filter::Meta { key, value },
        _ => Filter::Header { name: key, line: value },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::tests::LIST;

    fn parsed(line: &str) -> Result<Request, NoRequest> {
        Request::parse(&LIST, line, "ann")
    }

    #[test]
    fn the_clauses_are_taken_out_and_the_rest_are_operands() {
        let meta = |key: &str, value: &str| Some(Filter::Meta { key: key.into(), value: value.into() });
        let header = |name: &str, line: &str| Some(Filter::Header { name: name.into(), line: line.into() });
        for (line, operands, filter, dry_run, format) in [
            ("summary", vec![], None, false, Format::Text),
            ("summary --format json", vec![], None, false, Format::Json),
            ("--format=json summary", vec![], None, false, Format::Json),
            (
                "fail domain a.example --dry-run no note",
                vec!["a.example", "no", "note"],
                None,
                true,
                Format::Text,
            ),
            (
                "fail domain --meta k \"v w\" a.example",
                vec!["a.example"],
                meta("k", "v w"),
                false,
                Format::Text,
            ),
            (
                "fail domain --dry-run --header Subject \"Subject: x\" a.example",
                vec!["a.example"],
                header("Subject", "Subject: x"),
                true,
                Format::Text,
            ),
        ] {
            let request = parsed(line).expect("a request");
            assert_eq!(request.operands, operands, "{line}");
            assert_eq!(
                (request.filter, request.dry_run, request.format),
                (filter, dry_run, format),
                "{line}"
            );
        }
    }

    #[test]
    fn authorisation_sees_the_line_without_the_clause_of_the_client() {
        for (line, seen) in [
            ("summary --format json", "summary"),
            ("--format json  flush domain  \"a\"", "flush domain  \"a\""),
            ("fail domain a --dry-run", "fail domain a --dry-run"),
        ] {
            assert_eq!(parsed(line).expect("a request").line, seen);
        }
    }

    #[test]
    fn a_clause_in_the_wrong_place_is_a_mistake_and_no_note() {
        for (line, problem) in [
            ("", "no command"),
            ("# nothing", "no command"),
            ("--format json", "no command"),
            ("summary --format", "--format is followed by text or json"),
            ("summary --format=xml", "--format is followed by text or json"),
            ("flush domain a --dry-run", "flush domain has no dry run"),
            ("flush domain --meta k v a", "--meta is nothing that flush domain takes"),
            ("fail domain a --meta k v", "--meta stands directly after the command"),
            ("fail domain --meta k", "--meta needs a key and a value"),
            ("fail domain --header k", "--header needs a name and a line"),
            ("fail domain --meta k v --header a b c", "--meta may stand once, alone"),
            ("fail \"domain", "a quote is not closed"),
            ("nothing", "Unknown command: nothing. Try help."),
        ] {
            assert_eq!(parsed(line).expect_err("no request").to_string(), problem, "{line}");
        }
    }
}
