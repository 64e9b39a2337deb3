//! Runs a program. The machine decides and waits for nobody: it says when it must wait, is given the answer,
//! and goes on where it was.

use crate::aside;
use crate::fault::Fault;
use crate::included::{self, Found};
use crate::limits::{Account, Limits};
use crate::matching::{MatchType, Matching};
use crate::pattern::Patterns;
use crate::program::{Constant, Form, Op, Piece, Program, Site};
use crate::scene::Scene;
use crate::value::{Text, Value};
use crate::word::{Flow, Got, Run, Wait};
use policy_api::Level;
use std::borrow::Cow;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

/// A program on one shard: its texts are shared by all runs there.
pub(crate) struct Loaded {
    pub program: Arc<Program>,
    constants: Vec<Value>,
    /// What variables hold before something is assigned.
    empty: Value,
}

impl Loaded {
    pub fn new(program: Arc<Program>) -> Rc<Loaded> {
        let constants = program.constants.iter().map(Value::from).collect();
        Rc::new(Loaded { program, constants, empty: Value::default() })
    }
}

impl From<&Constant> for Value {
    fn from(constant: &Constant) -> Self {
        match constant {
            Constant::Text(text) => Value::Text(Rc::from(&**text)),
            Constant::Number(text) => Value::Number(Rc::from(&**text)),
            Constant::Tag(text) => Value::Tag(Rc::from(&**text)),
            Constant::List(texts) => texts.iter().map(|text| Rc::from(&**text)).collect::<Value>(),
        }
    }
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// At its last statement or at `stop`: the next script goes on.
    Through,
    /// With an action that ends Sieve for the phase.
    Ended,
    /// With a fault; its text names file and line.
    Failed(String),
}

pub(crate) enum Progress {
    Finished(Ending),
    /// Goes on with `answered`.
    Waits(Wait),
    /// Others have their turn.
    Breathes,
}

pub(crate) struct Machine {
    loaded: Rc<Loaded>,
    at: usize,
    stack: Vec<Value>,
    variables: Vec<Value>,
    /// Behind the includes of this program.
    returns: Vec<usize>,
    /// The programs that have included this one in the run, and what all of them know by name.
    callers: Vec<Frame>,
    known: HashMap<Box<str>, Value>,
    flag: bool,
    /// What a wait is for.
    waiting: Option<Awaited>,
    goes_on: bool,
    account: Account,
}

enum Awaited {
    Value,
    Flag,
    /// In `Scene::included`.
    Script,
}

/// A program that goes on when what it has included ends.
struct Frame {
    loaded: Rc<Loaded>,
    at: usize,
    variables: Vec<Value>,
    returns: Vec<usize>,
}

/// What an instruction leads to.
enum Next {
    Go,
    /// In another program.
    Switch,
    Finish(Ending),
    Wait(Wait, Awaited),
}

impl Machine {
    /// `goes_on`: faults are reported and passed over (`runtime_error = continue`).
    pub fn new(loaded: Rc<Loaded>, limits: Limits, goes_on: bool) -> Machine {
        let variables = vec![loaded.empty.clone(); loaded.program.variables.len()];
        Machine {
            loaded,
            at: 0,
            stack: Vec::with_capacity(16),
            variables,
            returns: Vec::new(),
            callers: Vec::new(),
            known: HashMap::new(),
            flag: false,
            waiting: None,
            goes_on,
            account: Account::new(limits),
        }
    }

    /// Runs until it is finished or must wait.
    pub fn advance(&mut self, scene: &mut Scene<'_>) -> Progress {
        let mut loaded = self.loaded.clone();
        loop {
            let next = self.account.step(1).and_then(|()| self.step(&loaded, scene));
            match next {
                Ok(Next::Go) => {}
                Ok(Next::Switch) => loaded = self.loaded.clone(),
                Ok(Next::Finish(ending)) => return Progress::Finished(ending),
                Ok(Next::Wait(wait, awaited)) => {
                    self.waiting = Some(awaited);
                    return Progress::Waits(wait);
                }
                Err(fault) => {
                    if let Some(ending) = self.failed(fault, scene) {
                        return Progress::Finished(ending);
                    }
                }
            }
            if self.account.is_out_of_breath() {
                return Progress::Breathes;
            }
        }
    }

    /// What a wait was for has come.
    pub fn answered(&mut self, answer: Result<Value, Fault>, scene: &mut Scene<'_>) -> Option<Ending> {
        let answer = answer.and_then(|value| self.account.hold(value.size()).map(|()| value));
        if answer.is_ok() && std::mem::take(&mut scene.ends) {
            return Some(Ending::Ended);
        }
        match (answer, self.waiting.take()) {
            (Ok(value), Some(Awaited::Value)) => self.stack.push(value),
            (Ok(value), Some(Awaited::Flag)) => self.flag = value.is_true(),
            (Ok(_), Some(Awaited::Script)) => {
                let script = scene.included.take().expect("the wait has left it");
                return self.enter(script).err().and_then(|fault| self.failed(fault, scene));
            }
            (Err(fault), awaited) => {
                self.waiting = awaited;
                return self.failed(fault, scene);
            }
            (Ok(_), None) => panic!("an answer to a machine that does not wait"),
        }
        None
    }

    /// The run has taken longer than it may.
    pub fn timed_out(&mut self, scene: &Scene<'_>) -> Ending {
        count_limit(scene, "time");
        let limit = self.account.limits().time.as_secs();
        Ending::Failed(format!("{}: the script has taken more than {limit} s", self.place()))
    }

    fn place(&self) -> String {
        self.loaded.program.place(self.at.saturating_sub(1))
    }

    /// None: the run goes on with an empty value, or a test that is false.
    fn failed(&mut self, fault: Fault, scene: &mut Scene<'_>) -> Option<Ending> {
        let op = self.loaded.program.code.get(self.at.saturating_sub(1));
        let name = match op {
            Some(Op::Call(site) | Op::Test(site)) => self.loaded.program.sites[*site as usize].word.name,
            _ => "",
        };
        let separator = if name.is_empty() { "" } else { ": " };
        let text = format!("{}: {name}{separator}{fault}", self.place());
        if let Some(limit) = fault.limit {
            count_limit(scene, limit);
        }
        if fault.limit.is_some() || !self.goes_on {
            return Some(Ending::Failed(text));
        }
        scene.report(Level::Error, &text);
        self.waiting = None;
        match op {
            Some(Op::Call(_)) => self.stack.push(Value::default()),
            // The script goes on behind what it could not include.
            Some(Op::Fetch { .. }) => {}
            _ => self.flag = false,
        }
        None
    }

    fn step(&mut self, loaded: &Loaded, scene: &mut Scene<'_>) -> Result<Next, Fault> {
        let program = &*loaded.program;
        let op = program.code[self.at];
        self.at += 1;
        match op {
            Op::Constant(number) => self.stack.push(loaded.constants[number as usize].clone()),
            Op::Variable(slot) => self.stack.push(self.variables[slot as usize].clone()),
            Op::Element(slot) => {
                let key = self.pop().text();
                let element = self.variables[slot as usize].element(&key);
                self.stack.push(element.unwrap_or_default());
            }
            Op::Template(number) => {
                let value = match &*program.templates[number as usize] {
                    [Piece::Variable(slot)] => Value::Text(self.variables[*slot as usize].text()),
                    pieces => Value::from(self.fill(pieces, scene)?),
                };
                self.stack.push(value);
            }
            Op::List(count) => {
                let from = self.stack.len() - count as usize;
                let list: Value = self.stack.drain(from..).map(|value| value.text()).collect();
                self.account.hold(list.size())?;
                self.stack.push(list);
            }
            Op::Store(slot) => self.variables[slot as usize] = self.pop(),
            Op::Spread(number) => {
                let value = self.pop();
                let texts = value.texts();
                for (index, slot) in program.spreads[number as usize].iter().enumerate() {
                    let text = texts.get(index).cloned().map_or_else(Value::default, Value::Text);
                    self.variables[*slot as usize] = text;
                }
            }
            Op::Drop => {
                self.pop();
            }
            Op::Call(site) => return self.call(loaded, &program.sites[site as usize], Awaited::Value, scene),
            Op::Test(site) => return self.call(loaded, &program.sites[site as usize], Awaited::Flag, scene),
            Op::Flag(flag) => self.flag = flag,
            Op::Not => self.flag = !self.flag,
            Op::Jump(to) => self.at = to as usize,
            Op::JumpIf(to) if self.flag => self.at = to as usize,
            Op::JumpUnless(to) if !self.flag => self.at = to as usize,
            Op::JumpIf(_) | Op::JumpUnless(_) => {}
            Op::Include(to) => {
                self.go_deeper()?;
                self.returns.push(self.at);
                self.at = to as usize;
            }
            Op::Fetch { has_parameters } => return self.fetch(has_parameters, scene),
            Op::Return => match self.returns.pop() {
                Some(at) => self.at = at,
                None => return self.leave(),
            },
            // RFC 6609 §3.1: it also stops the scripts that include this one.
            Op::Stop => return Ok(Next::Finish(Ending::Through)),
        }
        Ok(Next::Go)
    }

    fn go_deeper(&self) -> Result<(), Fault> {
        let depth =
            self.returns.len() + self.callers.iter().map(|frame| frame.returns.len() + 1).sum::<usize>();
        if depth >= self.account.limits().depth {
            return Err(Fault::limit("depth", "too many scripts include each other"));
        }
        Ok(())
    }

    fn fetch(&mut self, has_parameters: bool, scene: &mut Scene<'_>) -> Result<Next, Fault> {
        let parameters = has_parameters.then(|| self.pop());
        let uri = self.pop().text();
        self.go_deeper()?;
        let found =
            included::find(scene, self.loaded.program.name_at(self.at - 1), &uri, parameters.as_ref())?;
        match found {
            Found::Here(script) => self.enter(script).map(|()| Next::Switch),
            Found::Later(wait) => Ok(Next::Wait(wait, Awaited::Script)),
        }
    }

    /// Runs an included program, which knows the variables of all others by their names.
    fn enter(&mut self, script: Rc<Loaded>) -> Result<(), Fault> {
        self.publish()?;
        let variables = vec![script.empty.clone(); script.program.variables.len()];
        self.callers.push(Frame {
            loaded: std::mem::replace(&mut self.loaded, script),
            at: std::mem::replace(&mut self.at, 0),
            variables: std::mem::replace(&mut self.variables, variables),
            returns: std::mem::take(&mut self.returns),
        });
        self.recall()
    }

    /// Goes on in the program that has included this one.
    fn leave(&mut self) -> Result<Next, Fault> {
        self.publish()?;
        let caller = self.callers.pop().expect("only an included program ends so");
        self.loaded = caller.loaded;
        self.at = caller.at;
        self.variables = caller.variables;
        self.returns = caller.returns;
        self.recall()?;
        Ok(Next::Switch)
    }

    fn publish(&mut self) -> Result<(), Fault> {
        let names = &self.loaded.program.variables;
        self.account.step(names.len() as u64)?;
        for (name, value) in names.iter().zip(&self.variables) {
            match self.known.get_mut(name) {
                Some(known) => known.clone_from(value),
                None => drop(self.known.insert(name.clone(), value.clone())),
            }
        }
        Ok(())
    }

    fn recall(&mut self) -> Result<(), Fault> {
        let names = &self.loaded.program.variables;
        self.account.step(names.len() as u64)?;
        for (name, value) in names.iter().zip(&mut self.variables) {
            if let Some(known) = self.known.get(name) {
                value.clone_from(known);
            }
        }
        Ok(())
    }

    fn pop(&mut self) -> Value {
        self.stack.pop().expect("the compiler balances the stack")
    }

    fn fill(&mut self, pieces: &[Piece], scene: &Scene<'_>) -> Result<String, Fault> {
        let mut out = String::new();
        for piece in pieces {
            match piece {
                Piece::Plain(text) => out.push_str(text),
                Piece::Variable(slot) => {
                    let text = self.variables[*slot as usize].text();
                    self.account.hold(text.len())?;
                    out.push_str(&text);
                }
                Piece::Macro(known) => {
                    let before = out.len();
                    known.expand(scene, &mut out);
                    self.account.hold(out.len() - before)?;
                }
            }
        }
        Ok(out)
    }

    fn call(
        &mut self,
        loaded: &Loaded,
        site: &Site,
        awaited: Awaited,
        scene: &mut Scene<'_>,
    ) -> Result<Next, Fault> {
        let from = self.stack.len() - usize::from(site.arguments);
        let mut call = Call {
            scene,
            account: &mut self.account,
            arguments: &self.stack[from..],
            form: &site.form,
            own: usize::from(site.own),
            variable: site.variable.map(|slot| &mut self.variables[slot as usize]),
            goes_on: &mut self.goes_on,
            program: &loaded.program,
            at: self.at - 1,
        };
        let done = match site.word.run {
            Run::Test(run) | Run::Wait(run) => run(&mut call).map(Done::Got),
            Run::Value(run) => run(&mut call).map(|value| Done::Got(Got::Value(value))),
            Run::Action(run) => run(&mut call).map(Done::Flow),
            Run::Ignored => Ok(Done::Flow(Flow::On)),
            Run::Elsewhere(instead) => Err(Fault::new(format!("not available here; {instead}"))),
        };
        if matches!(done, Ok(Done::Flow(_))) && scene.host.is_watched() {
            let told = self.stack[from..].iter().map(|value| format!("{:?}", &*value.text()));
            let told: Vec<_> = std::iter::once(site.word.name.to_owned()).chain(told).collect();
            scene.host.did(&loaded.program.place(self.at - 1), &told.join(" "));
        }
        self.stack.truncate(from);
        match (done?, awaited) {
            (Done::Got(Got::Later(wait)), awaited) => return Ok(Next::Wait(wait, awaited)),
            (Done::Flow(Flow::End), _) => return Ok(Next::Finish(Ending::Ended)),
            (Done::Flow(Flow::On), _) => self.stack.push(loaded.empty.clone()),
            (Done::Got(Got::Flag(flag)), Awaited::Flag) => self.flag = flag,
            (Done::Got(Got::Flag(flag)), _) => self.stack.push(Value::from(flag)),
            (Done::Got(Got::Value(value)), awaited) => {
                self.account.hold(value.size())?;
                match awaited {
                    Awaited::Value => self.stack.push(value),
                    Awaited::Flag => self.flag = value.is_true(),
                    Awaited::Script => unreachable!("no word includes"),
                }
            }
        }
        Ok(Next::Go)
    }
}

/// What a reply may begin with: a success, or a refusal.
pub(crate) fn is_code(code: u16) -> bool {
    matches!(code, 200..300 | 400..600)
}

/// `sieve stats` shows who needs more than there is.
fn count_limit(scene: &Scene<'_>, limit: &str) {
    scene.count(&format!("limit:{limit}"), "4xx");
}

enum Done {
    Got(Got),
    Flow(Flow),
}

/// One use of a word in a run: its arguments, and all that it may touch.
pub(crate) struct Call<'c, 'a> {
    pub scene: &'c mut Scene<'a>,
    pub account: &'c mut Account,
    pub form: &'c Form,
    arguments: &'c [Value],
    own: usize,
    variable: Option<&'c mut Value>,
    goes_on: &'c mut bool,
    program: &'c Program,
    at: usize,
}

impl<'c> Call<'c, '_> {
    /// How many arguments the script gives.
    pub fn count(&self) -> usize {
        self.own
    }

    pub fn value(&self, index: usize) -> &Value {
        &self.arguments[index]
    }

    /// An argument that may be missing, or that a tag brought.
    pub fn get(&self, index: usize) -> Option<&Value> {
        self.arguments[..self.own].get(index)
    }

    /// The value of a tag that takes one.
    pub fn of_tag(&self, index: Option<u8>) -> Option<&Value> {
        index.map(|index| &self.arguments[usize::from(index)])
    }

    pub fn text(&self, index: usize) -> Text {
        self.arguments[index].text()
    }

    pub fn optional(&self, index: usize) -> Option<Text> {
        self.get(index).map(Value::text)
    }

    pub fn texts(&self, index: usize) -> Cow<'c, [Text]> {
        self.arguments[index].texts()
    }

    pub fn number(&self, index: usize) -> Result<f64, Fault> {
        let text = self.text(index);
        let number = text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
        number.ok_or_else(|| Fault::new(format!("'{text}' is no number")))
    }

    /// A number that counts something.
    pub fn whole(&self, index: usize) -> Result<u64, Fault> {
        let number = self.number(index)?;
        if number < 0.0 || number.fract() != 0.0 || number > 9e15 {
            return Err(Fault::new(format!("'{}' is no whole number", self.text(index))));
        }
        Ok(number as u64)
    }

    pub fn code(&self, index: usize) -> Result<u16, Fault> {
        let text = self.text(index);
        let code = text.trim().parse::<u16>().ok().filter(|code| is_code(*code));
        code.ok_or_else(|| Fault::new(format!("'{text}' is no reply code (200 to 299, or 400 to 599)")))
    }

    pub fn hash(&self, index: usize) -> Result<&crate::value::Hash, Fault> {
        match &self.arguments[index] {
            Value::Hash(hash) => Ok(hash),
            other => Err(Fault::new(format!("a {} where a hash is wanted", other.kind()))),
        }
    }

    /// The variable that the word changes.
    pub fn variable(&mut self) -> &mut Value {
        self.variable.as_mut().expect("the compiler demands one")
    }

    /// The name of a counter, or where the script stands.
    pub fn counter(&self, index: usize) -> Text {
        self.optional(index).filter(|name| !name.is_empty()).unwrap_or_else(|| self.place().into())
    }

    /// `file:line`
    pub fn place(&self) -> String {
        self.program.place(self.at)
    }

    /// Faults are passed over from here on, or not.
    pub fn set_error_mode(&mut self, goes_on: bool) {
        *self.goes_on = goes_on;
    }

    /// Whether any value matches any of the keys, by the match type that the script named.
    pub fn matches<V: AsRef<str>>(&mut self, values: &[V], keys: &[Text]) -> Result<Got, Fault> {
        compare(self.form.matching, self.account, self.scene, values, keys)
    }

    pub fn may_wait(&self) -> bool {
        self.scene.rights().suspend
    }

    /// Faults unless the phase lets a script change this.
    pub fn permit(&self, allowed: bool, what: &str) -> Result<(), Fault> {
        if allowed {
            return Ok(());
        }
        Err(Fault::new(format!("{what} cannot be changed in {}", self.scene.place_name())))
    }
}

/// Whether any value matches any of the keys. Patterns over long texts are looked for on a side thread: what PCRE
/// needs for them has no useful bound.
pub(crate) fn compare<V: AsRef<str>>(
    matching: Matching,
    account: &mut Account,
    scene: &Scene<'_>,
    values: &[V],
    keys: &[Text],
) -> Result<Got, Fault> {
    let octets: usize = values.iter().map(|value| value.as_ref().len()).sum();
    for key in keys {
        account.look(matching.weight(octets, key) + values.len())?;
    }
    let is_long = matching.kind == MatchType::Regex && octets > aside::LONG_FOR_A_PATTERN;
    if is_long && scene.rights().suspend {
        account.hold(octets)?;
        let values: Vec<String> = values.iter().map(|value| value.as_ref().to_owned()).collect();
        let keys: Vec<Box<str>> = keys.iter().map(|key| Box::from(&**key)).collect();
        let work = move || matching.any(&values, &keys, &Patterns::default());
        return Ok(Got::Later(aside::work(scene.host, work, Value::from)));
    }
    Ok(Got::Flag(matching.any(values, keys, &scene.shared.patterns)?))
}
