//! A compiled script: instructions in one vector, names and texts beside it. Immutable, and shared by all
//! shards; what a run changes is the machine's.

use crate::matching::Matching;
use crate::word::Word;
use config::Complaint;
use content::address::Component;
use std::fmt;
use std::sync::Arc;

/// The machine has a stack of values, variables, and one flag that tests set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Constant(u32),
    Variable(u16),
    /// Of a variable; the key is on the stack.
    Element(u16),
    Template(u32),
    /// Makes a list of the topmost texts.
    List(u16),
    Store(u16),
    /// Stores the elements of a list in the variables of `Program::spreads`.
    Spread(u32),
    Drop,
    /// Leaves a value on the stack.
    Call(u32),
    /// Sets the flag.
    Test(u32),
    Flag(bool),
    Not,
    Jump(u32),
    JumpIf(u32),
    JumpUnless(u32),
    Include(u32),
    /// Includes a script whose name is on the stack, and behind it, if it is so, its parameters.
    Fetch {
        has_parameters: bool,
    },
    Return,
    Stop,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Constant {
    Text(Box<str>),
    Number(Box<str>),
    List(Box<[Box<str>]>),
    Tag(Box<str>),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Piece {
    Plain(Box<str>),
    Variable(u16),
    Macro(crate::macros::Macro),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyPart {
    Raw,
    Text,
    Content,
    Binary,
}

/// The tags of one call. Arguments of tags stand behind those of the word, in this order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form {
    pub matching: Matching,
    pub part: Component,
    pub is_over: bool,
    pub body: BodyPart,
    pub types: Option<u8>,
    pub offset: Option<u8>,
    pub ip: Option<u8>,
}

/// One use of a word.
pub(crate) struct Site {
    pub word: &'static Word,
    pub form: Form,
    /// On the stack, those of tags included.
    pub arguments: u8,
    /// Of them, those of the word itself.
    pub own: u8,
    /// The variable that it changes.
    pub variable: Option<u16>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line {
    pub file: u16,
    pub line: u32,
}

pub struct Program {
    pub(crate) code: Vec<Op>,
    /// Where each instruction comes from.
    pub(crate) lines: Vec<Line>,
    pub(crate) files: Vec<Arc<str>>,
    pub(crate) constants: Vec<Constant>,
    pub(crate) templates: Vec<Box<[Piece]>>,
    pub(crate) spreads: Vec<Box<[u16]>>,
    pub(crate) sites: Vec<Site>,
    /// By their numbers, their names.
    pub(crate) variables: Vec<Box<str>>,
    pub(crate) warnings: Vec<Complaint>,
}

impl Program {
    /// What is allowed, but probably does not say what was meant; and words that are not available here.
    pub fn warnings(&self) -> &[Complaint] {
        &self.warnings
    }

    /// The script's own name.
    pub fn name(&self) -> &str {
        &self.files[0]
    }

    /// Instructions.
    pub fn len(&self) -> usize {
        self.code.len()
    }

    pub fn is_empty(&self) -> bool {
        self.code.is_empty()
    }

    /// The file that an instruction comes from.
    pub(crate) fn name_at(&self, at: usize) -> &str {
        let line = self.lines.get(at).copied().unwrap_or_default();
        &self.files[line.file as usize]
    }

    pub(crate) fn place(&self, at: usize) -> String {
        let line = self.lines.get(at).copied().unwrap_or_default();
        format!("{}:{}", self.files[line.file as usize], line.line)
    }
}

/// One instruction a line, for people.
impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, op) in self.code.iter().enumerate() {
            write!(f, "{at:4} {}: {op:?}", self.place(at))?;
            match op {
                Op::Call(site) | Op::Test(site) => writeln!(f, " {}", self.sites[*site as usize].word.name)?,
                Op::Constant(constant) => writeln!(f, " {:?}", self.constants[*constant as usize])?,
                _ => writeln!(f)?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} instructions", self.name(), self.len())
    }
}
