//! The families of words, one file each. To add a word: its constant in a family's list.

mod audit;
mod body;
mod context;
mod datasource;
mod disposition;
mod elsewhere;
mod header;
mod message;
mod network;
mod new_mail;
mod number;
mod scanner;
mod signing;
mod table;
mod test;
mod text;
mod throttle;
mod trap;

pub(crate) use throttle::gauges;

use crate::word::{Role, Run, Word};
use std::collections::HashMap;
use std::sync::LazyLock;

/// In the order of the reference.
static FAMILIES: [&[Word]; 17] = [
    disposition::WORDS,
    new_mail::WORDS,
    test::WORDS,
    header::WORDS,
    message::WORDS,
    signing::WORDS,
    scanner::WORDS,
    context::WORDS,
    text::WORDS,
    number::WORDS,
    table::WORDS,
    network::WORDS,
    datasource::WORDS,
    audit::WORDS,
    throttle::WORDS,
    trap::WORDS,
    elsewhere::WORDS,
];

/// `stop` and `ec_include` are the compiler's own.
const BUILT_IN: [&str; 2] = ["stop", "ec_include"];

fn all() -> impl Iterator<Item = &'static Word> {
    FAMILIES.iter().flat_map(|family| family.iter())
}

#[derive(PartialEq, Eq, Hash)]
struct Key<'a>(&'a str, Role);

static INDEX: LazyLock<HashMap<Key<'static>, &'static Word>> =
    LazyLock::new(|| all().map(|word| (Key(word.name, word.role), word)).collect());

pub(crate) fn find(name: &str, role: Role) -> Option<&'static Word> {
    INDEX.get(&Key(name, role)).copied()
}

pub(crate) fn names(role: Role) -> impl Iterator<Item = &'static str> {
    let built_in = BUILT_IN.into_iter().filter(move |_| role == Role::Action);
    all().filter(move |word| word.role == role).map(|word| word.name).chain(built_in)
}

/// Whether nothing behind this statement is ever reached.
pub(crate) fn ends(name: &str, arguments: usize) -> bool {
    match name {
        "stop" => true,
        // Without arguments it only sets the flag.
        "ec_disconnect" => arguments > 0,
        _ => disposition::ENDING.contains(&name),
    }
}

/// One line of the reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    pub name: &'static str,
    pub usage: String,
    pub doc: &'static str,
    pub phases: String,
    pub is_available: bool,
}

/// All words, in the order of their families.
pub fn reference() -> Vec<Reference> {
    let row = |word: &'static Word| Reference {
        name: word.name,
        usage: word.usage(),
        doc: word.doc,
        phases: word.places.names(),
        is_available: !matches!(word.run, Run::Elsewhere(_) | Run::Ignored),
    };
    all().map(row).collect()
}
