//! Which module is asked when: configuration order, passive modules, bypass. Decides, asks nobody itself.

use crate::{HookKind, Module, ModuleDef, Verdict};
use mail::{Dictionary, Phase};
use std::rc::Rc;

/// A module instance as the configuration named it.
pub struct Loaded {
    pub definition: &'static ModuleDef,
    /// `enabled = false` makes it passive: never asked on its own.
    pub enabled: bool,
    pub module: Rc<dyn Module>,
    /// The name of its stanza.
    pub instance: Box<str>,
    bypass: String,
}

impl Loaded {
    pub fn new(definition: &'static ModuleDef, enabled: bool, module: Rc<dyn Module>) -> Self {
        let bypass = format!("__bypass_{}", definition.name());
        Loaded { definition, enabled, module, instance: "".into(), bypass }
    }

    pub fn named(self, instance: &str) -> Self {
        Loaded { instance: instance.into(), ..self }
    }
}

/// The active modules of every phase and hook, in configuration order.
#[derive(Default)]
pub struct Pipeline {
    /// All of them, the passive ones too.
    loaded: Vec<Rc<Loaded>>,
    phases: [Vec<Rc<Loaded>>; Phase::ALL.len()],
    hooks: [Vec<Rc<Loaded>>; HookKind::COUNT],
}

impl Pipeline {
    pub fn new(modules: impl IntoIterator<Item = Loaded>) -> Self {
        let loaded = modules.into_iter().map(Rc::new).collect();
        let mut pipeline = Pipeline { loaded, ..Pipeline::default() };
        for loaded in pipeline.loaded.iter().filter(|loaded| loaded.enabled) {
            for phase in loaded.definition.phases.iter().filter(|phase| loaded.module.judges(**phase)) {
                pipeline.phases[*phase as usize].push(loaded.clone());
            }
            for hook in loaded.definition.hooks.iter().filter(|hook| loaded.module.hears(**hook)) {
                pipeline.hooks[*hook as usize].push(loaded.clone());
            }
        }
        pipeline
    }

    /// Every module of the generation, in configuration order.
    pub fn loaded(&self) -> impl Iterator<Item = &Rc<Loaded>> {
        self.loaded.iter()
    }

    /// The instance of a module that an operator names; without a name the only one.
    pub fn instance(&self, module: &str, name: Option<&str>) -> Result<&Loaded, String> {
        let of_module = || self.loaded.iter().filter(|loaded| loaded.definition.name() == module);
        let mut meant = of_module().filter(|loaded| name.is_none_or(|name| *loaded.instance == *name));
        match (meant.next(), meant.next()) {
            (Some(loaded), None) => Ok(loaded),
            (Some(_), Some(_)) => {
                let names: Vec<_> =
                    of_module().map(|loaded| format!("{module}:{}", loaded.instance)).collect();
                Err(format!("there are several; name one: {}", names.join(", ")))
            }
            (None, _) => {
                Err(format!("no module {module}{}", name.map(|name| format!(":{name}")).unwrap_or_default()))
            }
        }
    }

    /// No module is asked at any phase.
    pub fn is_empty(&self) -> bool {
        self.phases.iter().all(Vec::is_empty)
    }

    /// Somebody is to be asked at this phase, unless the connection bypasses him.
    pub fn has(&self, phase: Phase) -> bool {
        !self.phases[phase as usize].is_empty()
    }

    pub fn has_hook(&self, hook: HookKind) -> bool {
        !self.hooks[hook as usize].is_empty()
    }

    /// The turn of one hook.
    pub fn hook_turn(&self, hook: HookKind) -> Turn<'_> {
        Turn { waiting: self.hooks[hook as usize].iter(), last: None }
    }

    /// The turn of one phase of one session.
    pub fn turn(&self, phase: Phase) -> Turn<'_> {
        Turn { waiting: self.phases[phase as usize].iter(), last: None }
    }
}

/// Walks through the modules of a phase: `next`, ask it, `judged`.
pub struct Turn<'a> {
    waiting: std::slice::Iter<'a, Rc<Loaded>>,
    last: Option<&'static str>,
}

impl<'a> Turn<'a> {
    /// The next module to ask; those that the connection context bypasses are passed over.
    pub fn next(&mut self, connection: &Dictionary) -> Option<&'a Loaded> {
        let loaded = self.waiting.find(|loaded| !connection.is_true(&loaded.bypass))?;
        self.last = Some(loaded.definition.name());
        Some(loaded)
    }

    pub fn judged(&mut self, verdict: &Verdict) {
        if *verdict != Verdict::Continue {
            self.waiting = [].iter();
        }
    }

    /// The module that ran last: `M=` of the reject log.
    pub fn last(&self) -> Option<&'static str> {
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ModuleDef;

    struct Silent;

    impl Module for Silent {}

    macro_rules! definition {
        ($name:ident, $text:literal) => {
            static $name: ModuleDef = ModuleDef::new(
                config::ModuleSyntax {
                    name: $text,
                    instances: config::Instances::Singleton,
                    options: &[],
                    stanzas: &[],
                },
                &[Phase::Connect, Phase::Data],
                |_, _| Ok(Rc::new(Silent)),
            );
        };
    }
    definition!(FIRST, "first");
    definition!(SECOND, "second");
    definition!(THIRD, "third");

    fn asked(pipeline: &Pipeline, connection: &Dictionary, done_at: &str) -> Vec<&'static str> {
        let mut turn = pipeline.turn(Phase::Data);
        let mut names = Vec::new();
        while let Some(loaded) = turn.next(connection) {
            let name = loaded.definition.name();
            names.push(name);
            turn.judged(if name == done_at { &Verdict::Done } else { &Verdict::Continue });
            assert_eq!(turn.last(), Some(name));
        }
        names
    }

    #[test]
    fn operators_name_an_instance_or_mean_the_only_one() {
        let named = |name| Loaded::new(&SECOND, false, Rc::new(Silent)).named(name);
        let pipeline =
            Pipeline::new([Loaded::new(&FIRST, true, Rc::new(Silent)).named("x"), named("a"), named("b")]);
        for (module, name, found) in [
            ("first", None, Ok("x")),
            ("first", Some("x"), Ok("x")),
            ("first", Some("y"), Err("no module first:y")),
            ("second", Some("b"), Ok("b")),
            ("second", None, Err("there are several; name one: second:a, second:b")),
            ("third", None, Err("no module third")),
        ] {
            let instance = pipeline.instance(module, name).map(|loaded| &*loaded.instance);
            assert_eq!(instance, found.map_err(str::to_owned), "{module} {name:?}");
        }
    }

    #[test]
    fn modules_are_asked_in_order_unless_passive_bypassed_or_after_done() {
        let pipeline = Pipeline::new([
            Loaded::new(&SECOND, true, Rc::new(Silent)),
            Loaded::new(&FIRST, true, Rc::new(Silent)),
            Loaded::new(&THIRD, true, Rc::new(Silent)),
        ]);
        let mut connection = Dictionary::default();
        assert_eq!(asked(&pipeline, &connection, ""), ["second", "first", "third"]);
        assert_eq!(asked(&pipeline, &connection, "first"), ["second", "first"]);
        connection.set("__bypass_first", "true");
        connection.set("__bypass_third", "yes");
        assert_eq!(asked(&pipeline, &connection, ""), ["second", "third"]);
        let passive = Pipeline::new([Loaded::new(&FIRST, false, Rc::new(Silent))]);
        assert!(asked(&passive, &Dictionary::default(), "").is_empty());
        assert!(passive.turn(Phase::Mailfrom).next(&connection).is_none());
    }
}
