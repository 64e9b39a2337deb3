//! outbound_smtp_auth: the stanza of what is always there. The engine proves itself to next hops by the options of
//! these names, and scripts answer the hook outbound_smtp_auth_config (spec module-details.md).

use crate::present::Present;
use config::{Instances, ModuleSyntax};
use policy_api::ModuleDef;
use std::rc::Rc;

pub static MODULE: ModuleDef = ModuleDef::new(
    ModuleSyntax { name: "outbound_smtp_auth", instances: Instances::Any, options: &[], stanzas: &[] },
    &[],
    |_, _| Ok(Rc::new(Present)),
);
