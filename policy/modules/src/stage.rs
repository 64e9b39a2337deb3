//! What tests of modules need that ask databases: a module made from a configuration, and a database in a file.

use config::{MemoryLoader, Registry, Snapshot, Stanza};
use data::{DatasourceOptions, Datasources};
use policy_api::{Finding, Level, Make, Module, ModuleDef, Services, Sources};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

/// A database that goes with the test.
pub(crate) struct Database(PathBuf);

impl Database {
    pub fn new(name: &str, sql: &str) -> Database {
        let file = format!("impetus-modules-{}-{name}.sqlite", std::process::id());
        let database = Database(std::env::temp_dir().join(file));
        let _ = std::fs::remove_file(&database.0);
        database.run(sql);
        database
    }

    pub fn run(&self, sql: &str) {
        rusqlite::Connection::open(&self.0).unwrap().execute_batch(sql).unwrap();
    }

    /// The stanza of a data source.
    pub fn stanza(&self, name: &str) -> String {
        format!("Datasource \"{name}\" {{ uri = ( \"sqlite:{}\" ) }}\n", self.0.display())
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The first module of this definition in a configuration; others of it are made too, and offer what they do.
pub(crate) fn made(definition: &'static ModuleDef, configuration: &str) -> Result<Rc<dyn Module>, Finding> {
    made_with(definition, configuration, &[])
}

/// The same with files.
pub(crate) fn made_with(
    definition: &'static ModuleDef,
    configuration: &str,
    files: &[(&str, &str)],
) -> Result<Rc<dyn Module>, Finding> {
    let syntaxes: Vec<_> = crate::MODULES.iter().map(|module| module.syntax).collect();
    let registry = Registry::new(&[DatasourceOptions::DEFINITIONS], &syntaxes);
    let loader = MemoryLoader::default().with("/test.conf", configuration);
    let snapshot: Arc<Snapshot> = match config::load("/test.conf", &loader, &registry, &[]) {
        Ok((snapshot, _)) => Arc::new(snapshot),
        Err(complaints) => panic!("{}", complaints[0]),
    };
    let services: Rc<Services> = Rc::default();
    Datasources::new(&snapshot).offer(&services);
    services.offer(crate::CONFIGURATION, snapshot.clone());
    let mut sources = Sources::default();
    files.iter().for_each(|(path, text)| sources.insert(*path, text.as_bytes().to_vec()));
    let make = Make {
        sources: &Arc::new(sources),
        services: &services,
        hostname: "mx.example",
        debug_level: Level::Error,
        shard: 0,
        shards: 1,
    };
    let is_it = |stanza: &Stanza<'_>| stanza.keyword().eq_ignore_ascii_case(definition.name());
    let all: Result<Vec<_>, Finding> =
        snapshot.modules().filter(is_it).map(|stanza| (definition.make)(stanza, &make)).collect();
    Ok(all?.swap_remove(0))
}
