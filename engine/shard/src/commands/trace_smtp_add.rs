//! `trace smtp add`

use crate::Shard;
use crate::operator::Operator;
use crate::smtp_trace::{add, file_of};
use console::{Command, Document, Refused, Request, record};
use mail::address::fold_domain;
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command = Command::new(
    "trace smtp add",
    "<binding|*> <domain|*> <file>",
    "Writes what is said on new outgoing connections of a binding and domain to a file.",
)
.changes()
.explained("The file is appended to, with trace_smtp_mode; its path is absolute. Bodies are shown by their beginning.");

pub(super) async fn run<W: World>(
    shard: Rc<Shard<W>>,
    request: Arc<Request>,
    _: Rc<Operator>,
) -> Result<Document, Refused> {
    let [binding, domain, file] = request.operands().exactly()?;
    let path = file_of(&file)
        .ok_or_else(|| Refused::new(format!("{file}: the file is named by its absolute path")))?;
    let named = |name: String| Some(name).filter(|name| name != "*");
    let domain = named(domain).map(|domain| fold_domain(&domain));
    let number = add(&shard, named(binding), domain, path)
        .map_err(|_| Refused::new("there are 100 tracers already: remove one"))?;
    Ok(Document::new().record("", "Registered smtp tracer #{id}", record! { id: number }))
}
