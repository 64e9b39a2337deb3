//! `show outbound`

use crate::Shard;
use console::{Command, Document, Refused, Request, record};
use mail::Stage;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command =
    Command::new("show outbound", "", "Lists the outbound sessions, with what each is at.");

const ROW: &str = "{number}: [outbound/{state}] {domain} {family} {peer}";

/// Sessions that one core lists.
const MOST: usize = 20_000;

/// A row.
pub struct Session {
    number: u64,
    stage: Stage,
    domain: String,
    peer: Option<IpAddr>,
}

pub(super) async fn ask<W: World>(
    shard: Rc<Shard<W>>,
    request: Arc<Request>,
) -> Result<Vec<Session>, Refused> {
    request.operands().end()?;
    let schedule = shard.schedule.borrow();
    let present = shard.presences.all().into_iter().take(MOST);
    let rows = present.filter(|(_, presence)| schedule.exists(presence.queue)).map(|(number, presence)| {
        let under = presence.under();
        let domain = schedule.names(presence.queue).1.to_string();
        Session { number, stage: under.stage, domain, peer: under.address }
    });
    Ok(rows.collect())
}

pub(super) async fn merge<W: World>(
    _: Rc<Shard<W>>,
    _: Arc<Request>,
    parts: Vec<Vec<Session>>,
) -> Result<Document, Refused> {
    let rows = parts.into_iter().flatten().map(|row| {
        let state = match row.stage {
            Stage::NotConnected => "connection_handleconnect",
            stage => stage.text(),
        };
        let family = row.peer.map_or("-", |peer| if peer.is_ipv4() { "IPv4" } else { "IPv6" });
        let peer = row.peer.map_or_else(|| "-".to_owned(), |peer| peer.to_string());
        record! { number: row.number, state: state, domain: row.domain, family: family, peer: peer }
    });
    Ok(Document::new().rows("sessions", ROW, rows))
}
