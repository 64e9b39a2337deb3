//! Statements become instances and values: scopes are checked against the catalogue, options against the
//! registry, values against their types. Every fault is kept; whoever has one gets no snapshot.

mod files;
mod name;
mod settle;
mod standings;
mod stanza;

use crate::fault::{Fault, Faults};
pub(crate) use files::UNSAVED;
pub(crate) use name::normal_name;

use crate::option::Declared;
use crate::registry::Ground;
use crate::resolve::DEFAULT;
use crate::snapshot::{Instance, InstanceId, Snapshot, Stored};
use crate::source::Sources;
use crate::{
    Assignment, Complaint, Examined, Expected, Instances, Limits, Loader, ModuleSyntax, OptionDef, Registry,
    Scope, Span, Statement, Value, Word,
};
use std::collections::HashMap;

pub(crate) struct Declaration<'a> {
    limits: Limits,
    loader: &'a dyn Loader,
    registry: &'a Registry,
    search_path: &'a [&'a str],
    sources: Sources,
    bytes: usize,
    /// How often a file was read, by its path.
    times_read: HashMap<String, usize>,
    faults: Faults,
    statements: usize,
    instances: Vec<Instance>,
    modules: Vec<u32>,
    /// Modules whose options were used in core scopes, in order of first use.
    used: Vec<ModuleSyntax>,
    /// The implicit base configuration may speak of options that the embedder does not have.
    lenient: bool,
}

/// Where statements are declared: the instance, its table, and how deep we are.
#[derive(Clone, Copy)]
struct Site<'f> {
    instance: u32,
    ground: Ground,
    nesting: usize,
    /// Paths of the files that are being read, outermost first.
    reading: &'f [String],
}

/// Instances that exist before the file is read (§14).
const RESERVED: [Scope; 4] = [Scope::Binding, Scope::BindingGroup, Scope::Pathway, Scope::PathwayGroup];

impl<'a> Declaration<'a> {
    pub fn new(
        limits: Limits,
        loader: &'a dyn Loader,
        registry: &'a Registry,
        search_path: &'a [&'a str],
    ) -> Self {
        let mut declaration = Declaration {
            limits,
            loader,
            registry,
            search_path,
            sources: Sources::default(),
            bytes: 0,
            times_read: HashMap::new(),
            faults: Faults::new(limits.complaints),
            statements: 0,
            instances: vec![instance(Scope::Global, "", "", InstanceId::default())],
            modules: Vec::new(),
            used: Vec::new(),
            lenient: false,
        };
        for scope in RESERVED {
            declaration.child(0, Ground::Core(scope), DEFAULT);
        }
        declaration
    }

    fn complain(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    fn is_hopeless(&self) -> bool {
        self.faults.is_hopeless()
    }

    fn declare(&mut self, statements: &[Statement], site: Site<'_>) {
        for statement in statements {
            if self.is_hopeless() {
                return;
            }
            match statement {
                Statement::Assignment(assignment) => self.assign(assignment, site),
                Statement::Block(block) => self.open(block, site),
                Statement::Include(include) => self.include(include, site),
            }
        }
    }

    /// Counts a statement; false once there are too many.
    fn admit(&mut self, span: Span) -> bool {
        self.statements += 1;
        if self.statements == self.limits.statements + 1 {
            let message = format!("the configuration has more than {} statements", self.limits.statements);
            self.complain(Fault::error(span, message));
        }
        self.statements <= self.limits.statements
    }

    fn assign(&mut self, assignment: &Assignment, site: Site<'_>) {
        let name = &assignment.option;
        if !self.admit(name.span) {
            return;
        }
        let Some(option) = self.registry.option(site.ground, &name.text) else {
            if !self.lenient {
                let fault = self.unknown_option(name, site.ground);
                self.complain(fault);
            }
            return;
        };
        let instance = &self.instances[site.instance as usize];
        let declared = Declared { option: option.name, instance: &instance.id };
        match (option.read)(&assignment.value, declared) {
            Ok(typed) => {
                let stored = Stored {
                    option,
                    value: assignment.value.clone(),
                    typed,
                    span: assignment.span,
                    shadowed: Vec::new(),
                };
                self.instances[site.instance as usize].set(stored);
                self.use_provider(option, site.ground);
            }
            Err(expected) => self.complain(misread(assignment, option, expected)),
        }
    }

    /// The use of a module's option outside of its stanza loads the module (§8).
    fn use_provider(&mut self, option: &OptionDef, ground: Ground) {
        if let (Ground::Core(_), Some(module)) = (ground, self.registry.provider(option))
            && self.used.iter().all(|known| known.name != module.name)
        {
            self.used.push(module);
        }
    }

    fn unknown_option(&self, name: &Word, ground: Ground) -> Fault {
        let homes = self.registry.homes(&name.text);
        if !homes.is_empty() && matches!(ground, Ground::Core(_)) {
            let message = format!("option '{}' is not valid in scope '{}'", name.text, ground.keyword());
            return Fault::error(name.span, message).expected(format!("it in: {}", homes.join(", ")));
        }
        self.unknown(name, ground)
    }

    pub fn finish(self) -> Result<(Snapshot, Vec<Complaint>), Vec<Complaint>> {
        match self.examined() {
            Examined { snapshot: Some(snapshot), complaints, rejected: false } => Ok((snapshot, complaints)),
            Examined { complaints, .. } => Err(complaints),
        }
    }

    /// What could be read, and all that is wrong with it.
    pub fn examined(mut self) -> Examined {
        for module in std::mem::take(&mut self.used) {
            let known = self.instances[0].others.contains_key(&*module.name.to_ascii_lowercase());
            if !known {
                let nameless = matches!(module.instances, Instances::Singleton | Instances::Any);
                let name = if nameless { "" } else { module.name };
                self.child(0, Ground::Module(module), name);
            }
        }
        let whole = !self.faults.has_errors();
        let mut faults = Vec::new();
        let standings = self.standings();
        self.instances.iter_mut().for_each(Instance::settle);
        let mut snapshot = Snapshot {
            generation: Default::default(),
            sources: self.sources,
            instances: self.instances,
            modules: self.modules,
            bindings: Vec::new(),
            pathway_groups: HashMap::new(),
        };
        snapshot.settle();
        crate::cross::CONTRADICTIONS.iter().for_each(|check| check(&snapshot, &mut faults));
        if whole {
            crate::cross::DANGLING.iter().for_each(|check| check(&snapshot, &mut faults));
        }
        faults.into_iter().chain(standings).for_each(|fault| self.faults.push(fault));
        let (complaints, rejected) = self.faults.complaints(&snapshot.sources);
        Examined { snapshot: Some(snapshot), complaints, rejected }
    }
}

fn instance(scope: Scope, keyword: &str, name: &str, id: InstanceId) -> Instance {
    Instance {
        scope,
        keyword: keyword.into(),
        name: name.into(),
        id,
        opened: Vec::new(),
        regions: Vec::new(),
        values: Vec::new(),
        scopes: Vec::new(),
        others: HashMap::new(),
        children: Vec::new(),
    }
}

/// Points at the element that is at fault, if it is one.
fn misread(assignment: &Assignment, option: &OptionDef, expected: Expected) -> Fault {
    let element = expected.element;
    let span = match (&assignment.value, element) {
        (Value::Scalar(word), _) => word.span,
        (Value::List(words), Some(element)) => words.get(element).map_or(assignment.span, |word| word.span),
        (Value::Dictionary(pairs), Some(element)) => {
            pairs.get(element).map_or(assignment.span, |(key, _)| key.span)
        }
        _ => assignment.span,
    };
    let message = match element.filter(|_| !matches!(assignment.value, Value::Scalar(_))) {
        Some(_) => format!("'{}' cannot hold this element", option.name),
        None => format!("'{}' cannot have this value", option.name),
    };
    Fault::error(span, message).wanting(expected)
}
