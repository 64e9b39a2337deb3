//! Mail that is written here: notices, and policy's forwards, copies and alerts. It meets no phase of a session, but
//! set_binding and final_validation (spec policy.md §2.2).

use crate::Shard;
use crate::ask::Asking;
use crate::host::PolicyHost;
use crate::settings::Site;
use content::Content;
use mail::{Contexts, MessageId, Phase, Protocol, Reception};
use policy_api::{Client, InjectFault, Message, NewMessage, Origin};
use std::rc::Rc;
use world::World;

impl<W: World> Shard<W> {
    /// Durable and queued when this returns.
    pub(crate) async fn inject(
        self: &Rc<Self>,
        site: &Rc<Site>,
        message: NewMessage,
    ) -> Result<MessageId, InjectFault> {
        let reception = self.compose(site, message).await.ok_or(InjectFault::NoRecipients)?;
        let batch = reception.batch;
        self.admit(reception).await.map_err(InjectFault::Refused)?;
        Ok(batch)
    }

    /// A message of ours as the journal keeps it; none without recipients.
    pub(crate) async fn compose(self: &Rc<Self>, site: &Rc<Site>, new: NewMessage) -> Option<Reception> {
        self.compose_as(self.next_id(), site, new).await
    }

    /// The same for a message that names itself.
    pub(crate) async fn compose_as(
        self: &Rc<Self>,
        batch: MessageId,
        site: &Rc<Site>,
        new: NewMessage,
    ) -> Option<Reception> {
        if new.recipients.is_empty() {
            return None;
        }
        let mut client = Client::new(MessageId::NONE, None, None);
        client.protocol = Protocol::Internal;
        let mut message = Message {
            batch,
            content: Content::new(new.content.clone()),
            eight_bit: !new.content.is_ascii(),
            origin: Origin::Internal,
            ..Message::default()
        };
        let mut contexts = new.contexts.clone();
        let host = PolicyHost::new(self, site);
        let mut asking =
            Asking { shard: self, site, client: &client, contexts: &mut contexts, host: &host, stream: None };
        let parent = message.content.clone();
        let mut bodies = vec![new.content];
        let mut envelopes = Vec::with_capacity(new.recipients.len());
        for (index, recipient) in new.recipients.into_iter().enumerate() {
            self.world.breathe().await;
            message.id = if index == 0 { batch } else { self.next_id() };
            message.sender = new.sender.clone();
            message.recipient = Some(recipient);
            message.content = parent.clone();
            let copy = asking.copy(Phase::SetBinding, &mut message, &new.contexts, &new.binding).await;
            let contexts = std::mem::replace(asking.contexts, new.contexts.clone());
            if !std::mem::take(&mut message.outgoing).is_empty() {
                self.complain("policy: a message that policy sends cannot send another one");
            }
            let mut envelope = copy.envelope;
            envelope.contexts = copy.has_own_contexts.then_some(contexts);
            if message.content.is_edited() && bodies.len() < usize::from(u16::MAX) {
                envelope.body = bodies.len() as u16;
                bodies.push(message.content.octets());
            }
            envelopes.push(envelope);
        }
        if envelopes.iter().all(|envelope| envelope.body > 0) {
            bodies.remove(0);
            envelopes.iter_mut().for_each(|envelope| envelope.body -= 1);
        }
        Some(Reception {
            batch,
            connection: MessageId::NONE,
            received: self.world.now(),
            protocol: Protocol::Internal,
            source: None,
            sender: new.sender,
            eight_bit: message.eight_bit,
            contexts: Contexts { ..new.contexts },
            envelopes,
            bodies,
        })
    }
}
