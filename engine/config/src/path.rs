//! How the console names a scope instance and an option: `[scope [name]]... [option]` (spec config-language.md
//! §12.2), with the words of the language itself.

use crate::fault::Fault;
use crate::lexer::{Lexer, Mode, Token};
use crate::registry::Ground;
use crate::suggestion::nearest;
use crate::{Instances, Limits, Naming, OptionDef, Registry, Scope, Snapshot, Span, Word, declare};
use std::fmt;

/// A stanza on the way to an instance.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub ground: Ground,
    /// As it was typed; none for an anonymous instance.
    pub name: Option<Word>,
}

/// Where an instance stands, from the top level down.
#[derive(Clone, Debug, Default)]
pub(crate) struct Path(pub Vec<Step>);

/// What the words name, and where in the text they ended.
pub(crate) struct Named {
    pub path: Path,
    pub option: Option<&'static OptionDef>,
    pub end: usize,
}

impl Path {
    pub fn ground(&self) -> Ground {
        self.0.last().map_or(Ground::Core(Scope::Global), |step| step.ground)
    }
}

/// As it is typed, and as it stands in a file.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            let blank = if position > 0 { " " } else { "" };
            write!(f, "{blank}{}", step.header())?;
        }
        Ok(())
    }
}

impl Step {
    /// `Domain "example.com"`
    pub fn header(&self) -> String {
        match &self.name {
            Some(name) => {
                format!("{} {}", canonical(self.ground.keyword()), crate::print::quoted(&name.text))
            }
            None => canonical(self.ground.keyword()),
        }
    }
}

/// Names as Momentum prints them: `Max_Outbound_Connections`.
pub(crate) fn canonical(name: &str) -> String {
    let mut begins = true;
    let letter = |letter: char| {
        let shown = if begins { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() };
        begins = letter == '_';
        shown
    };
    name.chars().map(letter).collect()
}

/// Reads as far as scopes, names and one option go.
pub(crate) fn read(text: &str, registry: &Registry) -> Result<Named, String> {
    let mut lexer = Lexer::new(text, 0, Limits::default());
    let mut path = Path::default();
    loop {
        let word = match lexer.next(Mode::Statement) {
            Ok((Token::Word { text, .. }, span)) => Word { text: text.into(), span },
            Ok((Token::End, span)) => {
                return Ok(Named { path, option: None, end: span.start as usize });
            }
            Ok((Token::Sign(sign), _)) => return Err(format!("'{}' is not expected here", char::from(sign))),
            Err(fault) => return Err(fault.sentence()),
        };
        let ground = path.ground();
        if let Some(child) = registry.child(ground, &word.text) {
            let name = name(&mut lexer, child, registry)?;
            path.0.push(Step { ground: child, name });
        } else if let Some(option) = registry.option(ground, &word.text) {
            return Ok(Named { path, option: Some(option), end: lexer.position() });
        } else {
            return Err(unknown(&word, ground, registry));
        }
    }
}

/// Momentum's words (§13).
fn unknown(word: &Word, ground: Ground, registry: &Registry) -> String {
    let said = format!("'{}' is not a valid scope name in scope '{}'", word.text, ground.keyword());
    match nearest(&word.text, registry.names(ground).iter().copied()) {
        Some(suggestion) => format!("{said}; did you mean '{suggestion}'?"),
        None => said,
    }
}

fn name(lexer: &mut Lexer<'_>, ground: Ground, registry: &Registry) -> Result<Option<Word>, String> {
    let (mode, is_needed) = match ground {
        Ground::Core(scope) => match scope.definition().naming {
            Naming::Anonymous => return Ok(None),
            Naming::Domain => (Mode::Name, true),
            _ => (Mode::Statement, true),
        },
        Ground::Module(module) if module.instances == Instances::Singleton => return Ok(None),
        Ground::Module(_) => (Mode::Statement, false),
        Ground::Stanza(stanza) if !stanza.named => return Ok(None),
        Ground::Stanza(_) => (Mode::Statement, true),
    };
    let before = lexer.position();
    match lexer.next(mode) {
        // An instance that is called like the module may be left unnamed.
        Ok((Token::Word { text, .. }, _)) if !is_needed && registry.option(ground, &text).is_some() => {
            lexer.return_to(Span::new(0, before, before));
            Ok(None)
        }
        Ok((Token::Word { text, .. }, span)) => Ok(Some(Word { text: text.into(), span })),
        Ok((Token::End, _)) if !is_needed => Ok(None),
        Ok(_) => Err(format!("'{}' needs a name", canonical(ground.keyword()))),
        Err(fault) => Err(fault.sentence()),
    }
}

impl Registry {
    /// What stanza a keyword opens in a scope.
    pub(crate) fn child(&self, parent: Ground, keyword: &str) -> Option<Ground> {
        let mut nested = parent.stanzas().iter();
        if let Some(stanza) = nested.find(|stanza| stanza.keyword.eq_ignore_ascii_case(keyword)) {
            return Some(Ground::Stanza(stanza));
        }
        match (Scope::named(keyword), self.module(keyword), parent) {
            (Some(scope), _, Ground::Core(parent)) => {
                scope.may_stand_in(parent).then_some(Ground::Core(scope))
            }
            (None, Some(module), Ground::Core(Scope::Global)) => Some(Ground::Module(module)),
            _ => None,
        }
    }
}

impl Snapshot {
    /// The instance at the end of the path; an error if a name is none.
    pub(crate) fn at(&self, path: &Path) -> Result<Option<u32>, Fault> {
        let mut number = 0;
        for step in &path.0 {
            let instance = &self.instances[number as usize];
            let family = match step.ground {
                Ground::Core(scope) => instance.family(scope),
                ground => instance.others.get(&*ground.keyword().to_ascii_lowercase()),
            };
            let name = normal_name(step)?;
            match family.and_then(|family| family.exact.get(&*name)) {
                Some(child) => number = *child,
                None => return Ok(None),
            }
        }
        Ok(Some(number))
    }
}

/// The name under which the family keeps it.
pub(crate) fn normal_name(step: &Step) -> Result<String, Fault> {
    match (step.ground, &step.name) {
        (Ground::Core(scope), Some(name)) => declare::normal_name(scope, name),
        (_, Some(name)) => Ok(name.text.to_string()),
        (Ground::Module(module), None) if module.instances != Instances::Singleton => Ok(module.name.into()),
        (_, None) => Ok(String::new()),
    }
}
