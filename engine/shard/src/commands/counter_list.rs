//! `counter list`

use crate::Shard;
use crate::named_counters::Counted;
use console::{Command, Document, Refused, Request, record};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command = Command::new("counter list", "", "Lists the counters of policy and operators.");

const ROW: &str = "{value:<6} {reset_time:date@}    {semantics} {counter}";

pub(super) async fn ask<W: World>(
    shard: Rc<Shard<W>>,
    request: Arc<Request>,
) -> Result<Vec<(String, Counted)>, Refused> {
    request.operands().end()?;
    Ok(shard.named_counters())
}

pub(super) async fn merge<W: World>(
    _: Rc<Shard<W>>,
    _: Arc<Request>,
    parts: Vec<Vec<(String, Counted)>>,
) -> Result<Document, Refused> {
    let mut sums: BTreeMap<String, Counted> = BTreeMap::new();
    for (name, counted) in parts.into_iter().flatten() {
        sums.entry(name).and_modify(|sum| sum.add(counted)).or_insert(counted);
    }
    let count = sums.len();
    let rows = sums.into_iter().map(|(name, counted)| {
        record! { value: counted.value, reset_time: counted.reset, semantics: "relaxed", counter: name }
    });
    let document =
        Document::new().text("VALUE       RESET_TIME       SEMANTICS COUNTER").rows("counters", ROW, rows);
    Ok(document.record("", "{listed} counters listed.", record! { listed: count }))
}
