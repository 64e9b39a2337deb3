//! `message fail quiet`

pub use super::message_fail::merge;
use super::message_fail::take_and_fail;
use super::one_message::Answer;
use crate::Shard;
use console::{Command, Refused, Request};
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command =
    Command::new("message fail quiet", "<mid>", "Fails one message and tells nobody.").destroys();

pub async fn ask<W: World>(shard: Rc<Shard<W>>, request: Arc<Request>) -> Result<Answer<()>, Refused> {
    take_and_fail(shard, &request, true).await
}
