//! spf_macros: the name under which configurations ask for `%{spfv1:…}`, which is always there
//! (`authentication::spf::expand`). Nothing is asked of it.

use config::{Instances, ModuleSyntax};
use policy_api::{Module, ModuleDef};
use std::rc::Rc;

pub static MODULE: ModuleDef = ModuleDef::new(
    ModuleSyntax { name: "spf_macros", instances: Instances::Any, options: &[], stanzas: &[] },
    &[],
    |_, _| Ok(Rc::new(SpfMacros)),
);

struct SpfMacros;

impl Module for SpfMacros {}
