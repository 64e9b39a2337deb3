//! `authz id`

use crate::Shard;
use crate::operator::Operator;
use console::{Command, Document, Refused, Request, record};
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command = Command::new("authz id", "", "Says as whom you are known here, and your roles.");

pub(super) async fn run<W: World>(
    _: Rc<Shard<W>>,
    request: Arc<Request>,
    operator: Rc<Operator>,
) -> Result<Document, Refused> {
    request.operands().end()?;
    let known = record! { user: operator.user.as_str(), roles: operator.roles.clone() };
    Ok(Document::new().record("", "User: {user}\nRoles: {roles}", known))
}
