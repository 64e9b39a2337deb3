//! `trace smtp remove`

use crate::Shard;
use crate::operator::Operator;
use crate::smtp_trace::remove;
use console::{Command, Document, Refused, Request, record};
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command =
    Command::new("trace smtp remove", "<id>", "Stops a trace of outgoing connections for those to come.")
        .changes();

pub(super) async fn run<W: World>(
    shard: Rc<Shard<W>>,
    request: Arc<Request>,
    _: Rc<Operator>,
) -> Result<Document, Refused> {
    let [number] = request.operands().exactly()?;
    let wrong = || Refused::new(format!("there is no smtp tracer {number}: see trace smtp list"));
    let number: u64 = number.trim_start_matches('#').parse().map_err(|_| wrong())?;
    if !remove(&shard, number) {
        return Err(wrong());
    }
    Ok(Document::new().record("", "Removed smtp tracer #{id}", record! { id: number }))
}
