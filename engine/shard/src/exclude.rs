//! Variables that are not kept with a message: `exclude_vctx_conn`, `exclude_vctx_mess` (spec policy.md §6).
//!
//! Law: what is excluded is gone from the message, in memory as on disk; internal keys (`#…`) always stay.

use crate::settings::Site;
use config::Pattern;
use mail::{Contexts, Dictionary, Reception};

/// What holds for one (binding, domain).
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Excluded {
    pub connection: Vec<Pattern>,
    pub message: Vec<Pattern>,
}

impl Excluded {
    /// True if something went.
    fn strip(&self, contexts: &mut Contexts) -> bool {
        strip(&mut contexts.connection, &self.connection) | strip(&mut contexts.message, &self.message)
    }
}

fn strip(dictionary: &mut Dictionary, patterns: &[Pattern]) -> bool {
    let goes =
        |key: &&str| !key.starts_with('#') && patterns.iter().any(|pattern| pattern.matches(key.as_bytes()));
    let gone: Vec<String> = dictionary.iter().map(|(key, _)| key).filter(goes).map(str::to_owned).collect();
    gone.iter().fold(false, |any, key| dictionary.remove(key) | any)
}

/// Strips a reception before it is promised. Copies for which the same holds go on sharing their contexts.
pub(crate) fn exclude(site: &Site, reception: &mut Reception) {
    if !site.excludes_variables() {
        return;
    }
    let of = |place: usize| {
        let envelope = &reception.envelopes[place];
        site.outbound(&envelope.binding, &envelope.domain)
    };
    let rules: Vec<_> = (0..reception.envelopes.len()).map(of).collect();
    let is_common = rules.windows(2).all(|pair| pair[0].excluded == pair[1].excluded);
    for (envelope, rule) in reception.envelopes.iter_mut().zip(&rules) {
        match &mut envelope.contexts {
            Some(own) => {
                rule.excluded.strip(own);
            }
            None if is_common => {}
            None => {
                let mut own = reception.contexts.clone();
                envelope.contexts = rule.excluded.strip(&mut own).then_some(own);
            }
        }
    }
    if let (true, Some(rule)) = (is_common, rules.first()) {
        rule.excluded.strip(&mut reception.contexts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matches_anywhere_goes_and_internal_keys_stay() {
        let pattern = |text: &str| Pattern::new(text).unwrap();
        let rule =
            Excluded { connection: vec![pattern("^tls"), pattern("x$")], message: vec![pattern("rcpt|#")] };
        let mut contexts = Contexts::default();
        for key in ["tls", "tls_cipher", "not_tls", "ax", "xa"] {
            contexts.connection.set(key, "v");
        }
        for key in ["rcptto_string", "message_rcpt", "mailfrom_string", "#batch_ids"] {
            contexts.message.set(key, "v");
        }
        assert!(rule.strip(&mut contexts) && !rule.strip(&mut contexts));
        let keys = |dictionary: &Dictionary| {
            dictionary.iter().map(|(key, _)| key.to_owned()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(keys(&contexts.connection), "not_tls xa");
        assert_eq!(keys(&contexts.message), "mailfrom_string #batch_ids");
    }
}
