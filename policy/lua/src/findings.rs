//! What `impetus check` says about a script: syntax errors, and functions that are not here or not known.

use crate::dialect::lexer::{Kind, Token, tokens};
use crate::dialect::translate;
use crate::family::FAMILIES;
use crate::function::Definition;
use policy_api::Finding;
use std::collections::HashMap;

/// In the order of their lines.
pub fn findings(source: &str, file: &str) -> Vec<Finding> {
    if let Err(error) = translate(source) {
        return vec![Finding::new(format!("{file}:{}", error.line), error.what)];
    }
    let Ok(tokens) = tokens(source) else { return Vec::new() };
    let scan = Scan { source, tokens: &tokens };
    let aliases = scan.aliases();
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        if let Some(text) = scan.finding(at, &aliases) {
            found.push(Finding::new(format!("{file}:{}", token.line), text));
        }
    }
    found
}

fn definitions() -> impl Iterator<Item = &'static Definition> {
    FAMILIES.iter().flat_map(|family| family.definitions)
}

struct Scan<'s> {
    source: &'s str,
    tokens: &'s [Token],
}

impl<'s> Scan<'s> {
    fn text(&self, at: usize) -> &'s str {
        self.tokens.get(at).map_or("", |token| &self.source[token.range.clone()])
    }

    fn is_name(&self, at: usize) -> bool {
        self.tokens.get(at).is_some_and(|token| token.kind == Kind::Name)
    }

    /// `local x = require "msys.y"`: x stands for msys.y.
    fn aliases(&self) -> HashMap<&'s str, &'s str> {
        let mut aliases = HashMap::new();
        for at in 0..self.tokens.len() {
            if self.is_name(at) && self.text(at + 1) == "=" && self.text(at + 2) == "require" {
                let literal = if self.text(at + 3) == "(" { at + 4 } else { at + 3 };
                let name = self.text(literal).trim_matches(['"', '\'']);
                if name.starts_with("msys.") {
                    aliases.insert(self.text(at), name);
                }
            }
        }
        aliases
    }

    /// The dotted name that begins here, aliases resolved.
    fn path(&self, at: usize, aliases: &HashMap<&str, &str>) -> Option<String> {
        let begins = self.is_name(at) && (at == 0 || !matches!(self.text(at - 1), "." | ":"));
        let first =
            begins.then(|| self.text(at)).filter(|first| *first == "msys" || aliases.contains_key(first))?;
        let mut path = aliases.get(first).map_or(first, |name| name).to_owned();
        let mut next = at + 1;
        while self.text(next) == "." && self.is_name(next + 1) {
            path = format!("{path}.{}", self.text(next + 1));
            next += 2;
        }
        Some(path)
    }

    fn finding(&self, at: usize, aliases: &HashMap<&str, &str>) -> Option<String> {
        let refused = |definition: &Definition| match definition.body {
            crate::function::Body::Refused(instead) => {
                Some(format!("{} is not available here, use {instead}", definition.name))
            }
            _ => None,
        };
        // A method by its name alone: what it is called on is not known before it runs.
        if self.text(at) == ":" && self.is_name(at + 1) {
            let method = self.text(at + 1);
            let named = |definition: &&Definition| {
                definition.name.split_once(':').is_some_and(|(_, name)| name == method)
            };
            let all: Vec<_> = definitions().filter(named).collect();
            return all
                .iter()
                .all(|definition| refused(definition).is_some())
                .then(|| all.first().and_then(|one| refused(one)))?;
        }
        let path = self.path(at, aliases)?;
        definitions().find(|definition| definition.name == path).and_then(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_here_is_found_with_its_line() {
        for (source, expected) in [
            (
                "x = 1\nmsys.cloudmark.score(msg)",
                Some(("a.lua:2", "msys.cloudmark.score is not available here")),
            ),
            (
                "local cm = require \"msys.cloudmark\"\ncm.score(msg)",
                Some(("a.lua:2", "msys.cloudmark.score")),
            ),
            ("msg:is_mcmt()", Some(("a.lua:1", "msg:is_mcmt is not available here"))),
            ("msg:header('a')", None),
            ("local x = other.cloudmark.score", None),
            ("if", Some(("a.lua:1", "unexpected symbol near '<eof>'"))),
        ] {
            let found = findings(source, "a.lua");
            let first = found.first().map(|finding| (finding.place.as_str(), finding.text.as_str()));
            match expected {
                None => assert_eq!(first, None, "{source}"),
                Some((place, text)) => {
                    let (at, said) = first.unwrap_or_else(|| panic!("nothing found in {source}"));
                    assert!(at == place && said.starts_with(text), "{source}: {at}: {said}");
                }
            }
        }
    }
}
