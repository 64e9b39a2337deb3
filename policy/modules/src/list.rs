//! The modules that a configuration may name.

use policy_api::ModuleDef;

/// By name; the order means nothing.
pub static MODULES: &[&ModuleDef] = &[
    &crate::alias::MODULE,
    &crate::antivirus::MODULE,
    &crate::auth_ds::MODULE,
    &crate::chunk_logger::MODULE,
    &crate::cidrdb::MODULE,
    &crate::clamav::MODULE,
    &crate::conntrol::MODULE,
    &crate::curfew::MODULE,
    &crate::dkim_sign::MODULE,
    &crate::dkim_validate::MODULE,
    &crate::dmarc::MODULE,
    &crate::dnsbl::MODULE,
    &crate::ds_core::MODULE,
    &crate::fbl::MODULE,
    &crate::icu::MODULE,
    &crate::inbound_audit::MODULE,
    &crate::ipv6_lookup::MODULE,
    &lua::AC_AUTH,
    &lua::MODULE,
    &crate::mail_loop::MODULE,
    &crate::maildir::MODULE,
    &crate::milter::MODULE,
    &crate::mxip::MODULE,
    &crate::openarc::MODULE,
    &crate::opendkim::MODULE,
    &crate::outbound_smtp_auth::MODULE,
    &crate::reception_timing::LOGGER,
    &crate::reception_timing::MODULE,
    &crate::response_transcode::MODULE,
    &crate::sched::MODULE,
    &crate::seedlist::MODULE,
    &crate::rspamd::MODULE,
    &sieve::DISCLAIMER,
    &sieve::LIBRARY,
    &sieve::MODULE,
    &crate::smtp_auth_proxy::MODULE,
    &crate::smtp_cbv::MODULE,
    &crate::smtp_rcptto_proxy::MODULE,
    &crate::spamassassin::MODULE,
    &crate::spf_macros::MODULE,
    &crate::spf_v1::MODULE,
    &crate::static_routes::MODULE,
    &crate::url_ripper::MODULE,
];

/// By the keyword of its stanza, in any case.
pub fn named(keyword: &str) -> Option<&'static ModuleDef> {
    MODULES.iter().copied().find(|module| module.name().eq_ignore_ascii_case(keyword))
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
