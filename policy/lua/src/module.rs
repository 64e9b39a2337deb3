//! The module `scriptlet`: asks the registered modules of its scripts at every phase.
//!
//! The law: whatever a script does, its question gets an answer, and what was taken out of it is put back.

use crate::call::{Call, Failure, Step, finish, step};
use crate::callouts::{CALLOUTS, Callout, Objects};
use crate::chores::attend;
use crate::family::constants::{CONTINUE, DONE};
use crate::findings::findings;
use crate::instance::{Instance, Registered};
use crate::sources::{Script, find, roots, wanted};
use crate::value::number;
use crate::{control, hooks};
use config::{Bool, Instances, Integer, ModuleSyntax, OptionalText, Seconds, Stanza, StanzaSyntax};
use mail::Phase;
use mlua::{MultiValue, Value};
use policy_api::{
    Answer, Ask, Finding, Hook, HookKind, Host, Later, Level, Make, Module, ModuleDef, Services, Sources,
    Verdict,
};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

config::options! {
    struct ScriptletOptions {
        /// Seconds that a compiled script is kept; here scripts live as long as their configuration.
        script_ttl: Seconds = "300", in [module];
        /// Percent that memory grows by before it is collected.
        gc_pause: Integer = "200", in [module];
        /// Speed of the collector, in percent of allocation.
        gc_stepmul: Integer = "200", in [module];
        /// Spare threads of the machine; coroutines are made when they are needed here.
        max_spare_per_master: Integer = "5000", in [module];
        /// Seconds between looks at spare threads.
        reap_interval: Seconds = "1", in [module];
        /// Accepted; memory is collected step by step.
        always_gc: Bool = "false", in [module];
    }
}

config::options! {
    pub struct ScriptOptions {
        /// Dotted or slashed name of a script below the search roots, or an absolute path.
        source: OptionalText = "", in [module];
    }
}

static SCRIPT: [StanzaSyntax; 1] =
    [StanzaSyntax { keyword: "script", named: true, options: &[ScriptOptions::DEFINITIONS], stanzas: &[] }];

pub static MODULE: ModuleDef = ModuleDef {
    syntax: ModuleSyntax {
        name: "scriptlet",
        instances: Instances::One,
        options: &[ScriptletOptions::DEFINITIONS],
        stanzas: &SCRIPT,
    },
    phases: &Phase::ALL,
    hooks: &hooks::KINDS,
    files: Some(|stanza| wanted(&roots(&stanza), &scripts(&stanza))),
    make,
    check: Some(check),
    commands: &control::COMMANDS,
};

/// Scripts check the users of `ac_auth://` wherever scriptlet is loaded; the stanza is taken so that configurations
/// load.
pub static AC_AUTH: ModuleDef = ModuleDef::new(
    ModuleSyntax { name: "ac_auth", instances: Instances::Any, options: &[], stanzas: &[] },
    &[],
    |_, _| Ok(Rc::new(Nothing)),
);

struct Nothing;

impl Module for Nothing {}

fn scripts(stanza: &Stanza<'_>) -> Vec<Script> {
    let named = stanza.stanzas("script").filter_map(|script| {
        let place = script.position().map(|position| position.to_string()).unwrap_or_default();
        // `msys.boot` and the like are the product's own: what they provide is built in.
        let source = ScriptOptions::resolve(&script).source.map(|source| source.to_string())?;
        let builtin = source.starts_with("msys.");
        (!builtin).then(|| Script { name: script.name().to_owned(), source, place })
    });
    named.collect()
}

/// A module of these scripts, for those who have no stanza.
pub fn load(
    sources: &Arc<Sources>,
    roots: Vec<PathBuf>,
    scripts: &[Script],
) -> Result<Rc<dyn Module>, Finding> {
    load_beside(sources, roots, scripts, &Rc::default())
}

/// The same, with what other modules offer.
pub fn load_beside(
    sources: &Arc<Sources>,
    roots: Vec<PathBuf>,
    scripts: &[Script],
    services: &Rc<Services>,
) -> Result<Rc<dyn Module>, Finding> {
    let instance = Instance::load(sources, roots, scripts, services)?;
    let remarks = instance.remarks(scripts);
    Ok(Rc::new(Scriptlet::new(instance, remarks)))
}

fn make(stanza: Stanza<'_>, make: &Make<'_>) -> Result<Rc<dyn Module>, Finding> {
    let scripts = scripts(&stanza);
    let instance = Instance::load(make.sources, roots(&stanza), &scripts, make.services)?;
    instance.machine.hostname.replace(make.hostname.to_owned());
    let remarks = if make.shard == 0 { instance.remarks(&scripts) } else { Vec::new() };
    Ok(Rc::new(Scriptlet::new(instance, remarks)))
}

/// Compiles every script, and names what they use that is not here.
fn check(stanza: Stanza<'_>, sources: &Sources) -> Vec<Finding> {
    let (scripts, roots) = (scripts(&stanza), roots(&stanza));
    let shared = Arc::new(sources.clone());
    let mut found = Vec::new();
    for script in &scripts {
        match find(&shared, &roots, &script.source) {
            Ok((text, file)) => found.extend(findings(&text, &file)),
            Err(reason) => found.push(Finding::new(&*script.place, reason)),
        }
    }
    if found.is_empty()
        && let Err(finding) = Instance::load(&shared, roots, &scripts, &Rc::default())
    {
        found.push(finding);
    }
    found
}

pub struct Scriptlet {
    instance: Rc<Instance>,
    /// (phase, module, callout) that exist, in the order of calling.
    turns: [Rc<[Turn]>; Phase::ALL.len()],
    /// (module, function) of every hook.
    hooks: [Vec<(usize, &'static hooks::HookCallout)>; HookKind::COUNT],
    /// Said with the first question, when there is a host to say it to.
    remarks: std::cell::RefCell<Vec<String>>,
    /// Its methods tell what they change.
    tells: std::cell::Cell<bool>,
    /// Coroutines whose callouts have ended: making one costs as much as a short callout.
    spare: std::cell::RefCell<Vec<mlua::Thread>>,
}

/// Coroutines kept for later callouts.
const SPARE: usize = 8;

#[derive(Clone)]
struct Turn {
    module: usize,
    callout: &'static Callout,
    /// Its name, as the machine has it.
    name: mlua::LuaString,
}

impl Scriptlet {
    pub fn instance(&self) -> Rc<Instance> {
        self.instance.clone()
    }

    fn new(instance: Instance, remarks: Vec<String>) -> Self {
        let mut turns: [Vec<Turn>; Phase::ALL.len()] = Default::default();
        for callout in &CALLOUTS {
            // Without memory for a name there is nothing that could be called by it.
            let Ok(name) = instance.machine.lua.create_string(callout.name) else { continue };
            for (module, registered) in instance.modules.iter().enumerate() {
                if matches!(registered.functions.get::<Value>(&name), Ok(Value::Function(_))) {
                    turns[callout.phase as usize].push(Turn { module, callout, name: name.clone() });
                }
            }
        }
        let hooks = hooks::turns(&instance);
        Scriptlet {
            instance: Rc::new(instance),
            turns: turns.map(Rc::from),
            hooks,
            remarks: remarks.into(),
            tells: false.into(),
            spare: std::cell::RefCell::default(),
        }
    }
}

/// How far the callouts of one question have come.
struct Progress {
    turns: Rc<[Turn]>,
    next: usize,
    /// At set_binding, the binding that was found: what is void there is called only after a change.
    bound: Option<Box<str>>,
    objects: Objects,
}

impl Progress {
    fn next(&mut self, call: &Call) -> Option<usize> {
        let unchanged =
            || self.bound.as_ref().is_some_and(|bound| call.letter.message.borrow().binding == *bound);
        let rest = self.turns.iter().skip(self.next);
        let skipped = rest.take_while(|turn| !turn.callout.decides && unchanged()).count();
        let at = self.next + skipped;
        self.next = at + 1;
        (at < self.turns.len()).then_some(at)
    }
}

/// What is left to do after what could be done at once.
enum Rest {
    Done(Verdict),
    Wait(mlua::Thread, Step, usize),
}

impl Scriptlet {
    /// Starts a callout as a coroutine.
    fn start(
        &self,
        call: &Rc<Call>,
        objects: &mut Objects,
        turn: &Turn,
    ) -> mlua::Result<(mlua::Thread, MultiValue)> {
        let module = &self.instance.modules[turn.module];
        let machine = &self.instance.machine;
        let function = module.functions.get::<mlua::Function>(&turn.name)?;
        let mut arguments = objects.arguments(machine, call, turn.callout.arguments)?;
        arguments.push_front(Value::Table(self.instance.receiver(call, module)?));
        let spare = self.spare.borrow_mut().pop();
        let thread = match spare {
            Some(thread) => thread.reset(function).map(|()| thread)?,
            None => machine.lua.create_thread(function)?,
        };
        Ok((thread, arguments))
    }

    /// Runs callouts until one waits or all are through.
    fn advance(&self, call: &Rc<Call>, progress: &mut Progress) -> Rest {
        let turns = progress.turns.clone();
        while let Some(at) = progress.next(call) {
            let turn = &turns[at];
            let (thread, arguments) = match self.start(call, &mut progress.objects, turn) {
                Ok(started) => started,
                Err(error) => return Rest::Done(self.failed(call, turn, &Failure::of(&error))),
            };
            match step(&self.instance.machine, call, &thread, arguments) {
                Step::Ended(result) => {
                    let is_ours = !self.instance.machine.is_thread_known.take();
                    if is_ours && result.is_ok() && self.spare.borrow().len() < SPARE {
                        self.spare.borrow_mut().push(thread);
                    }
                    if let Some(verdict) = self.ended(call, turn, result) {
                        return Rest::Done(verdict);
                    }
                }
                waits => return Rest::Wait(thread, waits, at),
            }
        }
        Rest::Done(Verdict::Continue)
    }

    /// The verdict if the phase ends with this callout.
    fn ended(&self, call: &Rc<Call>, turn: &Turn, result: Result<MultiValue, Failure>) -> Option<Verdict> {
        let values = match result {
            Ok(values) => values,
            Err(failure) => return Some(self.failed(call, turn, &failure)),
        };
        if !turn.callout.decides {
            return None;
        }
        match values.front().and_then(number).map(|number| number as i64) {
            Some(CONTINUE) => None,
            Some(DONE) => Some(Verdict::Done),
            _ => {
                let text = "must return msys.core.VALIDATE_CONT or msys.core.VALIDATE_DONE";
                Some(self.failed(call, turn, &Failure::plain(text)))
            }
        }
    }

    /// Behind the session there is nobody to answer: the message goes its way, the log has the error.
    fn failed(&self, call: &Rc<Call>, turn: &Turn, failure: &Failure) -> Verdict {
        let module: &Registered = &self.instance.modules[turn.module];
        let what = format!("{} of module {}", turn.callout.name, module.name);
        if matches!(turn.callout.phase, Phase::SetBinding | Phase::FinalValidation | Phase::MsgGenDataSpool) {
            call.host.report(Level::Error, &format!("scriptlet: {what}: {}", failure.text));
            return Verdict::Continue;
        }
        failure.verdict(&what)
    }

    fn say(&self, host: &Rc<dyn Host>) {
        for remark in self.remarks.take() {
            host.report(Level::Warning, &format!("scriptlet: {remark}"));
        }
    }
}

impl Module for Scriptlet {
    fn command_of(&self, line: &str) -> Option<String> {
        control::command_of(&self.instance, line)
    }

    fn judges(&self, phase: Phase) -> bool {
        !self.turns[phase as usize].is_empty()
    }

    fn hears(&self, hook: HookKind) -> bool {
        let is_asked = !self.hooks[hook as usize].is_empty();
        match hook {
            HookKind::PerformAuth => is_asked || self.instance.has_authenticators(),
            // What is kept of a session is let go.
            HookKind::SessionEnd => self.turns.iter().any(|turns| !turns.is_empty()),
            _ => is_asked,
        }
    }

    fn hook<'a>(&'a self, hook: &'a mut Hook<'_>, host: &'a Rc<dyn Host>) -> Answer<'a> {
        let turns = &self.hooks[hook.kind() as usize];
        let Hook::SessionEnd { client, .. } = hook else {
            return Answer::Later(Box::pin(hooks::ask(&self.instance, turns, hook, host)));
        };
        let id = client.id;
        // A session of which scripts have not heard has nothing to be let go.
        if turns.is_empty() || !self.instance.knows(id) {
            self.instance.forget(id);
            return Answer::Now(Verdict::Continue);
        }
        Answer::Later(Box::pin(async move {
            let verdict = hooks::ask(&self.instance, turns, hook, host).await;
            self.instance.forget(id);
            verdict
        }))
    }

    fn attend(&self, host: &Rc<dyn Host>) -> Option<Later<()>> {
        self.say(host);
        Some(attend(self.instance.machine.clone(), host.clone()))
    }

    fn judge<'a>(&'a self, ask: &'a mut Ask<'_>, host: &'a Rc<dyn Host>) -> Answer<'a> {
        self.say(host);
        let turns = &self.turns[ask.phase as usize];
        if turns.is_empty() {
            return Answer::Now(Verdict::Continue);
        }
        if host.is_watched() && !self.tells.replace(true) {
            // Without memory for it the lines are missing, nothing else.
            let _ = crate::watch::watch(&self.instance.machine);
        }
        let bound = (ask.phase == Phase::SetBinding).then(|| ask.message.binding.clone());
        let call = Call::take(ask, host);
        let mut progress = Progress {
            turns: turns.clone(),
            next: 0,
            bound,
            objects: Objects::new(self.instance.objects(&call)),
        };
        match self.advance(&call, &mut progress) {
            Rest::Done(verdict) => {
                call.give_back(ask);
                Answer::Now(verdict)
            }
            Rest::Wait(thread, waits, turn) => Answer::Later(Box::pin(async move {
                let verdict = self.go_on(&call, progress, (thread, waits, turn)).await;
                call.give_back(ask);
                verdict
            })),
        }
    }
}

impl Scriptlet {
    async fn go_on(
        &self,
        call: &Rc<Call>,
        mut progress: Progress,
        first: (mlua::Thread, Step, usize),
    ) -> Verdict {
        let turns = progress.turns.clone();
        let (mut thread, mut waits, mut at) = first;
        loop {
            let result = finish(self.instance.machine.clone(), call.clone(), thread, waits).await;
            if let Some(verdict) = self.ended(call, &turns[at], result) {
                return verdict;
            }
            match self.advance(call, &mut progress) {
                Rest::Done(verdict) => return verdict,
                Rest::Wait(next, step, which) => (thread, waits, at) = (next, step, which),
            }
        }
    }
}
