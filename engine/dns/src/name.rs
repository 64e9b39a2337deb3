//! A domain name as we compare it: lower case, without the final dot, checked when made.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Octets of a name in text form: those of RFC 1035 §3.1 less one, as the codec reads no more.
pub const NAME_OCTETS: usize = 252;
/// Octets of one label (RFC 1035 §3.1).
pub const LABEL_OCTETS: usize = 63;

/// Cheap to clone. The root is the empty text.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Arc<str>);

/// The text has an empty or overlong label, is too long, or has an octet that no name of ours has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAName;

impl fmt::Display for NotAName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected a domain name of labels of 1 to 63 visible ASCII characters, 252 in all")
    }
}

impl std::error::Error for NotAName {}

impl Name {
    /// Folds and checks. `.` is the root; the empty text is none. Any visible ASCII goes: `_dmarc` and
    /// `0/25.2.0.192.in-addr.arpa` (RFC 2317) are names.
    pub fn new(text: &str) -> Result<Name, NotAName> {
        if text == "." {
            return Ok(Name::root());
        }
        let text = text.strip_suffix('.').unwrap_or(text);
        let labels_fit = text.split('.').all(|label| (1..=LABEL_OCTETS).contains(&label.len()));
        let visible = text.bytes().all(|octet| octet.is_ascii_graphic() && octet != b'\\');
        if text.len() > NAME_OCTETS || !labels_fit || !visible {
            return Err(NotAName);
        }
        let mut folded: Arc<str> = text.into();
        match Arc::get_mut(&mut folded) {
            Some(own) => own.make_ascii_lowercase(),
            None => folded = text.to_ascii_lowercase().into(),
        }
        Ok(Name(folded))
    }

    pub fn root() -> Name {
        Name("".into())
    }

    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn shared(&self) -> Arc<str> {
        self.0.clone()
    }

    pub fn labels(&self) -> impl Iterator<Item = &str> {
        self.0.split('.').filter(|label| !label.is_empty())
    }

    /// Letters, digits, hyphens; and the underscore, which RFC 1123 forbids and hosts bear all the same.
    pub fn is_host(&self) -> bool {
        !self.is_root()
            && self
                .0
                .bytes()
                .all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.'))
    }
}

impl FromStr for Name {
    type Err = NotAName;
    fn from_str(text: &str) -> Result<Name, NotAName> {
        Name::new(text)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_root() { "." } else { &self.0 })
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_folded_and_compared_without_their_final_dot() {
        for (text, folded) in [
            ("Alpha.Example.", "alpha.example"),
            ("localhost", "localhost"),
            ("_dmarc.a.example", "_dmarc.a.example"),
            ("0/25.2.0.192.in-addr.arpa", "0/25.2.0.192.in-addr.arpa"),
            (".", ""),
        ] {
            assert_eq!(Name::new(text).unwrap().as_str(), folded);
        }
        assert_eq!(Name::root().to_string(), ".");
        assert_eq!(Name::root().labels().count(), 0);
    }

    #[test]
    fn what_cannot_stand_in_a_packet_is_not_a_name() {
        let long_label = "a".repeat(64);
        let long_name = ["abcdefg"; 32].join(".");
        for wrong in
            ["", "..", "a..b", ".a", "a b.example", "ä.example", "a\0b", "a\\.b", &long_label, &long_name]
        {
            assert_eq!(Name::new(wrong), Err(NotAName), "{wrong}");
        }
        let longest = long_name[..NAME_OCTETS].to_string();
        assert!(Name::new(&longest).is_ok() && Name::new(&"a".repeat(63)).is_ok());
    }

    #[test]
    fn only_letters_digits_hyphens_and_underscores_make_a_host() {
        for (text, host) in
            [("mx-1.a_b.example", true), (".", false), ("0/25.example", false), ("a@b", false)]
        {
            assert_eq!(Name::new(text).unwrap().is_host(), host, "{text}");
        }
    }
}
