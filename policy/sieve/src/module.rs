//! The modules `sieve` and `sievelib`: which scripts run when, and what their ends mean for the pipeline
//! (spec sieve.md §6 and §8).

use crate::commands;
use crate::hooks;
use crate::included::Included;
use crate::keys::Keys;
use crate::limits::Limits;
use crate::loader::{self, Wanted};
use crate::machine::{Ending, Loaded};
use crate::options::{HookOptions, RuntimeError, SIEVE, ScriptOptions, SieveOptions};
use crate::pattern::Patterns;
use crate::phase::{KINDS, Point, hook_named, hook_names, script_named, script_names};
use crate::program::Program;
use crate::run::{Begun, Terms, begin, finish};
use crate::scene::{Scene, Shared};
use crate::throttle::Throttles;
use config::{Complaint, Instances, ModuleSyntax, Stanza};
use mail::Phase;
use policy_api::{
    Answer, Ask, Counter, Finding, Hook, HookKind, Host, Make, Module, ModuleDef, Sources, Verdict,
};
use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

/// Runs scripts at the phases that its stanzas name.
pub static MODULE: ModuleDef = ModuleDef {
    files: Some(files),
    check: Some(check),
    commands: &commands::SIEVE,
    hooks: &KINDS,
    ..ModuleDef::new(SIEVE, &PHASES, make)
};

/// Modules whose functions are built into `sieve`; their stanzas are taken so that configurations load.
pub static LIBRARY: ModuleDef = ModuleDef { commands: &commands::LIBRARY, ..library("sievelib") };
pub static DISCLAIMER: ModuleDef = library("disclaimer");

const fn library(name: &'static str) -> ModuleDef {
    let syntax = ModuleSyntax { name, instances: Instances::Any, options: &[], stanzas: &[] };
    ModuleDef::new(syntax, &[], |_, _| Ok(Rc::new(Library)))
}

const PHASES: [Phase; 11] = [
    Phase::Accept,
    Phase::Connect,
    Phase::Ehlo,
    Phase::Mailfrom,
    Phase::Rcptto,
    Phase::Data,
    Phase::DataSpool,
    Phase::DataSpoolEachRcpt,
    Phase::MsgGenDataSpool,
    Phase::SetBinding,
    Phase::FinalValidation,
];

struct Library;

impl Module for Library {}

/// A script as the configuration names it.
struct Named {
    /// `data_phase1`, or the hook.
    name: String,
    point: Point,
    uri: String,
    /// What a hook is answered.
    returns: i64,
}

/// In the order in which they run.
fn scripts(stanza: Stanza<'_>) -> Result<Vec<Named>, Finding> {
    let mut found = Vec::new();
    for older in script_names() {
        let uri = stanza.value(&older).and_then(|value| config::scalar(value.value).ok().map(str::to_owned));
        if let Some(uri) = uri.filter(|uri| !uri.is_empty()) {
            found.push(phase_script(&older, uri, stanza)?);
        }
    }
    for inner in stanza.stanzas("script") {
        let options = ScriptOptions::resolve(&inner);
        found.push(phase_script(inner.name(), options.source.to_string(), inner)?);
    }
    for inner in stanza.stanzas("hook") {
        let options = HookOptions::resolve(&inner);
        let uri = options.script.as_deref().unwrap_or(&options.source).to_owned();
        let Some(point) = hook_named(inner.name()) else {
            let names: Vec<&str> = hook_names().collect();
            let text = format!(
                "Sieve cannot run at the hook '{}'; expected one of {} (a Lua scriptlet may know others)",
                inner.name(),
                names.join(", ")
            );
            return Err(Finding::new(place_of(inner), text));
        };
        if uri.is_empty() {
            return Err(Finding::new(place_of(inner), format!("hook '{}' has no source", inner.name())));
        }
        let name = inner.name().to_owned();
        found.push(Named { name, point, uri, returns: options.r#return });
    }
    found.sort_by_key(|script| script.point);
    if let Some(pair) = found.windows(2).find(|pair| pair[0].name == pair[1].name) {
        return Err(Finding::new(place_of(stanza), format!("there are two scripts '{}'", pair[0].name)));
    }
    Ok(found)
}

fn phase_script(name: &str, uri: String, stanza: Stanza<'_>) -> Result<Named, Finding> {
    let Some((phase, turn)) = script_named(name) else {
        let names: Vec<String> = script_names().collect();
        let meant = config::nearest(name, names.iter().map(String::as_str));
        let hint = meant.map(|meant| format!("; did you mean '{meant}'?")).unwrap_or_default();
        let text = format!("'{name}' is no phase of Sieve; expected one of {}{hint}", names.join(", "));
        return Err(Finding::new(place_of(stanza), text));
    };
    if uri.is_empty() {
        return Err(Finding::new(place_of(stanza), format!("script '{name}' has no source")));
    }
    Ok(Named { name: name.to_owned(), point: Point::Phase(phase, turn), uri, returns: 0 })
}

fn place_of(stanza: Stanza<'_>) -> String {
    stanza.position().map(|position| position.to_string()).unwrap_or_default()
}

/// The scripts, and the folders in which they stand: what they include is there.
fn files(stanza: Stanza<'_>) -> Vec<PathBuf> {
    let mut wanted = Vec::new();
    for path in scripts(stanza).unwrap_or_default().iter().filter_map(|script| loader::path(&script.uri)) {
        let folder = path.parent().map(Path::to_owned).filter(|folder| folder.parent().is_some());
        wanted.extend(folder.filter(|folder| !wanted.contains(folder)));
        wanted.push(path);
    }
    wanted
}

/// A script that stands in no file is one that includes it: it is fetched in the run.
fn fetching(script: &Named, wanted: Wanted<'_>, sources: &Sources) -> Result<Program, Vec<Complaint>> {
    let quoted: String = script.uri.chars().flat_map(|shown| ['\\', shown]).collect();
    loader::compile_text(wanted, &format!("ec_include \"{quoted}\";"), sources)
}

fn make(stanza: Stanza<'_>, make: &Make<'_>) -> Result<Rc<dyn Module>, Finding> {
    let options = SieveOptions::resolve(&stanza);
    let mut loaded = Vec::new();
    for script in scripts(stanza)? {
        let file = loader::path(&script.uri);
        let wanted = Wanted {
            path: file.as_deref().unwrap_or(Path::new(&script.name)),
            place: script.point.place(),
            comparator: options.default_comparator.forced(),
        };
        let program = match file {
            Some(_) => loader::program(wanted, make.sources),
            None => fetching(&script, wanted, make.sources).map(Arc::new),
        };
        let program = program.map_err(|findings| {
            let first = findings.iter().find(|finding| finding.severity == config::Severity::Error);
            finding(first.unwrap_or(&findings[0]))
        })?;
        let Named { name, point, returns, .. } = script;
        loaded.push(Script { name: name.into(), point, returns, loaded: Loaded::new(program) });
    }
    Ok(Rc::new(Sieve {
        scripts: loaded,
        terms: terms(&options),
        processed: OnceCell::new(),
        comparator: options.default_comparator.forced(),
        shared: Shared {
            instance: stanza.name().into(),
            hostname: make.hostname.into(),
            patterns: Patterns::default(),
            throttles: Throttles::new(options.siv_throttle_cache_size as usize),
            keys: Keys::default(),
            included: Included::new(
                options.cache_size as usize,
                options.cache_life,
                options.default_comparator.forced(),
            ),
            sources: make.sources.clone(),
            services: make.services.clone(),
        },
    }))
}

fn terms(options: &SieveOptions) -> Terms {
    let limits = Limits {
        steps: options.max_steps,
        memory: options.max_memory as usize,
        time: options.max_time,
        ..Limits::default()
    };
    Terms { limits, goes_on: options.runtime_error == RuntimeError::Continue }
}

/// Every script is compiled, and what it said.
fn check(stanza: Stanza<'_>, sources: &Sources) -> Vec<Finding> {
    let scripts = match scripts(stanza) {
        Ok(scripts) => scripts,
        Err(finding) => return vec![finding],
    };
    let comparator = SieveOptions::resolve(&stanza).default_comparator.forced();
    let mut findings = Vec::new();
    for script in scripts {
        let file = loader::path(&script.uri);
        let path = file.as_deref().unwrap_or(Path::new(&script.name));
        let wanted = Wanted { path, place: script.point.place(), comparator };
        let said = match file {
            Some(_) => loader::compile(wanted, sources),
            None => fetching(&script, wanted, sources),
        };
        let complaints = said.map_or_else(|errors| errors, |program| program.warnings().to_vec());
        findings.extend(complaints.iter().map(finding));
    }
    findings
}

/// The place apart, then the complaint with its excerpt.
fn finding(complaint: &Complaint) -> Finding {
    let place = complaint.place.as_ref().map(|spot| spot.position.to_string());
    Finding::new(place.unwrap_or_default(), complaint.to_string())
}

struct Script {
    name: Box<str>,
    point: Point,
    returns: i64,
    loaded: Rc<Loaded>,
}

impl Script {
    fn is_at(&self, phase: Phase) -> bool {
        matches!(self.point, Point::Phase(at, _) if at == phase)
    }
}

pub(crate) struct Sieve {
    /// In the order in which they run.
    scripts: Vec<Script>,
    terms: Terms,
    /// `:sieve-processed`
    processed: OnceCell<Rc<Counter>>,
    pub shared: Shared,
    /// `default_comparator`
    pub comparator: Option<&'static str>,
}

impl Module for Sieve {
    fn judge<'a>(&'a self, ask: &'a mut Ask<'_>, host: &'a Rc<dyn Host>) -> Answer<'a> {
        if ask.phase == Phase::Data {
            let path =
                || crate::statistics::path(&self.shared.instance, "", "sieve-processed", "informational");
            self.processed.get_or_init(|| host.counter(&path())).add(1);
        }
        let first = self.scripts.iter().position(|script| script.is_at(ask.phase));
        let Some(first) = first else { return Answer::Now(Verdict::Continue) };
        let phase = ask.phase;
        let scripts = self.scripts[first..].iter().take_while(move |script| script.is_at(phase));
        self.run(scripts.collect(), ask, host)
    }

    fn hook<'a>(&'a self, hook: &'a mut Hook<'_>, host: &'a Rc<dyn Host>) -> Answer<'a> {
        match self.script_of(hook.kind()) {
            Some(script) => Answer::Later(Box::pin(self.told(script, hook, host))),
            None => Answer::Now(Verdict::Continue),
        }
    }

    fn judges(&self, phase: Phase) -> bool {
        // Each message that comes in is counted.
        phase == Phase::Data || self.scripts.iter().any(|script| script.is_at(phase))
    }

    fn hears(&self, hook: HookKind) -> bool {
        self.script_of(hook).is_some()
    }
}

impl Sieve {
    fn script_of(&self, hook: HookKind) -> Option<&Script> {
        self.scripts.iter().find(|script| script.point == Point::Hook(hook))
    }

    /// The script of a hook: something has happened.
    async fn told(&self, script: &Script, hook: &mut Hook<'_>, host: &Rc<dyn Host>) -> Verdict {
        let told = hooks::Told { name: &script.name, loaded: &script.loaded, returns: script.returns };
        let ending = hooks::play(told, hook, host, &self.shared, self.terms).await;
        match ending {
            Ending::Failed(text) => Verdict::Failed(format!("sieve:{}: {text}", self.shared.instance).into()),
            Ending::Through | Ending::Ended => Verdict::Continue,
        }
    }

    /// The scripts of one phase, one after the other: at once as far as that goes.
    fn run<'a>(
        &'a self,
        scripts: Vec<&'a Script>,
        ask: &'a mut Ask<'_>,
        host: &'a Rc<dyn Host>,
    ) -> Answer<'a> {
        let mut scripts = scripts.into_iter();
        let mut scene = Scene::new("", ask, host, &self.shared);
        while let Some(script) = scripts.next() {
            scene.script = &script.name;
            scene.place = script.point.place();
            match begin(&script.loaded, self.terms, &mut scene) {
                Begun::Finished(ending) => {
                    if let Some(verdict) = verdict(ending, &scene) {
                        return Answer::Now(verdict);
                    }
                }
                Begun::Waiting(machine, progress) => {
                    let terms = self.terms;
                    return Answer::Later(Box::pin(async move {
                        let ending = finish(machine, progress, terms, &mut scene).await;
                        if let Some(verdict) = verdict(ending, &scene) {
                            return verdict;
                        }
                        self.go_on(scripts, scene).await
                    }));
                }
            }
        }
        Answer::Now(Verdict::Continue)
    }

    /// The scripts behind one that had to wait.
    async fn go_on<'a>(&self, scripts: impl Iterator<Item = &'a Script>, mut scene: Scene<'a>) -> Verdict {
        for script in scripts {
            scene.script = &script.name;
            scene.place = script.point.place();
            let ending = match begin(&script.loaded, self.terms, &mut scene) {
                Begun::Finished(ending) => ending,
                Begun::Waiting(machine, progress) => finish(machine, progress, self.terms, &mut scene).await,
            };
            if let Some(verdict) = verdict(ending, &scene) {
                return verdict;
            }
        }
        Verdict::Continue
    }
}

/// None: the next script goes on.
fn verdict(ending: Ending, scene: &Scene<'_>) -> Option<Verdict> {
    let is_over = scene.disposition.refuses() || scene.disposition.discard.is_some();
    match ending {
        Ending::Failed(text) => {
            Some(Verdict::Failed(format!("sieve:{}: {text}", scene.shared.instance).into()))
        }
        Ending::Through if !is_over => None,
        _ if is_over => Some(Verdict::Done),
        _ => Some(Verdict::Continue),
    }
}
