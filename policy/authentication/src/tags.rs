//! tag=value lists (RFC 6376 §3.2): signatures, keys, DMARC records and ARC fields are all of this form.

/// The tags of a list in order. None if the syntax is wrong or a tag stands twice.
pub(crate) struct Tags<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Tags<'a> {
    /// The last `;` may be missing; white space around names and values does not belong to them.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        const MAX_TAGS: usize = 64;
        let mut tags: Vec<(&str, &str)> = Vec::new();
        let mut parts = text.split(';').peekable();
        while let Some(part) = parts.next() {
            let part = part.trim_matches(WHITE);
            if part.is_empty() && parts.peek().is_none() {
                break;
            }
            let (name, value) = part.split_once('=')?;
            let (name, value) = (name.trim_matches(WHITE), value.trim_matches(WHITE));
            let follows = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'_';
            let named =
                name.as_bytes().first().is_some_and(u8::is_ascii_alphabetic) && name.bytes().all(follows);
            let known = tags.iter().any(|(other, _)| *other == name);
            if !named
                || known
                || tags.len() == MAX_TAGS
                || value.bytes().any(|octet| octet < b' ' && !is_white(octet))
            {
                return None;
            }
            tags.push((name, value));
        }
        Some(Tags(tags))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(other, _)| *other == name).map(|(_, value)| *value)
    }

    pub(crate) fn first(&self) -> Option<(&'a str, &'a str)> {
        self.0.first().copied()
    }
}

const WHITE: [char; 4] = [' ', '\t', '\r', '\n'];

fn is_white(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t' | b'\r' | b'\n')
}

/// Base64 with folding white space anywhere in it (RFC 6376 §2.10).
pub(crate) fn base64(text: &str) -> Option<Vec<u8>> {
    use base64::Engine;
    let dense: Vec<u8> = text.bytes().filter(|octet| !is_white(*octet)).collect();
    base64::engine::general_purpose::STANDARD.decode(dense).ok()
}

pub(crate) fn to_base64(octets: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(octets)
}

/// A value without any white space.
pub(crate) fn dense(text: &str) -> String {
    text.chars().filter(|letter| !WHITE.contains(letter)).collect()
}

/// Elements between colons, without the white space around them.
pub(crate) fn colon_list(text: &str) -> impl Iterator<Item = &str> {
    text.split(':').map(|element| element.trim_matches(WHITE))
}

/// Where the value of a tag stands in the octets of a list, with the white space around it: what is cut out of a
/// signature's own field before it is hashed (RFC 6376 §3.5, `b=`).
pub(crate) fn value_range(list: &[u8], tag: &str) -> Option<std::ops::Range<usize>> {
    let mut start = 0;
    for part in list.split(|octet| *octet == b';') {
        if let Some(equals) = part.iter().position(|octet| *octet == b'=') {
            let name: &[u8] = part[..equals].trim_ascii();
            if name == tag.as_bytes() {
                return Some(start + equals + 1..start + part.len());
            }
        }
        start += part.len() + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_with_their_white_space_and_refused_when_wrong() {
        let tags = Tags::parse(" v=1 ; a = b=c\r\n\t;d=;e_2= x y ;").unwrap();
        let got: Vec<_> = ["v", "a", "d", "e_2", "q"].map(|name| tags.get(name)).into();
        assert_eq!(got, [Some("1"), Some("b=c"), Some(""), Some("x y"), None]);
        for wrong in ["v", "v=1;;a=2", "=1", "1v=2", "v=1; v=2", "a b=1", "v=\0"] {
            assert!(Tags::parse(wrong).is_none(), "{wrong}");
        }
        let many: String = (0..65).map(|index| format!("t{index}=1;")).collect();
        assert!(Tags::parse(&many).is_none());
    }

    #[test]
    fn the_value_of_a_tag_is_cut_out_with_its_white_space() {
        let list = b"v=1; bh=xb=; b = abc\r\n def ; d=x";
        let range = value_range(list, "b").unwrap();
        assert_eq!(&list[range], b" abc\r\n def ");
        assert_eq!(value_range(b"b=", "b"), Some(2..2));
        assert_eq!(value_range(b"bh=b", "b"), None);
    }
}
