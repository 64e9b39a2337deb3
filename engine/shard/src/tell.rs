//! Tells modules what has happened outside of the phases, and asks them what a failure shall come to (the
//! hooks of spec policy.md §9).
//!
//! Law: nobody waits for a module that only listens, and nobody waits long for one that may answer. Each
//! occasion is told by a task of its own, which owns what it tells.

use crate::Shard;
use crate::ask::ask_hook;
use crate::crowd::Crowd;
use crate::host::{End, PolicyHost};
use crate::outbound::Outbound;
use crate::settings::Site;
use content::Content;
use mail::{Contexts, Envelope, Protocol, Reception, Reply, SessionState};
use policy_api::{Client, Credentials, Hook, HookKind, Message, Origin};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;
use world::World;

/// Occasions of one shard that may be told at a time.
const UNDER_WAY: usize = 1024;

/// So long a reception or a delivery waits for others to be told before it goes untold.
const ROOM_TIME: Duration = Duration::from_secs(1);

/// So long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// What has happened, with all that modules may see of it.
pub(crate) struct Occasion {
    pub client: Client,
    pub message: Message,
    pub contexts: Contexts,
    pub what: What,
}

pub(crate) enum What {
    Rejection {
        state: SessionState,
        reply: Reply,
    },
    Reception,
    /// A delivery or one of the failures.
    Outcome {
        kind: HookKind,
        reply: Reply,
    },
    /// Whether a notice is written.
    Notice {
        enabled: bool,
    },
    Credentials(Option<Credentials>),
    Abort {
        state: SessionState,
    },
    End,
}

impl Occasion {
    pub fn of_session(client: &Client, contexts: &Contexts, what: What) -> Self {
        let (client, contexts) = (client.clone(), contexts.clone());
        Occasion { client, message: Message::default(), contexts, what }
    }

    pub fn of_copy(site: &Site, reception: &Reception, envelope: &Envelope, what: What) -> Self {
        let mut message = message_of(reception, envelope);
        message.binding = envelope.binding.clone();
        message.binding_group = site.group_of(&envelope.binding).into();
        message.routing_domain = Some(envelope.domain.clone());
        let contexts = contexts_of(reception, envelope);
        Occasion { client: client_of(reception), message, contexts, what }
    }

    fn hook(&mut self) -> Hook<'_> {
        let Occasion { client, message, contexts, what } = self;
        match what {
            What::Rejection { state, reply } => Hook::LogRejection { client, contexts, state: *state, reply },
            What::Reception => Hook::LogReception { client, message, contexts },
            What::Outcome { kind: HookKind::LogDelivery, reply } => {
                Hook::LogDelivery { message, contexts, reply }
            }
            What::Outcome { kind: HookKind::LogTransientFailure, reply } => {
                Hook::LogTransientFailure { message, contexts, reply }
            }
            What::Outcome { reply, .. } => Hook::LogPermanentFailure { message, contexts, reply },
            What::Notice { enabled } => Hook::GenerateBounces { message, contexts, enabled },
            What::Credentials(credentials) => Hook::OutboundAuth { message, contexts, credentials },
            What::Abort { state } => Hook::SessionAbort { client, contexts, state: *state },
            What::End => Hook::SessionEnd { client, contexts },
        }
    }
}

/// Occasions that are being told: of a shard, or of one session.
#[derive(Default)]
pub(crate) struct Errands {
    under_way: Cell<usize>,
    ended: Crowd,
}

/// One of them.
struct Errand(Rc<Errands>);

impl Errands {
    /// Nothing is being told.
    pub fn are_done(&self) -> bool {
        self.under_way.get() == 0
    }

    fn begin(self: &Rc<Self>) -> Errand {
        self.under_way.set(self.under_way.get() + 1);
        Errand(self.clone())
    }
}

impl Drop for Errand {
    fn drop(&mut self) {
        self.0.under_way.set(self.0.under_way.get() - 1);
        self.0.ended.wake_all();
    }
}

impl<W: World> Shard<W> {
    /// Returns at once; an occasion too many goes untold, and is counted.
    pub(crate) fn tell(
        self: &Rc<Self>,
        site: &Rc<Site>,
        session: Option<&Rc<Errands>>,
        mut occasion: Occasion,
    ) {
        if self.errands.under_way.get() >= UNDER_WAY {
            return self.counters.occasions_untold.add(1);
        }
        let errands = (self.errands.begin(), session.map(Errands::begin));
        let host = PolicyHost::new(self, site);
        self.world.spawn("hook", async move {
            ask_hook(&host, &mut occasion.hook()).await;
            drop(errands);
        });
    }

    /// The end of a session, behind everything else that is told of it. It is never left untold.
    pub(crate) fn tell_end(
        self: &Rc<Self>,
        site: &Rc<Site>,
        session: Rc<Errands>,
        mut occasion: Occasion,
    ) -> Rc<End<(), W>> {
        let host = PolicyHost::new(self, site);
        host.clone().begun("hook", async move {
            while session.under_way.get() > 0 {
                session.ended.wait().await;
            }
            ask_hook(&host, &mut occasion.hook()).await;
        })
    }

    /// A reception, for each of its copies.
    pub(crate) async fn tell_reception(self: &Rc<Self>, reception: &Reception) {
        let site = self.site();
        if !site.pipeline.has_hook(HookKind::LogReception) {
            return;
        }
        for envelope in &reception.envelopes {
            self.world.breathe().await;
            self.room().await;
            self.tell(&site, None, Occasion::of_copy(&site, reception, envelope, What::Reception));
        }
    }

    /// A delivery, or a failure that is tried again.
    pub(crate) async fn tell_outcome(
        self: &Rc<Self>,
        kind: HookKind,
        reception: &Reception,
        copy: u32,
        reply: &Reply,
    ) {
        let site = self.site();
        if !site.pipeline.has_hook(kind) {
            return;
        }
        self.room().await;
        let envelope = &reception.envelopes[copy as usize];
        let what = What::Outcome { kind, reply: reply.clone() };
        self.tell(&site, None, Occasion::of_copy(&site, reception, envelope, what));
    }

    /// What is written down of a copy that is given up: its reply, or the refusal that a module has put into
    /// its place.
    pub(crate) async fn last_word(self: &Rc<Self>, reception: &Reception, copy: u32, reply: Reply) -> Reply {
        let site = self.site();
        if !site.pipeline.has_hook(HookKind::LogPermanentFailure) {
            return reply;
        }
        let envelope = &reception.envelopes[copy as usize];
        let what = What::Outcome { kind: HookKind::LogPermanentFailure, reply: reply.clone() };
        let occasion = Occasion::of_copy(&site, reception, envelope, what);
        let told = self.consult(&site, occasion).await;
        told.and_then(|told| told.message.code).filter(|code| code.code >= 400).unwrap_or(reply)
    }

    /// Whether the sender of a copy that is given up gets a notice.
    pub(crate) async fn notifies(
        self: &Rc<Self>,
        outbound: &Outbound,
        reception: &Reception,
        copy: u32,
    ) -> bool {
        let enabled = outbound.generate_bounces;
        let site = self.site();
        if reception.sender.is_none() || !site.pipeline.has_hook(HookKind::GenerateBounces) {
            return enabled;
        }
        let envelope = &reception.envelopes[copy as usize];
        let occasion = Occasion::of_copy(&site, reception, envelope, What::Notice { enabled });
        match self.consult(&site, occasion).await {
            Some(Occasion { what: What::Notice { enabled }, .. }) => enabled,
            _ => enabled,
        }
    }

    /// The occasion as modules have left it; none if they took too long, or broke.
    pub(crate) async fn consult(
        self: &Rc<Self>,
        site: &Rc<Site>,
        mut occasion: Occasion,
    ) -> Option<Occasion> {
        let host = PolicyHost::new(self, site);
        let kind = occasion.hook().kind();
        let asked = host.clone();
        let end = host.begun("hook", async move {
            ask_hook(&asked, &mut occasion.hook()).await;
            occasion
        });
        let told = end.wait_until(self.world.now() + PATIENCE).await;
        if told.is_none() {
            self.complain(&format!("policy: hook {kind:?} did not answer in {} seconds", PATIENCE.as_secs()));
        }
        told
    }

    /// Waits until another occasion may be told, for a while.
    async fn room(&self) {
        let deadline = self.world.now() + ROOM_TIME;
        while self.errands.under_way.get() >= UNDER_WAY && self.world.now() < deadline {
            self.errands.ended.wait_until(&self.world, deadline).await;
        }
    }
}

/// A copy as policy sees it after its reception; what it was given by set_binding is left out.
pub(crate) fn message_of(reception: &Reception, envelope: &Envelope) -> Message {
    Message {
        id: envelope.id,
        batch: reception.batch,
        sender: reception.sender.clone(),
        recipient: Some(envelope.recipient.clone()),
        content: Content::new(reception.bodies[usize::from(envelope.body)].clone()),
        eight_bit: reception.eight_bit,
        priority: envelope.priority,
        origin: match reception.protocol {
            Protocol::Esmtp => Origin::Smtp,
            Protocol::Rest => Origin::Http,
            Protocol::Internal => Origin::Internal,
        },
        ..Message::default()
    }
}

/// Its contexts, with what is not kept in them because it can be told.
pub(crate) fn contexts_of(reception: &Reception, envelope: &Envelope) -> Contexts {
    let mut contexts = reception.contexts_of(envelope).clone();
    let siblings: Vec<String> = reception.envelopes.iter().map(|sibling| sibling.id.to_string()).collect();
    contexts.message.set("#batch_ids", &siblings.join(" "));
    contexts
}

/// What is known of the client after its reception.
pub(crate) fn client_of(reception: &Reception) -> Client {
    let mut client = Client::new(reception.connection, reception.source, None);
    client.protocol = reception.protocol;
    client
}
