//! The tree as text that parses to the same tree.

use crate::{Block, Statement, Tree, Value, Word};
use std::fmt;

const INDENT: usize = 2;

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.statements.iter().try_for_each(|statement| print(f, statement, 0))
    }
}

fn print(f: &mut fmt::Formatter<'_>, statement: &Statement, depth: usize) -> fmt::Result {
    write!(f, "{:width$}", "", width = depth * INDENT)?;
    match statement {
        Statement::Assignment(assignment) => writeln!(f, "{} = {}", assignment.option.text, assignment.value),
        Statement::Include(include) => {
            let keyword = if include.read_only { "readonly_include" } else { "include" };
            writeln!(f, "{keyword} {}", Quoted(&include.target.text))
        }
        Statement::Block(block) => print_block(f, block, depth),
    }
}

fn print_block(f: &mut fmt::Formatter<'_>, block: &Block, depth: usize) -> fmt::Result {
    f.write_str(&block.keyword.text)?;
    for word in [&block.path, &block.name].into_iter().flatten() {
        write!(f, " {}", Quoted(&word.text))?;
    }
    if block.body.is_empty() {
        return f.write_str(" {}\n");
    }
    f.write_str(" {\n")?;
    block.body.iter().try_for_each(|statement| print(f, statement, depth + 1))?;
    writeln!(f, "{:width$}}}", "", width = depth * INDENT)
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Scalar(word) => word.fmt(f),
            Value::List(words) if words.is_empty() => f.write_str("()"),
            Value::List(words) => {
                f.write_str("( ")?;
                words.iter().try_for_each(|word| write!(f, "{word} "))?;
                f.write_str(")")
            }
            Value::Dictionary(pairs) => {
                f.write_str("[ ")?;
                pairs.iter().try_for_each(|(key, value)| write!(f, "{key} = {value} "))?;
                f.write_str("]")
            }
        }
    }
}

/// Bare where nobody could take it for something else.
impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.:@%+*/-".contains(&byte);
        let bare = !self.text.is_empty() && self.text.bytes().all(plain) && !self.text.contains("/*");
        if bare { f.write_str(&self.text) } else { Quoted(&self.text).fmt(f) }
    }
}

/// As a string of the language.
pub(crate) fn quoted(text: &str) -> String {
    Quoted(text).to_string()
}

struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for piece in self.0.split_inclusive(['"', '\\', '\n', '\r', '\t']) {
            let special = piece.chars().next_back();
            let escaped = match special {
                Some('"') => "\\\"",
                Some('\\') => "\\\\",
                Some('\n') => "\\n",
                Some('\r') => "\\r",
                Some('\t') => "\\t",
                _ => {
                    f.write_str(piece)?;
                    continue;
                }
            };
            f.write_str(&piece[..piece.len() - 1])?;
            f.write_str(escaped)?;
        }
        f.write_str("\"")
    }
}
