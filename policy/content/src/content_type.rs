//! Content-Type and Content-Disposition: a value and its parameters (RFC 2045 §5, RFC 2183, RFC 2231).

use crate::charset;
use crate::encoded_word;

/// Parameters that are read; the rest of a longer list does not count.
const PARAMETERS: usize = 64;

/// A parsed field; what cannot be parsed is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentType {
    /// In lower case: `text/plain`, `attachment`.
    pub value: String,
    /// Names in lower case, values decoded.
    pub parameters: Vec<(String, String)>,
}

impl Default for ContentType {
    /// RFC 2045 §5.2.
    fn default() -> Self {
        ContentType { value: "text/plain".into(), parameters: Vec::new() }
    }
}

impl ContentType {
    pub fn parse(field: &str) -> ContentType {
        let mut pieces = pieces(field);
        let value = pieces.next().unwrap_or_default().trim().to_ascii_lowercase();
        let raw = pieces.take(PARAMETERS).filter_map(|piece| {
            let (name, value) = piece.split_once('=')?;
            Some((name.trim().to_ascii_lowercase(), unquoted(value.trim())))
        });
        ContentType { value, parameters: joined(raw.collect()) }
    }

    pub fn parameter(&self, name: &str) -> Option<&str> {
        let known = self.parameters.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        known.map(|(_, value)| value.as_str())
    }

    /// `text` of `text/plain`.
    pub fn main(&self) -> &str {
        self.value.split('/').next().unwrap_or("")
    }

    pub fn is_multipart(&self) -> bool {
        self.main() == "multipart"
    }
}

/// The pieces between semicolons that stand outside of quotes and comments; comments are left out.
fn pieces(field: &str) -> impl Iterator<Item = String> {
    let mut characters = field.chars();
    let mut is_over = false;
    std::iter::from_fn(move || {
        if is_over {
            return None;
        }
        let mut piece = String::new();
        let (mut is_quoted, mut depth) = (false, 0u32);
        loop {
            let Some(c) = characters.next() else {
                is_over = true;
                break;
            };
            match c {
                '\\' if is_quoted || depth > 0 => {
                    let next = characters.next();
                    if depth == 0 {
                        piece.push(c);
                        piece.extend(next);
                    }
                }
                '"' if depth == 0 => {
                    is_quoted = !is_quoted;
                    piece.push(c);
                }
                '(' if !is_quoted => depth += 1,
                ')' if !is_quoted && depth > 0 => depth -= 1,
                ';' if !is_quoted && depth == 0 => break,
                c if depth == 0 => piece.push(c),
                _ => {}
            }
        }
        Some(piece)
    })
}

fn unquoted(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"') else { return value.to_owned() };
    let mut text = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(c) = characters.next() {
        match c {
            '"' => break,
            '\\' => text.extend(characters.next()),
            c => text.push(c),
        }
    }
    text
}

/// A piece of a continued parameter: its number, whether it is extended, its text.
type Section = (u32, bool, String);

/// Puts continued parameters together and decodes extended ones (RFC 2231 §3, §4).
fn joined(raw: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut parameters: Vec<(String, String)> = Vec::new();
    let mut continued: Vec<(String, Vec<Section>)> = Vec::new();
    for (name, value) in raw {
        let mut parts = name.split('*');
        let base = parts.next().unwrap_or("").to_owned();
        let (section, is_extended) = match (parts.next(), parts.next()) {
            (None, _) => {
                parameters.push((base, encoded_word::decode(value.as_bytes())));
                continue;
            }
            (Some(""), _) => (0, true),
            (Some(number), rest) => match number.parse() {
                Ok(number) => (number, rest.is_some()),
                Err(_) => continue,
            },
        };
        match continued.iter_mut().find(|(known, _)| *known == base) {
            Some((_, sections)) => sections.push((section, is_extended, value)),
            None => continued.push((base, vec![(section, is_extended, value)])),
        }
    }
    for (name, mut sections) in continued {
        sections.sort_by_key(|(number, _, _)| *number);
        parameters.retain(|(known, _)| *known != name);
        parameters.push((name, together(sections)));
    }
    parameters
}

fn together(sections: Vec<Section>) -> String {
    let mut charset = String::new();
    let mut octets = Vec::new();
    for (number, is_extended, value) in sections {
        let mut value = value.as_str();
        if is_extended && number == 0 {
            let mut parts = value.splitn(3, '\'');
            if let (Some(set), Some(_), Some(text)) = (parts.next(), parts.next(), parts.next()) {
                charset = set.to_owned();
                value = text;
            }
        }
        match is_extended {
            true => octets.extend(percent_decoded(value)),
            false => octets.extend_from_slice(value.as_bytes()),
        }
    }
    charset::decode(&octets, &charset)
}

/// What is no percent-encoding stays as it is.
pub fn percent_decoded(text: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = text.as_ref();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digit = |at: usize| bytes.get(at).and_then(|octet| (*octet as char).to_digit(16));
        match (bytes[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 3;
            }
            (octet, _, _) => {
                out.push(octet);
                at += 1;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_parameters_are_read() {
        for (field, value, parameters) in [
            ("text/plain", "text/plain", &[][..]),
            ("Text/HTML; Charset=UTF-8", "text/html", &[("charset", "UTF-8")]),
            ("a/b (c;d) ; x=\"1;2\"; y = 3 (z)", "a/b", &[("x", "1;2"), ("y", "3")]),
            ("a/b; x=\"q\\\"q\"", "a/b", &[("x", "q\"q")]),
            ("a/b; x; y=1;", "a/b", &[("y", "1")]),
            ("attachment; filename*=UTF-8''gr%C3%BCn.txt", "attachment", &[("filename", "gr\u{fc}n.txt")]),
            ("a/b; n*1=lo; n*0=hel", "a/b", &[("n", "hello")]),
            ("a/b; n*0*=iso-8859-1''%FC; n*1=x", "a/b", &[("n", "\u{fc}x")]),
            ("attachment; filename=\"=?UTF-8?Q?a=62?=\"", "attachment", &[("filename", "ab")]),
            ("", "", &[]),
        ] {
            let parsed = ContentType::parse(field);
            let found: Vec<_> = parsed.parameters.iter().map(|(name, value)| (&**name, &**value)).collect();
            assert_eq!((&*parsed.value, &found[..]), (value, parameters), "{field}");
        }
        assert!(ContentType::parse("multipart/mixed; boundary=x").is_multipart());
    }
}
