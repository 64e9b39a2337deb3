//! `message fail`

use super::one_message::{Answer, confirmed, id, only, take};
use crate::Shard;
use crate::orders::fail;
use console::{Command, Document, Refused, Request};
use mail::Reply;
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command =
    Command::new("message fail", "<mid>", "Fails one message and tells its sender.").destroys();

/// As the original says it (spec mail-flow.md §5.3).
const FAILED: Reply = Reply::plain(554, "manually failed.");

pub async fn ask<W: World>(shard: Rc<Shard<W>>, request: Arc<Request>) -> Result<Answer<()>, Refused> {
    take_and_fail(shard, &request, false).await
}

pub(super) async fn take_and_fail<W: World>(
    shard: Rc<Shard<W>>,
    request: &Request,
    quietly: bool,
) -> Result<Answer<()>, Refused> {
    let task = shard.clone();
    let act = |found: crate::find::Found, pair| async move {
        fail(&task, found.queue, vec![pair], &FAILED, quietly).await;
    };
    Ok(take(&shard, id(request)?, act).await)
}

pub async fn merge<W: World>(
    _: Rc<Shard<W>>,
    request: Arc<Request>,
    parts: Vec<Answer<()>>,
) -> Result<Document, Refused> {
    let id = id(&request)?;
    only(id, parts)?;
    Ok(confirmed(id, "Message {id} failed."))
}
