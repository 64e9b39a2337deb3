//! The end of a transaction that policy has passed: trace fields, the promise, the reply.

use crate::judge::Conversation;
use crate::trace;
use bytes::Bytes;
use mail::{Contexts, MessageId, Protocol, Reception, Reply, Time};
use smtp::server::Draft;
use smtp::server::replies::TRANSACTION_FAILED;
use world::World;

/// Octets of a body that is copied once more rather than kept in the buffer it came in.
const SMALL_BODY: usize = 65_536;

impl<W: World> Conversation<W> {
    /// Durable, queued, then 250.
    pub async fn finish(&mut self, draft: Draft) -> Reply {
        let Some(judged) = self.judged.take() else { return TRANSACTION_FAILED };
        let batch = judged.copies.first().map_or_else(|| self.shard.next_id(), |copy| copy.id);
        self.wait_for_throttle().await;
        let received = self.shard.world.now();
        let (sender, eight_bit) = (draft.sender.clone(), draft.eight_bit);
        let body = self.traced(draft, batch, received);
        if judged.copies.is_empty() {
            return accepted(batch);
        }
        let notified = sender.clone().filter(|_| self.settings.notifies_of_refusals);
        let returned = body.clone();
        let reception = Reception {
            batch,
            connection: self.client.id,
            received,
            protocol: Protocol::Esmtp,
            source: self.client.peer,
            sender,
            eight_bit,
            contexts: Contexts {
                connection: self.contexts.connection.clone(),
                message: std::mem::take(&mut self.contexts.message),
            },
            envelopes: judged.copies,
            bodies: vec![body],
        };
        if let Err(reply) = self.shard.admit(reception).await {
            return reply;
        }
        // After the message: a notice before it would be repeated with each attempt of the client.
        if let Some(sender) = notified.filter(|_| !judged.refused.is_empty()) {
            self.shard.notify_refused(&sender, &judged.refused, &returned, received).await;
        }
        accepted(batch)
    }

    /// `inbound_throttle_messages`: what is above the rate waits, and is not refused (mail-flow.md §7.5).
    async fn wait_for_throttle(&self) {
        let Some(cell) = &self.settings.throttle else { return };
        let world = &self.shard.world;
        while !self.shard.is_stopping() && cell.take(1, world.now()) == 0 {
            let until = cell.exhausted_until(world.now()).unwrap_or(world.now());
            world.sleep_until(until).await;
        }
    }

    fn traced(&self, mut draft: Draft, batch: MessageId, received: Time) -> Bytes {
        trace::write(
            &mut draft,
            &trace::Trace {
                client: self.client.peer,
                helo: self.contexts.connection.get("ehlo_domain").unwrap_or(""),
                settings: &self.settings.trace,
                batch,
                received,
            },
        );
        // A small body is copied into memory of its own size: the buffer that it grew in is up to three
        // times as large, and may wait in a queue for days.
        match draft.body.len() {
            ..=SMALL_BODY => Bytes::copy_from_slice(draft.body.content()),
            _ => draft.body.freeze(),
        }
    }
}

fn accepted(batch: MessageId) -> Reply {
    Reply::with(250, (2, 0, 0), format!("OK {batch}"))
}
