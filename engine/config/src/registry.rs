//! What the embedder knows: the options of the core scopes, and the modules with theirs. Built once at the
//! start; two declarations that contradict each other are our own fault and stop it there.

use crate::option::key;
use crate::{OptionDef, Scope};
use std::collections::{HashMap, HashSet};

crate::choices! {
    /// Threshold of what is written to the panic log. Numbers as in syslog (RFC 5424 §6.2.1).
    pub enum DebugLevel {
        Debug = 7: "debug",
        Info = 6: "info",
        Notice = 5: "notice",
        Warning = 4: "warning",
        Error = 3: "error",
        Critical = 2: "critical",
    }
}

crate::options! {
    /// What every module stanza obeys.
    pub struct ModuleOptions {
        /// Off loads the module passively: its hooks do not run by themselves, but scripts may call it.
        enabled: crate::Bool = "true", in [module], tier 2;
        /// Threshold of the module's own messages in the panic log.
        debug_level: DebugLevel = "ERROR", in [module], tier 2;
    }
}

/// Which stanzas a module takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instances {
    /// `name { }`
    Singleton,
    /// `name { }` or `name "instance" { }`
    Any,
    /// `name "instance" { }`; several stanzas, but all of one name (scriptlet).
    One,
    /// `name "instance" { }`
    Many,
}

/// How a module is written in the configuration.
#[derive(Clone, Copy, Debug)]
pub struct ModuleSyntax {
    pub name: &'static str,
    pub instances: Instances,
    /// Options of the stanza are declared `in [module]`; options that the module adds to core scopes name
    /// those, and their use loads the module.
    pub options: &'static [&'static [OptionDef]],
    pub stanzas: &'static [StanzaSyntax],
}

/// A stanza inside a module's stanza.
#[derive(Clone, Copy, Debug)]
pub struct StanzaSyntax {
    pub keyword: &'static str,
    pub named: bool,
    /// Declared `in [module]`.
    pub options: &'static [&'static [OptionDef]],
    pub stanzas: &'static [StanzaSyntax],
}

/// Whose table says what may stand in a stanza.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ground {
    Core(Scope),
    Module(ModuleSyntax),
    Stanza(&'static StanzaSyntax),
}

impl Ground {
    pub fn scope(self) -> Scope {
        match self {
            Ground::Core(scope) => scope,
            Ground::Module(_) | Ground::Stanza(_) => Scope::Module,
        }
    }

    /// As complaints name it.
    pub fn keyword(self) -> &'static str {
        match self {
            Ground::Core(scope) => scope.keyword(),
            Ground::Module(module) => module.name,
            Ground::Stanza(stanza) => stanza.keyword,
        }
    }

    pub fn stanzas(self) -> &'static [StanzaSyntax] {
        match self {
            Ground::Core(_) => &[],
            Ground::Module(module) => module.stanzas,
            Ground::Stanza(stanza) => stanza.stanzas,
        }
    }
}

/// All names that mean something.
pub struct Registry {
    /// Options of core scopes, by the number of their name.
    core: HashMap<u64, Vec<&'static OptionDef>>,
    /// Which module provides an option of a core scope.
    providers: HashMap<u64, ModuleSyntax>,
    modules: Vec<ModuleSyntax>,
    /// Those that nobody has built: what becomes of them is in the catalogue.
    unbuilt: HashSet<&'static str>,
}

impl Registry {
    /// Several owners may declare an option of one name. Where their scopes overlap the types must agree:
    /// panics if not, if a default is no value of its type, or if a module is called like a scope.
    pub fn new(options: &[&'static [OptionDef]], modules: &[ModuleSyntax]) -> Registry {
        let mut registry = Registry {
            core: HashMap::new(),
            providers: HashMap::new(),
            modules: modules.to_vec(),
            unbuilt: HashSet::new(),
        };
        registry.declare(crate::ConfigurationOptions::DEFINITIONS);
        options.iter().for_each(|family| registry.declare(family));
        for (position, module) in modules.iter().enumerate() {
            let twice = modules[..position].iter().any(|other| other.name.eq_ignore_ascii_case(module.name));
            assert!(!twice && Scope::named(module.name).is_none(), "there are two scopes {}", module.name);
            registry.declare_module(*module);
        }
        registry
    }

    /// Everything that Momentum knows: what `options` and `modules` declare, and behind them the catalogue.
    pub fn complete(options: &[&'static [OptionDef]], modules: &[ModuleSyntax]) -> Registry {
        let declared = |name| modules.iter().any(|module| module.name.eq_ignore_ascii_case(name));
        let listed = crate::catalogue::MODULES.iter().copied().flatten().filter_map(|known| known.syntax);
        let listed: Vec<_> = listed.filter(|module| !declared(module.name)).collect();
        let mut registry = Registry::new(options, modules);
        for module in listed {
            check_stanzas(module.options, module.stanzas);
            registry.unbuilt.insert(module.name);
            registry.modules.push(module);
        }
        for option in crate::catalogue::OPTIONS.iter().copied().flatten() {
            check_default(option);
            // Behind those of owners: who declares an option for a scope is found first there.
            registry.core.entry(option.key).or_default().push(option);
        }
        registry
    }

    fn declare(&mut self, family: &'static [OptionDef]) {
        for option in family {
            check_default(option);
            self.enter(option);
        }
    }

    fn enter(&mut self, option: &'static OptionDef) {
        let homonyms = self.core.entry(option.key).or_default();
        homonyms.iter().for_each(|other| assert_agreement(other, option));
        homonyms.push(option);
    }

    fn declare_module(&mut self, module: ModuleSyntax) {
        for option in module.options.iter().copied().flatten() {
            if option.scopes.iter().any(|scope| scope != Scope::Module) {
                self.providers.insert(option.key, module);
                self.enter(option);
            }
        }
        check_stanzas(module.options, module.stanzas);
    }

    pub(crate) fn module(&self, name: &str) -> Option<ModuleSyntax> {
        self.modules.iter().find(|module| module.name.eq_ignore_ascii_case(name)).copied()
    }

    /// What becomes of the stanzas of a module; what nobody lists is somebody's own, and honoured.
    pub(crate) fn standing_of_module(&self, name: &str) -> crate::Standing {
        let listed = crate::catalogue::known(name).filter(|known| self.unbuilt.contains(known.name));
        listed.map_or(crate::Standing::Honoured, |known| known.standing)
    }

    /// The module that must be loaded because an option is used outside of a module's stanza.
    pub(crate) fn provider(&self, option: &OptionDef) -> Option<ModuleSyntax> {
        self.providers.get(&option.key).copied()
    }

    pub(crate) fn option(&self, ground: Ground, name: &str) -> Option<&'static OptionDef> {
        let scope = ground.scope();
        let right =
            |option: &&OptionDef| option.scopes.contains(scope) && option.name.eq_ignore_ascii_case(name);
        match ground {
            Ground::Core(_) => self.core.get(&key(name))?.iter().copied().find(|option| right(option)),
            _ => module_options(ground).find(right),
        }
    }

    /// Scopes in which an option of that name would be valid.
    pub(crate) fn homes(&self, name: &str) -> Vec<&'static str> {
        let options = self.core.get(&key(name)).into_iter().flatten();
        let mut scopes: Vec<Scope> = options.flat_map(|option| option.scopes.iter()).collect();
        scopes.sort_unstable();
        scopes.dedup();
        scopes.into_iter().map(Scope::keyword).collect()
    }

    /// Every name that may begin a statement here, for suggestions.
    pub(crate) fn names(&self, ground: Ground) -> Vec<&'static str> {
        let scope = ground.scope();
        let mut names: Vec<_> = ground.stanzas().iter().map(|stanza| stanza.keyword).collect();
        if let Ground::Core(scope) = ground {
            let rows = crate::CATALOGUE.iter().filter(|row| row.parents.contains(&scope));
            names.extend(rows.map(|row| row.keyword));
            let options = self.core.values().flatten();
            names.extend(options.filter(|option| option.scopes.contains(scope)).map(|option| option.name));
        } else {
            names.extend(module_options(ground).map(|option| option.name));
        }
        if scope == Scope::Global {
            names.extend(self.modules.iter().map(|module| module.name));
        }
        names
    }

    /// All declared options of core scopes, for references and `explain`.
    pub fn options(&self) -> impl Iterator<Item = &'static OptionDef> {
        self.core.values().flatten().copied()
    }

    /// By name in any case.
    pub fn named(&self, name: &str) -> impl Iterator<Item = &'static OptionDef> {
        self.core.get(&key(name)).into_iter().flatten().copied()
    }

    pub fn modules(&self) -> &[ModuleSyntax] {
        &self.modules
    }
}

fn module_options(ground: Ground) -> impl Iterator<Item = &'static OptionDef> {
    let (families, shared): (_, &'static [OptionDef]) = match ground {
        Ground::Core(_) => (&[][..], &[]),
        Ground::Module(module) => (module.options, ModuleOptions::DEFINITIONS),
        Ground::Stanza(stanza) => (stanza.options, &[]),
    };
    let own = families.iter().copied().flatten().filter(|option| option.scopes.contains(Scope::Module));
    own.chain(shared)
}

fn assert_agreement(one: &OptionDef, other: &OptionDef) {
    assert!(one.name.eq_ignore_ascii_case(other.name), "{} and {} share a number", one.name, other.name);
    let overlap = one.scopes.iter().any(|scope| other.scopes.contains(scope));
    assert!(
        !overlap || (one.type_id)() == (other.type_id)(),
        "option {} is declared with two types in one scope",
        one.name
    );
}

fn check_stanzas(families: &'static [&'static [OptionDef]], stanzas: &'static [StanzaSyntax]) {
    let options: Vec<_> = families.iter().copied().flatten().collect();
    for (position, option) in options.iter().enumerate() {
        check_default(option);
        options[..position].iter().filter(|other| other.key == option.key).for_each(|other| {
            assert_agreement(other, option);
        });
    }
    stanzas.iter().for_each(|stanza| check_stanzas(stanza.options, stanza.stanzas));
}

/// A default must be a value of its own type.
fn check_default(option: &'static OptionDef) {
    let nowhere = crate::InstanceId::default();
    let declared = crate::Declared { option: option.name, instance: &nowhere };
    if let Err(expected) = (option.read)(&option.default_value(), declared) {
        panic!("the default of {} is not {}", option.name, expected.what);
    }
}
