//! What hosts say when they refuse: patterns of text, and classes of status codes.

use crate::class::Class;

/// Which basic codes a rule is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Code {
    Any,
    Soft,
    Hard,
    Only(u16),
}

#[derive(Debug)]
pub(crate) struct Rule {
    pub code: Code,
    pub pattern: &'static str,
    pub class: Class,
}
pub(crate) const BY_TEXT: &[Rule] =
    &[Rule { code: Code::Any, pattern: "user unknown", class: Class::InvalidRecipient }];
pub(crate) const BY_STATUS: &[(u16, Option<u16>, Option<u8>, Class)] =
    &[(1, Some(1), None, Class::InvalidRecipient)];
