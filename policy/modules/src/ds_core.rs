//! ds_core: the console's view of the data sources (spec module-details.md §F). The sources and what they remember are
//! `data`'s, and are there without this stanza.

use config::{Instances, ModuleSyntax};
use data::{Datasources, Statistics};
use policy_api::{Cell, Later, Module, ModuleCommand, ModuleDef, Order, Told};
use std::future::ready;
use std::rc::Rc;

pub static MODULE: ModuleDef = ModuleDef {
    commands: &[&STATS, &FLUSH],
    ..ModuleDef::new(
        ModuleSyntax { name: "ds_core", instances: Instances::Singleton, options: &[], stanzas: &[] },
        &[],
        |_, make| Ok(Rc::new(DsCore { sources: Datasources::of(make.services) })),
    )
};

static STATS: ModuleCommand = ModuleCommand::new(
    "ds_core stats",
    "",
    "What is remembered of the answers of data sources.",
    stats,
)
.for_everyone()
.rows(
    "caches",
    "{name}: {elements} elements; lookups {hits} hit, {misses} miss, {pending} pend, {lookups} total; \
             {inserts} inserts; deletions {flushed} man, {expired} ttl, {displaced} lru, {deletions} total",
);

static FLUSH: ModuleCommand =
    ModuleCommand::new("ds_core flush", "<cache>", "Forgets the answers of a data source.", flush)
        .changes()
        .for_everyone()
        .head("flushed {entries} entries from cache '{name}'");

struct DsCore {
    sources: Datasources,
}

impl Module for DsCore {}

fn stats(order: Order) -> Later<Result<Told, String>> {
    let module = order.of::<DsCore>();
    let rows = module.sources.iter().map(|(name, source)| row(name, source.statistics()));
    Box::pin(ready(Ok(Told { rows: rows.collect(), ..Told::default() })))
}

fn row(name: &str, counted: Statistics) -> policy_api::Row {
    let mut row = vec![("name", Cell::Text(name.to_owned()))];
    row.extend(
        [
            ("elements", counted.elements),
            ("hits", counted.hits),
            ("misses", counted.misses),
            ("pending", counted.pending),
            // Who waits for another's answer has missed it first.
            ("lookups", counted.hits + counted.misses),
            ("inserts", counted.inserts),
            ("flushed", counted.flushed),
            ("expired", counted.expired),
            ("displaced", counted.displaced),
            ("deletions", counted.flushed + counted.expired + counted.displaced),
        ]
        .map(|(name, count)| (name, Cell::Count(count))),
    );
    row
}

fn flush(order: Order) -> Later<Result<Told, String>> {
    let module = order.of::<DsCore>();
    Box::pin(ready(order.operands().and_then(|[name]| match module.sources.named(&name) {
        Some(source) => {
            let entries = source.flush() as u64;
            Ok(Told::head(vec![("entries", Cell::Count(entries)), ("name", Cell::Text(name))]))
        }
        None => Err(format!("there is no Datasource \"{name}\"")),
    })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use data::{DatasourceOptions, Parameters};
    use policy_api::Host;
    use policy_api::testing::{FakeHost, run};

    #[test]
    fn the_console_sees_what_is_remembered_and_has_it_forgotten() {
        let options = DatasourceOptions {
            uri: [std::sync::Arc::from("sqlite::memory:")].into(),
            ..DatasourceOptions::defaults().clone()
        };
        let sources = Datasources::with([("db".to_owned(), options)]);
        let module: Rc<dyn Module> = Rc::new(DsCore { sources: sources.clone() });
        let host: Rc<dyn Host> = FakeHost::new();
        let order = |command: &'static ModuleCommand, operands: &[&str]| Order {
            command,
            module: module.clone(),
            instance: "".into(),
            operands: operands.iter().map(|operand| (*operand).to_owned()).collect(),
            host: host.clone(),
        };
        for query in ["select 1", "select 2", "select 1"] {
            run(sources.query(&host, "db", query, Parameters::NONE)).unwrap();
        }
        let told = run(flush(order(&FLUSH, &["db"]))).unwrap();
        assert_eq!(told.head, [("entries", Cell::Count(2)), ("name", Cell::Text("db".into()))]);
        let rows = run(stats(order(&STATS, &[]))).unwrap().rows;
        let counts: Vec<u64> = rows[0][1..]
            .iter()
            .map(|(_, cell)| if let Cell::Count(count) = cell { *count } else { panic!("{cell:?}") })
            .collect();
        assert_eq!(counts, [0, 1, 2, 0, 3, 2, 2, 0, 0, 2]);
        assert_eq!(run(flush(order(&FLUSH, &["x"]))).unwrap_err(), "there is no Datasource \"x\"");
    }
}
