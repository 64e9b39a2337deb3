//! `require`: not needed, but a name that nobody knows is an error (spec sieve.md §2, §10; RFC 5228 §3.2).

use crate::script::{Mark, Script};
use crate::syntax::{Text, constant};
use crate::word::Role;
use crate::words;

/// What a standard script may ask for and gets.
const CAPABILITIES: [&str; 15] = [
    "envelope",
    "body",
    "regex",
    "relational",
    "subaddress",
    "reject",
    "ereject",
    "variables",
    "include",
    "comparator-i;octet",
    "comparator-i;ascii-casemap",
    "comparator-i;ascii-numeric",
    "encoded-character",
    "ecelerity",
    "sieve",
];

/// What has no effect here; words of these are passed over with a warning (spec sieve.md §10).
const NOT_PROVIDED: [&str; 6] = ["fileinto", "vacation", "notify", "enotify", "imap4flags", "imapflags"];

pub(super) fn check(names: &[(Text, Mark)], script: &Script<'_>) {
    for (text, mark) in names {
        let Some(name) = constant(text) else {
            script.error(*mark, "the name of a capability has no variables", None);
            continue;
        };
        if NOT_PROVIDED.contains(&name) {
            script.warning(*mark, format!("'{name}' is not provided here"));
            continue;
        }
        let folded = name.to_ascii_lowercase();
        let is_word = [Role::Test, Role::Action].iter().any(|role| words::find(&folded, *role).is_some());
        if !is_word && !CAPABILITIES.contains(&folded.as_str()) {
            let known = CAPABILITIES.into_iter().chain(words::names(Role::Action));
            script.unknown(*mark, format!("unknown capability '{name}'"), config::nearest(name, known));
        }
    }
}
