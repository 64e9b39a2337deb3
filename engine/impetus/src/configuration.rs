//! From the command line to a snapshot: files, the search path, the embedded default; and the keeper's outside.

use config::{Complaint, Edition, Examined, LoadFault, Loaded, Loader, Registry, Schemes, Snapshot};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

/// Exit status for a configuration that cannot be used (sysexits.h EX_CONFIG).
pub const EX_CONFIG: u8 = 78;

/// The name under which complaints mention the embedded default.
const EMBEDDED: &str = "(built-in default)";

/// Searched for files with relative names, unless EC_CONF_SEARCH_PATH says otherwise (config-language.md §1).
const SEARCH_PATH: &str = "etc:etc/conf/global:etc/conf/default";

/// Reads the file system.
struct Files;

impl Loader for Files {
    fn load(&self, path: &str) -> Result<Loaded, LoadFault> {
        let unreadable = |error: std::io::Error| match error.kind() {
            ErrorKind::NotFound => LoadFault::NotFound,
            _ => LoadFault::Unreadable(error.to_string()),
        };
        if !Path::new(path).is_dir() {
            return fs::read(path).map(Loaded::File).map_err(unreadable);
        }
        let entries = fs::read_dir(path).map_err(unreadable)?;
        let plain = entries.flatten().filter(|entry| entry.path().is_file());
        Ok(Loaded::Directory(plain.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()))
    }
}

/// Where the configuration of a process comes from.
pub struct Origin {
    /// The master file; the embedded default if there is none.
    pub file: Option<String>,
    pub embedded: String,
}

impl Loader for Origin {
    fn load(&self, path: &str) -> Result<Loaded, LoadFault> {
        match path {
            EMBEDDED => Ok(Loaded::File(self.embedded.clone().into_bytes())),
            _ => Schemes { loaders: &[], files: &Files }.load(path),
        }
    }
}

impl Origin {
    /// Reads it, or another file in its place.
    pub fn read(&self, file: Option<&str>) -> Result<(Edition, Vec<Complaint>), Vec<Complaint>> {
        let path = search_path();
        let master = file.or(self.file.as_deref()).unwrap_or(EMBEDDED);
        Edition::read(master, self, &shard::registry(), &folders(&path))
    }
}

/// The embedded default with its folders below `var`.
pub fn default_text(var: &Path) -> String {
    include_str!("default.conf").replace("@VAR@", &var.display().to_string())
}

/// Reads the configuration: of a file, or the embedded one.
pub fn load(file: Option<&str>, embedded: String) -> Result<(Arc<Snapshot>, Vec<Complaint>), Vec<Complaint>> {
    let origin = Origin { file: file.map(String::from), embedded };
    origin.read(None).map(|(edition, warnings)| (edition.snapshot().clone(), warnings))
}

/// The same, whatever is wrong with it; for who looks and does not run.
pub fn examine(file: Option<&str>, registry: &Registry) -> Examined {
    let var = std::env::current_dir().unwrap_or_default().join("var");
    let origin = Origin { file: file.map(String::from), embedded: default_text(&var) };
    let path = search_path();
    let mut examined =
        config::examine(origin.file.as_deref().unwrap_or(EMBEDDED), &origin, registry, &folders(&path));
    if let Some(snapshot) = examined.snapshot.as_ref().filter(|_| !examined.rejected) {
        let (refusal, remarks) = shard::examine_policy(snapshot);
        examined.rejected |= refusal.is_some();
        let errors = refusal.into_iter().map(|text| of_policy(config::Severity::Error, text));
        let warnings = remarks.into_iter().map(|text| of_policy(config::Severity::Warning, text));
        examined.complaints.extend(errors.chain(warnings));
    }
    examined
}

/// What a module says of a script or a file that the configuration names; the text has the place.
fn of_policy(severity: config::Severity, message: String) -> Complaint {
    Complaint { severity, message, expected: None, suggestion: None, place: None }
}

fn search_path() -> String {
    std::env::var("EC_CONF_SEARCH_PATH").unwrap_or_else(|_| SEARCH_PATH.to_owned())
}

/// The working directory first.
fn folders(path: &str) -> Vec<&str> {
    std::iter::once("").chain(path.split(':').filter(|folder| !folder.is_empty())).collect()
}

/// Prints complaints as the operator should see them.
pub fn print(complaints: &[Complaint]) {
    complaints.iter().for_each(|complaint| eprintln!("{complaint}\n"));
}
