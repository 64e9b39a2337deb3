//! Statements from tokens (spec config-language.md §3, §17). Every fault is reported: after one, reading
//! goes on at the next line that looks like a statement.

use crate::complaint::Fault;
use crate::lexer::{Lexer, Mode, Token};
use crate::{Assignment, Block, Include, Limits, Span, Statement, Tree, Value, Word};

/// Statements as far as they could be read, and what was wrong with the rest.
pub(crate) fn parse(text: &str, file: u32, limits: Limits) -> (Tree, Vec<Fault>) {
    let mut parser = Parser { lexer: Lexer::new(text, file, limits), limits, faults: Vec::new() };
    let statements = parser.body(None, 0);
    (Tree { statements }, parser.faults)
}

/// A default is written as a value; a scalar needs no quotes.
pub(crate) fn default_value(text: &'static str) -> Value {
    if !text.starts_with(['(', '[']) {
        return Value::Scalar(Word { text: text.into(), span: Span::default() });
    }
    let (tree, faults) = parse(&format!("default = {text}"), 0, Limits::default());
    match tree.statements.into_iter().next() {
        Some(Statement::Assignment(assignment)) if faults.is_empty() => assignment.value,
        _ => panic!("{text} is not a default value"),
    }
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    limits: Limits,
    faults: Vec<Fault>,
}

/// What follows the keyword of a stanza before its brace.
#[derive(Default)]
struct Header {
    name: Option<Word>,
    path: Option<Word>,
}

impl<'a> Parser<'a> {
    /// Statements up to the closing brace of `opener`, or to the end of the file without one.
    fn body(&mut self, opener: Option<&Word>, depth: usize) -> Vec<Statement> {
        let mut statements = Vec::new();
        while self.faults.len() <= self.limits.complaints {
            let before = self.lexer.position();
            match self.lexer.next(Mode::Statement) {
                Ok((Token::End, _)) => {
                    if let Some(keyword) = opener {
                        let message = format!("the braces of '{}' are never closed", keyword.text);
                        self.faults.push(
                            Fault::error(keyword.span, message).expected("'}' before the end of the file"),
                        );
                    }
                    break;
                }
                Ok((Token::Sign(b'}'), _)) if opener.is_some() => break,
                Ok((Token::Sign(b'}'), span)) => {
                    self.faults.push(Fault::error(span, "'}' closes nothing"));
                }
                Ok((token, span)) => match self.statement(token, span, depth) {
                    Ok(statement) => statements.push(statement),
                    Err(fault) => self.recover(fault, span.end as usize),
                },
                Err(fault) => self.recover(fault, before),
            }
        }
        statements
    }

    fn statement(&mut self, token: Token<'a>, span: Span, depth: usize) -> Result<Statement, Fault> {
        let ident = match token {
            Token::Word { text, quoted: false } if is_ident(&text) => Word { text: text.into(), span },
            _ => {
                return Err(
                    Fault::error(span, "a statement cannot begin like this").expected("an option or a scope")
                );
            }
        };
        if ident.text.eq_ignore_ascii_case("include") || ident.text.eq_ignore_ascii_case("readonly_include") {
            return self.include(&ident).map(Statement::Include);
        }
        let named_by_pattern =
            ["domain", "host"].iter().any(|keyword| ident.text.eq_ignore_ascii_case(keyword));
        let mode = if named_by_pattern { Mode::Name } else { Mode::Statement };
        match self.lexer.next(mode)? {
            (Token::Sign(b'='), _) => match self.lexer.next(Mode::Statement)? {
                (Token::Sign(b'{'), span) => self.block(ident, Header::default(), span, depth),
                (token, span) => self.assignment(ident, token, span),
            },
            (Token::Sign(b'{'), span) => self.block(ident, Header::default(), span, depth),
            (token @ Token::Sign(b'[' | b'('), span) => self.assignment(ident, token, span),
            (Token::Word { text, quoted }, span) => {
                let first = self.word(text, quoted, span);
                self.named_block(ident, first, depth)
            }
            (_, span) => {
                self.lexer.return_to(span);
                Err(stands_alone(&ident))
            }
        }
    }

    /// After a keyword and one word.
    fn named_block(&mut self, ident: Word, first: Word, depth: usize) -> Result<Statement, Fault> {
        let is_validate = ident.text.eq_ignore_ascii_case("validate");
        let (token, span) = self.lexer.next(Mode::Statement)?;
        match token {
            Token::Word { text, quoted } if is_validate => {
                let name = self.word(text, quoted, span);
                let header = Header { name: Some(name), path: Some(first) };
                let (token, span) = self.lexer.next(Mode::Statement)?;
                self.open_brace(ident, header, token, span, depth)
            }
            Token::Sign(b'{' | b'=') if is_validate => {
                self.lexer.return_to(span);
                Err(Fault::error(first.span, "Validate needs a path and a name")
                    .expected("Validate PATH NAME { }"))
            }
            Token::Word { .. } => {
                Err(Fault::error(span, format!("'{} {}' has a word too many", ident.text, first.text))
                    .expected("'{' here, or '=' after an option"))
            }
            // `open_relay  idle_time = 300`: the first word was an option without a value.
            Token::Sign(b'[' | b'(' | b'}') | Token::End => {
                self.lexer.return_to(first.span);
                Err(stands_alone(&ident))
            }
            token => self.open_brace(ident, Header { name: Some(first), path: None }, token, span, depth),
        }
    }

    fn open_brace(
        &mut self,
        ident: Word,
        header: Header,
        token: Token<'a>,
        span: Span,
        depth: usize,
    ) -> Result<Statement, Fault> {
        let after_equals = token == Token::Sign(b'=');
        let (token, span) = if after_equals { self.lexer.next(Mode::Statement)? } else { (token, span) };
        match (token, header.name) {
            (Token::Sign(b'{'), name) => self.block(ident, Header { name, ..header }, span, depth),
            (_, Some(name)) if after_equals && header.path.is_none() => {
                self.lexer.return_to(name.span);
                Err(stands_alone(&ident))
            }
            _ => Err(self.back_to(span, format!("'{}' is not opened", ident.text)).expected("'{'")),
        }
    }

    fn block(
        &mut self,
        keyword: Word,
        header: Header,
        brace: Span,
        depth: usize,
    ) -> Result<Statement, Fault> {
        if depth >= self.limits.nesting {
            self.skip_block();
            let message = format!("stanzas are nested more than {} deep", self.limits.nesting);
            return Err(Fault::error(brace, message));
        }
        let body = self.body(Some(&keyword), depth + 1);
        Ok(Statement::Block(Block { keyword, name: header.name, path: header.path, body }))
    }

    fn include(&mut self, keyword: &Word) -> Result<Include, Fault> {
        match self.lexer.next(Mode::Statement)? {
            (Token::Word { text, quoted }, span) => Ok(Include {
                target: self.word(text, quoted, span),
                read_only: keyword.text.len() > "include".len(),
            }),
            (_, span) => Err(self
                .back_to(span, format!("'{}' names no file", keyword.text))
                .expected("a file, a directory or a URI")),
        }
    }

    fn assignment(&mut self, option: Word, token: Token<'a>, span: Span) -> Result<Statement, Fault> {
        let value = match token {
            Token::Word { text, quoted } => Value::Scalar(self.word(text, quoted, span)),
            Token::Sign(b'(') => Value::List(self.list()?),
            Token::Sign(b'[') => Value::Dictionary(self.dictionary()?),
            _ => {
                self.lexer.return_to(span);
                let message = format!("'{}' has no value", option.text);
                return Err(
                    Fault::error(span, message).expected("a word, a list in ( ) or a dictionary in [ ]")
                );
            }
        };
        let span = Span { end: self.lexer.position() as u32, ..option.span };
        Ok(Statement::Assignment(Assignment { option, value, span }))
    }

    fn list(&mut self) -> Result<Vec<Word>, Fault> {
        let mut elements = Vec::new();
        let mut after_element = false;
        loop {
            let (token, span) = self.lexer.next(Mode::Elements)?;
            match token {
                Token::Word { text, quoted } => elements.push(self.word(text, quoted, span)),
                Token::Sign(b')') => return Ok(elements),
                Token::Sign(b',') if after_element => {
                    after_element = false;
                    continue;
                }
                _ => return Err(self.misfit(span, "a list").expected("words, and then ')'")),
            }
            after_element = true;
        }
    }

    fn dictionary(&mut self) -> Result<Vec<(Word, Word)>, Fault> {
        let mut pairs = Vec::new();
        let mut after_pair = false;
        loop {
            let (token, span) = self.lexer.next(Mode::Elements)?;
            let key = match token {
                Token::Word { text, quoted } => self.word(text, quoted, span),
                Token::Sign(b']') => return Ok(pairs),
                Token::Sign(b',') if after_pair => {
                    after_pair = false;
                    continue;
                }
                _ => {
                    return Err(self
                        .misfit(span, "a dictionary")
                        .expected("pairs key = value, and then ']'"));
                }
            };
            let (token, span) = self.lexer.next(Mode::Elements)?;
            if token != Token::Sign(b'=') {
                return Err(self
                    .misfit(span, "a dictionary")
                    .expected(format!("'=' after the key '{}'", key.text)));
            }
            let (token, span) = self.lexer.next(Mode::Elements)?;
            let Token::Word { text, quoted } = token else {
                return Err(self
                    .misfit(span, "a dictionary")
                    .expected(format!("the value of '{}'", key.text)));
            };
            pairs.push((key, self.word(text, quoted, span)));
            after_pair = true;
        }
    }

    fn misfit(&mut self, span: Span, place: &str) -> Fault {
        self.back_to(span, format!("this does not belong in {place}"))
    }

    /// The token at fault is not eaten: it may be a brace that counts.
    fn back_to(&mut self, span: Span, message: String) -> Fault {
        self.lexer.return_to(span);
        Fault::error(span, message)
    }

    fn word(&mut self, text: std::borrow::Cow<'_, str>, quoted: bool, span: Span) -> Word {
        if !quoted && text.len() > 1 && text.ends_with(';') && self.faults.len() < self.limits.complaints {
            let end = Span { start: span.end - 1, ..span };
            self.faults.push(Fault::warning(end, "';' is part of this word: statements need no terminator"));
        }
        Word { text: text.into(), span }
    }

    /// Reports, and finds the next statement in the same braces: on a later line, or at the very next word
    /// (`open_relay  idle_time = 300`).
    fn recover(&mut self, fault: Fault, from: usize) {
        self.faults.push(fault);
        let line_end = self.lexer.line_end(from);
        let mut open = 0_usize;
        for count in 0.. {
            let Ok((token, span)) = self.lexer.next(Mode::Statement) else { continue };
            match token {
                Token::End => return,
                Token::Sign(b'{') => open += 1,
                Token::Sign(b'}') if open == 0 => return self.lexer.return_to(span),
                Token::Sign(b'}') => open -= 1,
                Token::Word { text, quoted: false } if open == 0 && is_ident(&text) => {
                    let later = span.start as usize > line_end;
                    if later && self.begins_statement(&text) || count == 0 && self.begins_assignment() {
                        return self.lexer.return_to(span);
                    }
                }
                _ => {}
            }
        }
    }

    /// The plainest form.
    fn begins_assignment(&self) -> bool {
        matches!(self.lexer.clone().next(Mode::Statement), Ok((Token::Sign(b'=' | b'{'), _)))
    }

    fn begins_statement(&self, ident: &str) -> bool {
        let mut ahead = self.lexer.clone();
        match ahead.next(Mode::Statement) {
            Ok((Token::Sign(b'=' | b'{' | b'['), _)) => true,
            Ok((Token::Word { .. }, _)) => {
                ident.eq_ignore_ascii_case("include")
                    || matches!(ahead.next(Mode::Statement), Ok((Token::Sign(b'{' | b'='), _)))
            }
            _ => false,
        }
    }

    /// Behind an opening brace: to behind the closing one, without recursion.
    fn skip_block(&mut self) {
        let mut open = 1_usize;
        while open > 0 {
            match self.lexer.next(Mode::Statement) {
                Ok((Token::End, _)) => return,
                Ok((Token::Sign(b'{'), _)) => open += 1,
                Ok((Token::Sign(b'}'), _)) => open -= 1,
                _ => {}
            }
        }
    }
}

fn stands_alone(ident: &Word) -> Fault {
    Fault::error(ident.span, format!("'{}' stands alone", ident.text)).expected("'=' and a value, or '{'")
}

fn is_ident(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
}
