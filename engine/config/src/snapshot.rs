//! The configuration as it stands: a tree of scope instances that nobody changes. A reload builds another
//! one; whoever holds this one finishes with it (spec config-language.md §12.1).

use crate::fault::Fault;
use crate::option::{Typed, key};
use crate::resolve::View;
use crate::source::Sources;
use crate::{Complaint, Endpoint, Found, Lookup, OptionDef, Pattern, Position, Scope, Span, Value};
use ipnet::IpNet;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The path of a scope instance, as `config locate` renders it (`Esmtp_Listener::Listen:\:25:`): each
/// keyword and each name followed by a colon. The global scope is empty. It means the same instance in
/// every generation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceId(Arc<str>);

impl Default for InstanceId {
    fn default() -> Self {
        InstanceId("".into())
    }
}

impl InstanceId {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Keyword and escaped name of each level.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut rest = &*self.0;
        std::iter::from_fn(move || {
            let mut part = || {
                let bytes = rest.as_bytes();
                let mut at = 0;
                while *bytes.get(at)? != b':' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                let (part, after) = (&rest[..at], &rest[at + 1..]);
                rest = after;
                Some(part)
            };
            Some((part()?, part()?))
        })
    }

    pub(crate) fn inside(&self, keyword: &str, name: &str) -> InstanceId {
        let mut path = String::from(&*self.0);
        path.push_str(keyword);
        path.push(':');
        for shown in name.chars() {
            if matches!(shown, ':' | '\\') {
                path.push('\\');
            }
            path.push(shown);
        }
        path.push(':');
        InstanceId(path.into())
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A value in its instance.
pub(crate) struct Stored {
    pub option: &'static OptionDef,
    pub value: Value,
    pub typed: Typed,
    pub span: Span,
    /// Earlier assignments of the same option in the same instance.
    pub shadowed: Vec<Span>,
}

/// A scope instance. Owned by the snapshot; named by its position there.
pub(crate) struct Instance {
    pub scope: Scope,
    pub keyword: Box<str>,
    pub name: Box<str>,
    pub id: InstanceId,
    /// Every place where it was opened.
    pub opened: Vec<Span>,
    /// Every place where statements of it stand.
    pub regions: Vec<Region>,
    /// Sorted by the number of the option's name.
    pub values: Vec<Stored>,
    pub scopes: Vec<(Scope, Family)>,
    /// Module stanzas, and stanzas inside those, by folded keyword.
    pub others: HashMap<Box<str>, Family>,
    /// All children, in the order in which they were first opened.
    pub children: Vec<u32>,
}

/// Statements of an instance in one file: a stanza, or a file that was read in its scope.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Region {
    pub file: u32,
    pub start: u32,
    /// Where a further statement would go: at the closing brace, or at the end of the file.
    pub end: u32,
    /// From the keyword to the closing brace; none for a file.
    pub stanza: Option<Span>,
}

/// The instances of one scope in one parent.
#[derive(Default)]
pub(crate) struct Family {
    /// By normalised name; empty for an anonymous instance.
    pub exact: HashMap<Box<str>, u32>,
    /// In order of declaration.
    pub patterns: Vec<(Pattern, u32)>,
    /// Longest prefix first.
    pub networks: Vec<(IpNet, u32)>,
    pub endpoints: Vec<(Endpoint, u32)>,
}

impl Instance {
    pub fn stored(&self, key: u64) -> Option<&Stored> {
        self.values.binary_search_by_key(&key, |stored| stored.option.key).ok().map(|at| &self.values[at])
    }

    pub fn family(&self, scope: Scope) -> Option<&Family> {
        self.scopes.iter().find(|(known, _)| *known == scope).map(|(_, family)| family)
    }
}

impl Stored {
    pub fn found<'a>(&'a self, instance: &'a Instance) -> Found<'a> {
        Found { value: &self.value, declared: &instance.id, span: self.span, typed: &self.typed }
    }
}

/// The resolved tree of one generation. Shared by all shards.
pub struct Snapshot {
    /// Given once it is known that it will be in force: the one thing that is not made with the tree.
    pub(crate) generation: AtomicU64,
    pub(crate) sources: Sources,
    /// The first is the global scope.
    pub(crate) instances: Vec<Instance>,
    /// Module stanzas in the order in which they, or a use of their options, first appeared.
    pub(crate) modules: Vec<u32>,
    pub(crate) bindings: Vec<(Box<str>, Box<str>)>,
    /// The group of each pathway that stands in one.
    pub(crate) pathway_groups: HashMap<Box<str>, Box<str>>,
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "configuration {} of {} instances", self.generation(), self.instances.len())
    }
}

/// A place where something was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub instance: InstanceId,
    pub position: Position,
    /// The statement, as it was written.
    pub text: String,
}

/// Where the value of an option comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Located {
    /// None: the built-in default applies.
    pub set: Option<Place>,
    /// What would apply instead, nearest first: earlier assignments and broader scopes.
    pub shadowed: Vec<Place>,
}

impl Snapshot {
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }

    /// Before anybody uses it.
    pub fn number(&self, generation: u64) {
        self.generation.store(generation, Ordering::Relaxed);
    }

    /// The stanza of a module: its own options, then their defaults. `instance` is empty for a singleton.
    pub fn module(&self, name: &str, instance: &str) -> Option<Stanza<'_>> {
        let family = self.instances[0].others.get(&*name.to_ascii_lowercase())?;
        family.exact.get(instance).map(|number| self.stanza(*number))
    }

    /// In stanza order, which is call order.
    pub fn modules(&self) -> impl Iterator<Item = Stanza<'_>> {
        self.modules.iter().map(|number| self.stanza(*number))
    }

    /// The endpoints of a listener scope (`esmtp_listener`, in any case).
    pub fn listeners(&self, keyword: &str) -> impl Iterator<Item = (&Endpoint, Stanza<'_>)> {
        let listener = Scope::named(keyword)
            .and_then(|scope| self.instances[0].family(scope))
            .and_then(|family| family.exact.get(""));
        let listen = listener.and_then(|number| self.instances[*number as usize].family(Scope::Listen));
        let endpoints = listen.into_iter().flat_map(|family| &family.endpoints);
        endpoints.map(|(endpoint, number)| (endpoint, self.stanza(*number)))
    }

    /// (group, binding), `default/default` among them.
    pub fn bindings(&self) -> impl Iterator<Item = (&str, &str)> {
        self.bindings.iter().map(|(group, binding)| (&**group, &**binding))
    }

    /// The global scope as a stanza: the way to everything else.
    pub fn root(&self) -> Stanza<'_> {
        self.stanza(0)
    }

    /// The stanzas of a kind at the top level: `snapshot.stanzas("datasource")`.
    pub fn stanzas<'a>(&'a self, keyword: &str) -> impl Iterator<Item = Stanza<'a>> {
        self.root().stanzas(keyword)
    }

    pub(crate) fn stanza(&self, number: u32) -> Stanza<'_> {
        Stanza { snapshot: self, number }
    }

    pub fn position(&self, span: Span) -> Position {
        self.sources.position(span)
    }

    /// The files that were read, with their read-only status (§6), in order, behind the implicit base.
    pub fn files(&self) -> impl Iterator<Item = (&str, bool)> {
        self.sources.files().iter().skip(1).map(|file| (&*file.name, file.read_only))
    }

    /// A complaint of the embedder about a value that was found: semantic and cross checks (§13).
    pub fn objection(&self, found: &Found<'_>, message: &str) -> Complaint {
        Fault::error(found.span, message).complaint(&self.sources)
    }

    /// Where the value that applies was set, and what it shadows.
    pub fn located(&self, option: &'static OptionDef, view: &View<'_>) -> Located {
        let mut places = view.stored(option).flat_map(|(instance, stored)| {
            let spans = std::iter::once(&stored.span).chain(stored.shadowed.iter().rev());
            spans.map(|span| self.place(instance, *span))
        });
        Located { set: places.next(), shadowed: places.collect() }
    }

    fn place(&self, instance: &Instance, span: Span) -> Place {
        let text = &self.sources.file(span.file).text[span.start as usize..span.end as usize];
        Place { instance: instance.id.clone(), position: self.position(span), text: text.into() }
    }
}

/// One scope instance, to walk through.
#[derive(Clone, Copy)]
pub struct Stanza<'a> {
    snapshot: &'a Snapshot,
    number: u32,
}

impl<'a> Stanza<'a> {
    fn instance(self) -> &'a Instance {
        &self.snapshot.instances[self.number as usize]
    }

    /// The keyword in canonical case.
    pub fn keyword(self) -> &'a str {
        &self.instance().keyword
    }

    /// The instance name; empty for an anonymous one.
    pub fn name(self) -> &'a str {
        &self.instance().name
    }

    /// The configuration that it stands in.
    pub fn snapshot(self) -> &'a Snapshot {
        self.snapshot
    }

    pub fn scope(self) -> Scope {
        self.instance().scope
    }

    pub fn id(self) -> &'a InstanceId {
        &self.instance().id
    }

    /// Where it was opened first; none if it exists without having been written.
    pub fn position(self) -> Option<Position> {
        self.opened().map(|span| self.snapshot.position(span))
    }

    /// Where it was opened first.
    pub(crate) fn opened(self) -> Option<Span> {
        self.instance().opened.first().copied()
    }

    /// Only what is set in this very stanza.
    pub fn view(self) -> View<'a> {
        View::of(self.snapshot, vec![self.number])
    }

    /// Children of a kind, in the order in which they were first opened.
    pub fn stanzas(self, keyword: &str) -> impl Iterator<Item = Stanza<'a>> {
        let keyword = keyword.to_ascii_lowercase();
        self.children().filter(move |child| child.keyword().eq_ignore_ascii_case(&keyword))
    }

    pub fn children(self) -> impl Iterator<Item = Stanza<'a>> {
        self.instance().children.iter().map(move |number| self.snapshot.stanza(*number))
    }

    /// What is set here, by the order of the option's number: option, value.
    pub fn values(self) -> impl Iterator<Item = (&'static OptionDef, &'a Value)> {
        self.instance().values.iter().map(|stored| (stored.option, &stored.value))
    }

    /// By name in any case, as the console asks (`config get`).
    pub fn value(self, option: &str) -> Option<Found<'a>> {
        let instance = self.instance();
        instance.stored(key(option)).map(|stored| stored.found(instance))
    }
}

impl Lookup for Stanza<'_> {
    fn find(&self, option: &'static OptionDef) -> Option<Found<'_>> {
        let instance = self.instance();
        let valid = option.scopes.contains(instance.scope);
        valid.then(|| instance.stored(option.key)).flatten().map(|stored| stored.found(instance))
    }
}
