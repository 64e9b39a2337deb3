//! response_transcode: replies of next hops are rewritten before anything is decided, logged or classified (spec
//! module-details.md). The engine asks `TranscodeOptions::rewritten` about every failed attempt.

use crate::present::Present;
use config::{Instances, ModuleSyntax, Optional, OptionalText, Regex};
use mail::Reply;
use policy_api::ModuleDef;
use std::rc::Rc;

config::options! {
    pub struct TranscodeOptions {
        /// Replies from 400 to 599 that are rewritten, code first: "^550 .*full".
        response_transcode_pattern: Optional<Regex> = "", in [binding, binding_group, domain, global], tier 2;
        /// What they become, code (400 to 599) first; $0 is what matched, $1 to $9 its groups, $$ a dollar sign.
        response_transcode_replace: OptionalText = "", in [binding, binding_group, domain, global], tier 2;
    }
}

pub static MODULE: ModuleDef = ModuleDef::new(
    ModuleSyntax {
        name: "response_transcode",
        instances: Instances::Any,
        options: &[TranscodeOptions::DEFINITIONS],
        stanzas: &[],
    },
    &[],
    |_, _| Ok(Rc::new(Present)),
);

/// Octets of a reply that are looked at, and of what becomes of it.
const LONGEST: usize = 4096;

impl TranscodeOptions {
    /// None: the reply stays as it is. A text of ours that is permanent is never rewritten.
    pub fn rewritten(&self, reply: &Reply) -> Option<Reply> {
        let pattern = self.response_transcode_pattern.as_ref()?;
        let replacement = self.response_transcode_replace.as_deref()?;
        let is_ours = reply.text.contains("[internal]");
        if !(400..600).contains(&reply.code) || (is_ours && reply.is_permanent()) {
            return None;
        }
        let text = reply.to_string();
        let groups = pattern.groups(&text.as_bytes()[..text.len().min(LONGEST)])?;
        let text = filled(replacement, &groups);
        let code = text.get(..3).and_then(|code| code.parse().ok()).filter(|code| (400..600).contains(code));
        Some(match code.filter(|_| matches!(text.as_bytes().get(3), None | Some(b' ' | b'-'))) {
            Some(code) => Reply::verbatim(code, text[3..].trim_start_matches([' ', '-'])),
            None => Reply::verbatim(reply.code, text),
        })
    }
}

/// A replacement with its groups.
fn filled(replacement: &str, groups: &[Option<&[u8]>]) -> String {
    let mut text = String::new();
    let mut rest = replacement.chars();
    while let Some(character) = rest.next() {
        let digit = rest.clone().next().and_then(|next| next.to_digit(10));
        match (character, digit) {
            ('$', Some(number)) => {
                rest.next();
                let group = groups.get(number as usize).copied().flatten().unwrap_or_default();
                text.push_str(&String::from_utf8_lossy(group));
            }
            ('$', None) if rest.as_str().starts_with('$') => text.extend(rest.next()),
            _ => text.push(character),
        }
        if text.len() > LONGEST {
            break;
        }
    }
    text.replace(['\r', '\n'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_that_matches_becomes_what_the_replacement_says() {
        for (pattern, replacement, reply, expected) in [
            (
                "^550 .*full",
                "452 4.2.2 mailbox full",
                "550 5.2.2 mailbox is full",
                Some("452 4.2.2 mailbox full"),
            ),
            (
                "^4\\d\\d (.*) at (\\S+)",
                "550 $2: $1 ($0)",
                "450 gone at noon today",
                Some("550 noon: gone (450 gone at noon)"),
            ),
            ("^421", "$0 5$$ $3.", "421 x", Some("421 5$ .")),
            ("gone", "never mind", "550 5.1.1 gone", Some("550 never mind")),
            ("gone", "9999 x", "550 gone", Some("550 9999 x")),
            ("gone", "250 fine", "550 gone", Some("550 250 fine")),
            ("gone", "550 x", "250 gone", None),
            ("other", "550 x", "450 gone", None),
            ("timeout", "550 5.4.1 $0", "451 4.4.2 [internal] timeout", Some("550 5.4.1 timeout")),
            ("gone", "450 x", "550 5.4.7 [internal] gone", None),
        ] {
            let options = TranscodeOptions {
                response_transcode_pattern: Some(config::Pattern::new(pattern).unwrap()),
                response_transcode_replace: Some(replacement.into()),
            };
            let (code, text) = reply.split_once(' ').unwrap();
            let rewritten = options.rewritten(&Reply::verbatim(code.parse().unwrap(), text));
            assert_eq!(rewritten.map(|reply| reply.to_string()).as_deref(), expected, "{pattern} {reply}");
        }
        assert_eq!(TranscodeOptions::defaults().rewritten(&Reply::plain(550, "gone")), None);
    }
}
