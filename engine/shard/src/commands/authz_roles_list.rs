//! `authz roles list`

use crate::Shard;
use crate::operator::Operator;
use console::{Command, Document, Refused, Request, record};
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command =
    Command::new("authz roles list", "", "Lists the roles of the Authorization stanza.");

pub(super) async fn run<W: World>(
    shard: Rc<Shard<W>>,
    request: Arc<Request>,
    _: Rc<Operator>,
) -> Result<Document, Refused> {
    request.operands().end()?;
    let roles: Vec<String> = shard.roles().into_iter().map(|role| role.name).collect();
    let rows = roles.into_iter().map(|name| record! { role: name });
    Ok(Document::new().rows("roles", "{role}", rows))
}
