//! `showqueue`

use crate::parcel::Parcel;
use crate::selection::Selection;
use crate::{Shard, fetch};
use bindings::Place;
use console::{Command, Document, Record, Refused, Request, record};
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command = Command::new(
    "showqueue",
    "[binding <binding|all>] <domain> [limit,offset]",
    "Lists the messages queued for a domain, active ones first; 100 of them without a limit.",
);

const ROW: &str = "[{queue}/{binding}] {id} Created: {created}\n  From: <{from}> To: <{to}>";

/// Messages in an answer, and passed over before them.
const MESSAGES_SHOWN: usize = 10_000;
const OFFSET_MOST: usize = 1_000_000;

struct Wanted {
    selection: Selection,
    limit: usize,
    offset: usize,
}

impl Wanted {
    fn read(request: &Request) -> Result<Wanted, Refused> {
        let words = request.operands().rest()?;
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (binding, words) = match *words {
            ["binding", binding, ref rest @ ..] => (binding, rest),
            ref rest => ("default", rest),
        };
        let (domain, window) = match *words {
            [domain] => (domain, "100,0"),
            [domain, window] => (domain, window),
            _ => return Err(request.usage()),
        };
        let (limit, offset) = window.split_once(',').unwrap_or((window, "0"));
        let number = |text: &str, most: usize| {
            text.parse().ok().filter(|number| *number <= most).ok_or_else(|| {
                Refused::new(format!("the window is limit,offset, {MESSAGES_SHOWN},{OFFSET_MOST} at most"))
            })
        };
        Ok(Wanted {
            selection: Selection::new(Some(binding), Some(domain)),
            limit: number(limit, MESSAGES_SHOWN)?,
            offset: number(offset, OFFSET_MOST)?,
        })
    }
}

/// The messages of one shard: how many there are, and those that the window may need.
pub struct Waiting {
    messages: usize,
    first: Vec<Handle>,
}

/// A message, its content not yet read.
struct Handle {
    parcel: Parcel,
    place: Place,
    binding: Arc<str>,
}

pub async fn ask<W: World>(shard: Rc<Shard<W>>, request: Arc<Request>) -> Result<Waiting, Refused> {
    let wanted = Wanted::read(&request)?;
    let mut waiting = Waiting { messages: 0, first: Vec::new() };
    for queue in wanted.selection.queues(&shard).await {
        {
            let schedule = shard.schedule.borrow();
            if !schedule.exists(queue) {
                continue;
            }
            let binding: Arc<str> = (&**schedule.names(queue).0).into();
            let room = (wanted.offset + wanted.limit).saturating_sub(waiting.first.len());
            let handle = |(parcel, _, place): (&Parcel, _, _)| Handle {
                parcel: parcel.clone(),
                place,
                binding: binding.clone(),
            };
            waiting.first.extend(schedule.waiting(queue).take(room).map(handle));
            let summary = schedule.summary(queue);
            waiting.messages += summary.active + summary.delayed;
        }
        shard.world.breathe().await;
    }
    Ok(waiting)
}

/// Only what stands in the window is read.
pub async fn merge<W: World>(
    shard: Rc<Shard<W>>,
    request: Arc<Request>,
    parts: Vec<Waiting>,
) -> Result<Document, Refused> {
    let wanted = Wanted::read(&request)?;
    let messages: usize = parts.iter().map(|waiting| waiting.messages).sum();
    let all = parts.into_iter().flat_map(|waiting| waiting.first);
    let mut rows: Vec<Record> = Vec::new();
    for Handle { parcel, place, binding } in all.skip(wanted.offset).take(wanted.limit) {
        shard.world.breathe().await;
        // One that ended meanwhile is not queued any more.
        let Ok(content) = fetch::fetch(&shard, &parcel).await else { continue };
        let envelope = &content.envelopes[parcel.copy as usize];
        rows.push(record! {
            queue: if place == Place::Active { "active" } else { "delayed" },
            binding: binding,
            id: envelope.id.to_string(),
            created: content.received,
            from: content.sender.as_ref().map_or("", |sender| sender.as_str()),
            to: envelope.recipient.as_str(),
        });
    }
    Ok(Document::new().rows("messages", ROW, rows).data("queued", messages))
}
