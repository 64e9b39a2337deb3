//! From a master file to a snapshot, or to everything that is wrong with it.

use crate::complaint::about_file;
use crate::declare::Declaration;
use crate::source::{SourceFile, Sources};
use crate::{Complaint, Limits, Loader, Registry, Snapshot, Tree};

crate::options! {
    /// Where changes made at the console are kept.
    pub struct ConfigurationOptions {
        /// A writable file that is loaded after all others, so that its values beat every other file. It
        /// may be neither the master file nor included anywhere.
        local_changes_file: crate::OptionalText = ""
            instead of "/opt/msys/ecelerity/etc/local_changes.conf" because "a file is written only where the operator named one", in [global], tier 2;
        /// Saves every change to local_changes_file.
        local_changes_only: crate::Bool = "false", in [global], tier 2;
    }
}

/// Reads the master file and all that it includes. A relative name is sought beside the including file and
/// then along the search path. Returns the snapshot with warnings and notes, or every fault found.
pub fn load(
    master: &str,
    loader: &dyn Loader,
    registry: &Registry,
    search_path: &[&str],
) -> Result<(Snapshot, Vec<Complaint>), Vec<Complaint>> {
    load_within(Limits::default(), master, loader, registry, search_path)
}

/// `load` with other limits.
pub fn load_within(
    limits: Limits,
    master: &str,
    loader: &dyn Loader,
    registry: &Registry,
    search_path: &[&str],
) -> Result<(Snapshot, Vec<Complaint>), Vec<Complaint>> {
    build(limits, master, loader, registry, search_path, "")
}

/// `unsaved` are changes that no file takes: they are read last of all.
pub(crate) fn build(
    limits: Limits,
    master: &str,
    loader: &dyn Loader,
    registry: &Registry,
    search_path: &[&str],
    unsaved: &str,
) -> Result<(Snapshot, Vec<Complaint>), Vec<Complaint>> {
    let mut declaration = Declaration::new(limits, loader, registry, search_path);
    declaration.base();
    if let Err(reason) = declaration.master(master) {
        return Err(vec![about_file(master, reason)]);
    }
    declaration.local_changes();
    declaration.unsaved(unsaved);
    declaration.finish()
}

/// The syntax of one text, without includes and without asking what it means.
pub fn parse(name: &str, text: &str) -> Result<(Tree, Vec<Complaint>), Vec<Complaint>> {
    let limits = Limits::default();
    if text.len() > limits.file_bytes {
        return Err(vec![about_file(name, format!("longer than {} bytes", limits.file_bytes))]);
    }
    let mut sources = Sources::default();
    let file = SourceFile { name: name.into(), text: text.into(), included_from: None, read_only: false };
    let number = sources.add(file);
    let (tree, faults) = crate::parser::parse(text, number, limits);
    match faults.complaints(&sources) {
        (complaints, true) => Err(complaints),
        (complaints, false) => Ok((tree, complaints)),
    }
}
