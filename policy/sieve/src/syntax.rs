//! What a script says, as a tree. It lives only while the script is compiled.

use crate::script::Mark;

/// A string: parts that are known, variables and macros.
pub(crate) type Text = Vec<Segment>;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Segment {
    Plain(String),
    /// `${name}`
    Variable(String, Mark),
    /// `%{name}`
    Macro(String, Mark),
}

/// The text, if nothing in it depends on the run.
pub(crate) fn constant(text: &Text) -> Option<&str> {
    match text.as_slice() {
        [] => Some(""),
        [Segment::Plain(plain)] => Some(plain),
        _ => None,
    }
}

#[derive(Debug)]
pub(crate) struct Argument {
    pub mark: Mark,
    pub said: Said,
}

#[derive(Debug)]
pub(crate) enum Said {
    Tag(String),
    Number(String),
    Text(Text),
    List(Vec<Text>),
    Variable(String),
    /// `$name[key]`
    Element(String, Box<Argument>),
}

/// The name of an action or a test, and its arguments.
#[derive(Debug)]
pub(crate) struct Command {
    pub name: String,
    pub mark: Mark,
    pub arguments: Vec<Argument>,
}

#[derive(Debug)]
pub(crate) enum Test {
    Always(bool),
    Not(Box<Test>),
    Any(Vec<Test>),
    All(Vec<Test>),
    Word(Command),
}

#[derive(Debug)]
pub(crate) enum Source {
    Value(Argument),
    Word(Command),
}

#[derive(Debug)]
pub(crate) struct Target {
    pub name: String,
    pub mark: Mark,
}

#[derive(Debug)]
pub(crate) enum Statement {
    If {
        branches: Vec<(Test, Block)>,
        otherwise: Option<Block>,
    },
    /// `spread`: `($a, $b) = …`
    Assign {
        targets: Vec<Target>,
        spread: bool,
        source: Source,
    },
    Action(Command),
    Require(Vec<(Text, Mark)>),
}

impl Statement {
    pub fn mark(&self) -> Option<Mark> {
        match self {
            Statement::If { .. } | Statement::Require(_) => None,
            Statement::Assign { targets, .. } => targets.first().map(|target| target.mark),
            Statement::Action(command) => Some(command.mark),
        }
    }
}

pub(crate) type Block = Vec<Statement>;
