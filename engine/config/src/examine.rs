//! A configuration as `check` looks at it: what could be read is there although something is wrong with it.

use crate::complaint::about_file;
use crate::declare::Declaration;
use crate::{Complaint, Limits, Loader, Registry, Snapshot};

#[derive(Debug)]
pub struct Examined {
    /// None: there is no such file. Never run one that is rejected.
    pub snapshot: Option<Snapshot>,
    pub complaints: Vec<Complaint>,
    pub rejected: bool,
}

/// As `load`, for who wants to see what is wrong beside what is right.
pub fn examine(master: &str, loader: &dyn Loader, registry: &Registry, search_path: &[&str]) -> Examined {
    let mut declaration = Declaration::new(Limits::default(), loader, registry, search_path);
    declaration.base();
    if let Err(reason) = declaration.master(master) {
        return Examined { snapshot: None, complaints: vec![about_file(master, reason)], rejected: true };
    }
    declaration.local_changes();
    declaration.examined()
}
