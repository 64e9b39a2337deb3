//! Statements from tokens (spec config-language.md §3, §17). Every fault is reported: after one, reading
//! goes on at the next line that looks like a statement.

mod recovery;

use crate::fault::{Fault, Faults, shorten};
use crate::lexer::{Lexer, Mode, Token};
use crate::{Assignment, Block, Include, Limits, Span, Statement, Tree, Value, Word};

/// Statements as far as they could be read, and what was wrong with the rest.
pub(crate) fn parse(text: &str, file: u32, limits: Limits) -> (Tree, Faults) {
    let faults = Faults::new(limits.complaints);
    let mut parser = Parser { lexer: Lexer::new(text, file, limits), limits, faults };
    let statements = parser.body(None, 0);
    (Tree { statements }, parser.faults)
}

/// A default is written as a value; a scalar needs no quotes.
pub(crate) fn default_value(text: &'static str) -> Value {
    if !text.starts_with(['(', '[', '"']) {
        return Value::Scalar(Word { text: text.into(), span: Span::default() });
    }
    let (tree, faults) = parse(&format!("default = {text}"), 0, Limits::default());
    match tree.statements.into_iter().next() {
        Some(Statement::Assignment(assignment)) if faults.is_empty() => assignment.value,
        _ => panic!("{text} is not a default value"),
    }
}

/// A value alone, as the console takes it.
pub(crate) fn value(text: &str) -> Result<Value, String> {
    let limits = Limits::default();
    let mut parser =
        Parser { lexer: Lexer::new(text, 0, limits), limits, faults: Faults::new(limits.complaints) };
    let name = Word { text: "the option".into(), span: Span::default() };
    let read = (|| {
        let (token, span) = parser.lexer.next(Mode::Statement)?;
        let statement = parser.assignment(name, token, span)?;
        match parser.lexer.next(Mode::Statement)? {
            (Token::End, _) => Ok(statement),
            (_, span) => Err(Fault::error(span, "there is more than one value").expected("quotes or ( )")),
        }
    })();
    match read {
        Ok(Statement::Assignment(assignment)) => Ok(assignment.value),
        Ok(_) => unreachable!("an assignment is an assignment"),
        Err(fault) => Err(fault.sentence()),
    }
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    limits: Limits,
    faults: Faults,
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
        while !self.faults.is_hopeless() {
            let before = self.lexer.position();
            match self.lexer.next(Mode::Statement) {
                Ok((Token::End, _)) => {
                    if let Some(keyword) = opener {
                        let message = format!("the braces of '{}' are never closed", shorten(&keyword.text));
                        let fault = Fault::error(keyword.span, message);
                        self.faults.push(fault.expected("'}' before the end of the file"));
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
                let fault = Fault::error(span, "a statement cannot begin like this");
                return Err(fault.expected("an option or a scope"));
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
                let fault = Fault::error(first.span, "Validate needs a path and a name");
                Err(fault.expected("Validate PATH NAME { }"))
            }
            Token::Word { .. } => {
                let message =
                    format!("'{} {}' has a word too many", shorten(&ident.text), shorten(&first.text));
                Err(Fault::error(span, message).expected("'{' here, or '=' after an option"))
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
            _ => Err(self.back_to(span, format!("'{}' is not opened", shorten(&ident.text))).expected("'{'")),
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
        let span = Span { end: self.lexer.position() as u32, ..keyword.span };
        Ok(Statement::Block(Block { keyword, name: header.name, path: header.path, body, span }))
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
                let fault = self.back_to(span, format!("'{}' has no value", shorten(&option.text)));
                return Err(fault.expected("a word, a list in ( ) or a dictionary in [ ]"));
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
                    .expected(format!("'=' after the key '{}'", shorten(&key.text))));
            }
            let (token, span) = self.lexer.next(Mode::Elements)?;
            let Token::Word { text, quoted } = token else {
                return Err(self
                    .misfit(span, "a dictionary")
                    .expected(format!("the value of '{}'", shorten(&key.text))));
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
        if !quoted && text.len() > 1 && text.ends_with(';') {
            let end = Span { start: span.end - 1, ..span };
            self.faults.push(Fault::warning(end, "';' is part of this word: statements need no terminator"));
        }
        Word { text: text.into(), span }
    }
}

fn stands_alone(ident: &Word) -> Fault {
    Fault::error(ident.span, format!("'{}' stands alone", shorten(&ident.text)))
        .expected("'=' and a value, or '{'")
}

fn is_ident(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
}
