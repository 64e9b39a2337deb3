//! The cases of tests/config/engine, and the samples of deploy, with the engine's own options and modules.

#[path = "../../config/tests/language/cases.rs"]
mod cases;

/// What `cases` plays with.
mod declared {
    pub const CASES: &str = "../../tests/config/engine";
    pub use shard::registry;
}

use config::{LoadFault, Loaded, Loader, Snapshot};
use std::path::{Path, PathBuf};

/// Files below a folder.
struct Folder(PathBuf);

impl Loader for Folder {
    fn load(&self, path: &str) -> Result<Loaded, LoadFault> {
        std::fs::read(self.0.join(path)).map(Loaded::File).map_err(|_| LoadFault::NotFound)
    }
}

fn sample(folder: &str) -> Snapshot {
    let folder = Folder(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder));
    match config::load("ecelerity.conf", &folder, &shard::registry(), &[""]) {
        Ok((snapshot, complaints)) if complaints.is_empty() => snapshot,
        Ok((_, complaints)) | Err(complaints) => {
            panic!("{}", complaints.iter().map(|complaint| format!("{complaint}\n")).collect::<String>())
        }
    }
}

#[test]
fn the_samples_are_clean() {
    sample("deploy");
    sample("deploy/large-sender");
}

#[test]
fn a_large_sender_shares_budgets_as_its_files_say() {
    let snapshot = sample("deploy/large-sender");
    assert_eq!(snapshot.bindings().count(), 41, "forty, and the default");
    let registry = shard::registry();
    let budget = |binding: &str, domain: &str| {
        let group = snapshot.group_of_binding(binding).expect("a binding");
        let explanation = snapshot.explain_queue(&registry, group, binding, domain, None);
        let option =
            explanation.options.into_iter().find(|one| one.option.name == "outbound_throttle_messages");
        option.and_then(|option| option.cell).expect("a throttle").declared.to_string()
    };
    for (binding, domain, declared) in [
        ("news-01", "other.example", "Binding_Group:marketing:"),
        ("news-04", "other.example", "Binding_Group:marketing:Binding:news-04:"),
        ("news-01", "bigmail.example", "Binding_Group:marketing:Domain:bigmail.example:"),
        ("news-03", "bigmail.example", "Binding_Group:marketing:Binding:news-03:Domain:bigmail.example:"),
        ("warm-01", "bigmail.example", "Binding_Group:warmup:Domain:/./:"),
        ("part-01", "a.hugemail.com.example", "Domain:/(^|[.])hugemail[.](com|net|co)[.]example$/:"),
    ] {
        assert_eq!(budget(binding, domain), declared, "{binding} {domain}");
    }
}
