//! smtp_rcptto_proxy: lets scripts ask another mail server whether it takes a recipient
//! (`msys.beta.rcptto_proxy.query`, spec module-details.md). Says nothing by itself.

use crate::dialogue::Prober;
use crate::present::Present;
use config::{Instances, ModuleSyntax};
use policy_api::{ModuleDef, RecipientProbe};
use std::rc::Rc;

pub static MODULE: ModuleDef = ModuleDef::new(
    ModuleSyntax { name: "smtp_rcptto_proxy", instances: Instances::Any, options: &[], stanzas: &[] },
    &[],
    |_, make| {
        let prober: Rc<dyn RecipientProbe> = Rc::new(Prober { hostname: make.hostname.into() });
        make.services.offer("smtp_rcptto_proxy", prober);
        Ok(Rc::new(Present))
    },
);
