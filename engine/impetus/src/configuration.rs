//! From the command line to a snapshot: files, the search path, the embedded default.

use config::{Complaint, LoadFault, Loaded, Loader, Snapshot};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

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

/// Serves the embedded default beside the files.
struct WithDefault(String);

impl Loader for WithDefault {
    fn load(&self, path: &str) -> Result<Loaded, LoadFault> {
        if path == EMBEDDED { Ok(Loaded::File(self.0.clone().into_bytes())) } else { Files.load(path) }
    }
}

/// The embedded default with its folders below `var`.
pub fn default_text(var: &Path) -> String {
    include_str!("default.conf").replace("@VAR@", &var.display().to_string())
}

/// Reads the configuration: of a file, or the embedded one.
pub fn load(file: Option<&str>, embedded: String) -> Result<(Snapshot, Vec<Complaint>), Vec<Complaint>> {
    let path = std::env::var("EC_CONF_SEARCH_PATH").unwrap_or_else(|_| SEARCH_PATH.to_owned());
    let mut search: Vec<&str> = vec![""];
    search.extend(path.split(':').filter(|folder| !folder.is_empty()));
    config::load(file.unwrap_or(EMBEDDED), &WithDefault(embedded), &shard::registry(), &search)
}

/// Prints complaints as the operator should see them.
pub fn print(complaints: &[Complaint]) {
    complaints.iter().for_each(|complaint| eprintln!("{complaint}\n"));
}
