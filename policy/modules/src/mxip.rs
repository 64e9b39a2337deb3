//! mxip: a domain's MX may name an IPv4 address where RFC 5321 §5.1 wants the name of a host (spec
//! module-details.md). The engine's lookups obey the stanza; without it such an MX is passed over.

use crate::present::{Present, enabled};
use config::{Instances, ModuleSyntax, Seconds, Snapshot};
use policy_api::ModuleDef;
use std::rc::Rc;
use std::time::Duration;

config::options! {
    pub struct MxipOptions {
        /// Seconds that such a host holds, within min_dns_ttl and max_dns_ttl.
        ttl: Seconds = "600", in [module];
    }
}

pub static MODULE: ModuleDef = ModuleDef::new(
    ModuleSyntax {
        name: "mxip",
        instances: Instances::Any,
        options: &[MxipOptions::DEFINITIONS],
        stanzas: &[],
    },
    &[],
    |_, _| Ok(Rc::new(Present)),
);

/// How long an address holds that stands for a host; none: it is none.
pub fn ttl(snapshot: &Snapshot) -> Option<Duration> {
    enabled(snapshot, MODULE.name()).map(|stanza| MxipOptions::resolve(&stanza).ttl)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signing::tests::loaded;

    #[test]
    fn the_stanza_switches_it_on() {
        for (text, expected) in [
            ("", None),
            ("mxip { }", Some(600)),
            ("mxip { ttl = 60 }", Some(60)),
            ("mxip { enabled = false }", None),
        ] {
            assert_eq!(ttl(&loaded(text)), expected.map(Duration::from_secs), "{text}");
        }
    }
}
