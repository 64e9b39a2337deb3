//! `suspensions`

use super::suspend::spoken;
use crate::Shard;
use console::{Command, Document, Refused, Request, record};
use mail::Time;
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command =
    Command::new("suspensions", "", "Lists what is suspended by order, since when, and by whom.");

/// One order. All shards have the same.
pub struct Row {
    scope: String,
    by: Arc<str>,
    at: Time,
}

pub async fn run<W: World>(
    shard: Rc<Shard<W>>,
    request: Arc<Request>,
    _: Rc<crate::operator::Operator>,
) -> Result<Document, Refused> {
    request.operands().end()?;
    let schedule = shard.schedule.borrow();
    let row = |(scope, order): (_, &bindings::Order)| Row {
        scope: spoken(scope),
        by: order.by.clone(),
        at: order.at,
    };
    let mut rows: Vec<Row> = schedule.suspensions().map(row).collect();
    rows.sort_by(|one, other| one.scope.cmp(&other.scope));
    let count = rows.len();
    let rows = rows.into_iter().map(|row| record! { scope: row.scope, since: row.at, by: row.by });
    let document = Document::new().rows("suspensions", "{scope}, since {since:date} by {by}", rows);
    Ok(document.record("", "{count} suspensions", record! { count: count }))
}
