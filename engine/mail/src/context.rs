//! The validation context: two dictionaries that modules and scripts share (spec policy.md §6).

/// String to string, in order of first assignment. Few keys, so a list: small, and cheap to journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dictionary {
    entries: Vec<(Box<str>, Box<str>)>,
}

impl Dictionary {
    pub fn get(&self, key: &str) -> Option<&str> {
        self.entries.iter().find(|(known, _)| &**known == key).map(|(_, value)| &**value)
    }

    /// `__bypass_NAME` and the like: only the text `true`, in any case, counts.
    pub fn is_true(&self, key: &str) -> bool {
        self.get(key).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    pub fn set(&mut self, key: &str, value: &str) {
        match self.entries.iter_mut().find(|(known, _)| &**known == key) {
            Some((_, old)) => *old = value.into(),
            None => self.entries.push((key.into(), value.into())),
        }
    }

    pub fn remove(&mut self, key: &str) -> bool {
        let before = self.entries.len();
        self.entries.retain(|(known, _)| &**known != key);
        self.entries.len() != before
    }

    pub fn clear(&mut self) {
        self.entries.clear();
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|(key, value)| (&**key, &**value))
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// The connection context lives as long as the connection, the message context as long as the message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contexts {
    pub connection: Dictionary,
    pub message: Dictionary,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_value_replaces_the_earlier_one_in_its_place() {
        let mut dictionary = Dictionary::default();
        dictionary.set("pathway", "default");
        dictionary.set("tls", "on");
        dictionary.set("pathway", "partners");
        let pairs: Vec<_> = dictionary.iter().collect();
        assert_eq!(pairs, [("pathway", "partners"), ("tls", "on")]);
        assert!(dictionary.remove("tls") && !dictionary.remove("tls"));
        dictionary.set("__bypass_spf_v1", "True");
        assert!(dictionary.is_true("__bypass_spf_v1") && !dictionary.is_true("pathway"));
    }
}
