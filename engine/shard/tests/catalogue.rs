//! The engine's definitions and Momentum's table (tests/config/options.tsv) say the same, row by row.

use config::{CATALOGUE, ModuleSyntax, OptionDef, Registry, ScopeSet, Standing};
use std::collections::BTreeSet;
use std::fmt::Write;

const TABLE: &str = include_str!("../../../tests/config/options.tsv");

struct Row<'a> {
    name: &'a str,
    kind: &'a str,
    default: &'a str,
    scopes: BTreeSet<&'a str>,
    tier: u8,
}

fn rows() -> impl Iterator<Item = Row<'static>> {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| {
        let [name, kind, default, scopes, tier] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("five columns: {line}")
        };
        Row { name, kind, default, scopes: scopes.split(',').collect(), tier: tier.parse().expect("a tier") }
    })
}

fn scopes_of(set: ScopeSet) -> BTreeSet<String> {
    set.iter().map(|scope| scope.keyword().to_ascii_lowercase()).collect()
}

/// The names of our types that a type of the table may have.
fn kinds(kind: &str) -> &'static [&'static str] {
    match kind {
        "bool" => &["bool"],
        "int" => &["int", "size", "shared count"],
        "size" => &["size"],
        "time" => &["time"],
        "float" => &["float"],
        "octal" => &["octal"],
        "rate" => &["rate"],
        "dict" => &["dictionary"],
        "string" => &["string", "address", "host", "regex", "endpoint"],
        "list" => &["list", "list of addresses", "list of next hops"],
        _ => &["enum", "bool", "auto, none or int", "normal, high or float", "ignore, pedantic, fix or int"],
    }
}

/// Values of the table that our types do not take: what is not built is refused by name.
const REFUSED_WORDS: [(&str, &str); 5] = [
    ("delivery_method", "ECSTREAM"),
    ("delivery_method", "APN"),
    ("delivery_method", "GCM"),
    ("delivery_method", "MM7"),
    ("transform_8bitmime_content", "strict"),
];

fn unlike(row: &Row<'_>, option: &OptionDef) -> String {
    let mut faults = String::new();
    if !kinds(row.kind).contains(&option.type_name) {
        let _ = writeln!(faults, "{}: type {} is not {}", row.name, option.type_name, row.kind);
    }
    let words = row.kind.strip_prefix("enum(").map_or("", |words| words.trim_end_matches(')'));
    for word in words.split(',').filter(|word| !word.is_empty()) {
        let known = option.words.iter().any(|ours| ours.eq_ignore_ascii_case(word));
        let written = option.type_name.split([' ', ',']).any(|part| part == word);
        let refused = REFUSED_WORDS.contains(&(row.name, word));
        if refused == (known || written || option.type_name == "bool") {
            let _ = writeln!(faults, "{}: {word} is known or refused, one of both", row.name);
        }
    }
    let theirs = option.original.map_or(option.default, |original| original.default);
    if plain(theirs) != plain(row.default) {
        let _ = writeln!(faults, "{}: default {theirs:?} is not {:?}", row.name, row.default);
    }
    // An option of a module's stanza has the tier of its module.
    let of_module = row.scopes.iter().all(|scope| OF_MODULES.contains(scope));
    if option.tier != row.tier && !of_module {
        let _ = writeln!(faults, "{}: tier {} is not {}", row.name, option.tier, row.tier);
    }
    faults
}

/// A value without its punctuation.
fn plain(value: &str) -> String {
    let words = value.split(|letter: char| letter.is_whitespace() || "()\"".contains(letter));
    words.filter(|word| !word.is_empty()).map(str::to_ascii_lowercase).collect::<Vec<_>>().join(" ")
}

/// Options of a row, wherever they are declared; those of modules stand in `module`.
fn candidates<'a>(registry: &'a Registry, name: &'a str) -> impl Iterator<Item = &'static OptionDef> + 'a {
    let own = registry.modules().iter().flat_map(|module| options_within(module));
    let shared = config::ModuleOptions::DEFINITIONS.iter();
    let outside = |option: &&OptionDef| !option.scopes.contains(config::Scope::Module);
    registry
        .options()
        .filter(outside)
        .chain(shared)
        .chain(own)
        .filter(move |option| option.name.eq_ignore_ascii_case(name))
}

fn options_within(module: &ModuleSyntax) -> Vec<&'static OptionDef> {
    fn nested(stanzas: &'static [config::StanzaSyntax]) -> Vec<&'static OptionDef> {
        let inside = |stanza: &'static config::StanzaSyntax| {
            let own = stanza.options.iter().copied().flatten();
            own.chain(nested(stanza.stanzas)).collect::<Vec<_>>()
        };
        stanzas.iter().flat_map(inside).collect()
    }
    let own = module.options.iter().copied().flatten();
    own.chain(nested(module.stanzas)).collect()
}

/// Scopes of the table that are stanzas of modules here.
const OF_MODULES: [&str; 3] = ["script", "curfew", "msg_gen"];

#[test]
fn every_option_of_momentum_is_defined_as_its_table_says() {
    let registry = shard::registry();
    let mut faults = String::new();
    for row in rows().filter(|row| row.kind != "scope") {
        let wanted: BTreeSet<String> = row
            .scopes
            .iter()
            .map(|scope| if OF_MODULES.contains(scope) { "module".into() } else { (*scope).to_owned() })
            .collect();
        let mut covered = BTreeSet::new();
        for option in candidates(&registry, row.name) {
            let scopes = scopes_of(option.scopes);
            if scopes.is_disjoint(&wanted) {
                continue;
            }
            covered.extend(scopes);
            // What differs from scope to scope in the table is one row; the main definition has its default.
            if option.original.is_some() || !is_part(option, &row) {
                faults.push_str(&unlike(&row, option));
            }
        }
        if !covered.is_superset(&wanted) {
            let missing: Vec<_> = wanted.difference(&covered).collect();
            let _ = writeln!(faults, "{}: not defined in {missing:?}", row.name);
        }
    }
    assert!(faults.is_empty(), "\n{faults}");
}

/// A host is a dimension of its own, with defaults of its own.
fn is_part(option: &OptionDef, row: &Row<'_>) -> bool {
    row.scopes.len() > 1 && scopes_of(option.scopes).iter().all(|scope| scope == "host")
}

#[test]
fn every_option_that_we_define_is_momentums_or_says_that_it_is_ours() {
    let known: BTreeSet<&str> = rows().map(|row| row.name).collect();
    let registry = shard::registry();
    for option in registry.options() {
        let theirs = known.contains(&*option.name.to_ascii_lowercase());
        assert_eq!(option.tier == 0, !theirs, "{}: tier 0 is for what Momentum does not have", option.name);
        assert!(!option.documentation.trim().is_empty(), "{} says nothing", option.name);
    }
}

#[test]
fn every_stanza_of_momentum_is_in_the_catalogue() {
    for row in rows().filter(|row| row.kind == "scope" && row.name != "curfew") {
        let scope = CATALOGUE.iter().find(|scope| scope.keyword.eq_ignore_ascii_case(row.name));
        let scope = scope.unwrap_or_else(|| panic!("no stanza {}", row.name));
        let parents: BTreeSet<String> =
            scope.parents.iter().map(|parent| parent.keyword().to_ascii_lowercase()).collect();
        let wanted = row.scopes.iter().filter(|scope| !OF_MODULES.contains(scope)).map(ToString::to_string);
        assert!(parents.is_superset(&wanted.collect()), "{}: {parents:?}", row.name);
        assert_eq!(scope.tier, row.tier, "{}", row.name);
    }
}

#[test]
fn what_an_owner_obeys_has_left_the_catalogue() {
    let registry = shard::registry();
    let listed = |option: &OptionDef| {
        config::catalogue::OPTIONS.iter().copied().flatten().any(|known| std::ptr::eq(known, option))
    };
    for known in config::catalogue::OPTIONS.iter().copied().flatten() {
        assert!(known.standing != Standing::Honoured, "{}: who honours it?", known.name);
        let owners = registry.named(known.name).filter(|option| !listed(option));
        for owner in owners {
            let both = known.scopes.iter().find(|scope| owner.scopes.contains(*scope));
            assert_eq!(both, None, "{} has an owner: remove it from the catalogue", known.name);
        }
    }
}

const MODULES: &str = include_str!("../../../tests/config/modules.tsv");

#[test]
fn every_module_of_momentum_is_known_with_its_options() {
    let registry = shard::registry();
    for line in MODULES.lines().filter(|line| !line.starts_with('#')) {
        let [name, tier, options] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("three columns: {line}")
        };
        // The cluster is a stanza of the language.
        let known = config::catalogue::known(name).map(|known| known.tier);
        let stanza = config::Scope::named(name).map(|scope| scope.definition().tier);
        assert_eq!(known.or(stanza).map(|tier| tier.to_string()).as_deref(), Some(tier), "{name}");
        let module = registry.modules().iter().find(|module| module.name == name);
        let own: Vec<_> = module.map(options_within).unwrap_or_default();
        let keywords = module.map(|module| keywords(module.stanzas)).unwrap_or_default();
        for option in options.split_whitespace() {
            let is = |name: &str| name.eq_ignore_ascii_case(option);
            let in_module = own.iter().any(|option| is(option.name)) || keywords.iter().any(|name| is(name));
            let in_core = registry.named(option).next().is_some() || config::Scope::named(option).is_some();
            assert!(in_module || in_core, "{name} has no option {option}");
        }
    }
}

fn keywords(stanzas: &[config::StanzaSyntax]) -> Vec<&'static str> {
    let inside = |stanza: &config::StanzaSyntax| [vec![stanza.keyword], keywords(stanza.stanzas)].concat();
    stanzas.iter().flat_map(inside).collect()
}

#[test]
fn a_module_that_is_built_has_left_the_catalogue_and_one_that_is_not_is_in_it() {
    let built: BTreeSet<&str> = shard::modules().iter().map(|module| module.name).collect();
    for known in config::catalogue::MODULES.iter().copied().flatten() {
        let declared = built.contains(known.name);
        assert_eq!(
            known.syntax.is_none(),
            declared,
            "{}: a row is `built` when its code is there",
            known.name
        );
        assert_eq!(known.standing == Standing::Honoured, declared, "{}", known.name);
        assert!(!known.documentation.is_empty(), "{}", known.name);
    }
}

#[test]
fn every_option_of_every_module_says_what_it_is() {
    for module in shard::registry().modules() {
        for option in options_within(module) {
            assert!(!option.documentation.trim().is_empty(), "{}: {}", module.name, option.name);
        }
    }
}

#[test]
fn what_is_not_honoured_says_why() {
    for option in shard::registry().options() {
        let honoured = option.standing == Standing::Honoured;
        assert_eq!(option.standing.reason().is_empty(), honoured, "{}", option.name);
    }
}
