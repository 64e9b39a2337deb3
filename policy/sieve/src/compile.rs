//! A tree into a program. What can be known before the run is checked here: names, arguments, tags, phases,
//! patterns, and the scripts that are included.

mod arguments;
mod includes;
mod requirements;

use crate::matching::Comparator;
use crate::parser::parse;
use crate::phase::Place;
use crate::program::{Constant, Form, Line, Op, Piece, Program, Site};
use crate::script::{Mark, Script};
use crate::syntax::{Block, Command, Segment, Source, Statement, Test, Text, constant};
use crate::word::{Role, Run, Word};
use crate::words;
use config::{Complaint, Severity};
use std::collections::HashMap;
use std::sync::Arc;

/// Instructions of a script with all that it includes.
const LONGEST: usize = 500_000;
/// Octets of one file.
const LARGEST: usize = 4 << 20;

/// Where included scripts come from.
pub trait Loader {
    /// The text of a script, by its name and the name of the one that includes it; or why there is none.
    fn load(&self, name: &str, from: &str) -> Result<(String, Arc<str>), String>;
}

/// Nothing can be included.
pub struct Alone;

impl Loader for Alone {
    fn load(&self, _: &str, _: &str) -> Result<(String, Arc<str>), String> {
        Err("nothing can be included here".into())
    }
}

/// What a script is compiled for.
#[derive(Clone, Copy)]
pub struct Purpose<'a> {
    /// None: any phase; words are not checked against it.
    pub place: Option<Place>,
    pub loader: &'a dyn Loader,
    /// `default_comparator`: instead of the words' own.
    pub comparator: Option<&'a str>,
    /// Another script goes on behind its end.
    pub is_included: bool,
}

/// Compiles a script that stands alone.
pub fn compile(name: &str, text: &str) -> Result<Program, Vec<Complaint>> {
    compile_for(name, text, Purpose { place: None, loader: &Alone, comparator: None, is_included: false })
}

/// Errors and warnings, or a program with its warnings.
pub fn compile_for(name: &str, text: &str, purpose: Purpose<'_>) -> Result<Program, Vec<Complaint>> {
    let mut compiler = Compiler {
        purpose,
        comparator: purpose.comparator.and_then(Comparator::named),
        program: Program {
            code: Vec::new(),
            lines: Vec::new(),
            files: Vec::new(),
            constants: Vec::new(),
            templates: Vec::new(),
            spreads: Vec::new(),
            sites: Vec::new(),
            variables: Vec::new(),
            warnings: Vec::new(),
        },
        variables: HashMap::new(),
        texts: HashMap::new(),
        assigned: Vec::new(),
        used: Vec::new(),
        included: HashMap::new(),
        waiting: Vec::new(),
        findings: Vec::new(),
    };
    compiler.script(Arc::from(name), text, &[]);
    compiler.emit(if purpose.is_included { Op::Return } else { Op::Stop }, Line::default());
    compiler.includes();
    compiler.finish()
}

struct Compiler<'a> {
    purpose: Purpose<'a>,
    comparator: Option<Comparator>,
    program: Program,
    variables: HashMap<String, u16>,
    /// Constant texts are held once.
    texts: HashMap<Box<str>, u32>,
    /// By number of the variable: whether something is ever stored.
    assigned: Vec<bool>,
    /// First use of each variable, with the finding to give if nothing is stored in it.
    used: Vec<(u16, Complaint)>,
    /// Where the code of an included script starts.
    included: HashMap<Arc<str>, u32>,
    /// Scripts to compile, with the instructions that include them.
    waiting: Vec<includes::Waiting>,
    findings: Vec<Complaint>,
}

/// Where a word stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Test,
    Statement,
    Value,
}

/// The file under compilation.
#[derive(Clone, Copy)]
struct Here<'s, 't> {
    script: &'s Script<'t>,
    file: u16,
}

impl Here<'_, '_> {
    fn line(self, mark: Mark) -> Line {
        Line { file: self.file, line: self.script.line(mark) }
    }
}

impl Compiler<'_> {
    fn script(&mut self, name: Arc<str>, text: &str, from: &[config::Position]) {
        let file = self.program.files.len() as u16;
        self.program.files.push(name.clone());
        let script = Script::new(name, text, from.to_vec());
        if text.len() > LARGEST {
            script.error(Mark::default(), format!("the script is larger than {LARGEST} octets"), None);
        } else {
            let block = parse(&script);
            self.block(&block, Here { script: &script, file });
        }
        self.findings.extend(script.into_findings());
    }

    fn finish(mut self) -> Result<Program, Vec<Complaint>> {
        let unset = self.used.drain(..).filter(|(variable, _)| !self.assigned[*variable as usize]);
        self.findings.extend(unset.map(|(_, finding)| finding));
        if self.findings.iter().any(|finding| finding.severity == Severity::Error) {
            return Err(self.findings);
        }
        let mut names: Vec<_> = self.variables.into_iter().collect();
        names.sort_by_key(|(_, slot)| *slot);
        self.program.variables = names.into_iter().map(|(name, _)| name.into()).collect();
        self.program.warnings = self.findings;
        Ok(self.program)
    }

    fn emit(&mut self, op: Op, line: Line) -> usize {
        self.program.code.push(op);
        self.program.lines.push(line);
        self.program.code.len() - 1
    }

    fn here(&self) -> u32 {
        self.program.code.len() as u32
    }

    /// Sets the target of a jump that was emitted before it was known.
    fn land(&mut self, at: usize) {
        let target = self.here();
        match &mut self.program.code[at] {
            Op::Jump(to) | Op::JumpIf(to) | Op::JumpUnless(to) => *to = target,
            other => unreachable!("{other:?} is no jump"),
        }
    }

    fn block(&mut self, block: &Block, here: Here<'_, '_>) {
        let mut ended: Option<&str> = None;
        for statement in block {
            if let (Some(name), Some(mark)) = (ended, statement.mark()) {
                here.script.warning(mark, format!("this is never reached: '{name}' ends the script"));
                ended = None;
            }
            if self.program.code.len() > LONGEST {
                let mark = statement.mark().unwrap_or_default();
                here.script.error(mark, format!("more than {LONGEST} instructions"), None);
                return;
            }
            match statement {
                Statement::Require(names) => requirements::check(names, here.script),
                Statement::If { branches, otherwise } => {
                    self.condition(branches, otherwise.as_ref(), here);
                }
                Statement::Assign { targets, spread, source } => {
                    self.assign(targets, *spread, source, here);
                }
                Statement::Action(command) => {
                    self.action(command, here);
                    ended = words::ends(&command.name, command.arguments.len()).then_some(&*command.name);
                }
            }
        }
    }

    fn condition(&mut self, branches: &[(Test, Block)], otherwise: Option<&Block>, here: Here<'_, '_>) {
        let mut ends = Vec::new();
        for (index, (test, block)) in branches.iter().enumerate() {
            self.test(test, here);
            let past = self.emit(Op::JumpUnless(0), Line::default());
            self.block(block, here);
            if index + 1 < branches.len() || otherwise.is_some() {
                ends.push(self.emit(Op::Jump(0), Line::default()));
            }
            self.land(past);
        }
        if let Some(block) = otherwise {
            self.block(block, here);
        }
        for end in ends {
            self.land(end);
        }
    }

    /// Leaves the truth in the flag; the rest of anyof and allof is passed over as soon as it is known
    /// (RFC 5228 §5.2, §5.3).
    fn test(&mut self, test: &Test, here: Here<'_, '_>) {
        match test {
            Test::Always(truth) => {
                self.emit(Op::Flag(*truth), Line::default());
            }
            Test::Not(inner) => {
                self.test(inner, here);
                self.emit(Op::Not, Line::default());
            }
            Test::Any(tests) => self.tests(tests, here, Op::JumpIf(0)),
            Test::All(tests) => self.tests(tests, here, Op::JumpUnless(0)),
            Test::Word(command) => {
                if let Some((site, line)) = self.site(command, Use::Test, here) {
                    self.emit(Op::Test(site), line);
                }
            }
        }
    }

    fn tests(&mut self, tests: &[Test], here: Here<'_, '_>, enough: Op) {
        let mut ends = Vec::new();
        for (index, test) in tests.iter().enumerate() {
            self.test(test, here);
            if index + 1 < tests.len() {
                ends.push(self.emit(enough, Line::default()));
            }
        }
        for end in ends {
            self.land(end);
        }
    }

    fn action(&mut self, command: &Command, here: Here<'_, '_>) {
        let line = here.line(command.mark);
        match command.name.as_str() {
            "stop" => {
                if let [first, ..] = command.arguments.as_slice() {
                    here.script.error(first.mark, "stop takes no arguments", Some("';'"));
                }
                self.emit(Op::Stop, line);
            }
            "ec_include" => self.include(command, here),
            _ => {
                let Some((site, line)) = self.site(command, Use::Statement, here) else { return };
                self.emit(Op::Call(site), line);
                self.emit(Op::Drop, line);
            }
        }
    }

    fn assign(
        &mut self,
        targets: &[crate::syntax::Target],
        spread: bool,
        source: &Source,
        here: Here<'_, '_>,
    ) {
        let line = here.line(targets[0].mark);
        match source {
            Source::Value(argument) => self.argument(argument, here),
            Source::Word(command) => {
                let Some((site, line)) = self.site(command, Use::Value, here) else { return };
                if matches!(self.program.sites[site as usize].word.run, Run::Action(_)) {
                    let message = format!("'{}' has no value to assign", command.name);
                    here.script.error(command.mark, message, Some("a function"));
                }
                self.emit(Op::Call(site), line);
            }
        }
        let slots: Vec<u16> = targets.iter().map(|target| self.variable(&target.name)).collect();
        slots.iter().for_each(|slot| self.assigned[*slot as usize] = true);
        if spread {
            self.program.spreads.push(slots.into());
            self.emit(Op::Spread(self.program.spreads.len() as u32 - 1), line);
        } else {
            self.emit(Op::Store(slots[0]), line);
        }
    }

    fn variable(&mut self, name: &str) -> u16 {
        if let Some(slot) = self.variables.get(name) {
            return *slot;
        }
        // A script with more variables than that is over the limit of instructions.
        let slot = self.variables.len().min(usize::from(u16::MAX)) as u16;
        self.variables.insert(name.to_owned(), slot);
        self.assigned.push(false);
        slot
    }

    /// A variable that is read.
    fn reading(&mut self, name: &str, mark: Mark, here: Here<'_, '_>) -> u16 {
        let is_new = !self.variables.contains_key(name);
        let slot = self.variable(name);
        if is_new {
            let text = format!("nothing is ever assigned to '${name}'");
            self.used.push((slot, here.script.made(Severity::Warning, mark, text)));
        }
        slot
    }

    fn constant(&mut self, constant: Constant) -> u32 {
        let known = match &constant {
            Constant::Text(text) => self.texts.get(text).copied(),
            _ => None,
        };
        if let Some(known) = known {
            return known;
        }
        let number = self.program.constants.len() as u32;
        if let Constant::Text(text) = &constant {
            self.texts.insert(text.clone(), number);
        }
        self.program.constants.push(constant);
        number
    }

    /// Pushes a string.
    fn text(&mut self, text: &Text, mark: Mark, here: Here<'_, '_>) {
        let line = here.line(mark);
        if let Some(plain) = constant(text) {
            let number = self.constant(Constant::Text(plain.into()));
            self.emit(Op::Constant(number), line);
            return;
        }
        let pieces: Vec<Piece> = text
            .iter()
            .map(|segment| match segment {
                Segment::Plain(plain) => Piece::Plain(plain.as_str().into()),
                Segment::Variable(name, mark) => Piece::Variable(self.reading(name, *mark, here)),
                Segment::Macro(name, mark) => match crate::macros::Macro::parse(name) {
                    Ok(known) => Piece::Macro(known),
                    Err(expected) => {
                        here.script.error(*mark, format!("%{{{name}}} is no macro"), Some(expected));
                        Piece::Plain("".into())
                    }
                },
            })
            .collect();
        self.program.templates.push(pieces.into());
        self.emit(Op::Template(self.program.templates.len() as u32 - 1), line);
    }

    /// A use of a word, its arguments on the stack; none if it is wrong.
    fn site(&mut self, command: &Command, wanted: Use, here: Here<'_, '_>) -> Option<(u32, Line)> {
        let word = self.word(command, wanted, here)?;
        let line = here.line(command.mark);
        let site = self.arguments(word, command, here)?;
        self.program.sites.push(site);
        Some((self.program.sites.len() as u32 - 1, line))
    }

    fn word(&mut self, command: &Command, wanted: Use, here: Here<'_, '_>) -> Option<&'static Word> {
        let find = |role| words::find(&command.name, role);
        let found = match wanted {
            Use::Test => find(Role::Test),
            Use::Statement => find(Role::Action),
            // A test stands for its truth, unless an action has its name.
            Use::Value => find(Role::Action).or_else(|| find(Role::Test)),
        };
        let Some(word) = found else {
            let (what, role, there) = match wanted {
                Use::Test => ("test", Role::Test, "a test; assign the value of this action and test that"),
                Use::Statement => ("action", Role::Action, "an action; write 'if' before a test"),
                Use::Value => ("function", Role::Action, "a function"),
            };
            if find(Role::Action).or(find(Role::Test)).is_some() {
                here.script.error(command.mark, format!("'{}' is no {what}", command.name), Some(there));
            } else {
                let meant = config::nearest(&command.name, words::names(role));
                here.script.unknown(command.mark, format!("unknown {what} '{}'", command.name), meant);
            }
            return None;
        };
        match word.run {
            Run::Elsewhere(instead) => {
                here.script.warning(command.mark, format!("'{}' is not available here; {instead}", word.name))
            }
            Run::Ignored => {
                here.script
                    .warning(command.mark, format!("'{}' is not provided and does nothing", word.name));
            }
            _ => {}
        }
        if let Some(place) = self.purpose.place
            && !word.places.has(place)
        {
            let expected = format!("one of the phases {}", word.places.names());
            let message = format!("'{}' cannot be used in this phase", word.name);
            here.script.error(command.mark, message, Some(&expected));
        }
        Some(word)
    }
}

/// The tags of a word without any.
fn plain(word: &Word, comparator: Option<Comparator>) -> Form {
    let default = word.tags.matching.unwrap_or(Comparator::Octet);
    Form {
        matching: crate::matching::Matching {
            kind: crate::matching::MatchType::Is,
            comparator: comparator.unwrap_or(default),
        },
        part: content::address::Component::All,
        is_over: false,
        body: crate::program::BodyPart::Text,
        types: None,
        offset: None,
        ip: None,
    }
}

/// Whether the last arguments are all there.
fn counts(site: &Site) -> (usize, usize) {
    let required = site.word.parameters.iter().filter(|parameter| !parameter.is_optional).count();
    (required, site.word.parameters.len())
}
