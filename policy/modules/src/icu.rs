//! icu: the stanza of what is always there, the conversion of character sets (`content::charset`).

use crate::present::Present;
use config::{Instances, ModuleSyntax};
use policy_api::ModuleDef;
use std::rc::Rc;

pub static MODULE: ModuleDef = ModuleDef::new(
    ModuleSyntax { name: "icu", instances: Instances::Any, options: &[], stanzas: &[] },
    &[],
    |_, _| Ok(Rc::new(Present)),
);
