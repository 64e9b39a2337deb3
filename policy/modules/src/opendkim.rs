//! opendkim: signs what leaves with DKIM (spec module-details.md), after set_binding, each copy for itself.

use crate::signing::{
    DomainOptions, Names, SignOptions, SignatureOptions, Signer, UNBUILT, UNBUILT_OF_DOMAIN, files,
};
use config::{ColonList, Instances, ModuleSyntax, Stanza, StanzaSyntax};
use mail::Phase;
use policy_api::{Answer, Ask, Finding, Host, Make, Module, ModuleDef, Verdict};
use std::rc::Rc;

config::options! {
    pub struct OpendkimOptions {
        /// Header fields that are never signed; From is signed nevertheless.
        skip_headerlist: ColonList = "", in [module];
        /// Header fields signed once more than they occur, so that nobody can add one.
        oversign_headerlist: ColonList = "", in [module];
    }
}

pub static MODULE: ModuleDef = ModuleDef {
    files: Some(|stanza| files(stanza, "dkim_domain")),
    ..ModuleDef::new(
        ModuleSyntax {
            name: "opendkim",
            instances: Instances::Many,
            options: &[
                SignatureOptions::DEFINITIONS,
                OpendkimOptions::DEFINITIONS,
                UNBUILT,
                SignOptions::DEFINITIONS,
            ],
            stanzas: &[StanzaSyntax {
                keyword: "dkim_domain",
                named: true,
                options: &[
                    SignatureOptions::DEFINITIONS,
                    DomainOptions::DEFINITIONS,
                    UNBUILT,
                    UNBUILT_OF_DOMAIN,
                ],
                stanzas: &[],
            }],
        },
        &[Phase::FinalValidation],
        make,
    )
};

fn make(stanza: Stanza<'_>, make: &Make<'_>) -> Result<Rc<dyn Module>, Finding> {
    let list = |list: &[std::sync::Arc<str>]| list.iter().map(|name| (&**name).into()).collect();
    let options = OpendkimOptions::resolve(&stanza);
    let names = Names {
        sign: list(&SignatureOptions::resolve(&stanza).headerlist),
        skip: list(&options.skip_headerlist),
        oversign: list(&options.oversign_headerlist),
    };
    Ok(Rc::new(Signing(Signer::new("opendkim", stanza, make, "dkim_domain", names)?)))
}

/// Either signing module.
pub(crate) struct Signing(pub Signer);

impl Module for Signing {
    fn judge<'a>(&'a self, ask: &'a mut Ask<'_>, host: &'a Rc<dyn Host>) -> Answer<'a> {
        Answer::Later(Box::pin(async move {
            self.0.sign(ask, host).await;
            Verdict::Continue
        }))
    }
}
