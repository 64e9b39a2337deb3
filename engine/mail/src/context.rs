//! The validation context: two dictionaries that modules and scripts share (spec policy.md §6).

/// String to string, in order of first assignment. Few keys, so a list; all texts stand in one buffer, since
/// every message has a dictionary and most are copied once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dictionary {
    /// Key, value, key, value, …
    text: String,
    /// Where the key and the value of each entry end.
    ends: Vec<(u32, u32)>,
}

/// Where an entry stands.
struct Place {
    index: usize,
    start: usize,
    key_end: usize,
    end: usize,
}

impl Dictionary {
    pub fn get(&self, key: &str) -> Option<&str> {
        let place = self.find(key)?;
        Some(&self.text[place.key_end..place.end])
    }

    /// `__bypass_NAME` and the like: only the text `true`, in any case, counts.
    pub fn is_true(&self, key: &str) -> bool {
        self.get(key).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    pub fn set(&mut self, key: &str, value: &str) {
        match self.find(key) {
            Some(place) => {
                self.text.replace_range(place.key_end..place.end, value);
                let old = place.end - place.key_end;
                self.ends[place.index].1 = (place.key_end + value.len()) as u32;
                self.shift(place.index + 1, old, value.len());
            }
            None => {
                self.text.push_str(key);
                let key_end = self.text.len() as u32;
                self.text.push_str(value);
                self.ends.push((key_end, self.text.len() as u32));
            }
        }
    }

    pub fn remove(&mut self, key: &str) -> bool {
        let Some(place) = self.find(key) else { return false };
        self.text.replace_range(place.start..place.end, "");
        self.ends.remove(place.index);
        self.shift(place.index, place.end - place.start, 0);
        true
    }

    pub fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.places()
            .map(|place| (&self.text[place.start..place.key_end], &self.text[place.key_end..place.end]))
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    fn places(&self) -> impl Iterator<Item = Place> {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|(_, end)| *end as usize));
        starts.zip(&self.ends).enumerate().map(|(index, (start, (key_end, end)))| Place {
            index,
            start,
            key_end: *key_end as usize,
            end: *end as usize,
        })
    }

    fn find(&self, key: &str) -> Option<Place> {
        self.places().find(|place| self.text[place.start..place.key_end] == *key)
    }

    /// The entries from `index` on have moved, because something before them changed its length.
    fn shift(&mut self, index: usize, old: usize, new: usize) {
        for (key_end, end) in &mut self.ends[index..] {
            *key_end = (*key_end as usize + new - old) as u32;
            *end = (*end as usize + new - old) as u32;
        }
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
        for (value, length) in [("a longer value", 2), ("", 2), ("x", 2)] {
            dictionary.set("tls", "on");
            dictionary.set("pathway", value);
            assert_eq!(dictionary.iter().collect::<Vec<_>>(), [("pathway", value), ("tls", "on")]);
            assert_eq!(dictionary.len(), length);
        }
        assert!(dictionary.remove("pathway"));
        assert_eq!(dictionary.iter().collect::<Vec<_>>(), [("tls", "on")]);
        dictionary.set("pathway", "default");
        dictionary.set("__bypass_spf_v1", "True");
        assert!(dictionary.is_true("__bypass_spf_v1") && !dictionary.is_true("pathway"));
    }
}
