//! The modules that a configuration may name.

use crate::{
    antivirus, clamav, conntrol, dkim_sign, dkim_validate, dmarc, dnsbl, inbound_audit, mail_loop, milter,
    openarc, opendkim, rspamd, spamassassin, spf_macros, spf_v1, url_ripper,
};
use policy_api::ModuleDef;

pub static MODULES: [&ModuleDef; 21] = [
    &antivirus::MODULE,
    &clamav::MODULE,
    &conntrol::MODULE,
    &dkim_sign::MODULE,
    &dkim_validate::MODULE,
    &dmarc::MODULE,
    &dnsbl::MODULE,
    &inbound_audit::MODULE,
    &lua::MODULE,
    &mail_loop::MODULE,
    &milter::MODULE,
    &openarc::MODULE,
    &opendkim::MODULE,
    &rspamd::MODULE,
    &sieve::DISCLAIMER,
    &sieve::LIBRARY,
    &sieve::MODULE,
    &spamassassin::MODULE,
    &spf_macros::MODULE,
    &spf_v1::MODULE,
    &url_ripper::MODULE,
];

/// By the keyword of its stanza, in any case.
pub fn named(keyword: &str) -> Option<&'static ModuleDef> {
    MODULES.into_iter().find(|module| module.name().eq_ignore_ascii_case(keyword))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_found_by_their_keyword_only() {
        assert_eq!(named("Mail_Loop").map(|module| module.name()), Some("mail_loop"));
        assert!(named("mailloop").is_none());
    }
}
