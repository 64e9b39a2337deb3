//! Which value applies: the fallback chains of spec config-language.md §9. A view is a chain of instances,
//! narrowest first, found once; each option then takes the first instance that sets it.

use crate::domain::{self, LONGEST_MATCHED_NAME};
use crate::snapshot::{Family, Instance, Stored};
use crate::{Endpoint, Found, Lookup, OptionDef, Scope, Snapshot, Stanza, Value};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The reserved instance name: what is assigned nowhere else belongs there (§5).
pub(crate) const DEFAULT: &str = "default";

const GLOBAL: u32 = 0;

/// Who connected to what.
#[derive(Clone, Copy, Debug)]
pub struct Inbound<'a> {
    pub listener: Scope,
    pub endpoint: &'a Endpoint,
    /// None on a Unix socket: such clients count as loopback (§7.3).
    pub peer: Option<IpAddr>,
    /// The active pathway; none for listeners without pathways.
    pub pathway: Option<&'a str>,
}

/// What applies to one queue, host, session or stanza.
#[derive(Clone)]
pub struct View<'a> {
    snapshot: &'a Snapshot,
    chain: Vec<u32>,
}

impl Snapshot {
    /// §9.1. `domain` is the routing domain.
    pub fn outbound(&self, group: &str, binding: &str, domain: &str) -> View<'_> {
        let mut chain = Chain::new(self);
        let domain = domain::normal(domain);
        let group = chain.child(GLOBAL, Scope::BindingGroup, group);
        let member = group.and_then(|group| chain.child(group, Scope::Binding, binding));
        let binding = chain.child(GLOBAL, Scope::Binding, binding);
        for container in [member, binding, group] {
            chain.matching(container, Scope::Domain, &domain);
        }
        chain.found.extend([member, binding, group].into_iter().flatten());
        chain.matching(Some(GLOBAL), Scope::Domain, &domain);
        chain.end_globally()
    }

    /// §9.2: a dimension of its own, without fallback into binding, domain or global values.
    pub fn host(&self, group: &str, binding: &str, host: &str) -> View<'_> {
        let mut chain = Chain::new(self);
        let host = domain::normal(host);
        let group = chain.child(GLOBAL, Scope::BindingGroup, group);
        let member = group.and_then(|group| chain.child(group, Scope::Binding, binding));
        let binding = chain.child(GLOBAL, Scope::Binding, binding);
        for container in [member, group, binding, Some(GLOBAL)] {
            chain.matching(container, Scope::Host, &host);
        }
        chain.end()
    }

    /// §9.3: the listener family, then the pathway family, then global.
    pub fn inbound(&self, inbound: Inbound<'_>) -> View<'_> {
        let mut chain = Chain::new(self);
        let listener = chain.child(GLOBAL, inbound.listener, "");
        let family = listener.and_then(|listener| self.instances[listener as usize].family(Scope::Listen));
        let listen = family.and_then(|family| {
            let known = family.endpoints.iter().find(|(endpoint, _)| endpoint == inbound.endpoint);
            known.map(|(_, number)| *number)
        });
        for container in [listen, listener] {
            chain.peers(container, inbound.peer);
        }
        chain.found.extend([listen, listener].into_iter().flatten());
        if let Some(pathway) = inbound.pathway {
            chain.pathway(pathway);
        }
        chain.end_globally()
    }

    /// The pathway family alone: what a message obeys whose pathway policy has changed.
    pub fn pathway(&self, pathway: &str) -> View<'_> {
        let mut chain = Chain::new(self);
        chain.pathway(pathway);
        chain.end_globally()
    }

    pub fn global(&self) -> View<'_> {
        Chain::new(self).end_globally()
    }

    pub fn has_pathway(&self, pathway: &str) -> bool {
        let top = self.instances[0].family(Scope::Pathway);
        self.pathway_groups.contains_key(pathway)
            || top.is_some_and(|family| family.exact.contains_key(pathway))
    }
}

struct Chain<'a> {
    snapshot: &'a Snapshot,
    found: Vec<u32>,
}

impl<'a> Chain<'a> {
    fn new(snapshot: &'a Snapshot) -> Self {
        // Eight levels, and a regex or two.
        Chain { snapshot, found: Vec::with_capacity(10) }
    }

    fn family(&self, container: u32, scope: Scope) -> Option<&'a Family> {
        self.snapshot.instances[container as usize].family(scope)
    }

    fn child(&self, container: u32, scope: Scope, name: &str) -> Option<u32> {
        self.family(container, scope)?.exact.get(name).copied()
    }

    /// The exact stanza, then the regex stanzas of the same container in order (§7.2).
    fn matching(&mut self, container: Option<u32>, scope: Scope, name: &str) {
        let Some(family) = container.and_then(|container| self.family(container, scope)) else { return };
        self.found.extend(family.exact.get(name));
        if name.len() <= LONGEST_MATCHED_NAME {
            let matching = family.patterns.iter().filter(|(pattern, _)| pattern.matches(name.as_bytes()));
            self.found.extend(matching.map(|(_, number)| number));
        }
    }

    fn peers(&mut self, container: Option<u32>, peer: Option<IpAddr>) {
        const LOOPBACK: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        let Some(family) = container.and_then(|container| self.family(container, Scope::Peer)) else {
            return;
        };
        let peer = peer.map(|peer| peer.to_canonical());
        let addresses = peer.as_ref().map_or(&LOOPBACK[..], std::slice::from_ref);
        let matching = family
            .networks
            .iter()
            .filter(|(network, _)| addresses.iter().any(|address| network.contains(address)));
        self.found.extend(matching.map(|(_, number)| number));
    }

    fn pathway(&mut self, pathway: &str) {
        let group = self.snapshot.pathway_groups.get(pathway).map_or(DEFAULT, |group| group);
        let group = self.child(GLOBAL, Scope::PathwayGroup, group);
        let member = group.and_then(|group| self.child(group, Scope::Pathway, pathway));
        let top = self.child(GLOBAL, Scope::Pathway, pathway);
        self.found.extend([member, top, group].into_iter().flatten());
    }

    fn end(self) -> View<'a> {
        View { snapshot: self.snapshot, chain: self.found }
    }

    fn end_globally(mut self) -> View<'a> {
        self.found.push(GLOBAL);
        self.end()
    }
}

impl<'a> View<'a> {
    pub(crate) fn of(snapshot: &'a Snapshot, chain: Vec<u32>) -> Self {
        View { snapshot, chain }
    }

    /// Everything that is set for this option along the chain, narrowest first.
    pub(crate) fn stored(
        &self,
        option: &'static OptionDef,
    ) -> impl Iterator<Item = (&'a Instance, &'a Stored)> {
        self.chain()
            .filter(|instance| option.scopes.contains(instance.scope))
            .filter_map(|instance| instance.stored(option.key).map(|stored| (instance, stored)))
    }

    /// Narrowest first.
    pub(crate) fn chain(&self) -> impl Iterator<Item = &'a Instance> {
        let snapshot = self.snapshot;
        self.chain.iter().map(move |number| &snapshot.instances[*number as usize])
    }

    /// The word that is set first for an option of that name, whoever obeys it.
    pub(crate) fn text_of(&self, option: &str) -> Option<&'a str> {
        let stored = self.chain().find_map(|instance| instance.stored(crate::option::key(option)))?;
        if let Value::Scalar(word) = &stored.value { Some(&word.text) } else { None }
    }

    /// Every declaration that the option's chain passes, narrowest first.
    pub fn found(&self, option: &'static OptionDef) -> impl Iterator<Item = Found<'a>> {
        self.stored(option).map(|(instance, stored)| stored.found(instance))
    }

    /// The dictionaries of all matching Peer stanzas laid over each other, the broad one first (`context`,
    /// spec seeds.md); without any, the first one of the chain. All else replaces and never merges (§4.1).
    pub fn overlaid(&self, option: &'static OptionDef) -> mail::Dictionary {
        let declared: Vec<_> = self.stored(option).collect();
        let peers = declared.iter().take_while(|(instance, _)| instance.scope == Scope::Peer).count();
        let mut result = mail::Dictionary::default();
        for (_, stored) in declared.iter().take(peers.max(1)).rev() {
            if let Value::Dictionary(pairs) = &stored.value {
                pairs.iter().for_each(|(key, value)| result.set(&key.text, &value.text));
            }
        }
        result
    }

    /// The stanzas of a kind in all scopes of the chain, most specific first, each name once
    /// (`adaptive_sweep_rule`, §9.5).
    pub fn collected(&self, scope: Scope) -> Vec<Stanza<'a>> {
        let mut collected: Vec<Stanza<'a>> = Vec::new();
        for number in &self.chain {
            for stanza in self.snapshot.stanza(*number).children().filter(|child| child.scope() == scope) {
                if collected.iter().all(|known| known.name() != stanza.name()) {
                    collected.push(stanza);
                }
            }
        }
        collected
    }
}

impl Lookup for View<'_> {
    fn find(&self, option: &'static OptionDef) -> Option<Found<'_>> {
        self.found(option).next()
    }
}
