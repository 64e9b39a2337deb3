//! What the operator typed: a line, and the words of a line (spec console.md §3).
//!
//! The law: nothing is guessed. A line that could be read in two ways is a mistake, not a command.

use std::fmt;
use std::ops::Range;

/// Bytes of a line, without its end.
pub const LINE_LIMIT: usize = 8 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// The connection must be closed: where the next line begins is not known.
    LineTooLong,
    NotText,
    OpenQuote,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mistake::LineTooLong => write!(f, "a line has at most {LINE_LIMIT} bytes"),
            Mistake::NotText => f.write_str("a line is UTF-8 text without control characters"),
            Mistake::OpenQuote => f.write_str("a quote is not closed"),
        }
    }
}

impl std::error::Error for Mistake {}

/// The words of a line: separated by blanks, which double quotes protect, as they protect `#`. Within
/// quotes a backslash protects quote and backslash. An unquoted `#` at the start of a word ends the line.
pub fn words(line: &str) -> Result<Vec<String>, Mistake> {
    Ok(placed_words(line)?.into_iter().map(|(word, _)| word).collect())
}

/// The words, and where in the line each stands.
pub(crate) fn placed_words(line: &str) -> Result<Vec<(String, Range<usize>)>, Mistake> {
    if line.len() > LINE_LIMIT {
        return Err(Mistake::LineTooLong);
    }
    if line.chars().any(|c| c.is_control() && c != '\t') {
        return Err(Mistake::NotText);
    }
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() && !rest.starts_with('#') {
        let (word, after) = word(rest)?;
        let start = line.len() - rest.len();
        words.push((word, start..line.len() - after.len()));
        rest = after.trim_start();
    }
    Ok(words)
}

/// The first word of `text`, which starts with one, and what follows. `a"b c"d` is one word.
fn word(text: &str) -> Result<(String, &str), Mistake> {
    let mut word = String::new();
    let mut is_quoted = false;
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => is_quoted = !is_quoted,
            '\\' if is_quoted => {
                let (_, next) = characters.next().ok_or(Mistake::OpenQuote)?;
                // A pattern such as "\d" needs no second backslash.
                word.extend((!matches!(next, '"' | '\\')).then_some('\\'));
                word.push(next);
            }
            c if c.is_whitespace() && !is_quoted => return Ok((word, &text[at..])),
            c => word.push(c),
        }
    }
    if is_quoted { Err(Mistake::OpenQuote) } else { Ok((word, "")) }
}

/// The lines of one connection, as the bytes come in.
#[derive(Debug, Default)]
pub struct Lines {
    bytes: Vec<u8>,
}

impl Lines {
    pub fn read(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole line without its end; none until more is read. Take all before reading more: what
    /// waits is bounded by the line limit and one read.
    pub fn next_line(&mut self) -> Option<Result<String, Mistake>> {
        let Some(end) = self.bytes.iter().position(|byte| *byte == b'\n') else {
            // One more for the CR that may be the last byte so far.
            return (self.bytes.len() > LINE_LIMIT + 1).then_some(Err(Mistake::LineTooLong));
        };
        let mut line: Vec<u8> = self.bytes.drain(..=end).collect();
        line.pop();
        line.pop_if(|byte| *byte == b'\r');
        if line.len() > LINE_LIMIT {
            return Some(Err(Mistake::LineTooLong));
        }
        Some(String::from_utf8(line).map_err(|_| Mistake::NotText))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_falls_into_words() {
        let long = "x".repeat(LINE_LIMIT + 1);
        for (line, expected) in [
            ("", Ok(vec![])),
            (" \t ", Ok(vec![])),
            ("# a note", Ok(vec![])),
            ("summary", Ok(vec!["summary"])),
            ("  flush   domain\talpha.example ", Ok(vec!["flush", "domain", "alpha.example"])),
            ("fail domain a \"two words\" # note", Ok(vec!["fail", "domain", "a", "two words"])),
            ("say \"#1\" a#b", Ok(vec!["say", "#1", "a#b"])),
            ("a\"b c\"d \"\"", Ok(vec!["ab cd", ""])),
            (r#""a \"b\" \\ \d""#, Ok(vec![r#"a "b" \ \d"#])),
            (r"bare\back", Ok(vec![r"bare\back"])),
            ("gr\u{fc}\u{df}e \"\u{fc} \u{fc}\"", Ok(vec!["gr\u{fc}\u{df}e", "\u{fc} \u{fc}"])),
            ("open \"quote", Err(Mistake::OpenQuote)),
            ("open \"quote\\", Err(Mistake::OpenQuote)),
            ("bell\u{7}", Err(Mistake::NotText)),
            ("two\nlines", Err(Mistake::NotText)),
            (&long, Err(Mistake::LineTooLong)),
        ] {
            let expected = expected.map(|words| words.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(words(line), expected, "{line:?}");
        }
    }

    #[test]
    fn lines_come_out_whole_however_the_bytes_came_in() {
        let bytes = b"summary\r\nmailq --limit 2\n\n\xff\npid";
        for size in 1..=bytes.len() {
            let mut lines_in = Lines::default();
            let mut lines = Vec::new();
            for piece in bytes.chunks(size) {
                lines_in.read(piece);
                lines.extend(std::iter::from_fn(|| lines_in.next_line()));
            }
            let ok = |line: &str| Ok(line.to_owned());
            assert_eq!(lines, [ok("summary"), ok("mailq --limit 2"), ok(""), Err(Mistake::NotText)]);
        }
    }

    #[test]
    fn an_endless_line_is_noticed_before_it_ends() {
        let mut lines_in = Lines::default();
        lines_in.read(&[b'x'; LINE_LIMIT + 1]);
        assert_eq!(lines_in.next_line(), None);
        lines_in.read(b"x");
        assert_eq!(lines_in.next_line(), Some(Err(Mistake::LineTooLong)));
    }
}
