//! A configuration together with everything that it was read from, so that a change builds on what is running
//! and not on what the disk holds by then.

use crate::edit::Change;
use crate::load::build;
use crate::{Complaint, Limits, LoadFault, Loaded, Loader, Registry, Snapshot};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One generation, whole: what to run by, and what to build the next one from. Cheap to clone.
#[derive(Clone)]
pub struct Edition {
    /// As it was asked for; where it was found is known to the sources.
    pub(crate) master: Arc<str>,
    pub(crate) search_path: Arc<[String]>,
    pub(crate) snapshot: Arc<Snapshot>,
    /// What the loader said of paths that were no files: the next generation finds the same.
    heard: Arc<BTreeMap<String, Result<Loaded, LoadFault>>>,
    /// Files that say something else by now: what they said when they were read; none if they were not there.
    pub(crate) originals: Arc<BTreeMap<String, Option<Arc<str>>>>,
    /// The changes since the files were read.
    pub(crate) changes: Arc<[Change]>,
}

/// What stands in a path's place, and of files what they say now.
pub(crate) type Texts = BTreeMap<String, Arc<str>>;

impl Edition {
    /// As `load`.
    pub fn read(
        master: &str,
        loader: &dyn Loader,
        registry: &Registry,
        search_path: &[&str],
    ) -> Result<(Edition, Vec<Complaint>), Vec<Complaint>> {
        let recording = Recording { texts: Texts::new(), heard: RefCell::default(), rest: loader };
        let search_path: Arc<[String]> = search_path.iter().map(|folder| (*folder).to_owned()).collect();
        recording.edition(master.into(), search_path, registry, "")
    }

    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    pub(crate) fn heard(&self) -> RefCell<BTreeMap<String, Result<Loaded, LoadFault>>> {
        RefCell::new((*self.heard).clone())
    }

    pub fn numbered(self, generation: u64) -> Edition {
        self.snapshot.number(generation);
        self
    }
}

/// Answers as the last time, with other texts where there are some; asks on where it was not asked before.
pub(crate) struct Recording<'a> {
    pub texts: Texts,
    pub heard: RefCell<BTreeMap<String, Result<Loaded, LoadFault>>>,
    pub rest: &'a dyn Loader,
}

impl Recording<'_> {
    pub fn edition(
        self,
        master: Arc<str>,
        search_path: Arc<[String]>,
        registry: &Registry,
        unsaved: &str,
    ) -> Result<(Edition, Vec<Complaint>), Vec<Complaint>> {
        let folders: Vec<&str> = search_path.iter().map(String::as_str).collect();
        let (snapshot, warnings) = build(Limits::default(), &master, &self, registry, &folders, unsaved)?;
        let heard = Arc::new(self.heard.into_inner());
        let snapshot = Arc::new(snapshot);
        let (originals, changes) = (Arc::default(), Arc::default());
        Ok((Edition { master, search_path, snapshot, heard, originals, changes }, warnings))
    }
}

impl Loader for Recording<'_> {
    fn load(&self, path: &str) -> Result<Loaded, LoadFault> {
        if let Some(text) = self.texts.get(path) {
            return Ok(Loaded::File(text.as_bytes().to_vec()));
        }
        if let Some(known) = self.heard.borrow().get(path) {
            return known.clone();
        }
        let answer = self.rest.load(path);
        // The text of a file is kept by the snapshot that is made of it.
        if !matches!(answer, Ok(Loaded::File(_))) {
            self.heard.borrow_mut().insert(path.into(), answer.clone());
        }
        answer
    }
}
