//! An instance of a module that says nothing by itself: what its stanza switches on is done elsewhere.

use config::{ModuleOptions, Snapshot, Stanza};
use policy_api::Module;

pub(crate) struct Present;

impl Module for Present {}

/// The stanza of a module that may have one, if it is not switched off.
pub(crate) fn enabled<'a>(snapshot: &'a Snapshot, name: &str) -> Option<Stanza<'a>> {
    let is_it = |stanza: &Stanza<'_>| {
        stanza.keyword().eq_ignore_ascii_case(name) && ModuleOptions::resolve(stanza).enabled
    };
    snapshot.modules().find(is_it)
}
