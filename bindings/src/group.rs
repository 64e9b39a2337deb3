//! Which binding of a group a message leaves by (mail-flow.md §4).

/// A binding of the group, for the domain of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member<'a> {
    pub binding: &'a str,
    pub address: Plumbed,
    /// By configuration, order or rule; of the binding, or of the binding for this domain.
    pub suspended: bool,
}

/// Where the source address of a binding is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plumbed {
    Here,
    /// On another node of the cluster, which then sends.
    Elsewhere,
    Nowhere,
}

/// One at random of the best kind that there is: here and not suspended, then elsewhere and not suspended,
/// then here though suspended. `chance` is any random number. None if no member has an address.
pub fn choose<'a>(members: &[Member<'a>], chance: u64) -> Option<&'a str> {
    const KINDS: [fn(&Member<'_>) -> bool; 3] = [
        |member| member.address == Plumbed::Here && !member.suspended,
        |member| member.address == Plumbed::Elsewhere && !member.suspended,
        |member| member.address == Plumbed::Here,
    ];
    KINDS.iter().find_map(|belongs| {
        let count = members.iter().filter(|member| belongs(member)).count();
        let lot = ((u128::from(chance) * count as u128) >> 64) as usize;
        members.iter().filter(|member| belongs(member)).nth(lot).map(|member| member.binding)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use Plumbed::{Elsewhere, Here, Nowhere};

    #[test]
    fn the_best_kind_of_member_is_chosen() {
        for (members, chosen) in [
            (&[("a", Here, false), ("b", Here, true), ("c", Elsewhere, false)][..], &["a"][..]),
            (&[("a", Here, false), ("b", Here, false), ("c", Nowhere, false)], &["a", "b"]),
            (&[("a", Here, true), ("b", Elsewhere, false), ("c", Elsewhere, true)], &["b"]),
            (&[("a", Here, true), ("b", Here, true), ("c", Elsewhere, true)], &["a", "b"]),
            (&[("a", Nowhere, false), ("b", Elsewhere, true)], &[]),
            (&[], &[]),
        ] {
            let members: Vec<_> = members
                .iter()
                .map(|(binding, address, suspended)| Member {
                    binding,
                    address: *address,
                    suspended: *suspended,
                })
                .collect();
            let mut seen: Vec<_> = [0, u64::MAX / 2, u64::MAX]
                .into_iter()
                .filter_map(|chance| choose(&members, chance))
                .collect();
            seen.dedup();
            assert_eq!(seen, chosen);
        }
    }
}
