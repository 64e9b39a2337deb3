//! The end of a transaction that policy has passed: trace fields, the promise, the reply.

use crate::copies::{Judged, Seen};
use crate::judge::Conversation;
use crate::trace;
use bytes::Bytes;
use content::Content;
use mail::{Address, Contexts, Envelope, MessageId, Protocol, Reception, Reply, Time};
use smtp::server::Draft;
use smtp::server::replies::TRANSACTION_FAILED;
use std::collections::HashMap;
use world::World;

/// Octets of a body that is copied once more rather than kept in the buffer it came in.
const SMALL_BODY: usize = 65_536;

impl<W: World> Conversation<W> {
    /// Durable, queued, then 250.
    pub async fn finish(&mut self, draft: Draft) -> Reply {
        let Some(mut judged) = self.judged.take() else { return TRANSACTION_FAILED };
        self.wait_for_throttle().await;
        let Some(mut seen) = judged.seen.take() else { return self.finish_unseen(draft, judged).await };
        let (batch, received) = (seen.batch, seen.received);
        let notifies = self.settings.notifies_of_refusals && !judged.refused.is_empty();
        let notified = seen.sender.clone().filter(|_| notifies);
        let returned = notified.as_ref().map(|_| seen.bodies[0].octets());
        let outgoing = std::mem::take(&mut seen.outgoing);
        let reply = seen.reply.take().unwrap_or_else(|| accepted(batch));
        let mut receptions = self.receptions(judged.copies, seen, draft.eight_bit).await;
        let bounces = self.sort_out_bounces(&mut receptions);
        for message in outgoing {
            receptions.extend(self.shard.compose(&self.settings.site, message).await);
        }
        if let Err(reply) = self.shard.admit_all(receptions).await {
            return reply;
        }
        self.log_bounces(&bounces);
        // After the message: a notice before it would be repeated with each attempt of the client.
        if let (Some(sender), Some(returned)) = (notified, returned) {
            self.shard.notify_refused(&sender, &judged.refused, &returned, received).await;
        }
        reply
    }

    /// The way of a message that no module has seen.
    async fn finish_unseen(&mut self, draft: Draft, judged: Judged) -> Reply {
        let batch = judged.copies.first().map_or_else(|| self.shard.next_id(), |copy| copy.id);
        if judged.copies.is_empty() {
            return accepted(batch);
        }
        let received = self.shard.world.now();
        let (sender, eight_bit) = (draft.sender.clone(), draft.eight_bit);
        let bodies = vec![self.traced(draft, batch, received)];
        let facts = Facts { batch, received, eight_bit };
        let mut receptions = vec![self.reception(facts, sender, judged.copies, bodies)];
        let bounces = self.sort_out_bounces(&mut receptions);
        if let Some(reception) = receptions.pop()
            && let Err(reply) = self.shard.admit(reception).await
        {
            return reply;
        }
        self.log_bounces(&bounces);
        accepted(batch)
    }

    /// One for each sender: mostly one. Each has the bodies that its copies name.
    async fn receptions(&mut self, copies: Vec<Envelope>, seen: Seen, eight_bit: bool) -> Vec<Reception> {
        let groups = by_sender(copies, &seen);
        let facts = Facts { batch: seen.batch, received: seen.received, eight_bit };
        let message = std::mem::take(&mut self.contexts.message);
        let mut receptions = Vec::with_capacity(groups.len());
        for (sender, mut copies) in groups {
            self.shard.world.breathe().await;
            let mut places: HashMap<u16, u16> = HashMap::new();
            let mut bodies: Vec<Bytes> = Vec::new();
            for copy in &mut copies {
                let content = usize::from(copy.body);
                copy.body = *places.entry(copy.body).or_insert_with(|| {
                    bodies.push(self.written(&seen.bodies[content], &sender));
                    (bodies.len() - 1) as u16
                });
            }
            let eight_bit = eight_bit || bodies.iter().any(|body| !body.is_ascii());
            self.contexts.message = message.clone();
            receptions.push(self.reception(Facts { eight_bit, ..facts }, sender, copies, bodies));
        }
        receptions
    }

    fn reception(
        &mut self,
        facts: Facts,
        sender: Option<Address>,
        envelopes: Vec<Envelope>,
        bodies: Vec<Bytes>,
    ) -> Reception {
        Reception {
            batch: facts.batch,
            connection: self.client.id,
            received: facts.received,
            protocol: Protocol::Esmtp,
            source: self.client.peer,
            sender,
            eight_bit: facts.eight_bit,
            contexts: Contexts {
                connection: self.contexts.connection.clone(),
                message: std::mem::take(&mut self.contexts.message),
            },
            envelopes,
            bodies,
        }
    }

    /// A content that policy has passed, with the field that only now has its sender.
    fn written(&self, content: &Content, sender: &Option<Address>) -> Bytes {
        if !self.settings.trace.trace_headers {
            return content.octets();
        }
        let path = trace::return_path(sender.as_ref().map_or("", |sender| sender.as_str()));
        content.behind(path.as_bytes())
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
        trace::write(&mut draft, &self.trace(batch, received, true));
        // A small body is copied into memory of its own size: the buffer that it grew in is up to three
        // times as large, and may wait in a queue for days.
        match draft.body.len() {
            ..=SMALL_BODY => Bytes::copy_from_slice(draft.body.content()),
            _ => draft.body.freeze(),
        }
    }
}

/// The copies by their senders.
fn by_sender(copies: Vec<Envelope>, seen: &Seen) -> Vec<(Option<Address>, Vec<Envelope>)> {
    if seen.senders.is_empty() && !copies.is_empty() {
        return vec![(seen.sender.clone(), copies)];
    }
    let mut groups: Vec<(Option<Address>, Vec<Envelope>)> = Vec::new();
    let mut places: HashMap<Option<Address>, usize> = HashMap::new();
    for (index, copy) in copies.into_iter().enumerate() {
        let own = seen.senders.binary_search_by_key(&index, |(of, _)| *of);
        let sender = own.map_or(&seen.sender, |own| &seen.senders[own].1);
        let place = *places.entry(sender.clone()).or_insert(groups.len());
        if place == groups.len() {
            groups.push((sender.clone(), Vec::new()));
        }
        groups[place].1.push(copy);
    }
    groups
}

/// What all copies of a message have in common.
#[derive(Clone, Copy)]
struct Facts {
    batch: MessageId,
    received: Time,
    eight_bit: bool,
}

fn accepted(batch: MessageId) -> Reply {
    Reply::with(250, (2, 0, 0), format!("OK {batch}"))
}
