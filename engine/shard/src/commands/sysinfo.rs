//! `sysinfo`

use crate::Shard;
use crate::operator::Operator;
use console::{Command, Document, Refused, Request, record};
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command = Command::new("sysinfo", "", "Says version and product, and what they run on.");

const LAYOUT: &str = "Momentum Version: ecelerity {version} ({word_size}-bit)
Build: {build}
Product: {product}
OS Release: {os_release}
System: {system}
Cores: {cores}";

pub(super) async fn run<W: World>(
    shard: Rc<Shard<W>>,
    request: Arc<Request>,
    _: Rc<Operator>,
) -> Result<Document, Refused> {
    request.operands().end()?;
    let host = shard.common.host.get().cloned().unwrap_or_default();
    let known = record! {
        version: env!("CARGO_PKG_VERSION"),
        word_size: u64::from(usize::BITS),
        build: if cfg!(debug_assertions) { "debug" } else { "release" },
        product: "Impetus",
        os_release: host.release,
        system: host.system,
        cores: shard.count,
    };
    Ok(Document::new().record("", LAYOUT, known))
}
