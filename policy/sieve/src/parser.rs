//! Tokens into a tree (spec sieve.md §2). After a fault it goes on at the next statement, so that one reading
//! finds several.

use crate::lexer::{Kind, Token, tokens};
use crate::script::{Mark, Script};
use crate::syntax::{Argument, Block, Command, Said, Source, Statement, Target, Test, Text};

/// Blocks, and tests inside tests, may nest so deep.
const DEEPEST: usize = 64;

pub(crate) fn parse(script: &Script<'_>) -> Block {
    let (tokens, is_whole) = tokens(script);
    let mut parser = Parser { script, tokens, is_whole, at: 0, depth: 0 };
    let mut statements = Vec::new();
    while parser.here().kind != Kind::End && !script.is_hopeless() {
        parser.statement_or_recover(&mut statements);
    }
    statements
}

struct Parser<'s, 't> {
    script: &'s Script<'t>,
    tokens: Vec<Token>,
    is_whole: bool,
    at: usize,
    depth: usize,
}

/// The fault has been reported already.
struct Reported;
type Parsed<T> = Result<T, Reported>;

impl Parser<'_, '_> {
    fn here(&self) -> &Token {
        &self.tokens[self.at]
    }

    fn next(&mut self) -> Token {
        let token = self.tokens[self.at].clone();
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        token
    }

    fn is(&self, sign: char) -> bool {
        self.here().kind == Kind::Sign(sign)
    }

    fn takes(&mut self, sign: char) -> bool {
        let found = self.is(sign);
        if found {
            self.next();
        }
        found
    }

    fn unexpected<T>(&self, expected: &str) -> Parsed<T> {
        let here = self.here();
        if here.kind == Kind::End && !self.is_whole {
            // What has no end has been reported: it is why something is missing.
            return Err(Reported);
        }
        // What is missing at the end of a line belongs after the last token, not before the next line's.
        let before = self.at.checked_sub(1).map(|before| self.tokens[before].mark);
        let moved = before.filter(|before| {
            expected.starts_with("';'") && self.script.line(*before) < self.script.line(here.mark)
        });
        match moved {
            Some(before) => {
                let after = Mark { start: before.end, end: before.end };
                self.script.error(after, "the statement does not end here", Some(expected));
            }
            None => self.script.error(here.mark, format!("found {}", here.shown()), Some(expected)),
        }
        Err(Reported)
    }

    fn demand(&mut self, sign: char, expected: &str) -> Parsed<()> {
        if self.takes(sign) { Ok(()) } else { self.unexpected(expected) }
    }

    fn statement_or_recover(&mut self, into: &mut Block) {
        let start = self.at;
        match self.statement() {
            Ok(statement) => into.push(statement),
            Err(Reported) => self.recover(start),
        }
    }

    /// Skips to what looks like the next statement.
    fn recover(&mut self, start: usize) {
        if self.at == start {
            self.next();
        }
        loop {
            match &self.here().kind {
                Kind::End => return,
                Kind::Sign(';') => {
                    self.next();
                    return;
                }
                Kind::Sign('{') => {
                    // The block of a broken `if` is read for its own faults.
                    let _ = self.deeper(|parser| {
                        parser.next();
                        parser.statements_of_block(&mut Vec::new());
                        parser.takes('}');
                        Ok(())
                    });
                    return;
                }
                Kind::Sign('}') if self.depth > 0 => return,
                Kind::Word(name) if name == "if" => return,
                _ => {
                    let line = self.script.line(self.here().mark);
                    self.next();
                    let here = self.here();
                    let begins = matches!(here.kind, Kind::Word(_) | Kind::Variable(_));
                    if begins && self.script.line(here.mark) > line {
                        return;
                    }
                }
            }
        }
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= DEEPEST {
            self.script.error(self.here().mark, format!("nested deeper than {DEEPEST} levels"), None);
            // Nothing sensible follows: the rest is left alone.
            self.at = self.tokens.len() - 1;
            return Err(Reported);
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }

    fn statement(&mut self) -> Parsed<Statement> {
        match &self.here().kind {
            Kind::Word(name) => match name.as_str() {
                "if" => self.condition(),
                "require" => self.requirement(),
                "elsif" | "else" => self.unexpected("an 'if' before it"),
                "foreach" | "while" | "for" => self.unexpected(
                    "no loop: Sieve has none; tests look at all elements of a list, and ec_include reuses code",
                ),
                _ => {
                    let command = self.command()?;
                    self.demand(';', "';' or a further argument")?;
                    Ok(Statement::Action(command))
                }
            },
            Kind::Variable(_) | Kind::Sign('(') => self.assignment(),
            _ => self.unexpected("a statement: if, an action, or $variable = …"),
        }
    }

    fn requirement(&mut self) -> Parsed<Statement> {
        self.next();
        let mark = self.here().mark;
        let names = match self.argument()? {
            Some(Argument { said: Said::Text(text), mark }) => vec![(text, mark)],
            Some(Argument { said: Said::List(texts), mark }) => {
                texts.into_iter().map(|text| (text, mark)).collect()
            }
            _ => {
                self.script.error(mark, "require takes names", Some("a string or a list of strings"));
                return Err(Reported);
            }
        };
        self.demand(';', "';'")?;
        Ok(Statement::Require(names))
    }

    fn condition(&mut self) -> Parsed<Statement> {
        self.next();
        let mut branches = vec![self.branch()?];
        let mut otherwise = None;
        loop {
            match &self.here().kind {
                Kind::Word(name) if name == "elsif" => {
                    self.next();
                    branches.push(self.branch()?);
                }
                Kind::Word(name) if name == "else" => {
                    self.next();
                    otherwise = Some(self.block()?);
                    break;
                }
                _ => break,
            }
        }
        Ok(Statement::If { branches, otherwise })
    }

    fn branch(&mut self) -> Parsed<(Test, Block)> {
        let test = self.test()?;
        Ok((test, self.block()?))
    }

    fn block(&mut self) -> Parsed<Block> {
        let open = self.here().mark;
        self.demand('{', "'{'")?;
        let mut statements = Vec::new();
        self.deeper(|parser| {
            parser.statements_of_block(&mut statements);
            Ok(())
        })?;
        if !self.takes('}') {
            if !self.script.is_hopeless() && self.is_whole {
                self.script.error(open, "this block has no end", Some("'}' after it"));
            }
            return Err(Reported);
        }
        Ok(statements)
    }

    fn statements_of_block(&mut self, into: &mut Block) {
        while !self.is('}') && self.here().kind != Kind::End && !self.script.is_hopeless() {
            self.statement_or_recover(into);
        }
    }

    fn assignment(&mut self) -> Parsed<Statement> {
        let spread = self.takes('(');
        let mut targets = vec![self.target()?];
        if spread {
            while self.takes(',') {
                targets.push(self.target()?);
            }
            self.demand(')', "',' or ')'")?;
        }
        if self.is('[') {
            return self.unexpected("'='; to change one element of a hash say hash_set $name \"key\" value");
        }
        self.demand('=', "'='")?;
        let source = match self.here().kind {
            Kind::Word(_) => Source::Word(self.command()?),
            _ => match self.argument()? {
                None => return self.unexpected("a value or a function"),
                Some(value) => Source::Value(value),
            },
        };
        self.demand(';', "';'")?;
        Ok(Statement::Assign { targets, spread, source })
    }

    fn target(&mut self) -> Parsed<Target> {
        let token = self.here().clone();
        let Kind::Variable(name) = token.kind else { return self.unexpected("a variable, as in $sender") };
        self.next();
        Ok(Target { name, mark: token.mark })
    }

    fn command(&mut self) -> Parsed<Command> {
        let token = self.next();
        let Kind::Word(name) = token.kind else { unreachable!("the caller has seen a word") };
        let mut arguments = Vec::new();
        while let Some(argument) = self.argument()? {
            arguments.push(argument);
        }
        Ok(Command { name, mark: token.mark, arguments })
    }

    fn test(&mut self) -> Parsed<Test> {
        let Kind::Word(name) = &self.here().kind else { return self.unexpected("a test") };
        match name.as_str() {
            "true" | "false" => {
                let value = name == "true";
                self.next();
                Ok(Test::Always(value))
            }
            "not" => {
                self.next();
                Ok(Test::Not(Box::new(self.deeper(Self::test)?)))
            }
            "anyof" => Ok(Test::Any(self.tests()?)),
            "allof" => Ok(Test::All(self.tests()?)),
            _ => Ok(Test::Word(self.command()?)),
        }
    }

    fn tests(&mut self) -> Parsed<Vec<Test>> {
        self.next();
        self.demand('(', "'(' and tests, separated by commas")?;
        let tests = self.deeper(|parser| {
            let mut tests = vec![parser.test()?];
            while parser.takes(',') {
                tests.push(parser.test()?);
            }
            Ok(tests)
        })?;
        self.demand(')', "',' and a further test, or ')'")?;
        Ok(tests)
    }

    /// None: no argument stands here.
    fn argument(&mut self) -> Parsed<Option<Argument>> {
        let Token { kind, mark } = self.here().clone();
        let said = match kind {
            Kind::Tag(name) => Said::Tag(name),
            Kind::Number(text) => Said::Number(text),
            Kind::Text(text) => Said::Text(text),
            Kind::Sign('[') => return self.list().map(Some),
            Kind::Variable(name) => {
                self.next();
                return self.variable(name, mark).map(Some);
            }
            _ => return Ok(None),
        };
        self.next();
        Ok(Some(Argument { mark, said }))
    }

    /// `$name` or `$name[key]`; the bracket of an index touches the name, that of a list does not.
    fn variable(&mut self, name: String, mark: Mark) -> Parsed<Argument> {
        if !(self.is('[') && self.here().mark.start == mark.end) {
            return Ok(Argument { mark, said: Said::Variable(name) });
        }
        self.next();
        let expected = "an index or a key: a number, a string or a variable";
        let key = match self.deeper(Self::argument)? {
            Some(Argument { said: Said::Tag(_) | Said::List(_), .. }) | None => {
                return self.unexpected(expected);
            }
            Some(key) => key,
        };
        let end = self.here().mark;
        self.demand(']', "']'")?;
        Ok(Argument { mark: mark.to(end), said: Said::Element(name, Box::new(key)) })
    }

    fn list(&mut self) -> Parsed<Argument> {
        let start = self.next().mark;
        let mut texts: Vec<Text> = Vec::new();
        loop {
            let end = self.here().mark;
            if self.takes(']') {
                return Ok(Argument { mark: start.to(end), said: Said::List(texts) });
            }
            if !texts.is_empty() {
                self.demand(',', "',' or ']'")?;
            }
            let token = self.here().clone();
            match token.kind {
                Kind::Text(text) => texts.push(text),
                Kind::Number(text) => texts.push(vec![crate::syntax::Segment::Plain(text)]),
                Kind::Variable(name) => texts.push(vec![crate::syntax::Segment::Variable(name, token.mark)]),
                _ => return self.unexpected("a string"),
            }
            self.next();
        }
    }
}
