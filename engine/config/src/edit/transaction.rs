//! Changes that nobody sees but who makes them, until they are committed together.

use super::Change;
use crate::declare::UNSAVED;
use crate::edition::Texts;
use crate::{Edition, Loader, Registry};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Changes in one transaction.
const MOST: usize = 10_000;

/// The configuration as its owner sees it.
#[derive(Clone, Debug)]
pub struct Transaction {
    /// The generation that it began with; the first to commit on top of it wins.
    base: u64,
    from_scratch: bool,
    edition: Edition,
    changes: Vec<Change>,
}

impl Transaction {
    pub fn begin(edition: &Edition) -> Transaction {
        let base = edition.snapshot().generation();
        Transaction { base, from_scratch: false, edition: edition.clone(), changes: Vec::new() }
    }

    /// Nothing is there but the implicit base.
    pub fn from_scratch(
        edition: &Edition,
        loader: &dyn Loader,
        registry: &Registry,
    ) -> Result<Self, Vec<String>> {
        let scratch = edition.scratch(loader, registry);
        let scratch =
            scratch.map_err(|complaints| complaints.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        Ok(Transaction { from_scratch: true, edition: scratch, ..Transaction::begin(edition) })
    }

    /// It changes nothing.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && !self.from_scratch
    }

    pub fn edition(&self) -> &Edition {
        &self.edition
    }

    /// A change that is refused leaves the transaction as it was.
    pub fn change(
        &mut self,
        change: Change,
        loader: &dyn Loader,
        registry: &Registry,
    ) -> Result<(), Vec<String>> {
        if self.changes.len() >= MOST {
            return Err(vec![format!("a transaction holds at most {MOST} changes")]);
        }
        (self.edition, _) = self.edition.changed(&change, loader, registry)?;
        self.changes.push(change);
        Ok(())
    }

    /// The commands that make it.
    pub fn replay(&self) -> String {
        let begin = if self.from_scratch { "config begin from scratch" } else { "config begin" };
        std::iter::once(begin.to_owned())
            .chain(self.changes.iter().map(Change::to_string))
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// What to put in force on top of `running`; an error if somebody else was first.
    pub fn committed(&self, running: &Edition) -> Result<Edition, String> {
        let now = running.snapshot().generation();
        if now == self.base {
            return Ok(self.edition.clone());
        }
        Err(format!(
            "the configuration has changed since this transaction began (it was {}, it is {now}); see config replay, \
             then config rollback and begin again",
            self.base
        ))
    }
}

/// What `config writeback` has to write.
#[derive(Debug, Default)]
pub struct Unwritten {
    /// Files by name: what they said when they were read (none: not there), and what they shall say.
    pub files: BTreeMap<String, (Option<Arc<str>>, Arc<str>)>,
    /// What cannot be saved: files that nobody may write, and the text that belongs to no file.
    pub read_only: Vec<String>,
    pub unsaved: Option<Arc<str>>,
}

impl Edition {
    pub fn unwritten(&self) -> Unwritten {
        let mut unwritten = Unwritten::default();
        for file in self.snapshot.sources.files().iter().skip(1) {
            let name = &*file.name;
            if name == UNSAVED {
                unwritten.unsaved = Some(file.text.clone());
            } else if let Some(original) = self.originals.get(name) {
                if file.read_only {
                    unwritten.read_only.push(name.to_owned());
                } else {
                    unwritten.files.insert(name.to_owned(), (original.clone(), file.text.clone()));
                }
            }
        }
        unwritten.read_only.dedup();
        unwritten
    }

    /// These files are written.
    pub fn written(&mut self, unwritten: &Unwritten) {
        let mut originals = (*self.originals).clone();
        originals.retain(|name, _| !unwritten.files.contains_key(name));
        self.originals = Arc::new(originals);
        if unwritten.read_only.is_empty() && unwritten.unsaved.is_none() {
            self.changes = Arc::default();
        }
    }

    /// All live changes as one file.
    pub fn changes_as_file(&self) -> String {
        let headers =
            |change: &Change| change.path.0.iter().map(crate::path::Step::header).collect::<Vec<_>>();
        let text = self.changes.iter().map(|change| match change.is_unset() {
            true => format!("# {change}\n"),
            false => super::text::inside(&headers(change), &change.statement()) + "\n",
        });
        text.collect()
    }

    /// What the files that differ said when they were read.
    pub(super) fn originals_for(&self, made: &Edition) -> Arc<BTreeMap<String, Option<Arc<str>>>> {
        let before: Texts = self.texts();
        let mut originals = (*self.originals).clone();
        for (name, text) in made.texts() {
            let known = before.get(&name);
            if known != Some(&text) && name != UNSAVED {
                originals.entry(name).or_insert_with(|| known.cloned());
            }
        }
        // Whoever sets a value and sets it back has changed nothing.
        let texts = made.texts();
        originals.retain(|name, original| texts.get(name) != original.as_ref());
        Arc::new(originals)
    }

    pub(super) fn texts(&self) -> Texts {
        self.snapshot.texts()
    }
}
