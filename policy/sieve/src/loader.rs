//! Scripts from the files that were read for a configuration. All shards of one generation share what was
//! compiled first.

use crate::compile::{Loader, Purpose, compile_for};
use crate::phase::Place;
use crate::program::Program;
use config::Complaint;
use policy_api::Sources;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Weak};

/// The path of a script's URI; none if it is not a file.
pub(crate) fn path(uri: &str) -> Option<PathBuf> {
    let bare = uri.strip_prefix("file://").unwrap_or(uri);
    let is_file = !bare.is_empty() && !bare.contains("://") && !bare.starts_with(":datasource:");
    is_file.then(|| PathBuf::from(bare))
}

/// The files that were read with the configuration.
pub(crate) struct Files<'a>(pub &'a Sources);

impl Files<'_> {
    pub fn text(&self, path: &Path) -> Result<String, String> {
        let octets = self.0.get(path)?;
        String::from_utf8(octets.to_vec())
            .map_err(|error| format!("it is not UTF-8 at octet {}", error.utf8_error().valid_up_to()))
    }
}

impl Loader for Files<'_> {
    /// A relative name is beside the script that includes it.
    fn load(&self, name: &str, from: &str) -> Result<(String, Arc<str>), String> {
        let path = Path::new(from).parent().unwrap_or(Path::new("")).join(name);
        let text = self.text(&path)?;
        Ok((text, path.to_string_lossy().into()))
    }
}

/// A script that some shard has compiled.
struct Compiled {
    sources: Weak<Sources>,
    name: PathBuf,
    place: Place,
    comparator: Option<String>,
    program: Weak<Program>,
}

/// Locked for a moment when a configuration is loaded, never while one is used.
static COMPILED: Mutex<Vec<Compiled>> = Mutex::new(Vec::new());

/// What a script of the configuration is compiled for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    pub path: &'a Path,
    pub place: Place,
    pub comparator: Option<&'a str>,
}

pub(crate) fn program(wanted: Wanted<'_>, sources: &Arc<Sources>) -> Result<Arc<Program>, Vec<Complaint>> {
    if let Some(program) = known(wanted, sources) {
        return Ok(program);
    }
    let program = Arc::new(compile(wanted, sources)?);
    let mut compiled = COMPILED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    compiled.retain(|entry| entry.program.strong_count() > 0 && entry.sources.strong_count() > 0);
    compiled.push(Compiled {
        sources: Arc::downgrade(sources),
        name: wanted.path.into(),
        place: wanted.place,
        comparator: wanted.comparator.map(str::to_owned),
        program: Arc::downgrade(&program),
    });
    Ok(program)
}

fn known(wanted: Wanted<'_>, sources: &Arc<Sources>) -> Option<Arc<Program>> {
    let compiled = COMPILED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let entry = compiled.iter().find(|entry| {
        entry.name == wanted.path
            && entry.place == wanted.place
            && entry.comparator.as_deref() == wanted.comparator
            && entry.sources.upgrade().is_some_and(|known| Arc::ptr_eq(&known, sources))
    })?;
    entry.program.upgrade()
}

pub(crate) fn compile(wanted: Wanted<'_>, sources: &Sources) -> Result<Program, Vec<Complaint>> {
    let name = wanted.path.to_string_lossy();
    match Files(sources).text(wanted.path) {
        Ok(text) => compile_text(wanted, &text, sources),
        Err(error) => Err(vec![Complaint {
            severity: config::Severity::Error,
            message: format!("{name}: {error}"),
            expected: None,
            suggestion: None,
            place: None,
        }]),
    }
}

/// A script whose text has come from elsewhere.
pub(crate) fn compile_text(
    wanted: Wanted<'_>,
    text: &str,
    sources: &Sources,
) -> Result<Program, Vec<Complaint>> {
    let (place, loader) = (Some(wanted.place), &Files(sources));
    compile_for(
        &wanted.path.to_string_lossy(),
        text,
        Purpose { place, loader, comparator: wanted.comparator, is_included: false },
    )
}
