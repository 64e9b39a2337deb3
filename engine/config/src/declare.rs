//! Statements become instances and values: scopes are checked against the catalogue, options against the
//! registry, values against their types. Every fault is kept; whoever has one gets no snapshot.

mod files;
mod name;

use crate::complaint::{Complaint, Fault};
use crate::option::Declared;
use crate::registry::Ground;
use crate::resolve::DEFAULT;
use crate::snapshot::{Instance, InstanceId, Snapshot, Stored};
use crate::source::Sources;
use crate::suggestion::nearest;
use crate::{
    Assignment, Block, Expected, Instances, Limits, Loader, ModuleSyntax, OptionDef, Registry, Scope, Span,
    Statement, Value, Word,
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
    faults: Vec<Fault>,
    errors: usize,
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
            faults: Vec::new(),
            errors: 0,
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
        self.errors += usize::from(fault.is_error());
        // Errors beyond the limit end the loading; warnings beyond it are dropped.
        if self.faults.len() < self.limits.complaints || fault.is_error() {
            self.faults.push(fault);
        }
    }

    fn is_hopeless(&self) -> bool {
        self.errors > self.limits.complaints
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

    /// Momentum's words (§13): an unknown option is reported as an invalid scope.
    fn unknown(&self, name: &Word, ground: Ground) -> Fault {
        let message =
            format!("'{}' is not a valid scope name in scope '{}'", shorten(&name.text), ground.keyword());
        let names = self.registry.names(ground);
        Fault::error(name.span, message)
            .expected("the name of an option or a scope")
            .suggesting(nearest(&name.text, names.iter().copied()))
    }

    fn open(&mut self, block: &Block, site: Site<'_>) {
        if !self.admit(block.keyword.span) {
            return;
        }
        if site.nesting >= self.limits.nesting {
            let message = format!("stanzas are nested more than {} deep", self.limits.nesting);
            return self.complain(Fault::error(block.keyword.span, message));
        }
        let ground = match self.ground(block, site.ground) {
            Ok(ground) => ground,
            Err(fault) => return self.complain(fault),
        };
        let instance = match self.instance_of(block, ground, site) {
            Ok(instance) => instance,
            Err(fault) => return self.complain(fault),
        };
        self.instances[instance as usize].opened.push(block.keyword.span);
        self.declare(&block.body, Site { instance, ground, nesting: site.nesting + 1, ..site });
    }

    /// What kind of stanza the keyword opens here.
    fn ground(&mut self, block: &Block, parent: Ground) -> Result<Ground, Fault> {
        let keyword = &block.keyword;
        if let Some(path) = &block.path {
            return self.validated(block, path, parent);
        }
        let nested =
            parent.stanzas().iter().find(|stanza| stanza.keyword.eq_ignore_ascii_case(&keyword.text));
        if let Some(stanza) = nested {
            return Ok(Ground::Stanza(stanza));
        }
        match (Scope::named(&keyword.text), self.registry.module(&keyword.text), parent) {
            (Some(scope), _, Ground::Core(parent)) if scope.may_stand_in(parent) => Ok(Ground::Core(scope)),
            (Some(scope), ..) => {
                let homes: Vec<_> = scope.definition().parents.iter().map(|scope| scope.keyword()).collect();
                let message = format!("'{}' cannot stand in scope '{}'", keyword.text, parent.keyword());
                Err(Fault::error(keyword.span, message).expected(format!("it in: {}", homes.join(", "))))
            }
            (None, Some(module), Ground::Core(Scope::Global)) => Ok(Ground::Module(module)),
            (None, Some(_), _) => {
                let message =
                    format!("module '{}' cannot stand in scope '{}'", keyword.text, parent.keyword());
                Err(Fault::error(keyword.span, message).expected("it at the top level"))
            }
            (None, None, _) if self.registry.option(parent, &keyword.text).is_some() => {
                let message = format!("'{}' is an option, not a scope", keyword.text);
                Err(Fault::error(keyword.span, message).expected("'=' and a value"))
            }
            (None, None, _) => Err(self.unknown(keyword, parent)),
        }
    }

    /// `Validate PATH NAME { }` (§7): the module is called NAME, or like the last part of PATH.
    fn validated(&mut self, block: &Block, path: &Word, parent: Ground) -> Result<Ground, Fault> {
        let name = block.name.as_ref().unwrap_or(path);
        let last = path.text.rsplit('/').next().unwrap_or("");
        if !matches!(parent, Ground::Core(Scope::Global)) {
            let message = format!("'Validate' cannot stand in scope '{}'", parent.keyword());
            return Err(Fault::error(block.keyword.span, message).expected("it at the top level"));
        }
        let Some(module) = self.registry.module(&name.text).or_else(|| self.registry.module(last)) else {
            let known = self.registry.modules().iter().map(|module| module.name);
            let message = format!("there is no module '{}' or '{}'", shorten(&name.text), shorten(last));
            let suggestion = nearest(&name.text, known.clone()).or_else(|| nearest(last, known));
            return Err(Fault::error(name.span, message).suggesting(suggestion));
        };
        let modern = match module.instances {
            Instances::Singleton => format!("{} {{ }}", module.name),
            _ => format!("{} \"{}\" {{ }}", module.name, name.text),
        };
        self.complain(Fault::note(block.keyword.span, format!("'Validate' is now written {modern}")));
        Ok(Ground::Module(module))
    }

    pub fn finish(mut self) -> Result<(Snapshot, Vec<Complaint>), Vec<Complaint>> {
        for module in std::mem::take(&mut self.used) {
            let known = self.instances[0].others.contains_key(&*module.name.to_ascii_lowercase());
            if !known {
                let name = if module.instances == Instances::Singleton { "" } else { module.name };
                self.child(0, Ground::Module(module), name);
            }
        }
        let hopeless = self.is_hopeless();
        let mut complaints: Vec<_> =
            self.faults.into_iter().map(|fault| fault.complaint(&self.sources)).collect();
        if self.errors > 0 {
            if hopeless {
                complaints.truncate(self.limits.complaints);
                complaints.push(crate::complaint::about_rest(self.limits.complaints));
            }
            return Err(complaints);
        }
        self.instances.iter_mut().for_each(Instance::settle);
        let mut snapshot = Snapshot {
            generation: 0,
            sources: self.sources,
            instances: self.instances,
            modules: self.modules,
            bindings: Vec::new(),
            pathway_groups: HashMap::new(),
        };
        snapshot.settle();
        Ok((snapshot, complaints))
    }
}

fn instance(scope: Scope, keyword: &str, name: &str, id: InstanceId) -> Instance {
    Instance {
        scope,
        keyword: keyword.into(),
        name: name.into(),
        id,
        opened: Vec::new(),
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

/// Names in messages stay readable, whatever the file holds.
fn shorten(name: &str) -> String {
    const LONGEST: usize = 64;
    match name.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.into(),
    }
}
