//! What the commands about one message share: its identity, and the order on the shard that has it.

use crate::Shard;
use crate::find::{Found, find};
use crate::parcel::Parcel;
use console::{Document, Refused, Request, record};
use mail::MessageId;
use std::rc::Rc;
use world::World;

/// What a shard knows of the message.
pub enum Answer<T> {
    NotHere,
    Here(T),
    /// A connection has it in hand: nothing can be done with it before that ends.
    UnderWay,
}

pub fn id(request: &Request) -> Result<MessageId, Refused> {
    let [id] = request.operands().exactly()?;
    read_id(&id)
}

pub fn read_id(text: &str) -> Result<MessageId, Refused> {
    text.parse().map_err(|wrong| Refused::new(format!("{text}: {wrong}")))
}

/// Finds the message on this shard.
pub async fn look<W: World>(shard: &Rc<Shard<W>>, id: MessageId) -> Answer<Found> {
    if shard.presences.with_message(id).is_some() {
        return Answer::UnderWay;
    }
    find(shard, id).await.map_or(Answer::NotHere, Answer::Here)
}

/// Takes the message out of its queue and has something done with it.
pub async fn take<W: World, F: Future<Output = ()>>(
    shard: &Rc<Shard<W>>,
    id: MessageId,
    act: impl FnOnce(Found, (Parcel, bindings::EntryInfo)) -> F,
) -> Answer<()> {
    let found = match look(shard, id).await {
        Answer::Here(found) => found,
        Answer::NotHere => return Answer::NotHere,
        Answer::UnderWay => return Answer::UnderWay,
    };
    let now = shard.world.now();
    let is_it = |parcel: &Parcel| parcel.is_same(&found.parcel);
    let mut taken = shard.schedule.borrow_mut().extract(found.queue, is_it, now);
    match taken.pop() {
        Some(pair) => {
            act(found, pair).await;
            shard.dispatch_bell.raise();
            Answer::Here(())
        }
        // Somebody was faster.
        None => Answer::UnderWay,
    }
}

/// The one answer of all shards.
pub fn only<T>(id: MessageId, parts: Vec<Answer<T>>) -> Result<T, Refused> {
    let mut under_way = false;
    for part in parts {
        match part {
            Answer::Here(found) => return Ok(found),
            Answer::UnderWay => under_way = true,
            Answer::NotHere => {}
        }
    }
    Err(Refused::new(match under_way {
        true => format!("message {id} is being delivered"),
        false => format!("message {id} is not in any queue"),
    }))
}

pub fn confirmed(id: MessageId, layout: &'static str) -> Document {
    Document::new().record("", layout, record! { id: id.to_string() })
}
