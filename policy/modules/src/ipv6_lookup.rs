//! ipv6_lookup: hosts are looked up with their IPv6 addresses too, which are tried behind the others (spec
//! module-details.md). The engine's lookups obey the stanza as they obey `use_ipv6 = true`.

use crate::present::{Present, enabled};
use config::{Instances, ModuleSyntax, Snapshot};
use policy_api::ModuleDef;
use std::rc::Rc;

pub static MODULE: ModuleDef = ModuleDef::new(
    ModuleSyntax { name: "ipv6_lookup", instances: Instances::Any, options: &[], stanzas: &[] },
    &[],
    |_, _| Ok(Rc::new(Present)),
);

pub fn is_on(snapshot: &Snapshot) -> bool {
    enabled(snapshot, MODULE.name()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signing::tests::loaded;

    #[test]
    fn the_stanza_switches_it_on() {
        for (text, expected) in
            [("", false), ("ipv6_lookup { }", true), ("ipv6_lookup { enabled = false }", false)]
        {
            assert_eq!(is_on(&loaded(text)), expected, "{text}");
        }
    }
}
