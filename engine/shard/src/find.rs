//! Finds a message by its identity among those that wait on this shard.
//!
//! A queue does not know identities: they stand in the contents. Those in memory are looked at; of the others
//! only those whose reception fits the second in the identity are read back.

use crate::parcel::{Kept, Parcel};
use crate::selection::Selection;
use crate::{Shard, fetch};
use bindings::{EntryInfo, Place, QueueId};
use mail::{MessageId, Time};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use world::World;

/// An identity is given before the reception ends: policy may hold the conversation for so long.
const RECEPTION_TAKES: Duration = Duration::from_secs(900);
/// Identities run ahead of the clock in a flood.
const RUNS_AHEAD: Duration = Duration::from_secs(5);

/// A message that waits.
pub(crate) struct Found {
    pub queue: QueueId,
    pub parcel: Parcel,
    pub content: Arc<Kept>,
    pub info: EntryInfo,
    pub place: Place,
}

pub(crate) async fn find<W: World>(shard: &Rc<Shard<W>>, id: MessageId) -> Option<Found> {
    let (latest, earliest) = window(id);
    let mut unread: Vec<(Time, QueueId, Parcel)> = Vec::new();
    for queue in Selection::default().queues(shard).await {
        if let Some(found) = look(shard, queue, id, |info, parcel| {
            if (earliest..=latest).contains(&info.received) {
                unread.push((info.received, queue, parcel.clone()));
            }
        }) {
            return Some(found);
        }
        shard.world.breathe().await;
    }
    // Those received right after the identity was given are the likeliest.
    unread.sort_by_key(|(received, _, _)| *received);
    for (_, queue, parcel) in unread {
        let Ok(content) = fetch::fetch(shard, &parcel).await else { continue };
        if content.envelopes.get(parcel.copy as usize).is_some_and(|envelope| envelope.id == id) {
            return still_there(shard, queue, &parcel, content);
        }
        shard.world.breathe().await;
    }
    None
}

/// The latest and the earliest time at which a message of this identity was received.
fn window(id: MessageId) -> (Time, Time) {
    let given = Time::from_secs(u64::from(id.second));
    let earliest = Time::from_micros(given.micros().saturating_sub(RUNS_AHEAD.as_micros() as u64));
    (given + RECEPTION_TAKES, earliest)
}

/// Looks through the contents in memory; shows the messages without.
fn look<W: World>(
    shard: &Shard<W>,
    queue: QueueId,
    id: MessageId,
    mut without: impl FnMut(&EntryInfo, &Parcel),
) -> Option<Found> {
    let schedule = shard.schedule.borrow();
    if !schedule.exists(queue) {
        return None;
    }
    for (parcel, info, place) in schedule.waiting(queue) {
        match &parcel.content {
            Some(content) if content.envelopes[parcel.copy as usize].id == id => {
                let (parcel, content) = (parcel.clone(), content.clone());
                return Some(Found { queue, parcel, content, info: *info, place });
            }
            Some(_) => {}
            None => without(info, parcel),
        }
    }
    None
}

/// The message may have left its queue while its content was read.
fn still_there<W: World>(
    shard: &Shard<W>,
    queue: QueueId,
    wanted: &Parcel,
    content: Arc<Kept>,
) -> Option<Found> {
    let schedule = shard.schedule.borrow();
    if !schedule.exists(queue) {
        return None;
    }
    let (_, info, place) = schedule.waiting(queue).find(|(parcel, _, _)| parcel.is_same(wanted))?;
    Some(Found { queue, parcel: wanted.clone(), content, info: *info, place })
}
