//! The modules of Momentum: what each is, and, while nobody here has built it, what its stanza may say.
//!
//! Who builds a module declares its `ModuleSyntax` beside its code and turns its row here into `built`; until he
//! does, his declaration counts, not the row.

mod authentication;
mod clusters;
mod data;
mod delivery;
mod loggers;
mod mobile;
mod policy;
mod scanners;
mod signing;
mod tracking;

use crate::{Instances, ModuleSyntax, OptionDef, Standing, StanzaSyntax};

pub(super) use delivery::PROXY;

/// A row of the list of modules.
#[derive(Clone, Copy, Debug)]
pub struct KnownModule {
    pub name: &'static str,
    /// As of options.
    pub tier: u8,
    pub documentation: &'static str,
    pub standing: Standing,
    /// None: its owner declares it.
    pub syntax: Option<ModuleSyntax>,
}

impl KnownModule {
    const fn built(name: &'static str, tier: u8, documentation: &'static str) -> Self {
        KnownModule { name, tier, documentation, standing: Standing::Honoured, syntax: None }
    }

    const fn listed(
        name: &'static str,
        tier: u8,
        documentation: &'static str,
        standing: Standing,
        instances: Instances,
        options: &'static [&'static [OptionDef]],
    ) -> Self {
        let syntax = ModuleSyntax { name, instances, options, stanzas: &[] };
        KnownModule { name, tier, documentation, standing, syntax: Some(syntax) }
    }

    const fn with(self, stanzas: &'static [StanzaSyntax]) -> Self {
        let syntax = match self.syntax {
            Some(syntax) => Some(ModuleSyntax { stanzas, ..syntax }),
            None => None,
        };
        KnownModule { syntax, ..self }
    }
}

/// Options of a module's stanza, one a line: their tier is the module's, and so is what becomes of them.
macro_rules! fields {
    ($($option:ident $(spelt $spelling:literal)?: $type:ty = $default:literal $documentation:literal;)*) => {
        crate::definitions! {
            $(
                #[doc = $documentation]
                $option $(spelt $spelling)?: $type = $default, in [module];
            )*
        }
    };
}
use fields;

const fn stanza(
    keyword: &'static str,
    named: bool,
    options: &'static [&'static [OptionDef]],
    stanzas: &'static [StanzaSyntax],
) -> StanzaSyntax {
    StanzaSyntax { keyword, named, options, stanzas }
}

pub static MODULES: &[&[KnownModule]] = &[
    policy::MODULES,
    authentication::MODULES,
    signing::MODULES,
    scanners::MODULES,
    data::MODULES,
    delivery::MODULES,
    loggers::MODULES,
    tracking::MODULES,
    clusters::MODULES,
    mobile::MODULES,
];

/// By name in any case.
pub fn known(name: &str) -> Option<&'static KnownModule> {
    MODULES.iter().copied().flatten().find(|module| module.name.eq_ignore_ascii_case(name))
}
