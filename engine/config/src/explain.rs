//! What applies to one queue, host or session: each option's value, where it was set, what it shadows, and with
//! whom a budget is shared.

use crate::suggestion::nearest;
use crate::{
    Endpoint, Inbound, InstanceId, Located, Lookup, OptionDef, Registry, Scope, ScopeSet, Snapshot, Standing,
    View,
};
use std::net::IpAddr;

/// Names listed of those who share; more are only counted.
const MOST_NAMED: usize = 20;

/// One option, as it applies.
#[derive(Clone, Debug)]
pub struct Explained {
    pub option: &'static OptionDef,
    /// As it was written, or the default.
    pub value: String,
    pub located: Located,
    pub standing: Standing,
    /// Of a value by reference that is set (§10).
    pub cell: Option<Cell>,
}

/// A budget or counter, and who draws on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The stanza that declares it.
    pub declared: InstanceId,
    /// Bindings as group/name; of a session its endpoints.
    pub shared_by: Names,
    /// Domains of this binding; none of a session.
    pub domains: Option<Domains>,
}

/// Some names, and how many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    pub named: Vec<String>,
    pub count: usize,
    /// These are all that there are.
    pub all: bool,
}

impl Names {
    fn out_of(self, total: usize) -> Self {
        Names { all: self.count == total, ..self }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Domains {
    /// All but those named.
    All(Names),
    /// Only those: names and /patterns/.
    Only(Names),
}

#[derive(Clone, Debug)]
pub struct Explanation {
    pub options: Vec<Explained>,
    /// Of the host, if one was asked about: a dimension of its own (§9.2).
    pub host: Vec<Explained>,
    /// Of a session.
    pub pathway: String,
}

impl FromIterator<String> for Names {
    fn from_iter<I: IntoIterator<Item = String>>(names: I) -> Self {
        let mut names = names.into_iter();
        let named: Vec<String> = names.by_ref().take(MOST_NAMED).collect();
        let count = named.len() + names.count();
        Names { named, count, all: false }
    }
}

const QUEUE: ScopeSet = ScopeSet::of(&["binding", "binding_group", "domain"]);
const HOST: ScopeSet = ScopeSet::of(&["host"]);
const SESSION: ScopeSet = ScopeSet::of(&["esmtp_listener", "listen", "peer", "pathway", "pathway_group"]);

/// By name; of several definitions of a name those that are valid here. Only for what they were made for.
fn options(registry: &Registry, scopes: ScopeSet, outside: ScopeSet) -> Vec<&'static OptionDef> {
    let mut options: Vec<_> = registry
        .options()
        .filter(|option| {
            let within = |set: ScopeSet| option.scopes.iter().any(|scope| set.contains(scope));
            within(scopes) && (!within(outside) || option.scopes.contains(Scope::Global))
        })
        .collect();
    options.sort_by_key(|option| option.name);
    // An owner's definition stands before the catalogue's.
    options.dedup_by_key(|option| option.name);
    options
}

impl Snapshot {
    /// The group of a binding, or the binding that was probably meant.
    pub fn group_of_binding(&self, binding: &str) -> Result<&str, Option<&str>> {
        let known = self.bindings().find(|(_, name)| *name == binding).map(|(group, _)| group);
        known.ok_or_else(|| nearest(binding, self.bindings().map(|(_, name)| name)))
    }

    /// Everything outbound of one (binding, routing domain), and of one host if wished.
    pub fn explain_queue(
        &self,
        registry: &Registry,
        group: &str,
        binding: &str,
        domain: &str,
        host: Option<&str>,
    ) -> Explanation {
        let view = self.outbound(group, binding, domain);
        let cell = |option, declared: &InstanceId| self.queue_cell(option, declared, group, binding, domain);
        let queue = options(registry, QUEUE, ScopeSet::of(&[]));
        let host = host.map(|host| {
            let view = self.host(group, binding, host);
            let cell = |option, declared: &InstanceId| self.host_cell(option, declared, host);
            options(registry, HOST, ScopeSet::of(&[]))
                .into_iter()
                .map(|option| self.explained(option, &view, &cell))
                .collect()
        });
        Explanation {
            options: queue.into_iter().map(|option| self.explained(option, &view, &cell)).collect(),
            host: host.unwrap_or_default(),
            pathway: String::new(),
        }
    }

    /// Everything of a session: of a peer at an endpoint, on the pathway that the listener names.
    pub fn explain_session(
        &self,
        registry: &Registry,
        endpoint: &Endpoint,
        peer: Option<IpAddr>,
    ) -> Explanation {
        let on = |endpoint, pathway| {
            self.inbound(Inbound { listener: Scope::EsmtpListener, endpoint, peer, pathway })
        };
        let pathway = |endpoint| on(endpoint, None).text_of("pathway").unwrap_or(crate::resolve::DEFAULT);
        let view = on(endpoint, Some(pathway(endpoint)));
        let cell = |option, declared: &InstanceId| {
            let sharing = self.listeners("esmtp_listener").filter(|(other, _)| {
                on(other, Some(pathway(other))).find(option).is_some_and(|found| found.declared == declared)
            });
            let shared_by: Names = sharing.map(|(endpoint, _)| endpoint.to_string()).collect();
            let total = self.listeners("esmtp_listener").count();
            Cell { declared: declared.clone(), shared_by: shared_by.out_of(total), domains: None }
        };
        let others = ScopeSet::of(&["http_listener", "xmpp_listener", "ecstream_listener"]);
        let session = options(registry, SESSION, others).into_iter().filter(|option| is_of_smtp(option));
        let explained = session.map(|option| {
            let explained = self.explained(option, &view, &cell);
            // The one option that peers lay over each other (spec seeds.md).
            match explained.located.set.is_some() && option.name == "context" {
                true => Explained { value: shown(&view.overlaid(option)), ..explained },
                false => explained,
            }
        });
        Explanation { options: explained.collect(), host: Vec::new(), pathway: pathway(endpoint).to_owned() }
    }

    fn explained(
        &self,
        option: &'static OptionDef,
        view: &View<'_>,
        cell: &dyn Fn(&'static OptionDef, &InstanceId) -> Cell,
    ) -> Explained {
        let found = view.find(option);
        let standing = found.as_ref().map_or(Standing::Honoured, |found| option.standing_of(found.value));
        Explained {
            option,
            value: found.as_ref().map_or_else(|| option.default.to_owned(), |found| found.value.to_string()),
            located: self.located(option, view),
            standing: if found.is_some() { standing } else { option.standing_of(&option.default_value()) },
            cell: found.filter(|_| option.shared).map(|found| cell(option, found.declared)),
        }
    }

    fn queue_cell(
        &self,
        option: &'static OptionDef,
        declared: &InstanceId,
        group: &str,
        binding: &str,
        domain: &str,
    ) -> Cell {
        let draws = |group: &str, binding: &str, domain: &str| {
            let view = self.outbound(group, binding, domain);
            view.find(option).is_some_and(|found| found.declared == declared)
        };
        let sharing = self.bindings().filter(|(group, binding)| draws(group, binding, domain));
        let shared_by: Names = sharing.map(|(group, binding)| format!("{group}/{binding}")).collect();
        let shared_by = shared_by.out_of(self.bindings().count());
        let known = self.domain_names();
        // No stanza can have the empty name.
        let domains = match draws(group, binding, "") {
            true => Domains::All(known.into_iter().filter(|name| !draws(group, binding, name)).collect()),
            false => {
                let pattern = self.instance_named(declared).filter(|name| name.starts_with('/'));
                let names = known.into_iter().filter(|name| draws(group, binding, name));
                Domains::Only(pattern.into_iter().chain(names).collect())
            }
        };
        Cell { declared: declared.clone(), shared_by, domains: Some(domains) }
    }

    fn host_cell(&self, option: &'static OptionDef, declared: &InstanceId, host: &str) -> Cell {
        let sharing = self.bindings().filter(|(group, binding)| {
            let view = self.host(group, binding, host);
            view.find(option).is_some_and(|found| found.declared == declared)
        });
        let shared_by: Names = sharing.map(|(group, binding)| format!("{group}/{binding}")).collect();
        let shared_by = shared_by.out_of(self.bindings().count());
        Cell { declared: declared.clone(), shared_by, domains: None }
    }

    /// Every domain that has a stanza under its own name, each once.
    fn domain_names(&self) -> Vec<String> {
        let stanzas = self.instances.iter().filter(|instance| instance.scope == Scope::Domain);
        let mut names: Vec<String> =
            stanzas.map(|instance| instance.name.to_string()).filter(|name| !name.starts_with('/')).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    fn instance_named(&self, id: &InstanceId) -> Option<String> {
        self.instances.iter().find(|instance| instance.id == *id).map(|instance| instance.name.to_string())
    }
}

fn shown(dictionary: &mail::Dictionary) -> String {
    let pairs: String = dictionary.iter().map(|(key, value)| format!("{key} = \"{value}\" ")).collect();
    format!("[ {pairs}]")
}

/// Options of other listeners are valid in Listen and Peer, too.
fn is_of_smtp(option: &OptionDef) -> bool {
    let own = [Scope::EsmtpListener, Scope::Pathway, Scope::Global];
    own.into_iter().any(|scope| option.scopes.contains(scope))
}
