//! What is found out of a configuration once, off the shards, before they make ready for it.
//!
//! Law: whatever takes time that grows with the configuration, or reads files, is done here; a shard looks up.

use crate::auth;
use bindings::Gateway;
use config::{Snapshot, Stanza};
use policy_api::{Finding, ModuleDef, Sources};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// One generation of the configuration, shared by all shards.
#[derive(Debug)]
pub struct Groundwork {
    pub snapshot: Arc<Snapshot>,
    /// The files that modules and listeners want.
    pub sources: Arc<Sources>,
    /// What is wrong with them, although the configuration works without.
    pub findings: Vec<Finding>,
    /// The group of each binding.
    groups: HashMap<Box<str>, Box<str>>,
    /// The bindings of each group, as they stand in the configuration.
    members: HashMap<Box<str>, Vec<Box<str>>>,
    /// Every gateway that the configuration names, as the name of a queue.
    gateways: HashSet<String>,
    /// Somewhere `exclude_vctx_conn` or `exclude_vctx_mess` is set.
    pub excludes_variables: bool,
}

impl Groundwork {
    /// Reads files: blocks.
    pub fn lay(snapshot: Arc<Snapshot>, modules: &[&ModuleDef]) -> Arc<Groundwork> {
        let sources = Arc::new(sources(&snapshot, modules));
        let mut ground = Groundwork {
            findings: auth::findings(&snapshot, &sources),
            sources,
            groups: HashMap::new(),
            members: HashMap::new(),
            gateways: HashSet::new(),
            excludes_variables: EXCLUDING.iter().any(|option| is_set(snapshot.root(), option)),
            snapshot: snapshot.clone(),
        };
        for (group, binding) in snapshot.bindings() {
            ground.groups.insert(binding.into(), group.into());
            ground.members.entry(group.into()).or_default().push(binding.into());
        }
        ground.collect_gateways(snapshot.root());
        Arc::new(ground)
    }

    fn collect_gateways(&mut self, stanza: Stanza<'_>) {
        if let Some(found) = stanza.value("gateway")
            && let Some(gateway) = found.get::<config::Optional<Gateway>>()
        {
            self.gateways.insert(gateway.domain());
        }
        stanza.children().for_each(|child| self.collect_gateways(child));
    }

    /// None: the configuration does not know the binding.
    pub fn group_of(&self, binding: &str) -> Option<&str> {
        self.groups.get(binding).map(|group| &**group)
    }

    pub fn members_of(&self, group: &str) -> &[Box<str>] {
        self.members.get(group).map_or(&[], Vec::as_slice)
    }

    pub fn is_gateway(&self, domain: &str) -> bool {
        self.gateways.contains(domain)
    }
}

const EXCLUDING: [&str; 2] = ["exclude_vctx_conn", "exclude_vctx_mess"];

fn is_set(stanza: Stanza<'_>, option: &str) -> bool {
    stanza.value(option).is_some() || stanza.children().any(|child| is_set(child, option))
}

/// The files that the modules and listeners of a configuration want. Blocks: not for a shard.
pub(crate) fn sources(snapshot: &Snapshot, modules: &[&ModuleDef]) -> Sources {
    let wanted = |stanza: Stanza<'_>| {
        let named = |module: &&&ModuleDef| module.name().eq_ignore_ascii_case(stanza.keyword());
        let files = modules.iter().find(named).and_then(|module| module.files);
        files.map_or_else(Vec::new, |files| files(stanza))
    };
    Sources::read(snapshot.modules().flat_map(wanted).chain(auth::files(snapshot.root())))
}
