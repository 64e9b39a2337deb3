//! `version`

use crate::Shard;
use crate::operator::Operator;
use console::{Command, Document, Refused, Request, record};
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command = Command::new("version", "", "Says version and product of the running server.");

const BANNER: &str = "############################################################
# ecelerity version: {version} r(0)
# {product}, an open-source mail engine
# Copyright the authors of Impetus; {licence}
############################################################";

pub(super) async fn run<W: World>(
    _: Rc<Shard<W>>,
    request: Arc<Request>,
    _: Rc<Operator>,
) -> Result<Document, Refused> {
    request.operands().end()?;
    let known =
        record! { version: env!("CARGO_PKG_VERSION"), product: "Impetus", licence: "Apache-2.0 OR MIT" };
    Ok(Document::new().record("", BANNER, known))
}
