//! dkim_sign: the older stanza of the module that signs with DKIM (spec module-details.md): the same options, but
//! `dk_domain` for a domain, and a `headerlist` whose suffixes say how often a field is signed.

use crate::opendkim::Signing;
use crate::signing::{DomainOptions, Names, SignatureOptions, Signer, UNBUILT, UNBUILT_OF_DOMAIN, files};
use config::{Instances, ModuleSyntax, Stanza, StanzaSyntax};
use mail::Phase;
use policy_api::{Finding, Make, Module, ModuleDef};
use std::rc::Rc;

pub static MODULE: ModuleDef = ModuleDef {
    files: Some(|stanza| files(stanza, "dk_domain")),
    ..ModuleDef::new(
        ModuleSyntax {
            name: "dkim_sign",
            instances: Instances::Many,
            options: &[SignatureOptions::DEFINITIONS, UNBUILT],
            stanzas: &[StanzaSyntax {
                keyword: "dk_domain",
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
    let list = SignatureOptions::resolve(&stanza).headerlist;
    let names = names(list.iter().map(|name| &**name));
    Ok(Rc::new(Signing(Signer::new("dkim_sign", stanza, make, "dk_domain", names)?)))
}

/// No suffix and `*` also sign that there are no more fields of the name; `?` and `+` do not.
fn names<'a>(list: impl Iterator<Item = &'a str>) -> Names {
    let mut names = Names::default();
    for entry in list {
        let name = entry.trim_end_matches(['?', '*', '+']);
        names.sign.push(name.into());
        if !entry.ends_with(['?', '+']) {
            names.oversign.push(name.into());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_say_whether_a_field_is_signed_once_more() {
        let names = names(["From", "To?", "Received*", "Cc+"].into_iter());
        assert_eq!(names.sign, ["From", "To", "Received", "Cc"].map(Into::into));
        assert_eq!(names.oversign, ["From", "Received"].map(Into::into));
    }
}
