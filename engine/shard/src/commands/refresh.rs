//! `refresh domain`

use crate::Shard;
use crate::answer::Part;
use console::Command;
use mail::address::fold_domain;
use std::rc::Rc;
use world::World;

pub const COMMAND: Command = Command {
    name: "refresh domain",
    arguments: "DOMAIN",
    summary: "Forgets what DNS said about a domain.",
    is_destructive: false,
};

pub(super) fn ask<W: World>(shard: &Rc<Shard<W>>, operands: &[String]) -> Part {
    let [domain] = operands else {
        return Part::Refused("usage: refresh domain DOMAIN".into());
    };
    shard.resolver.forget(&fold_domain(domain));
    Part::Said(format!("{domain} will be looked up again"))
}
