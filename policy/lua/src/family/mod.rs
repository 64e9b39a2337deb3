//! The families of functions that scripts call, one file each. A family is a row here.

mod accept;
mod antivirus;
pub mod aside;
mod audit;
mod builtin;
mod cidr;
mod client;
pub mod constants;
mod context;
mod database;
mod file;
mod idn;
mod json;
mod letter;
mod names;
mod notice;
mod numbers;
mod object;
mod opendkim;
mod recipient;
mod refused;
mod text;
mod xml;

use crate::function::Family;

pub use builtin::{AUTHENTICATORS, CONTROLS, MODULES};
pub use context::reply_text;

pub static FAMILIES: &[&Family] = &[
    &constants::FAMILY,
    &builtin::FAMILY,
    &aside::FAMILY,
    &accept::FAMILY,
    &antivirus::FAMILY,
    &cidr::FAMILY,
    &client::FAMILY,
    &audit::FAMILY,
    &context::FAMILY,
    &letter::FAMILY,
    &names::FAMILY,
    &database::FAMILY,
    &file::FAMILY,
    &idn::FAMILY,
    &json::FAMILY,
    &notice::FAMILY,
    &object::FAMILY,
    &numbers::FAMILY,
    &opendkim::FAMILY,
    &recipient::FAMILY,
    &text::FAMILY,
    &xml::FAMILY,
    &refused::FAMILY,
];

/// Every function with its tier and what it says about itself, as a Markdown table per family.
pub fn reference() -> String {
    let mut out = String::new();
    for family in FAMILIES.iter().filter(|family| !family.definitions.is_empty()) {
        out.push_str(&format!("## {}\n\n| function | tier | |\n|---|---|---|\n", family.name));
        for definition in family.definitions {
            out.push_str(&format!(
                "| `{}` | {} | {} |\n",
                definition.signature, definition.tier, definition.doc
            ));
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Rows of the specification whose functions are not built yet.
    const MISSING: &str = include_str!("../../tests/missing.txt");

    #[test]
    fn every_function_of_the_specification_is_here_or_known_to_be_missing() {
        let table = include_str!("../../tests/lua-api.tsv").lines().skip(1);
        let rows: BTreeMap<&str, u8> = table
            .filter_map(|line| line.split_once('\t'))
            .map(|(name, tier)| (name, tier.trim().parse().unwrap()))
            .collect();
        let definitions = || FAMILIES.iter().flat_map(|family| family.definitions);
        let ours: BTreeMap<&str, u8> =
            definitions().map(|definition| (definition.name, definition.tier)).collect();
        assert_eq!(ours.len(), definitions().count(), "a name is defined twice");
        for (name, tier) in &rows {
            let missing = MISSING.lines().any(|line| line == *name);
            match ours.get(name) {
                Some(ours) => {
                    assert!(ours == tier && !missing, "{name} has tier {tier} in the specification")
                }
                None => assert!(missing, "{name} of tier {tier} is not built"),
            }
        }
        for line in MISSING.lines() {
            assert!(rows.contains_key(line), "{line} is not in the specification");
        }
    }

    #[test]
    fn the_reference_names_every_function_in_one_line() {
        let reference = reference();
        for definition in FAMILIES.iter().flat_map(|family| family.definitions) {
            assert!(!definition.doc.contains('\n') && definition.doc.ends_with('.'), "{}", definition.name);
            assert!(reference.contains(&format!("| `{}` |", definition.signature)), "{}", definition.name);
        }
    }
}
