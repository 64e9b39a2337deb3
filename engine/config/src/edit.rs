//! Changes of a running configuration: each makes the next edition, as text edits of the files that it belongs to
//! (spec config-language.md §12.4). What runs is always what these texts say; `writeback` merely writes them.

mod text;
mod transaction;
mod verb;

pub use transaction::{Transaction, Unwritten};
pub use verb::{Deed, Desk, Said, Verb};

use crate::declare::UNSAVED;
use crate::edition::{Recording, Texts};
use crate::parser;
use crate::path::{Path, canonical, read};
use crate::snapshot::{Instance, Region};
use crate::source::Sources;
use crate::{
    Bool, Complaint, ConfigurationOptions, Edition, Loader, OptionDef, OptionalText, Registry, Snapshot,
    Span, Value, include,
};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// One `set` or `unset`.
#[derive(Clone, Debug)]
pub struct Change {
    pub(crate) path: Path,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Set(&'static OptionDef, Value),
    Unset(&'static OptionDef),
    /// The scope with all its children.
    Remove,
}

/// As the console takes it: what `config replay` prints.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let blank = if self.path.0.is_empty() { "" } else { " " };
        let path = &self.path;
        match &self.what {
            What::Set(option, value) => {
                write!(f, "config set {path}{blank}{} = {value}", canonical(option.name))
            }
            What::Unset(option) => write!(f, "config unset {path}{blank}{}", canonical(option.name)),
            What::Remove => write!(f, "config unset {path}"),
        }
    }
}

impl Change {
    /// `[scope [name]]... option [=] value`
    pub fn set(text: &str, registry: &Registry) -> Result<Change, String> {
        let named = read(text, registry)?;
        let Some(option) = named.option else { return Err("an option and its value are missing".into()) };
        let value = text[named.end..].trim_start();
        let value = value.strip_prefix('=').unwrap_or(value);
        if value.trim().is_empty() {
            return Err(format!("the value of '{}' is missing", canonical(option.name)));
        }
        let value = parser::value(value)?;
        Ok(Change { path: named.path, what: What::Set(option, value) })
    }

    /// `[scope [name]]... [option]`
    pub fn unset(text: &str, registry: &Registry) -> Result<Change, String> {
        let named = read(text, registry)?;
        if !text[named.end..].trim().is_empty() {
            return Err(format!("'{}' is too much", text[named.end..].trim()));
        }
        match named.option {
            Some(option) => Ok(Change { path: named.path, what: What::Unset(option) }),
            None if named.path.0.is_empty() => Err("the global scope cannot be unset as a whole".into()),
            None => Ok(Change { path: named.path, what: What::Remove }),
        }
    }

    /// What was set: the option as the console names it in the same scope, to ask for its value.
    pub fn option(&self) -> Option<String> {
        let (What::Set(option, _) | What::Unset(option)) = &self.what else { return None };
        let blank = if self.path.0.is_empty() { "" } else { " " };
        Some(format!("{}{blank}{}", self.path, option.name))
    }

    /// The scope that it is about.
    pub fn scope(&self) -> String {
        self.path.to_string()
    }

    pub fn is_unset(&self) -> bool {
        !matches!(self.what, What::Set(..))
    }

    /// What was set, and to what.
    pub fn value(&self) -> Option<(String, String)> {
        match &self.what {
            What::Set(option, value) => Some((canonical(option.name), value.to_string())),
            _ => None,
        }
    }

    fn statement(&self) -> String {
        match &self.what {
            What::Set(option, value) => format!("{} = {value}", canonical(option.name)),
            What::Unset(_) | What::Remove => String::new(),
        }
    }
}

/// Text edits of one file.
type Edits = Vec<(Range<usize>, String)>;

/// Where a change goes.
enum Target {
    /// Stretches of files, by their numbers.
    Places(Vec<(u32, Range<usize>, String)>),
    /// Behind all that a file says; it need not be there yet.
    End(String),
}

impl Edition {
    /// The next edition, with this change. The loader is asked for files that were not read so far.
    pub fn changed(
        &self,
        change: &Change,
        loader: &dyn Loader,
        registry: &Registry,
    ) -> Result<(Edition, Vec<Complaint>), Vec<String>> {
        let target = self.target(change).map_err(|reason| vec![reason])?;
        let mut texts = self.texts();
        match target {
            Target::Places(places) => {
                let sources = &self.snapshot.sources;
                let mut by_name: std::collections::BTreeMap<&str, Edits> = Default::default();
                for (file, range, new) in places {
                    by_name.entry(&sources.file(file).name).or_default().push((range, new));
                }
                for (name, edits) in by_name {
                    let edited = text::replaced(&texts[name], edits);
                    texts.insert(name.into(), edited.into());
                }
            }
            Target::End(name) => {
                let headers: Vec<String> = change.path.0.iter().map(crate::path::Step::header).collect();
                let known = texts.get(&name).map_or("", |text| text);
                let whole = text::at_end(known, &text::inside(&headers, &change.statement()));
                texts.insert(name, whole.into());
            }
        }
        let mut made = self.rebuilt(texts, loader, registry).map_err(|complaints| {
            complaints.iter().map(|complaint| complaint.to_string()).collect::<Vec<_>>()
        })?;
        made.0.changes = self.changes.iter().cloned().chain([change.clone()]).collect();
        Ok(made)
    }

    /// Nothing but the implicit base: what `config begin from scratch` starts with.
    pub fn scratch(&self, loader: &dyn Loader, registry: &Registry) -> Result<Edition, Vec<Complaint>> {
        let texts = Texts::from([(self.snapshot.sources.master().name.to_string(), Arc::from(""))]);
        let recording = Recording { texts, heard: self.heard(), rest: loader };
        let (mut edition, _) =
            recording.edition(self.master.clone(), self.search_path.clone(), registry, "")?;
        edition.originals = self.originals_for(&edition);
        Ok(edition)
    }

    fn rebuilt(
        &self,
        mut texts: Texts,
        loader: &dyn Loader,
        registry: &Registry,
    ) -> Result<(Edition, Vec<Complaint>), Vec<Complaint>> {
        let unsaved = texts.remove(UNSAVED).unwrap_or_else(|| "".into());
        let recording = Recording { texts, heard: self.heard(), rest: loader };
        let (mut edition, warnings) =
            recording.edition(self.master.clone(), self.search_path.clone(), registry, &unsaved)?;
        edition.originals = self.originals_for(&edition);
        Ok((edition, warnings))
    }

    fn target(&self, change: &Change) -> Result<Target, String> {
        let snapshot = &*self.snapshot;
        let instance = snapshot.at(&change.path).map_err(|fault| fault.sentence())?;
        let instance = instance.map(|number| &snapshot.instances[number as usize]);
        match &change.what {
            What::Set(option, value) => self.target_of_set(instance, option, value, change),
            What::Unset(option) => {
                let stored = instance.and_then(|instance| instance.stored(option.key));
                let Some(stored) = stored else {
                    return Err(format!(
                        "Option '{}' is not set in scope '{}'.",
                        canonical(option.name),
                        change.path
                    ));
                };
                let spans = stored.shadowed.iter().chain([&stored.span]);
                Ok(Target::Places(spans.map(|span| snapshot.sources.without(*span)).collect()))
            }
            What::Remove => {
                let regions = instance.map_or(&[][..], |instance| &instance.regions);
                let stanzas: Vec<_> = regions.iter().filter_map(|region| region.stanza).collect();
                if stanzas.is_empty() {
                    return Err(format!("there is no '{}'", change.path));
                }
                Ok(Target::Places(stanzas.into_iter().map(|span| snapshot.sources.without(span)).collect()))
            }
        }
    }

    /// §12.4, rule by rule.
    fn target_of_set(
        &self,
        instance: Option<&Instance>,
        option: &OptionDef,
        value: &Value,
        change: &Change,
    ) -> Result<Target, String> {
        let sources = &self.snapshot.sources;
        let stored = instance.and_then(|instance| instance.stored(option.key));
        let in_place = |span: Span| {
            let statement = &sources.file(span.file).text[span.start as usize..span.end as usize];
            let new = text::with_value(statement, &value.to_string());
            Target::Places(vec![(span.file, span.start as usize..span.end as usize, new)])
        };
        if *self.global(1).get_bool() {
            let local =
                self.local_changes().ok_or("local_changes_only is on and local_changes_file is not set")?;
            return Ok(match stored.filter(|stored| *sources.file(stored.span.file).name == *local) {
                Some(stored) => in_place(stored.span),
                None => Target::End(local),
            });
        }
        if let Some(stored) = stored.filter(|stored| !sources.file(stored.span.file).read_only) {
            return Ok(in_place(stored.span));
        }
        let behind = stored.map(|stored| sources.order(stored.span.file, stored.span.start));
        let region = instance.and_then(|instance| first_writable(instance, sources, behind.as_ref()));
        if let Some(region) = region {
            let file = &sources.file(region.file).text;
            let statement = change.statement();
            let (range, new) = match region.stanza {
                Some(_) => text::into_stanza(file, region.end as usize, &statement),
                None => (0..file.len(), text::at_end(file, &statement)),
            };
            return Ok(Target::Places(vec![(region.file, range, new)]));
        }
        let master = sources.master();
        let fallback = if master.read_only { UNSAVED.into() } else { master.name.to_string() };
        Ok(Target::End(self.local_changes().unwrap_or(fallback)))
    }

    /// The file that the option names: where it was found, else beside the file that names it.
    fn local_changes(&self) -> Option<String> {
        let option = &ConfigurationOptions::DEFINITIONS[0];
        let global = &self.snapshot.instances[0];
        let stored = global.stored(option.key)?;
        let name = stored.found(global).get::<OptionalText>().clone()?;
        let beside = &self.snapshot.sources.file(stored.span.file).name;
        let folders: Vec<&str> = self.search_path.iter().map(String::as_str).collect();
        let candidates = include::candidates(&name, Some(beside), &folders);
        let files = self.snapshot.sources.files();
        let known = candidates.iter().find(|path| files.iter().any(|file| *file.name == ***path));
        known.or(candidates.first()).cloned()
    }

    fn global(&self, position: usize) -> GlobalSwitch<'_> {
        GlobalSwitch { edition: self, position }
    }
}

struct GlobalSwitch<'a> {
    edition: &'a Edition,
    position: usize,
}

impl GlobalSwitch<'_> {
    fn get_bool(&self) -> &bool {
        let global = &self.edition.snapshot.instances[0];
        let stored = global.stored(ConfigurationOptions::DEFINITIONS[self.position].key);
        stored.map_or(&false, |stored| stored.found(global).get::<Bool>())
    }
}

/// The first place, in load order, where the instance was opened in a writable file; behind a read-only
/// definition, if there is one.
fn first_writable<'a>(
    instance: &'a Instance,
    sources: &Sources,
    behind: Option<&Vec<u32>>,
) -> Option<&'a Region> {
    let writable = instance.regions.iter().filter(|region| !sources.file(region.file).read_only);
    let after = writable.filter(|region| {
        behind.is_none_or(|definition| sources.order(region.file, region.end) > *definition)
    });
    after.min_by_key(|region| sources.order(region.file, region.start))
}

impl Sources {
    /// The place of an offset in the order in which everything was read.
    fn order(&self, file: u32, at: u32) -> Vec<u32> {
        let mut order = vec![at];
        let mut file = file;
        while let Some(from) = self.file(file).included_from {
            order.extend([file, from.start]);
            file = from.file;
        }
        order.push(file);
        order.reverse();
        order
    }

    fn without(&self, span: Span) -> (u32, Range<usize>, String) {
        let text = &self.file(span.file).text;
        (span.file, text::with_line(text, span.start as usize..span.end as usize), String::new())
    }
}

impl Snapshot {
    /// What every file says, by name.
    pub(crate) fn texts(&self) -> Texts {
        let files = self.sources.files().iter().skip(1);
        files.map(|file| (file.name.to_string(), file.text.clone())).collect()
    }
}
