//! Tells senders of failures: a notice is written, admitted like any mail, and durable before the failed
//! copy is forgotten.

use crate::Shard;
use crate::outbound::Outbound;
use crate::parcel::Kept;
use ::bounce::{Failure, Notice, Original, notice};
use bytes::Bytes;
use mail::{Address, Reply, Time};
use policy_api::NewMessage;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;
use world::World;

/// While the spool takes nothing, so often a notice is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(2);

impl<W: World> Shard<W> {
    /// Writes the notice that a failed copy is owed. False: the shard stops and it could not be stored.
    pub(crate) async fn notify(
        self: &Rc<Self>,
        outbound: &Outbound,
        content: &Kept,
        copy: u32,
        reply: &Reply,
        remote: Option<(&str, IpAddr)>,
    ) -> bool {
        let Some(to) = content.sender.as_ref() else { return true };
        let envelope = &content.envelopes[copy as usize];
        let now = self.world.now();
        let failure = Failure {
            recipient: &envelope.recipient,
            original_recipient: None,
            reply,
            // A reply of ours was said by nobody else.
            remote: remote.filter(|_| !reply.text.contains("[internal]")),
            last_attempt: now,
        };
        let body = &content.bodies[usize::from(envelope.body)];
        let original = outbound.bounces_inline_original;
        let mailer_daemon = outbound.mailerdaemon.as_deref();
        let arrival = content.received;
        self.write_until_stored(Facts { to, failures: &[failure], body, arrival, original, mailer_daemon })
            .await
    }

    /// True when the notice is durable, false if the shard stops before.
    async fn write_until_stored(self: &Rc<Self>, mut facts: Facts<'_>) -> bool {
        loop {
            match self.write_notice(&facts).await {
                Ok(()) => return true,
                Err(_) if self.is_stopping() => return false,
                // As large as the largest message: the notice does without most of it.
                Err(reply) if reply.is_permanent() && facts.original == Original::All => {
                    facts.original = Original::Headers;
                }
                Err(_) => self.world.sleep_until(self.world.now() + TRY_AGAIN).await,
            }
        }
    }

    /// Recipients that policy refused while others of the transaction are taken (mail-flow.md §11.3).
    pub(crate) async fn notify_refused(
        self: &Rc<Self>,
        to: &Address,
        refused: &[(Address, Reply)],
        body: &Bytes,
        now: Time,
    ) -> bool {
        let failure = |(recipient, reply)| Failure {
            recipient,
            original_recipient: None,
            reply,
            remote: None,
            last_attempt: now,
        };
        let failures: Vec<_> = refused.iter().map(|(recipient, reply)| failure((recipient, reply))).collect();
        let original = Original::default();
        self.write_until_stored(Facts {
            to,
            failures: &failures,
            body,
            arrival: now,
            original,
            mailer_daemon: None,
        })
        .await
    }

    async fn write_notice(self: &Rc<Self>, facts: &Facts<'_>) -> Result<(), Reply> {
        let site = self.site();
        let id = self.next_id();
        let now = self.world.now();
        let text = notice(&Notice {
            id,
            host: &site.hostname,
            mailer_daemon: facts.mailer_daemon,
            to: facts.to,
            now,
            arrival: facts.arrival,
            failures: facts.failures,
            original: facts.original,
            message: facts.body,
        });
        self.counters.notices.add(1);
        let notice =
            NewMessage { recipients: vec![facts.to.clone()], content: text.into(), ..NewMessage::default() };
        match self.compose_as(id, &site, notice).await {
            Some(reception) => self.admit(reception).await,
            None => Ok(()),
        }
    }
}

/// What a notice tells.
struct Facts<'a> {
    to: &'a Address,
    failures: &'a [Failure<'a>],
    body: &'a [u8],
    arrival: Time,
    original: Original,
    mailer_daemon: Option<&'a str>,
}
