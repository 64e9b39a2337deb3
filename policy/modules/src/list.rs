//! The modules that a configuration may name.

use crate::{antivirus, clamav, conntrol, mail_loop, milter, rspamd, spamassassin};
use policy_api::ModuleDef;

pub static MODULES: [&ModuleDef; 8] = [
    &antivirus::MODULE,
    &clamav::MODULE,
    &conntrol::MODULE,
    &lua::MODULE,
    &mail_loop::MODULE,
    &milter::MODULE,
    &rspamd::MODULE,
    &spamassassin::MODULE,
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
