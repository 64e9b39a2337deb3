//! Which files scripts are made of: found through the search roots and through what they `require`.
//!
//! The law: files are read with the configuration, never by a shard; what is not named by a literal
//! `require "name"` in a script that was found is not there.

use crate::dialect::lexer::{Kind, tokens};
use config::Stanza;
use policy_api::{Finding, Sources};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Behind the folders of the configuration: where the product keeps its scripts, and a site its own.
const ROOTS: [&str; 3] =
    ["/etc/impetus/scripts", "/usr/share/impetus/scripts", "/opt/msys/ecelerity/libexec/scriptlets"];

/// What a `script "name" { source = … }` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    pub name: String,
    pub source: String,
    /// Where the stanza stands.
    pub place: String,
}

/// The folders that `source` and `require` look in, in order: that of the file with the stanza, its
/// neighbours `default` and `global` of a configuration repository, then the product's.
pub fn roots(stanza: &Stanza<'_>) -> Vec<PathBuf> {
    let file = stanza.position().map(|position| PathBuf::from(&*position.file));
    let folder = file.and_then(|file| file.parent().map(Path::to_owned)).unwrap_or_default();
    let repository = folder.parent().map(Path::to_owned).unwrap_or_default();
    let mut roots =
        vec![folder.clone(), folder.join("scripts"), repository.join("default"), repository.join("global")];
    roots.extend(ROOTS.map(PathBuf::from));
    roots.dedup();
    roots
}

/// The places at which a name may stand, best first.
pub fn candidates(roots: &[PathBuf], name: &str) -> Vec<PathBuf> {
    let path = Path::new(name);
    if path.is_absolute() {
        let with = PathBuf::from(format!("{name}.lua"));
        return vec![path.to_owned(), with];
    }
    // Names are dotted or slashed; parents are not climbed.
    let relative = name.replace('.', "/");
    let safe = !name.contains("..") && !name.is_empty();
    let places = roots.iter().map(|root| root.join(format!("{relative}.lua")));
    if safe { places.collect() } else { Vec::new() }
}

/// Every file that the scripts of a stanza are made of. Reads files: not for a shard.
pub fn wanted(roots: &[PathBuf], scripts: &[Script]) -> Vec<PathBuf> {
    let mut found = BTreeSet::new();
    let mut waiting: Vec<String> = scripts.iter().map(|script| script.source.clone()).collect();
    let mut seen = BTreeSet::new();
    while let Some(name) = waiting.pop() {
        if !seen.insert(name.clone()) || seen.len() > 4096 {
            continue;
        }
        for path in candidates(roots, &name) {
            let Ok(text) = std::fs::read(&path) else { continue };
            waiting.extend(required(&String::from_utf8_lossy(&text)));
            found.insert(path);
            break;
        }
    }
    found.into_iter().collect()
}

/// The names of all `require "name"` with a literal.
pub fn required(source: &str) -> Vec<String> {
    let Ok(tokens) = tokens(source) else { return Vec::new() };
    let text = |at: usize| tokens.get(at).map_or("", |token| &source[token.range.clone()]);
    let mut names = Vec::new();
    for at in 0..tokens.len() {
        if tokens[at].kind != Kind::Name || text(at) != "require" {
            continue;
        }
        let literal = if text(at + 1) == "(" { at + 2 } else { at + 1 };
        let name = text(literal);
        if tokens.get(literal).is_some_and(|token| token.kind == Kind::Text) && name.len() > 2 {
            names.push(name.trim_matches(['"', '\'', '[', ']', '=']).to_owned());
        }
    }
    names
}

/// The text of a name, and the path that errors show.
pub fn find(sources: &Arc<Sources>, roots: &[PathBuf], name: &str) -> Result<(String, String), String> {
    let places = candidates(roots, name);
    for path in &places {
        if let Ok(octets) = sources.get(path) {
            let text = String::from_utf8_lossy(octets).into_owned();
            return Ok((text, path.display().to_string()));
        }
    }
    let places: Vec<String> = places.iter().map(|path| format!("no file '{}'", path.display())).collect();
    Err(format!("module '{name}' not found: {}", places.join(", ")))
}

/// `file:line: text` as a finding.
pub fn finding(text: &str, otherwise: &str) -> Finding {
    let mut ends = text.match_indices(':').map(|(at, _)| at);
    let place = ends.next().zip(ends.next()).filter(|(file, line)| {
        !text[file + 1..*line].is_empty() && text[file + 1..*line].bytes().all(|byte| byte.is_ascii_digit())
    });
    match place {
        Some((_, line)) => Finding::new(&text[..line], text[line + 1..].trim_start()),
        None => Finding::new(otherwise, text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_dotted_or_slashed_and_stay_below_the_roots() {
        let roots = [PathBuf::from("/a"), PathBuf::from("/b")];
        for (name, expected) in [
            ("site.rules", &["/a/site/rules.lua", "/b/site/rules.lua"][..]),
            ("site/rules", &["/a/site/rules.lua", "/b/site/rules.lua"]),
            ("a.b.lua", &["/a/a/b/lua.lua", "/b/a/b/lua.lua"]),
            ("/x/y.lua", &["/x/y.lua", "/x/y.lua.lua"]),
            ("../etc/passwd", &[]),
            ("", &[]),
        ] {
            let expected: Vec<PathBuf> = expected.iter().map(PathBuf::from).collect();
            assert_eq!(candidates(&roots, name), expected, "{name}");
        }
    }

    #[test]
    fn literal_requires_are_found() {
        let source = "require('a.b') local c = require \"c\" -- require 'd'\nrequire(name) x = 'require \"e\"' require [[f]]";
        assert_eq!(required(source), ["a.b", "c", "f"]);
    }

    #[test]
    fn places_are_taken_from_errors() {
        assert_eq!(finding("/a/b.lua:12: boom: x", "p"), Finding::new("/a/b.lua:12", "boom: x"));
        assert_eq!(finding("no place: here", "p"), Finding::new("p", "no place: here"));
    }
}
