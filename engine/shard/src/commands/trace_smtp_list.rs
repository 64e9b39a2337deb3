//! `trace smtp list`

use crate::Shard;
use crate::operator::Operator;
use console::{Command, Document, Record, Refused, Request, record};
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command =
    Command::new("trace smtp list", "", "Lists what of outgoing connections is written to files.");

/// The files belong to the writer of logs: the column of the descriptor is empty.
const ROW: &str = "\
[{id:>6}]  binding: {binding}
           domain: {domain}
             file: {file} @ -";

pub(super) async fn run<W: World>(
    shard: Rc<Shard<W>>,
    request: Arc<Request>,
    _: Rc<Operator>,
) -> Result<Document, Refused> {
    request.operands().end()?;
    let any = |name: &Option<String>| name.clone().unwrap_or_else(|| "*".to_owned());
    let row = |tracer: &crate::smtp_trace::Tracer| {
        record! {
            id: tracer.number,
            binding: any(&tracer.binding),
            domain: any(&tracer.domain),
            file: tracer.file.display().to_string(),
        }
    };
    let rows: Vec<Record> = shard.tracers.list().iter().map(row).collect();
    Ok(Document::new().rows("tracers", ROW, rows))
}
