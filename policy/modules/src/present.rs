//! An instance of a module that says nothing by itself: what its stanza switches on is done elsewhere.

use config::{ModuleOptions, Snapshot, Stanza};
use policy_api::{Answer, Ask, Host, Module, Verdict};
use std::rc::Rc;

pub(crate) struct Present;

impl Module for Present {
    fn judge<'a>(&'a self, _: &'a mut Ask<'_>, _: &'a Rc<dyn Host>) -> Answer<'a> {
        Answer::Now(Verdict::Continue)
    }
}

/// The stanza of a module that may have one, if it is not switched off.
pub(crate) fn enabled<'a>(snapshot: &'a Snapshot, name: &str) -> Option<Stanza<'a>> {
    let is_it = |stanza: &Stanza<'_>| {
        stanza.keyword().eq_ignore_ascii_case(name) && ModuleOptions::resolve(stanza).enabled
    };
    snapshot.modules().find(is_it)
}
