//! The promise: durable, queued, then 250. That order is the contract.

use crate::exclude::exclude;
use crate::parcel::{Kept, Parcel};
use crate::post::End;
use crate::{Shard, hand_over};
use logs::{Copy, Event, Reception as Received};
use mail::{Reception, Reply};
use spool::{Promise, Refusal};
use std::rc::Rc;

use world::World;

const SPOOL_FULL: Reply = Reply::fixed(452, (4, 3, 1), "insufficient system storage");
const SPOOL_BUSY: Reply = Reply::fixed(452, (4, 3, 2), "system busy, please try later");
const SPOOL_FAILED: Reply = Reply::fixed(452, (4, 3, 0), "the message could not be stored, please try later");
const TOO_LARGE: Reply = Reply::fixed(552, (5, 3, 4), "message size limit exceeded");

impl<W: World> Shard<W> {
    /// Returns when the reception is on stable storage and its copies are in their queues. An error is the
    /// reply for the client: nothing was promised.
    pub(crate) async fn admit(self: &Rc<Self>, mut reception: Reception) -> Result<(), Reply> {
        exclude(&self.site(), &mut reception);
        if self.rehearsal.is_some() {
            self.pretend(reception).await;
            return Ok(());
        }
        let promise = self.promise(&reception)?;
        if !self.spool.is_durable(promise).await {
            self.counters.spool_refusals.add(1);
            return Err(SPOOL_FAILED);
        }
        self.queue(promise, reception).await;
        Ok(())
    }

    /// As `admit`, for receptions that stand or fall together.
    pub(crate) async fn admit_all(self: &Rc<Self>, mut receptions: Vec<Reception>) -> Result<(), Reply> {
        if receptions.len() == 1 {
            return self.admit(receptions.remove(0)).await;
        }
        receptions.iter_mut().for_each(|reception| exclude(&self.site(), reception));
        if self.rehearsal.is_some() {
            for reception in receptions {
                self.pretend(reception).await;
            }
            return Ok(());
        }
        let mut promises = Vec::with_capacity(receptions.len());
        let mut refused = None;
        for reception in &receptions {
            match self.promise(reception) {
                Ok(promise) => promises.push(promise),
                Err(reply) => {
                    refused = Some(reply);
                    break;
                }
            }
        }
        for promise in &promises {
            if !self.spool.is_durable(*promise).await && refused.is_none() {
                self.counters.spool_refusals.add(1);
                refused = Some(SPOOL_FAILED);
            }
        }
        if let Some(reply) = refused {
            // The client keeps the message: what was promised for it is not delivered.
            for (promise, reception) in promises.into_iter().zip(&receptions) {
                (0..reception.envelopes.len() as u32)
                    .for_each(|copy| self.note(promise, copy, End::Finished));
            }
            return Err(reply);
        }
        for (promise, reception) in promises.into_iter().zip(receptions) {
            self.queue(promise, reception).await;
        }
        Ok(())
    }

    /// What a rehearsal does instead: modules hear of the reception, and nobody else.
    async fn pretend(self: &Rc<Self>, reception: Reception) {
        self.tell_reception(&reception).await;
        if let Some(notebook) = &self.rehearsal {
            notebook.admit(reception);
        }
    }

    fn promise(&self, reception: &Reception) -> Result<Promise, Reply> {
        let head = reception.encode_head();
        let copies = reception.envelopes.len() as u32;
        self.spool.promise(&head, &reception.bodies, copies).map_err(|refusal| {
            self.counters.spool_refusals.add(1);
            match refusal {
                Refusal::NoSegment | Refusal::Busy => SPOOL_BUSY,
                Refusal::Full => SPOOL_FULL,
                Refusal::TooLarge => TOO_LARGE,
            }
        })
    }

    /// What is durable goes to its queues.
    async fn queue(self: &Rc<Self>, promise: Promise, reception: Reception) {
        self.count_reception(&reception).await;
        let content = Kept::new(reception, &self.budget);
        self.tell_reception(&content).await;
        let parcel = |copy: usize| Parcel {
            promise,
            content: (!self.budget.is_spent()).then(|| content.clone()),
            copy: copy as u32,
            home: self.index as u16,
        };
        let parcels = (0..content.envelopes.len()).map(parcel);
        hand_over::hand_over(self, &content, parcels.map(hand_over::fresh)).await;
    }

    async fn count_reception(&self, reception: &Reception) {
        self.counters.receptions.add(reception.envelopes.len() as u64);
        self.counters.reception_bytes.add(reception.bodies.iter().map(|body| body.len() as u64).sum());
        for envelope in &reception.envelopes {
            self.world.breathe().await;
            let size = reception.bodies[usize::from(envelope.body)].len() as u64;
            self.record(&Event::Reception(Received {
                copy: Copy {
                    id: envelope.id,
                    batch: reception.batch,
                    received: reception.received,
                    sender: reception.sender.as_ref(),
                    recipient: &envelope.recipient,
                    binding_group: self.site().group_of(&envelope.binding),
                    binding: &envelope.binding,
                    size,
                },
                connection: reception.connection,
                source: reception.source.map(|source| source.ip()),
                protocol: reception.protocol,
            }));
        }
    }
}
