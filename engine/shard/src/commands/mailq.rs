//! `mailq`

use crate::Shard;
use crate::answer::Part;
use console::Command;
use std::rc::Rc;
use world::World;

pub const COMMAND: Command = Command {
    name: "mailq",
    arguments: "[DOMAIN]",
    summary: "The queues: binding group/binding, domain, active, delayed, in flight, connections.",
    is_destructive: false,
};

/// Queues listed by one shard; the longest come first.
const MOST: usize = 1000;

pub(super) fn ask<W: World>(shard: &Rc<Shard<W>>, operands: &[String]) -> Part {
    let site = shard.site();
    let schedule = shard.schedule.borrow();
    let wanted = operands.first();
    let mut queues: Vec<_> = schedule
        .summaries()
        .filter(|queue| queue.active + queue.delayed + queue.in_flight as usize > 0)
        .filter(|queue| wanted.is_none_or(|domain| domain == queue.domain))
        .collect();
    queues.sort_by_key(|queue| std::cmp::Reverse(queue.active + queue.delayed));
    let lines = queues.iter().take(MOST).map(|queue| {
        format!(
            "{}/{} {} active={} delayed={} in_flight={} connections={}{}",
            site.group_of(queue.binding),
            queue.binding,
            queue.domain,
            queue.active,
            queue.delayed,
            queue.in_flight,
            queue.connections,
            if queue.suspended { " suspended" } else { "" },
        )
    });
    Part::Lines(lines.collect())
}
