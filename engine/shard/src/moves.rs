//! Copies that an order moves to another queue: the shard that holds the promise writes the new place down,
//! then the shard that owns the new queue gets them.

use crate::Shard;
use crate::hand_over::{COPIES_IN_A_POST, request};
use crate::post::{End, Post, Transfer};
use mail::QueueName;
use std::collections::BTreeMap;
use std::rc::Rc;
use world::World;

/// Sends copies that have left their queue on their way. Returns when all of them are; waits only for credit.
pub(crate) async fn moved<W: World>(shard: &Rc<Shard<W>>, transfers: Vec<Transfer>) {
    for (home, lot) in lots(transfers, |transfer| usize::from(transfer.parcel.home)) {
        if home == shard.index {
            settle_in(shard, lot).await;
        } else {
            request(shard, home, Post::Move(lot)).await;
        }
    }
}

/// The holder's side.
pub(crate) fn arrived<W: World>(shard: &Rc<Shard<W>>, transfers: Vec<Transfer>) {
    let task = shard.clone();
    shard.world.spawn("move", async move { settle_in(&task, transfers).await });
}

/// Notes the new places in our journal, then hands over.
async fn settle_in<W: World>(shard: &Rc<Shard<W>>, transfers: Vec<Transfer>) {
    for transfer in &transfers {
        let Transfer { parcel, binding, domain, next_attempt, attempts, .. } = transfer;
        let moved_to = Some(QueueName { binding: binding.clone(), domain: domain.clone() });
        let end = End::Deferred { until: *next_attempt, attempts: *attempts, reply: None, moved_to };
        shard.note(parcel.promise, parcel.copy, end);
    }
    let owner_of = |transfer: &Transfer| bindings::owner(&transfer.binding, &transfer.domain, shard.count);
    for (owner, lot) in lots(transfers, owner_of) {
        if owner == shard.index {
            lot.into_iter().for_each(|transfer| shard.enqueue(transfer));
        } else {
            request(shard, owner, Post::Queue(lot)).await;
        }
    }
}

/// By the shard that each goes to, no lot larger than a post may be.
fn lots(
    transfers: Vec<Transfer>,
    to: impl Fn(&Transfer) -> usize,
) -> impl Iterator<Item = (usize, Vec<Transfer>)> {
    let mut lots: BTreeMap<usize, Vec<Vec<Transfer>>> = BTreeMap::new();
    for transfer in transfers {
        let lots = lots.entry(to(&transfer)).or_default();
        match lots.last_mut().filter(|lot| lot.len() < COPIES_IN_A_POST) {
            Some(lot) => lot.push(transfer),
            None => lots.push(vec![transfer]),
        }
    }
    lots.into_iter().flat_map(|(to, lots)| lots.into_iter().map(move |lot| (to, lot)))
}
