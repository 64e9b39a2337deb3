//! `dig`

use crate::Shard;
use crate::operator::Operator;
use console::{Command, Document, Refused, Request};
use dns::{Kind, Name, Question};
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command = Command::new(
    "dig",
    "<domain>",
    "Asks for the exchangers of a domain, so that they are known when mail comes.",
);

pub(super) async fn run<W: World>(
    shard: Rc<Shard<W>>,
    request: Arc<Request>,
    _: Rc<Operator>,
) -> Result<Document, Refused> {
    let [domain] = request.operands().exactly()?;
    let name = Name::new(&domain).map_err(|_| Refused(format!("not a name: {domain}")))?;
    let asking = shard.clone();
    shard.world.spawn("question", async move {
        // Whatever is answered, the cache has it.
        let _ = crate::resolve::ask(&asking, &Question::new(name, Kind::Mx)).await;
    });
    Ok(Document::said("submitted"))
}
