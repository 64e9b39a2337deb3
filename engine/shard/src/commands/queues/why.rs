//! `why`

use super::one_message::{Answer, only, read_id};
use crate::find::find;
use crate::{Shard, fetch, why};
use console::{Command, Document, Record, Refused, Request, record};
use mail::MessageId;
use mail::address::fold_domain;
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command = Command::new(
    "why",
    "<mid> | <binding> <domain>",
    "Says why a message, or the mail of a domain on a binding, does not move.",
)
.explained(
    "The cause that must end first comes first, with the place where it is set and the time when it ends.",
);

enum Asked {
    Message(MessageId),
    Queue { binding: String, domain: String },
}

/// Headline and causes, from the shard that has them.
pub struct Causes {
    headline: Record,
    rows: Vec<Record>,
}

impl Asked {
    fn read(request: &Request) -> Result<Asked, Refused> {
        let words = request.operands().rest()?;
        match &words[..] {
            [id] => read_id(id).map(Asked::Message),
            [binding, domain] => Ok(Asked::Queue { binding: binding.clone(), domain: fold_domain(domain) }),
            _ => Err(request.usage()),
        }
    }
}

pub async fn ask<W: World>(shard: Rc<Shard<W>>, request: Arc<Request>) -> Result<Answer<Causes>, Refused> {
    match Asked::read(&request)? {
        Asked::Message(id) => Ok(of_message(&shard, id).await),
        Asked::Queue { binding, domain } => {
            let queue = shard.schedule.borrow().find(&binding, &domain);
            let rows = match queue {
                Some(queue) => why::of_queue(&shard, queue, None).await,
                None => None,
            };
            let headline = record! { binding: binding, domain: domain };
            Ok(rows.map_or(Answer::NotHere, |rows| Answer::Here(Causes { headline, rows })))
        }
    }
}

async fn of_message<W: World>(shard: &Rc<Shard<W>>, id: MessageId) -> Answer<Causes> {
    if let Some(presence) = shard.presences.with_message(id) {
        let (binding, domain) = names(shard, presence.queue);
        let headline = record! { id: id.to_string(), binding: binding, domain: domain };
        let rows = vec![why::in_hand(&presence.under(), shard.world.now())];
        return Answer::Here(Causes { headline, rows });
    }
    let Some(found) = find(shard, id).await else { return Answer::NotHere };
    let note = fetch::note_of(shard, &found.parcel).await;
    if !shard.schedule.borrow().exists(found.queue) {
        return Answer::UnderWay;
    }
    let (binding, domain) = names(shard, found.queue);
    let headline = record! { id: id.to_string(), binding: binding, domain: domain };
    let rows = why::of_queue(shard, found.queue, Some((&found, note.reply))).await;
    rows.map_or(Answer::UnderWay, |rows| Answer::Here(Causes { headline, rows }))
}

fn names<W: World>(shard: &Shard<W>, queue: bindings::QueueId) -> (String, String) {
    let schedule = shard.schedule.borrow();
    let (binding, domain) = schedule.names(queue);
    (binding.to_string(), domain.to_string())
}

pub async fn merge<W: World>(
    shard: Rc<Shard<W>>,
    request: Arc<Request>,
    parts: Vec<Answer<Causes>>,
) -> Result<Document, Refused> {
    const MESSAGE: &str = "Message {id}, for {domain} on {binding}:";
    const QUEUE: &str = "Queue of {domain} on {binding}:";
    let (causes, layout) = match Asked::read(&request)? {
        Asked::Message(id) => (only(id, parts)?, MESSAGE),
        Asked::Queue { binding, domain } => {
            let here = parts.into_iter().find_map(|part| match part {
                Answer::Here(causes) => Some(causes),
                _ => None,
            });
            let nothing = || {
                let knows = shard.site().knows_binding(&binding);
                let which = if knows { "" } else { ", a binding that the configuration does not have" };
                Refused::new(format!("no mail is queued for {domain} on {binding}{which}"))
            };
            (here.ok_or_else(nothing)?, QUEUE)
        }
    };
    Ok(Document::new().record("queue", layout, causes.headline).rows("causes", "  {text}", causes.rows))
}
