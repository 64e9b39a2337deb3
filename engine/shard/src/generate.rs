//! Mail that is generated for somebody, as HTTP brings it: what its listener calls for each recipient. It meets
//! msg_gen_data_spool, set_binding and final_validation, and no phase of a session (spec policy.md §2.1).
//!
//! Law: an id is given back only for what is durable and queued; what policy takes away is in the reject log.

use crate::Shard;
use crate::ask::{Asking, Verdict, worded};
use crate::copies::Copy;
use crate::host::PolicyHost;
use crate::settings::Site;
use bytes::Bytes;
use content::Content;
use logs::{Event, Rejection};
use mail::{Address, Contexts, MessageId, Phase, Protocol, Reception, Reply};
use policy_api::{Client, Message, Origin};
use std::rc::Rc;
use world::World;

/// One message for one recipient.
#[derive(Debug)]
pub(crate) struct Generated {
    /// None is the null sender.
    pub sender: Option<Address>,
    pub recipient: Address,
    /// Header and body; lines end in CRLF.
    pub content: Bytes,
    /// What whoever generates it knows of it: `mo_rcpt_meta` and the like.
    pub contexts: Contexts,
}

/// What became of it, if policy did not refuse it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Generation {
    Queued(MessageId),
    /// Policy dropped it: a success to whoever generated it.
    Discarded(MessageId),
}

const PLACE: &str = "generation";

impl<W: World> Shard<W> {
    /// Durable and queued when this returns an id of a queued message. An error is policy's refusal, or the spool's.
    pub(crate) async fn generate(
        self: &Rc<Self>,
        site: &Rc<Site>,
        generated: Generated,
    ) -> Result<Generation, Reply> {
        let Generated { sender, recipient, content, mut contexts } = generated;
        let id = self.next_id();
        let client = Client { protocol: Protocol::Rest, ..Client::new(MessageId::NONE, None, None) };
        let mut message = Message {
            id,
            batch: id,
            eight_bit: !content.is_ascii(),
            content: Content::new(content),
            sender,
            recipient: Some(recipient),
            origin: Origin::Http,
            ..Message::default()
        };
        let host = PolicyHost::new(self, site);
        let before = contexts.clone();
        let mut asking =
            Asking { shard: self, site, client: &client, contexts: &mut contexts, host: &host, stream: None };
        let Copy { verdict, envelope, .. } =
            asking.copy(Phase::MsgGenDataSpool, &mut message, &before, "").await;
        if let Some(refusal) = self.generation_rejected(id, &contexts, &verdict) {
            return refusal;
        }
        let outgoing = std::mem::take(&mut message.outgoing);
        let body = message.content.octets();
        let mut receptions = vec![Reception {
            batch: id,
            connection: MessageId::NONE,
            received: self.world.now(),
            protocol: Protocol::Rest,
            source: None,
            sender: message.sender,
            eight_bit: message.eight_bit || !body.is_ascii(),
            contexts,
            envelopes: vec![envelope],
            bodies: vec![body],
        }];
        for message in outgoing {
            receptions.extend(self.compose(site, message).await);
        }
        self.admit_all(receptions).await?;
        Ok(Generation::Queued(id))
    }

    /// What is said of a message that policy does not let through, and written down.
    fn generation_rejected(
        &self,
        id: MessageId,
        contexts: &Contexts,
        verdict: &Verdict,
    ) -> Option<Result<Generation, Reply>> {
        let disposition = &verdict.disposition;
        let refusal = disposition.reply.clone().filter(|reply| !reply.is_success()).map(worded);
        let reply = disposition.discard.clone().or(refusal)?;
        if reply.is_success() {
            return Some(Ok(Generation::Discarded(id)));
        }
        self.counters.generation_rejections.add(1);
        self.record(&Event::GenerationRejection(Rejection {
            remote: None,
            local: None,
            connection: id,
            pathway: "",
            pathway_group: "",
            place: PLACE,
            module: verdict.module.unwrap_or(""),
            contexts,
            reply: &reply,
        }));
        Some(match disposition.discard {
            Some(_) => Ok(Generation::Discarded(id)),
            None => Err(reply),
        })
    }
}
