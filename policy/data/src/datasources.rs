//! The sources of one generation of the configuration on one shard, by name.

use crate::{Answering, DataFault, Datasource, DatasourceOptions, Parameters};
use config::Snapshot;
use policy_api::{Finding, Host, Services};
use std::collections::BTreeMap;
use std::future::ready;
use std::rc::Rc;

/// Scripts and modules share it: `Datasources::of(make.services)`.
#[derive(Clone, Default)]
pub struct Datasources(Rc<BTreeMap<Box<str>, Rc<Datasource>>>);

/// Under which they are offered.
const NAME: &str = "datasources";

impl Datasources {
    /// Those that a configuration names.
    pub fn new(snapshot: &Snapshot) -> Self {
        Self::with(
            snapshot
                .stanzas("datasource")
                .map(|stanza| (stanza.name().to_owned(), DatasourceOptions::resolve(&stanza))),
        )
    }

    pub fn with(sources: impl IntoIterator<Item = (String, DatasourceOptions)>) -> Self {
        let made = sources.into_iter().map(|(name, options)| (name.into(), Datasource::new(options)));
        Datasources(Rc::new(made.collect()))
    }

    pub fn offer(&self, services: &Services) {
        services.offer(NAME, self.clone());
    }

    /// What was offered; without an offer there are no sources.
    pub fn of(services: &Services) -> Datasources {
        services.find::<Datasources>(NAME).map_or_else(Datasources::default, |found| (*found).clone())
    }

    pub fn named(&self, name: &str) -> Option<&Rc<Datasource>> {
        self.0.get(name)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Rc<Datasource>)> {
        self.0.iter().map(|(name, source)| (&**name, source))
    }

    /// As `Datasource::query` of the source with that name.
    pub fn query(&self, host: &Rc<dyn Host>, name: &str, query: &str, parameters: Parameters) -> Answering {
        match self.named(name) {
            Some(source) => source.query(host, query, parameters, false),
            None => Box::pin(ready(Err(DataFault::Unknown(name.into())))),
        }
    }

    /// As `Datasource::execute` of the source with that name.
    pub fn execute(&self, host: &Rc<dyn Host>, name: &str, query: &str, parameters: Parameters) -> Answering {
        match self.named(name) {
            Some(source) => source.execute(host, query, parameters),
            None => Box::pin(ready(Err(DataFault::Unknown(name.into())))),
        }
    }

    /// URIs that nobody can ask, for `check`.
    pub fn findings(snapshot: &Snapshot) -> Vec<Finding> {
        let of = |stanza: config::Stanza<'_>| {
            let place = stanza.position().map(|position| position.to_string()).unwrap_or_default();
            let source = Datasource::new(DatasourceOptions::resolve(&stanza));
            let fault = |fault: &DataFault| {
                Finding::new(place.clone(), format!("Datasource \"{}\": {fault}", stanza.name()))
            };
            source.faults().map(fault).collect::<Vec<_>>()
        };
        snapshot.stanzas("datasource").flat_map(of).collect()
    }
}
