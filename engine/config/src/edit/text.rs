//! Files as texts that are changed in a few places and keep their comments and their layout.

use std::ops::Range;

/// Columns that a stanza's body is indented.
const INDENT: &str = "  ";

/// Replaces stretches, which do not overlap.
pub(super) fn replaced(text: &str, mut edits: Vec<(Range<usize>, String)>) -> String {
    edits.sort_by_key(|(range, _)| range.start);
    edits.dedup_by(|one, other| one.0 == other.0);
    let mut result = String::with_capacity(text.len());
    let mut at = 0;
    for (range, new) in edits {
        result.push_str(&text[at..range.start]);
        result.push_str(&new);
        at = range.end;
    }
    result.push_str(&text[at..]);
    result
}

/// An assignment with another value: its name and its `=` stay as they were written.
pub(super) fn with_value(statement: &str, value: &str) -> String {
    let name = statement.find(|shown: char| shown.is_whitespace() || "=([".contains(shown));
    let name = name.unwrap_or(statement.len());
    let rest = &statement[name..];
    let blanks = rest.len() - rest.trim_start().len();
    let sign = match rest.trim_start().strip_prefix('=') {
        Some(after) => blanks + 1 + (after.len() - after.trim_start().len()),
        None => return format!("{} = {value}", &statement[..name]),
    };
    format!("{}{value}", &statement[..name + sign])
}

/// What goes with a statement that is taken out: the blanks behind it, and the line if nothing else is on it.
pub(super) fn with_line(text: &str, range: Range<usize>) -> Range<usize> {
    let line_start = text[..range.start].rfind('\n').map_or(0, |newline| newline + 1);
    let line_end = text[range.end..].find('\n').map_or(text.len(), |length| range.end + length);
    let alone =
        text[line_start..range.start].trim().is_empty() && text[range.end..line_end].trim().is_empty();
    if alone {
        return line_start..(line_end + 1).min(text.len());
    }
    let blanks =
        text[range.end..line_end].len() - text[range.end..line_end].trim_start_matches([' ', '\t']).len();
    range.start..range.end + blanks
}

/// A statement at the end of a stanza whose closing brace stands at `brace`.
pub(super) fn into_stanza(text: &str, brace: usize, statement: &str) -> (Range<usize>, String) {
    let line_start = text[..brace].rfind('\n').map_or(0, |newline| newline + 1);
    let before = &text[line_start..brace];
    if !before.trim().is_empty() {
        let blank = if before.ends_with([' ', '\t']) { "" } else { " " };
        return (brace..brace, format!("{blank}{statement} "));
    }
    let lines = statement.lines().map(|line| format!("{before}{INDENT}{line}\n"));
    (line_start..line_start, lines.collect())
}

/// A statement at the end of a file.
pub(super) fn at_end(text: &str, statement: &str) -> String {
    let newline = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    format!("{text}{newline}{statement}\n")
}

/// `Scope "name" {` … around a statement, one level for each header.
pub(super) fn inside(headers: &[String], statement: &str) -> String {
    let mut result = statement.to_owned();
    for header in headers.iter().rev() {
        let body: String = result.lines().map(|line| format!("{INDENT}{line}\n")).collect();
        result = format!("{header} {{\n{body}}}");
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_value_of_an_assignment_changes() {
        for (statement, expected) in [
            ("retry = 5", "retry = 9"),
            ("Retry   =   ( a\n b )", "Retry   =   9"),
            ("retry=5", "retry=9"),
            ("context [ a = b ]", "context = 9"),
            ("hosts ( a )", "hosts = 9"),
        ] {
            assert_eq!(with_value(statement, "9"), expected);
        }
    }

    #[test]
    fn a_statement_goes_with_its_line_and_leaves_comments() {
        for (text, statement, left) in [
            ("a = 1\nb = 2\nc = 3\n", "b = 2", "a = 1\nc = 3\n"),
            ("  b = 2", "b = 2", ""),
            ("a = 1  b = 2  c = 3\n", "b = 2", "a = 1  c = 3\n"),
            ("b = 2 # why\n", "b = 2", "# why\n"),
            ("{ b = 2 }", "b = 2", "{ }"),
        ] {
            let start = text.find(statement).expect("it is there");
            let range = with_line(text, start..start + statement.len());
            assert_eq!(replaced(text, vec![(range, String::new())]), left, "{text}");
        }
    }

    #[test]
    fn a_new_statement_stands_as_the_others_do() {
        for (text, expected) in [
            ("d x {\n  a = 1\n}\n", "d x {\n  a = 1\n  b = 2\n}\n"),
            ("g y {\n  d x {\n  }\n}\n", "g y {\n  d x {\n    b = 2\n  }\n}\n"),
            ("d x { a = 1 }", "d x { a = 1 b = 2 }"),
            ("d x {}", "d x { b = 2 }"),
            ("d x {\n a = 1 }", "d x {\n a = 1 b = 2 }"),
        ] {
            let edit = into_stanza(text, text.find('}').expect("a brace"), "b = 2");
            assert_eq!(replaced(text, vec![edit]), expected);
        }
        assert_eq!(at_end("# end", "b = 2"), "# end\nb = 2\n");
        let headers = ["Binding \"v\"".to_owned(), "Domain \"x\"".to_owned()];
        assert_eq!(inside(&headers, "b = 2"), "Binding \"v\" {\n  Domain \"x\" {\n    b = 2\n  }\n}");
    }
}
