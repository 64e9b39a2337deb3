//! Every option in every scope: its default is taken where it is valid, anything else than its type is refused,
//! and where it is not valid it is told where it would be.

use config::{CATALOGUE, Complaint, MemoryLoader, Naming, OptionDef, Registry, Scope, Severity};
use std::collections::BTreeMap;

/// What opens a stanza of the scope, from the top level, and what closes it.
fn within(scope: Scope) -> (String, String) {
    let Some(parent) = scope.definition().parents.first() else { return Default::default() };
    let name = match scope.definition().naming {
        Naming::Anonymous => "",
        Naming::Exact | Naming::Domain => "x",
        Naming::Endpoint => "127.0.0.1:2525",
        Naming::Network => "192.0.2.0/24",
    };
    let (before, after) = within(*parent);
    (format!("{before} {} {name} {{", scope.keyword()), format!("}} {after}"))
}

fn errors(registry: &Registry, scope: Scope, statement: &str) -> Vec<String> {
    let (before, after) = within(scope);
    let loader = MemoryLoader::default().with("m", format!("{before} {statement} {after}"));
    let complaints = match config::load("m", &loader, registry, &[""]) {
        Ok((_, complaints)) | Err(complaints) => complaints,
    };
    let errors = complaints.iter().filter(|complaint| complaint.severity == Severity::Error);
    errors.map(Complaint::line).collect()
}

/// The first definition of each name in a scope is the one that counts.
fn defined(registry: &Registry) -> impl Iterator<Item = (Scope, BTreeMap<&'static str, &'static OptionDef>)> {
    let scopes = CATALOGUE.iter().map(|row| row.scope).filter(|scope| *scope != Scope::Module);
    scopes.map(|scope| {
        let mut names = BTreeMap::new();
        let valid = registry.options().filter(|option| option.scopes.contains(scope));
        for option in valid {
            names.entry(option.name).or_insert(option);
        }
        (scope, names)
    })
}

/// A default of several words is one word in quotes, unless it is a list.
fn written(default: &str) -> String {
    let whole = default.starts_with(['(', '[', '"']) || !(default.is_empty() || default.contains(' '));
    if whole { default.to_owned() } else { format!("\"{default}\"") }
}

#[test]
fn every_default_is_taken_wherever_the_option_is_valid() {
    let registry = shard::registry();
    let mut tried = 0;
    for (scope, options) in defined(&registry) {
        for option in options.values() {
            let value = written(option.default);
            let errors = errors(&registry, scope, &format!("{} = {value}", option.name));
            assert!(errors.is_empty(), "{} in {}: {errors:?}", option.name, scope.keyword());
            tried += 1;
        }
    }
    assert!(tried > 1000, "{tried} places");
}

/// No value of a type, by the type's name; none for text, which may be anything.
fn wrong(option: &OptionDef) -> &'static str {
    match option.type_name {
        "bool"
        | "enum"
        | "int"
        | "size"
        | "time"
        | "float"
        | "rate"
        | "octal"
        | "dictionary"
        | "shared count"
        | "auto, none or int"
        | "normal, high or float" => "no-such-value",
        "list of addresses" => "( host.example )",
        "host" | "address" => "\"a b\"",
        "endpoint" => "nowhere",
        "list" | "list of next hops" => "[ a = b ]",
        _ => "( a b )",
    }
}

#[test]
fn what_is_no_value_of_its_type_is_refused_wherever_the_option_is_valid() {
    let registry = shard::registry();
    for (scope, options) in defined(&registry) {
        for option in options.values() {
            let errors = errors(&registry, scope, &format!("{} = {}", option.name, wrong(option)));
            let told = errors.iter().any(|error| error.contains("cannot h") && error.contains("expected"));
            assert!(told, "{} in {} = {}: {errors:?}", option.name, scope.keyword(), wrong(option));
        }
    }
}

#[test]
fn an_option_in_another_scope_is_told_where_it_would_be_valid() {
    let registry = shard::registry();
    let everywhere: Vec<_> = defined(&registry).collect();
    for (scope, options) in &everywhere {
        for (other, names) in &everywhere {
            let strangers = names.iter().filter(|(name, _)| !options.contains_key(*name)).step_by(7);
            for (name, _) in strangers {
                let errors = errors(&registry, *scope, &format!("{name} = 1"));
                let told = errors
                    .iter()
                    .any(|error| error.contains("is not valid in scope") && error.contains(other.keyword()));
                assert!(told, "{name} in {}: {errors:?}", scope.keyword());
            }
        }
    }
}

#[test]
fn a_misspelt_name_is_suggested_in_every_scope() {
    let registry = shard::registry();
    for (scope, options) in defined(&registry) {
        for name in options.keys().filter(|name| name.len() > 8).step_by(5) {
            let misspelt = format!("{}{}", &name[..name.len() - 3], &name[name.len() - 2..]);
            if options.contains_key(misspelt.as_str()) {
                continue;
            }
            let errors = errors(&registry, scope, &format!("{misspelt} = 1"));
            assert!(errors.iter().any(|error| error.contains("did you mean")), "{misspelt}: {errors:?}");
        }
    }
}
