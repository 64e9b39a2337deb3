//! What a file says, before anybody asks whether it means something: statements with their places.
//! Equality ignores places and quoting: quoting never changes a value (spec config-language.md §4.1).

use crate::Span;

/// A bare word or a quoted string, decoded.
#[derive(Clone, Debug)]
pub struct Word {
    pub text: Box<str>,
    pub span: Span,
}

impl PartialEq for Word {
    fn eq(&self, other: &Word) -> bool {
        self.text == other.text
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Scalar(Word),
    List(Vec<Word>),
    /// In order of appearance; of a key given twice the later value counts.
    Dictionary(Vec<(Word, Word)>),
}

/// `option = value`
#[derive(Clone, Debug)]
pub struct Assignment {
    pub option: Word,
    pub value: Value,
    /// From the option's name to the end of the value.
    pub span: Span,
}

impl PartialEq for Assignment {
    fn eq(&self, other: &Assignment) -> bool {
        self.option == other.option && self.value == other.value
    }
}

/// `Scope "name" { ... }`
#[derive(Clone, Debug)]
pub struct Block {
    pub keyword: Word,
    pub name: Option<Word>,
    /// The group path of `Validate PATH NAME { }`, the older way to load a module.
    pub path: Option<Word>,
    pub body: Vec<Statement>,
    /// From the keyword to the closing brace.
    pub span: Span,
}

impl PartialEq for Block {
    fn eq(&self, other: &Block) -> bool {
        (&self.keyword, &self.name, &self.path, &self.body)
            == (&other.keyword, &other.name, &other.path, &other.body)
    }
}

/// `include "file"`
#[derive(Clone, Debug, PartialEq)]
pub struct Include {
    pub target: Word,
    pub read_only: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    Assignment(Assignment),
    Block(Block),
    Include(Include),
}

/// One file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tree {
    pub statements: Vec<Statement>,
}
