//! The grammar of Threaded Lua: checks a source and notes what is written around its tokens.
//!
//! The law: recursion and the size of the source are bounded, and errors are Lua's, with the line.

use super::lexer::{Kind, Token};
use super::{SyntaxError, operator};

/// Deeper nesting than this is refused, as Lua's own compiler does (LUAI_MAXCCALLS).
const DEPTH: usize = 180;

pub struct Grammar<'s> {
    source: &'s str,
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    /// Text before and after each token.
    pub before: Vec<String>,
    pub after: Vec<String>,
    /// Whether the function being read takes `...`.
    varargs: Vec<bool>,
}

type Read = Result<(), SyntaxError>;

impl<'s> Grammar<'s> {
    pub fn new(source: &'s str, tokens: Vec<Token>) -> Self {
        let none = vec![String::new(); tokens.len()];
        Grammar { source, at: 0, depth: 0, before: none.clone(), after: none, varargs: vec![true], tokens }
    }

    pub fn chunk(&mut self) -> Read {
        self.block()?;
        if self.kind() == Kind::End { Ok(()) } else { self.unexpected("<eof>") }
    }

    pub fn into_tokens(self) -> (Vec<Token>, Vec<String>, Vec<String>) {
        (self.tokens, self.before, self.after)
    }

    fn kind(&self) -> Kind {
        self.tokens[self.at].kind
    }

    fn text(&self) -> &'s str {
        &self.source[self.tokens[self.at].range.clone()]
    }

    fn line(&self) -> usize {
        self.tokens[self.at].line
    }

    /// Whether this keyword or operator stands here.
    fn is(&self, text: &str) -> bool {
        matches!(self.kind(), Kind::Keyword | Kind::Operator) && self.text() == text
    }

    fn accept(&mut self, text: &str) -> bool {
        let here = self.is(text);
        self.at += usize::from(here);
        here
    }

    fn unexpected(&self, wanted: &str) -> Read {
        let near = if self.kind() == Kind::End { "<eof>" } else { self.text() };
        let near: String = near.chars().take(40).collect();
        Err(SyntaxError { line: self.line(), what: format!("'{wanted}' expected near '{near}'").into() })
    }

    fn expect(&mut self, text: &str) -> Read {
        if self.accept(text) { Ok(()) } else { self.unexpected(text) }
    }

    /// The end of what a keyword on an earlier line opened.
    fn close(&mut self, text: &str, opened_by: &str, line: usize) -> Read {
        if self.accept(text) {
            return Ok(());
        }
        let place = if line == self.line() {
            String::new()
        } else {
            format!(" (to close '{opened_by}' at line {line})")
        };
        let Err(mut error) = self.unexpected(text) else { return Ok(()) };
        error.what = error.what.replacen("expected", &format!("expected{place}"), 1).into();
        Err(error)
    }

    fn name(&mut self) -> Read {
        if self.kind() != Kind::Name {
            return self.unexpected("<name>");
        }
        self.at += 1;
        Ok(())
    }

    fn deeper(&mut self, read: impl FnOnce(&mut Self) -> Read) -> Read {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(SyntaxError { line: self.line(), what: "chunk has too many syntax levels".into() });
        }
        read(self)?;
        self.depth -= 1;
        Ok(())
    }

    fn block(&mut self) -> Read {
        self.deeper(|grammar| {
            loop {
                if grammar.kind() == Kind::End
                    || ["else", "elseif", "end", "until"].iter().any(|close| grammar.is(close))
                {
                    return Ok(());
                }
                let last = grammar.statement()?;
                grammar.accept(";");
                if last {
                    return Ok(());
                }
            }
        })
    }

    /// One statement; whether it must be the last of its block.
    fn statement(&mut self) -> Result<bool, SyntaxError> {
        let line = self.line();
        let keyword = if self.kind() == Kind::Keyword { self.text() } else { "" };
        match keyword {
            "if" => self.if_statement(line)?,
            "while" => {
                self.at += 1;
                self.expression(0)?;
                self.expect("do")?;
                self.block()?;
                self.close("end", "while", line)?;
            }
            "do" => {
                self.at += 1;
                self.block()?;
                self.close("end", "do", line)?;
            }
            "for" => self.for_statement(line)?,
            "repeat" => {
                self.at += 1;
                self.block()?;
                self.close("until", "repeat", line)?;
                self.expression(0)?;
            }
            "function" => {
                self.at += 1;
                self.name()?;
                while self.accept(".") {
                    self.name()?;
                }
                if self.accept(":") {
                    self.name()?;
                }
                self.function_body(line)?;
            }
            "local" => self.local_statement(line)?,
            "return" => {
                self.at += 1;
                let ends = ["else", "elseif", "end", "until", ";"].iter().any(|close| self.is(close));
                if !ends && self.kind() != Kind::End {
                    self.expressions()?;
                }
                return Ok(true);
            }
            "break" => {
                self.at += 1;
                return Ok(true);
            }
            _ => self.expression_statement()?,
        }
        Ok(false)
    }

    fn if_statement(&mut self, line: usize) -> Read {
        loop {
            self.at += 1;
            self.expression(0)?;
            self.expect("then")?;
            self.block()?;
            if !self.is("elseif") {
                break;
            }
        }
        if self.accept("else") {
            self.block()?;
        }
        self.close("end", "if", line)
    }

    fn for_statement(&mut self, line: usize) -> Read {
        self.at += 1;
        self.name()?;
        if self.accept("=") {
            self.expression(0)?;
            self.expect(",")?;
            self.expression(0)?;
            if self.accept(",") {
                self.expression(0)?;
            }
        } else {
            while self.accept(",") {
                self.name()?;
            }
            if !self.accept("in") {
                return self.unexpected("=' or 'in");
            }
            self.expressions()?;
        }
        self.expect("do")?;
        self.block()?;
        self.close("end", "for", line)
    }

    fn local_statement(&mut self, line: usize) -> Read {
        self.at += 1;
        if self.accept("function") {
            self.name()?;
            return self.function_body(line);
        }
        self.name()?;
        while self.accept(",") {
            self.name()?;
        }
        if self.accept("=") { self.expressions() } else { Ok(()) }
    }

    /// A call, or an assignment.
    fn expression_statement(&mut self) -> Read {
        let mut last = self.suffixed()?;
        if last == Last::Call && !self.is("=") && !self.is(",") {
            return Ok(());
        }
        while last == Last::Place && self.accept(",") {
            last = self.suffixed()?;
        }
        if last != Last::Place {
            return Err(SyntaxError {
                line: self.line(),
                what: format!("syntax error near '{}'", self.text().chars().take(40).collect::<String>())
                    .into(),
            });
        }
        self.expect("=")?;
        self.expressions()
    }

    fn expressions(&mut self) -> Read {
        self.expression(0)?;
        while self.accept(",") {
            self.expression(0)?;
        }
        Ok(())
    }

    /// Operators that bind tighter than `limit` on the right; Lua's precedence with the dialect's additions.
    fn expression(&mut self, limit: u8) -> Read {
        self.deeper(|grammar| {
            let start = grammar.at;
            if ["not", "-", "#", "~"].iter().any(|unary| grammar.is(unary)) {
                let complement = grammar.is("~");
                grammar.at += 1;
                grammar.expression(operator::UNARY)?;
                if complement {
                    grammar.call(operator::COMPLEMENT, start, start, None);
                }
            } else {
                grammar.simple()?;
            }
            while let Some(binary) = grammar.binary().filter(|binary| binary.left > limit) {
                let place = grammar.at;
                grammar.at += 1;
                grammar.expression(binary.right)?;
                if let Some(function) = binary.function {
                    grammar.call(function, start, place, Some(","));
                }
            }
            Ok(())
        })
    }

    fn binary(&self) -> Option<&'static operator::Binary> {
        matches!(self.kind(), Kind::Keyword | Kind::Operator)
            .then(|| operator::BINARY.iter().find(|binary| binary.text == self.text()))?
    }

    /// Writes `function(` before `start`, `separator` in place of the operator and `)` after what was read.
    fn call(&mut self, function: &str, start: usize, place: usize, separator: Option<&str>) {
        self.before[start].insert_str(0, &format!("{function}("));
        self.tokens[place].written = Some(separator.unwrap_or("").to_owned());
        self.after[self.at - 1].push(')');
    }

    fn simple(&mut self) -> Read {
        let line = self.line();
        match self.kind() {
            Kind::Number | Kind::Text => self.at += 1,
            Kind::Keyword if ["nil", "true", "false"].contains(&self.text()) => self.at += 1,
            Kind::Keyword if self.accept("function") => return self.function_body(line),
            Kind::Operator if self.is("{") => return self.table(),
            Kind::Operator if self.is("...") => {
                if self.varargs.last() != Some(&true) {
                    let what = "cannot use '...' outside a vararg function near '...'".into();
                    return Err(SyntaxError { line, what });
                }
                self.at += 1;
            }
            _ => {
                self.suffixed()?;
            }
        }
        Ok(())
    }

    /// A name or a parenthesis, then fields, indices, calls and methods.
    fn suffixed(&mut self) -> Result<Last, SyntaxError> {
        let line = self.line();
        let mut last = Last::Place;
        if self.accept("(") {
            self.expression(0)?;
            self.close(")", "(", line)?;
            last = Last::Value;
        } else if self.kind() == Kind::Name {
            self.at += 1;
        } else {
            let near = if self.kind() == Kind::End { "<eof>" } else { self.text() };
            let near: String = near.chars().take(40).collect();
            return Err(SyntaxError { line, what: format!("unexpected symbol near '{near}'").into() });
        }
        loop {
            if self.accept(".") {
                self.name()?;
                last = Last::Place;
            } else if self.is("[") {
                self.at += 1;
                self.expression(0)?;
                self.expect("]")?;
                last = Last::Place;
            } else if self.accept(":") {
                self.name()?;
                self.arguments()?;
                last = Last::Call;
            } else if self.kind() == Kind::Text || self.is("(") || self.is("{") {
                self.arguments()?;
                last = Last::Call;
            } else {
                return Ok(last);
            }
        }
    }

    fn arguments(&mut self) -> Read {
        if self.kind() == Kind::Text {
            self.at += 1;
            return Ok(());
        }
        if self.is("{") {
            return self.table();
        }
        let line = self.line();
        if self.is("(") && line != self.tokens[self.at - 1].line {
            let what = "ambiguous syntax (function call x new statement) near '('".into();
            return Err(SyntaxError { line, what });
        }
        self.expect("(")?;
        if !self.is(")") {
            self.expressions()?;
        }
        self.close(")", "(", line)
    }

    fn table(&mut self) -> Read {
        let line = self.line();
        self.deeper(|grammar| {
            grammar.at += 1;
            while !grammar.is("}") {
                if grammar.accept("[") {
                    grammar.expression(0)?;
                    grammar.expect("]")?;
                    grammar.expect("=")?;
                } else if grammar.kind() == Kind::Name && grammar.next_is("=") {
                    grammar.at += 2;
                }
                grammar.expression(0)?;
                if !grammar.accept(",") && !grammar.accept(";") {
                    break;
                }
            }
            grammar.close("}", "{", line)
        })
    }

    fn next_is(&self, text: &str) -> bool {
        let next = &self.tokens[self.at + 1];
        next.kind == Kind::Operator && &self.source[next.range.clone()] == text
    }

    fn function_body(&mut self, line: usize) -> Read {
        self.expect("(")?;
        let mut varargs = false;
        while !self.is(")") {
            if self.accept("...") {
                varargs = true;
                break;
            }
            self.name()?;
            if !self.accept(",") {
                break;
            }
            if self.is(")") {
                return self.unexpected("<name>");
            }
        }
        self.expect(")")?;
        let (first, parenthesis) = (self.at, self.at - 1);
        self.varargs.push(varargs);
        self.block()?;
        self.varargs.pop();
        if varargs && self.names_arg(first) {
            // LUA_COMPAT_VARARG of Lua 5.1: the arguments as a table.
            self.after[parenthesis].push_str(" local arg={n=select(\"#\",...),...};");
        }
        self.close("end", "function", line)
    }

    /// Whether `arg` stands as a variable between `first` and here.
    fn names_arg(&self, first: usize) -> bool {
        (first..self.at).any(|at| {
            let previous = &self.source[self.tokens[at - 1].range.clone()];
            self.tokens[at].kind == Kind::Name
                && &self.source[self.tokens[at].range.clone()] == "arg"
                && previous != "."
                && previous != ":"
        })
    }
}

/// What an expression ended with: only a place can be assigned to, only a call can stand alone.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Place,
    Call,
    Value,
}
