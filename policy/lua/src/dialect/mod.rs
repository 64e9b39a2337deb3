//! Threaded Lua to the Lua of the virtual machine, by source translation (spec policy.md §7).
//!
//! Threaded Lua is Lua 5.1 with `!=`, octal numbers, `\x` and `\u` escapes and the operators `& | ^^ << >> ~a \`.
//! The law: a line of the translation is the line of the source.

mod grammar;
pub(crate) mod lexer;
mod operator;

pub use operator::FUNCTIONS;

use std::borrow::Cow;
use std::fmt;

/// What is wrong with a source, and at which line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    pub line: usize,
    pub what: Cow<'static, str>,
}

/// `12: 'end' expected near '<eof>'`; the caller puts the file before it.
impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.what)
    }
}

/// Sources are site policy, read into memory whole.
const LARGEST: usize = 4 << 20;

/// A chunk which, called with the operator functions (`FUNCTIONS`), returns the source as a function.
pub fn translate(source: &str) -> Result<String, SyntaxError> {
    if source.len() > LARGEST {
        return Err(SyntaxError { line: 1, what: "a script is at most 4 MiB".into() });
    }
    let mut grammar = grammar::Grammar::new(source, lexer::tokens(source)?);
    grammar.chunk()?;
    let (tokens, before, after) = grammar.into_tokens();
    let mut out = format!("local {} = ... return function(...) ", FUNCTIONS.join(","));
    let mut end = if source.starts_with('#') { source.find('\n').unwrap_or(source.len()) } else { 0 };
    for (index, token) in tokens.iter().enumerate() {
        out.push_str(&source[end..token.range.start]);
        out.push_str(&before[index]);
        out.push_str(token.written.as_deref().unwrap_or(&source[token.range.clone()]));
        out.push_str(&after[index]);
        end = token.range.end;
    }
    out.push_str("\nend");
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The translation without what surrounds every chunk.
    fn body(source: &str) -> String {
        let text = translate(source).unwrap_or_else(|error| panic!("{source}: {error}"));
        let start = text.find("function(...) ").unwrap() + "function(...) ".len();
        text[start..text.len() - "\nend".len()].to_owned()
    }

    #[test]
    fn what_only_the_dialect_has_is_rewritten_and_the_rest_stays_as_it_is() {
        for (source, expected) in [
            ("return a != b", "return a ~= b"),
            ("return 0644, 0, 0.5, 0x1F, 1e-3", "return 420, 0, 0.5, 0x1F, 1e-3"),
            (r#"return "\x41\u00e9\u01f600""#, r#"return "\x41\195\169\240\159\152\128""#),
            (r#"return '\.\z\$\"\n\65'"#, r#"return '.z$\"\n\065'"#),
            ("return a | b", "return __or(a , b)"),
            ("return a | b & c", "return __and(__or(a , b) , c)"),
            ("return a | b << 2", "return __or(a , __shl(b , 2))"),
            ("return a + b & c", "return __and(a + b , c)"),
            ("return a .. b ^^ c", "return a .. __xor(b , c)"),
            ("return a | b == c", "return __or(a , b) == c"),
            ("return ~a", "return __not(a)"),
            ("return ~a & b", "return __and(__not(a) , b)"),
            ("return -a \\ 2", "return __intdiv(-a , 2)"),
            ("return a ^ b \\ 2 ^ c", "return __intdiv(a ^ b , 2 ^ c)"),
            ("x = f(a >> 1, {1 & 2, k = 3 | 4})", "x = f(__shr(a , 1), {__and(1 , 2), k = __or(3 , 4)})"),
            ("return (a | b):c 'd' [e & 1]", "return (__or(a , b)):c 'd' [__and(e , 1)]"),
            ("-- a | b\nreturn [[a != b]] --[==[ ]] ]==] ", "-- a | b\nreturn [[a != b]] --[==[ ]] ]==] "),
            ("#!/usr/bin/lua\nreturn 1", "\nreturn 1"),
            (
                "function f(...) return arg.n end",
                "function f(...) local arg={n=select(\"#\",...),...}; return arg.n end",
            ),
            ("function f(...) return t.arg end", "function f(...) return t.arg end"),
            ("for k, v in obj do end", "for k, v in obj do end"),
        ] {
            assert_eq!(body(source), expected);
        }
    }

    #[test]
    fn lines_are_kept() {
        let source = "local a = \"x\\\ny\"\r\nif a != 2 then\n --[[\n]] return ~\na |\n 2 end\n\n";
        assert_eq!(body(source).matches('\n').count(), source.matches('\n').count());
        assert_eq!(body("f(1)\ng(a &\nb)").lines().nth(1), Some("g(__and(a ,"));
    }

    #[test]
    fn errors_say_where_and_what_was_expected() {
        for (source, line, what) in [
            ("x = = 1", 1, "unexpected symbol near '='"),
            ("if a then\n\n", 3, "'end' expected (to close 'if' at line 1) near '<eof>'"),
            ("local x = 08", 1, "malformed number near '08': a leading 0 makes it octal"),
            ("return 1_000", 1, "malformed number near '1_000'"),
            ("return 0b11", 1, "malformed number near '0b11'"),
            ("\n\nx = 'abc\n'", 3, "unfinished string"),
            (r"x = '\xg0'", 1, "expected two hex digits after \\x"),
            (r"x = '\u12'", 1, "expected 4, 6 or 8 hex digits of a Unicode character after \\u"),
            (r"x = '\300'", 1, "escape sequence too large"),
            ("x = [[abc", 1, "unfinished long string"),
            ("a = 1 +", 1, "unexpected symbol near '<eof>'"),
            ("a += 1", 1, "'=' expected near '+'"),
            ("continue", 1, "'=' expected near '<eof>'"),
            ("f() = 1", 1, "syntax error near '='"),
            ("local f\nf\n(a or b)()", 3, "ambiguous syntax (function call x new statement) near '('"),
            ("function f() return ... end", 1, "cannot use '...' outside a vararg function near '...'"),
            ("for i do end", 1, "'=' or 'in' expected near 'do'"),
            ("return 1; x = 2", 1, "'<eof>' expected near 'x'"),
            ("x = a ? b", 1, "unexpected symbol near '?'"),
            ("x = `a`", 1, "unexpected character '`'"),
        ] {
            let error = translate(source).unwrap_err();
            assert_eq!((error.line, &*error.what), (line, what), "{source}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        for (open, close) in [("(", ")"), ("{", "}"), ("- ", ""), ("a .. ", ""), ("f(function() ", " end)")] {
            let source = format!("x = {}1{}", open.repeat(5000), close.repeat(5000));
            assert_eq!(translate(&source).unwrap_err().what, "chunk has too many syntax levels", "{open}");
        }
    }
}
