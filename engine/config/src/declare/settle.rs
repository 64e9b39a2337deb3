//! How instances grow while statements are declared, and what is worked out once they all are.

use crate::registry::Ground;
use crate::resolve::DEFAULT;
use crate::snapshot::{Family, Instance, Snapshot, Stored};
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

impl Instance {
    pub(super) fn family_mut(&mut self, ground: Ground) -> &mut Family {
        let Ground::Core(scope) = ground else {
            return self.others.entry(ground.keyword().to_ascii_lowercase().into()).or_default();
        };
        let known = self.scopes.iter().position(|(known, _)| *known == scope);
        let at = known.unwrap_or_else(|| {
            self.scopes.push((scope, Family::default()));
            self.scopes.len() - 1
        });
        &mut self.scopes[at].1
    }

    /// A later assignment shadows an earlier one in its place.
    pub(super) fn set(&mut self, mut stored: Stored) {
        match self.values.binary_search_by_key(&stored.option.key, |known| known.option.key) {
            Ok(at) => {
                let earlier = &mut self.values[at];
                stored.shadowed = std::mem::take(&mut earlier.shadowed);
                stored.shadowed.push(earlier.span);
                *earlier = stored;
            }
            Err(at) => self.values.insert(at, stored),
        }
    }

    pub(super) fn settle(&mut self) {
        for (_, family) in &mut self.scopes {
            family.networks.sort_by_key(|(network, _)| Reverse(network.prefix_len()));
        }
    }
}

impl Snapshot {
    /// What is asked often and follows from the tree.
    pub(super) fn settle(&mut self) {
        let mut bindings: Vec<(Box<str>, Box<str>)> = vec![(DEFAULT.into(), DEFAULT.into())];
        for group in self.stanzas("binding_group") {
            let members =
                group.stanzas("binding").map(|binding| (group.name().into(), binding.name().into()));
            bindings.extend(members.filter(|member| *member != bindings[0]).collect::<Vec<_>>());
        }
        // The top-level stanza of a member of a group is no binding of its own (§9.1).
        let members: HashSet<Box<str>> = bindings.iter().map(|(_, binding)| binding.clone()).collect();
        let top = self.stanzas("binding").filter(|binding| !members.contains(binding.name()));
        bindings.extend(top.map(|binding| (DEFAULT.into(), binding.name().into())).collect::<Vec<_>>());
        let mut groups = HashMap::new();
        for group in self.stanzas("pathway_group") {
            for pathway in group.stanzas("pathway") {
                groups.entry(pathway.name().into()).or_insert_with(|| group.name().into());
            }
        }
        (self.bindings, self.pathway_groups) = (bindings, groups);
    }
}
