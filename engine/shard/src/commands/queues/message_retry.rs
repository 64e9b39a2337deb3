//! `message retry`

use super::one_message::{Answer, confirmed, id, only, take};
use crate::Shard;
use bindings::EntryInfo;
use console::{Command, Document, Refused, Request};
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command = Command::new("message retry", "<mid>", "Makes one message due now.").changes();

pub async fn ask<W: World>(shard: Rc<Shard<W>>, request: Arc<Request>) -> Result<Answer<()>, Refused> {
    let task = shard.clone();
    let act = |found: crate::find::Found, (parcel, mut info): (_, EntryInfo)| async move {
        let now = task.world.now();
        info.next_attempt = info.next_attempt.min(now);
        task.schedule.borrow_mut().returned(found.queue, [(parcel, info)], now);
    };
    Ok(take(&shard, id(&request)?, act).await)
}

pub async fn merge<W: World>(
    _: Rc<Shard<W>>,
    request: Arc<Request>,
    parts: Vec<Answer<()>>,
) -> Result<Document, Refused> {
    let id = id(&request)?;
    only(id, parts)?;
    Ok(confirmed(id, "Message requeued for delivery"))
}
