//! Texts with `%{name}` in them, as the maps of queries have them.

use std::borrow::Cow;

/// A text that is filled in for each question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(Box<str>),
    Name(&'static str),
}

impl Template {
    /// Only these names may stand in it.
    pub fn new(text: &str, names: &[&'static str]) -> Result<Template, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find("%{") {
            pieces.push(Piece::Text(rest[..at].into()));
            let (name, behind) =
                rest[at + 2..].split_once('}').ok_or_else(|| format!("'{text}' has a %{{ without its }}"))?;
            let known = names.iter().find(|known| known.eq_ignore_ascii_case(name)).ok_or_else(|| {
                let names: Vec<String> = names.iter().map(|name| format!("%{{{name}}}")).collect();
                format!("%{{{name}}} is not known here, expected one of {}", names.join(", "))
            })?;
            pieces.push(Piece::Name(known));
            rest = behind;
        }
        pieces.push(Piece::Text(rest.into()));
        Ok(Template(pieces))
    }

    pub fn fill<'a>(&self, value: impl Fn(&str) -> Cow<'a, str>) -> String {
        let mut filled = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Name(name) => filled.push_str(&value(name)),
            }
        }
        filled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_filled_in_and_unknown_ones_refused() {
        let value = |name: &str| Cow::Owned(format!("<{name}>"));
        for (text, expected) in [
            ("plain", Ok("plain")),
            ("", Ok("")),
            ("%{user}", Ok("<user>")),
            ("a%{USER}b%{domain}%{user}", Ok("a<user>b<domain><user>")),
            ("50% {user}", Ok("50% {user}")),
            ("%{user", Err("'%{user' has a %{ without its }")),
            ("%{host}", Err("%{host} is not known here, expected one of %{user}, %{domain}")),
        ] {
            let filled = Template::new(text, &["user", "domain"]).map(|template| template.fill(value));
            assert_eq!(filled, expected.map(str::to_owned).map_err(str::to_owned));
        }
    }
}
