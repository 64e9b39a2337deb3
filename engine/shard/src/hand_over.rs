//! Each copy goes to the shard that owns its (binding, domain): into our own queue, or as a post.

use crate::Shard;
use crate::parcel::{Kept, Parcel};
use crate::post::{Post, Transfer};
use mail::{QueueName, Time};
use std::collections::BTreeMap;
use std::rc::Rc;
use world::World;

/// Copies in one post at most.
pub(crate) const COPIES_IN_A_POST: usize = 64;

/// A copy that was just admitted.
pub(crate) fn fresh(parcel: Parcel) -> Waiting {
    Waiting { parcel, attempts: 0, next_attempt: Time::EPOCH, moved_to: None }
}

/// A copy and the state of its retries.
pub(crate) struct Waiting {
    pub parcel: Parcel,
    pub attempts: u32,
    /// EPOCH is "at once".
    pub next_attempt: Time,
    /// The queue, if an order has chosen another one than its envelope names.
    pub moved_to: Option<QueueName>,
}

/// Returns when every copy is in its queue or on its way to the owner; waits only for credit.
pub(crate) async fn hand_over<W: World>(
    shard: &Rc<Shard<W>>,
    content: &Kept,
    copies: impl Iterator<Item = Waiting>,
) {
    let mut elsewhere: BTreeMap<usize, Vec<Transfer>> = BTreeMap::new();
    for waiting in copies {
        shard.world.breathe().await;
        // A head that names fewer copies than its record has is damage: the others go on.
        let Some(envelope) = content.envelopes.get(waiting.parcel.copy as usize) else { continue };
        let QueueName { binding, domain } = waiting.moved_to.unwrap_or_else(|| QueueName {
            binding: envelope.binding.clone(),
            domain: envelope.domain.clone(),
        });
        let owner = bindings::owner(&binding, &domain, shard.count);
        let transfer = Transfer {
            batch: batch_key(&waiting.parcel, envelope.body),
            parcel: waiting.parcel,
            binding,
            domain,
            received: content.received,
            attempts: waiting.attempts,
            next_attempt: waiting.next_attempt,
            priority: envelope.priority,
        };
        if owner == shard.index {
            shard.enqueue(transfer);
            continue;
        }
        let lot = elsewhere.entry(owner).or_default();
        lot.push(transfer);
        if lot.len() == COPIES_IN_A_POST {
            let lot = std::mem::take(lot);
            request(shard, owner, Post::Queue(lot)).await;
        }
    }
    for (owner, lot) in elsewhere.into_iter().filter(|(_, lot)| !lot.is_empty()) {
        request(shard, owner, Post::Queue(lot)).await;
    }
}

/// Sends a request as soon as there is a credit for it.
pub(crate) async fn request<W: World>(shard: &Shard<W>, to: usize, post: Post) {
    while !shard.post_office.has_credit(to) {
        shard.credit.wait().await;
    }
    shard.post_office.send(to, post, shard.world.now());
}

/// Copies with equal keys may share a transaction: same promise, same body.
fn batch_key(parcel: &Parcel, body: u16) -> u64 {
    parcel.promise.0.rotate_left(24) ^ u64::from(parcel.home) << 16 ^ u64::from(body)
}
