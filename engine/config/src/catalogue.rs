//! What Momentum's configurations may name although nobody here obeys it (yet): options by area, modules by
//! kind, each with what becomes of it. An owner who builds one moves its row into his own `options!` or
//! `ModuleSyntax`; a name is never in both places (`tests/config/options.tsv` is compared with all of them).

mod access;
mod adaptive;
mod bounces;
mod cluster;
mod delivery;
mod engine;
mod modules;
mod reception;
mod tls;
mod web;

use crate::OptionDef;

pub use modules::{KnownModule, MODULES, known};

pub static OPTIONS: &[&[OptionDef]] = &[
    reception::OPTIONS,
    delivery::OPTIONS,
    adaptive::OPTIONS,
    adaptive::BOUNDS,
    bounces::OPTIONS,
    tls::OPTIONS,
    access::OPTIONS,
    engine::OPTIONS,
    cluster::OPTIONS,
    web::OPTIONS,
    modules::PROXY,
];
