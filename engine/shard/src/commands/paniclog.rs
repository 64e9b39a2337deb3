//! `paniclog`

use crate::Shard;
use console::{Command, Document, Refused, Request, record};
use mail::Time;
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command =
    Command::new("paniclog", "", "Shows the last things that went wrong on our side, ten of each core.");

pub(super) async fn ask<W: World>(
    shard: Rc<Shard<W>>,
    request: Arc<Request>,
) -> Result<Vec<(Time, String)>, Refused> {
    request.operands().end()?;
    Ok(shard.recorder.last_complaints())
}

pub(super) async fn merge<W: World>(
    _: Rc<Shard<W>>,
    _: Arc<Request>,
    parts: Vec<Vec<(Time, String)>>,
) -> Result<Document, Refused> {
    let mut complaints: Vec<(Time, String)> = parts.into_iter().flatten().collect();
    complaints.sort();
    let rows = complaints.into_iter().map(|(at, text)| record! { date: at, level: "error", text: text });
    Ok(Document::new().rows("paniclog", "[{date:date}] [{level}] {text}", rows))
}
