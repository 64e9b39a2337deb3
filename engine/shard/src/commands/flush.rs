//! `flush domain`

use crate::Shard;
use crate::answer::Part;
use console::Command;
use mail::address::fold_domain;
use std::rc::Rc;
use world::World;

pub const COMMAND: Command = Command {
    name: "flush domain",
    arguments: "DOMAIN",
    summary: "Makes all delayed messages of a domain due now.",
    is_destructive: false,
};

pub(super) fn ask<W: World>(shard: &Rc<Shard<W>>, operands: &[String]) -> Part {
    let [domain] = operands else {
        return Part::Refused("usage: flush domain DOMAIN".into());
    };
    let now = shard.world.now();
    let flushed = shard.schedule.borrow_mut().flush(bindings::Scope::Domain(&fold_domain(domain)), now);
    shard.dispatch_bell.raise();
    Part::Counts(vec![("flushed".into(), flushed as u64)])
}
