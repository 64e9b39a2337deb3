//! What EHLO offers (spec inbound-smtp.md §4): a list from the settings that policy may change.

use super::Settings;
use crate::sasl::Mechanism;

/// Keywords whose commands are not built: offering them would be a promise that nobody keeps.
const NOT_BUILT: [&str; 1] = ["STARTTLS"];

pub(super) const AUTH: &str = "AUTH";
pub(super) const ENHANCED: &str = "ENHANCEDSTATUSCODES";
pub(super) const SIZE: &str = "SIZE";
pub(super) const XCLIENT: &str = "XCLIENT";

/// Changes that policy made for one session; few, so lists.
#[derive(Debug, Default)]
pub(super) struct Changes {
    added: Vec<Box<str>>,
    removed: Vec<Box<str>>,
}

impl Changes {
    pub fn add(&mut self, keyword: &str) {
        self.removed.retain(|removed| !same_keyword(removed, keyword));
        if !self.added.iter().any(|added| same_keyword(added, keyword)) {
            self.added.push(keyword.into());
        }
    }

    pub fn remove(&mut self, keyword: &str) {
        self.added.retain(|added| !same_keyword(added, keyword));
        if !self.removed.iter().any(|removed| same_keyword(removed, keyword)) {
            self.removed.push(keyword.into());
        }
    }

    pub fn capacity(&self) -> usize {
        let entries = self.added.iter().chain(&self.removed);
        let lists = self.added.capacity() + self.removed.capacity();
        entries.map(|entry| entry.len()).sum::<usize>() + lists * size_of::<Box<str>>()
    }
}

/// The first word names the extension; parameters follow it.
fn same_keyword(one: &str, other: &str) -> bool {
    keyword(one).eq_ignore_ascii_case(keyword(other))
}

fn keyword(entry: &str) -> &str {
    entry.split([' ', '=']).next().unwrap_or(entry)
}

/// What is offered, one line each, in order, nothing twice.
pub(super) fn offered<'a>(settings: &'a Settings, changes: &'a Changes) -> Vec<&'a str> {
    let size = (!settings.hide_size).then_some(SIZE);
    let configured = settings.extensions.iter().map(String::as_str);
    let served = |entry: &&str| !same_keyword(entry, AUTH) || !mechanisms(entry, settings).is_empty();
    let configured = configured.filter(|entry| !NOT_BUILT.iter().any(|name| same_keyword(entry, name)));
    let configured = configured.filter(served);
    let all = ["PIPELINING", "8BITMIME"].into_iter().chain(size).chain(configured);
    let all = all.filter(|entry| !changes.removed.iter().any(|removed| same_keyword(removed, entry)));
    let mut lines: Vec<&str> = Vec::new();
    for entry in all.chain(changes.added.iter().map(|added| &**added)) {
        if !lines.iter().any(|line| same_keyword(line, entry)) {
            lines.push(entry);
        }
    }
    lines
}

/// The mechanisms that a line of `offered` names and somebody can check.
pub(super) fn mechanisms(line: &str, settings: &Settings) -> Vec<Mechanism> {
    let named = line.split([' ', '=']).skip(1).filter_map(Mechanism::named);
    named.filter(|mechanism| settings.mechanisms.contains(mechanism)).collect()
}

/// Whether AUTH with this mechanism may be asked for.
pub(super) fn offers(settings: &Settings, changes: &Changes, mechanism: Mechanism) -> bool {
    let lines = offered(settings, changes);
    lines.iter().any(|line| same_keyword(line, AUTH) && mechanisms(line, settings).contains(&mechanism))
}

/// Whether an extension is offered, parameters apart.
pub(super) fn is_offered(settings: &Settings, changes: &Changes, name: &str) -> bool {
    offered(settings, changes).iter().any(|line| same_keyword(line, name))
}

/// Whether replies carry enhanced codes (RFC 2034).
pub(super) fn enhanced(settings: &Settings, changes: &Changes) -> bool {
    is_offered(settings, changes, ENHANCED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policy_adds_and_removes_and_nothing_is_offered_twice() {
        let extensions = ["ENHANCEDSTATUSCODES", "AUTH PLAIN LOGIN", "XFOO bar", "pipelining", "STARTTLS"];
        let settings = Settings { extensions: extensions.map(String::from).to_vec(), ..Settings::default() };
        let mut changes = Changes::default();
        let always = ["PIPELINING", "8BITMIME", "SIZE", "ENHANCEDSTATUSCODES", "XFOO bar"];
        assert_eq!(offered(&settings, &changes), always);
        changes.add("XBAR");
        changes.add("xbar");
        changes.remove("xfoo");
        changes.remove("EnhancedStatusCodes");
        assert_eq!(offered(&settings, &changes), ["PIPELINING", "8BITMIME", "SIZE", "XBAR"]);
        assert!(!enhanced(&settings, &changes));
        changes.add("ENHANCEDSTATUSCODES");
        changes.remove("XBAR");
        assert!(enhanced(&settings, &changes));
        let hidden = Settings { hide_size: true, ..Settings::default() };
        assert_eq!(offered(&hidden, &Changes::default()), ["PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES"]);
    }
}
