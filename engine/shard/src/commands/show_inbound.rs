//! `show inbound`

use crate::Shard;
use console::{Command, Document, Refused, Request, record};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command =
    Command::new("show inbound", "", "Lists the inbound sessions, with what each is at and since when.");

const ROW: &str = "{number}: [inbound/esmtp_message_factory] {family} {peer} {state} (for {seconds:.3}s)";

/// Sessions that one core lists.
const MOST: usize = 20_000;

pub struct Row {
    number: u64,
    peer: Option<SocketAddr>,
    state: &'static str,
    seconds: f64,
}

pub(super) async fn ask<W: World>(shard: Rc<Shard<W>>, request: Arc<Request>) -> Result<Vec<Row>, Refused> {
    request.operands().end()?;
    let now = shard.world.now();
    let visitors = shard.visitors.all();
    let rows = visitors.iter().take(MOST).map(|(number, visitor)| {
        let (state, since) = visitor.state.get();
        Row {
            number: *number,
            peer: visitor.peer,
            state: state.text(),
            seconds: now.since(since).as_secs_f64(),
        }
    });
    Ok(rows.collect())
}

pub(super) async fn merge<W: World>(
    _: Rc<Shard<W>>,
    _: Arc<Request>,
    parts: Vec<Vec<Row>>,
) -> Result<Document, Refused> {
    let rows = parts.into_iter().flatten().map(|row| {
        let family = row.peer.map_or("Unix", |peer| if peer.is_ipv4() { "IPv4" } else { "IPv6" });
        let peer = row.peer.map_or_else(|| "local".to_owned(), |peer| peer.to_string());
        record! { number: row.number, family: family, peer: peer, state: row.state, seconds: row.seconds }
    });
    Ok(Document::new().rows("sessions", ROW, rows))
}
