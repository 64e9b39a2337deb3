//! spf_macros: the name under which configurations ask for `%{spfv1:…}`, which is always there
//! (`authentication::spf::expand`). Nothing is asked of it.

use config::{Instances, ModuleSyntax};
use policy_api::{Answer, Ask, Host, Module, ModuleDef, Verdict};
use std::rc::Rc;

pub static MODULE: ModuleDef = ModuleDef::new(
    ModuleSyntax { name: "spf_macros", instances: Instances::Any, options: &[], stanzas: &[] },
    &[],
    |_, _| Ok(Rc::new(SpfMacros)),
);

struct SpfMacros;

impl Module for SpfMacros {
    fn judge<'a>(&'a self, _: &'a mut Ask<'_>, _: &'a Rc<dyn Host>) -> Answer<'a> {
        Answer::Now(Verdict::Continue)
    }
}
