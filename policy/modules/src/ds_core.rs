//! ds_core: the stanza of what is always there. The sources and their cache are `data`'s, the console's commands the
//! engine's.

use config::{Instances, ModuleSyntax};
use policy_api::{Answer, Ask, Host, Module, ModuleDef, Verdict};
use std::rc::Rc;

pub static MODULE: ModuleDef = ModuleDef::new(
    ModuleSyntax { name: "ds_core", instances: Instances::Singleton, options: &[], stanzas: &[] },
    &[],
    |_, _| Ok(Rc::new(Present)),
);

/// Has nothing to say at any phase.
struct Present;

impl Module for Present {
    fn judge<'a>(&'a self, _: &'a mut Ask<'_>, _: &'a Rc<dyn Host>) -> Answer<'a> {
        Answer::Now(Verdict::Continue)
    }
}
