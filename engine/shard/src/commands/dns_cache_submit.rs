//! `dns_cache submit`

use crate::Shard;
use console::{Command, Document, Refused, Request};
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command = Command::new(
    "dns_cache submit",
    "<record> <A|MX|PTR|TXT|AAAA|CNAME|NS>",
    "Asks the name servers; the answer lands in the caches.",
);

pub(super) async fn ask<W: World>(shard: Rc<Shard<W>>, request: Arc<Request>) -> Result<(), Refused> {
    let question = super::dns_cache_lookup::question(&request)?;
    let asking = shard.clone();
    shard.world.spawn("question", async move {
        // Whatever is answered, the cache has it.
        let _ = crate::resolve::ask(&asking, &question).await;
    });
    Ok(())
}

pub(super) async fn merge<W: World>(
    _: Rc<Shard<W>>,
    _: Arc<Request>,
    _: Vec<()>,
) -> Result<Document, Refused> {
    Ok(Document::said("Submitted"))
}
