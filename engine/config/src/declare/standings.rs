//! What is not honoured is said, once for each option and kind of stanza, at its first place.

use super::Declaration;
use crate::fault::Fault;
use crate::source::BASE_FILE;
use crate::{Scope, Span, Standing};
use std::collections::HashSet;

impl Declaration<'_> {
    pub(super) fn standings(&self) -> Vec<Fault> {
        let mut found = self.unhonoured();
        // Notes must not crowd out what matters more.
        found.sort_by_key(|(standing, ..)| std::cmp::Reverse(standing.rank()));
        found.into_iter().map(|(standing, name, span)| told(standing, &name, span)).collect()
    }

    fn unhonoured(&self) -> Vec<(Standing, String, Span)> {
        let mut told = HashSet::new();
        let mut found = Vec::new();
        for instance in &self.instances {
            let stanza = match instance.scope {
                Scope::Module => self.registry.standing_of_module(&instance.keyword),
                scope => scope.definition().standing,
            };
            let opened = instance.opened.iter().map(|span| (stanza, &*instance.keyword, *span));
            let values = instance
                .values
                .iter()
                .map(|stored| (stored.option.standing_of(&stored.value), stored.option.name, stored.span));
            for (standing, name, span) in opened.chain(values) {
                let silent = standing == Standing::Honoured || span.file == BASE_FILE;
                if !silent && told.insert((name.to_ascii_lowercase(), standing.rank())) {
                    found.push((standing, name.to_owned(), span));
                }
            }
        }
        found
    }
}

fn told(standing: Standing, name: &str, span: Span) -> Fault {
    match standing {
        Standing::Honoured => unreachable!("what is honoured is not told"),
        Standing::Approximated(how) => Fault::note(span, format!("'{name}' is approximated: {how}")),
        Standing::Ignored(why) => Fault::note(span, format!("'{name}' is ignored: {why}")),
        Standing::Coming(what) => {
            Fault::warning(span, format!("'{name}' has no effect yet: it waits for {what}"))
        }
        Standing::Refused(instead) => Fault::error(span, format!("'{name}' is refused: {instead}")),
    }
}
