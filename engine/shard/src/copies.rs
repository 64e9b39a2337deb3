//! The phases that each recipient goes through alone: data_spool_each_rcpt, set_binding, final_validation; and
//! what becomes of a transaction whose recipients were judged differently.
//!
//! Law: what is edited for one recipient is seen by that one alone; copies that nobody edited share the octets.

use crate::ask::{Asking, Verdict, worded};
use crate::judge::{RECIPIENT_KEYS, set_address};
use content::Content;
use mail::{Address, Contexts, Envelope, MessageId, Phase, Reply, SessionState, Time};
use policy_api::{Combined, Message, NewMessage, SessionRequests, combine};
use smtp::server::replies::TRANSACTION_FAILED;
use std::time::Duration;
use world::World;

/// Octets of all contents of one transaction that policy may have made different.
const EDITED_OCTETS: usize = 256 << 20;
const TOO_MUCH: Reply = Reply::fixed(452, (4, 3, 1), "too many recipients with contents of their own");

/// What policy left of a transaction.
#[derive(Default)]
pub(crate) struct Judged {
    pub copies: Vec<Envelope>,
    /// Recipients refused while others are taken: the sender gets a notice.
    pub refused: Vec<(Address, Reply)>,
    /// None: no module has seen the content, it is the draft's as it came.
    pub seen: Option<Seen>,
    /// Copies that nobody gets although the client hears a success, for the reject log.
    pub dropped: Vec<Dropped>,
}

/// A copy that was refused or discarded while others were taken.
pub(crate) struct Dropped {
    pub contexts: Contexts,
    pub reply: Reply,
    pub module: Option<&'static str>,
}

/// A message that modules have looked at.
pub(crate) struct Seen {
    pub batch: MessageId,
    pub received: Time,
    /// The transaction's; some copies have another one.
    pub sender: Option<Address>,
    /// Index of the copy, and its sender.
    pub senders: Vec<(usize, Option<Address>)>,
    /// Trace fields included, but for Return-Path. The first is everybody's whose copy names no other.
    pub bodies: Vec<Content>,
    pub outgoing: Vec<NewMessage>,
    /// The words of policy for the success.
    pub reply: Option<Reply>,
}

impl Judged {
    /// Nobody gets the message.
    pub fn nobody() -> Self {
        Judged::default()
    }
}

/// What comes of the copies while they are judged one after the other.
struct Split {
    copies: Vec<Envelope>,
    refusals: Vec<Option<Reply>>,
    bodies: Vec<Content>,
    /// Of all bodies together.
    octets: usize,
    senders: Vec<(usize, Option<Address>)>,
    /// Of the last copy that had one.
    success: Option<Reply>,
    module: Option<&'static str>,
    disconnect: bool,
    cost: Duration,
    dropped: Vec<Dropped>,
}

/// One copy's way through its phases.
pub(crate) struct Copy {
    pub verdict: Verdict,
    pub envelope: Envelope,
    /// Its contexts are not those that all share: they belong into the envelope.
    pub has_own_contexts: bool,
}

impl<W: World> Asking<'_, W> {
    /// Judges a message that has passed data_spool for each of its recipients.
    pub async fn split(&mut self, mut message: Message, received: Time) -> (Verdict, Option<Judged>) {
        let recipients = std::mem::take(&mut message.recipients);
        // What is unchanged from here on is everybody's.
        let mut parent = std::mem::take(&mut message.content);
        parent.settle();
        let sender = message.sender.take();
        let mut split = Split::new(parent.clone(), recipients.len());
        for (index, recipient) in recipients.iter().enumerate() {
            self.shard.world.breathe().await;
            message.id = if index == 0 { message.batch } else { self.shard.next_id() };
            message.recipient = Some(recipient.clone());
            message.sender = sender.clone();
            message.content = parent.clone();
            let before = self.contexts.clone();
            let copy = self.copy(Phase::DataSpoolEachRcpt, &mut message, &before, "").await;
            let contexts = std::mem::replace(self.contexts, before);
            split.take(copy, contexts, &mut message, &sender);
        }
        let multiple = recipients.len() > 1;
        let (verdict, refused) = split.combine();
        let Some(refused) = refused else { return (verdict, None) };
        let refused = refused.into_iter().map(|(index, reply)| (recipients[index].clone(), reply)).collect();
        let Split { copies, bodies, senders, success, dropped, .. } = split;
        let seen = Seen {
            batch: message.batch,
            received,
            sender,
            senders,
            bodies,
            outgoing: std::mem::take(&mut message.outgoing),
            reply: success.filter(|_| !multiple),
        };
        (verdict, Some(Judged { copies, refused, seen: Some(seen), dropped }))
    }

    /// One recipient's phases, from `first` on. `before` are the contexts that all copies share; `preferred` is
    /// the binding of a copy for which set_binding chooses none.
    pub async fn copy(
        &mut self,
        first: Phase,
        message: &mut Message,
        before: &Contexts,
        preferred: &str,
    ) -> Copy {
        let mut none = SessionRequests::default();
        let recipient = message.recipient.clone().unwrap_or_else(|| Address::new("", ""));
        let line = format!("RCPT TO:<{recipient}>");
        set_address(&mut self.contexts.message, RECIPIENT_KEYS, &line, Some(&recipient));
        clear_routing(message);
        let mut verdict = Verdict::default();
        if first != Phase::SetBinding {
            verdict = self.phase(first, "", message, &mut none).await;
        }
        let mut binding = None;
        if !verdict.ends() {
            self.phase(Phase::SetBinding, "", message, &mut none).await;
            let sent_to = message.recipient.as_ref().unwrap_or(&recipient);
            binding = self.binding_of(message, sent_to, preferred);
            // Who marks and signs sees what was chosen of a group, or by default.
            if let Some(binding) = &binding {
                message.binding_group = self.site.group_of(binding).into();
                message.binding = binding.clone();
            }
            let signed = self.phase(Phase::FinalValidation, "", message, &mut none).await;
            if signed.disposition.refuses() {
                verdict = signed;
            }
        }
        let recipient = message.recipient.take().unwrap_or(recipient);
        if binding.is_none() && !verdict.ends() {
            verdict.disposition.reply = Some(TRANSACTION_FAILED);
        }
        let binding = binding.unwrap_or_else(|| "default".into());
        let domain = match &message.routing_domain {
            Some(domain) => self.site.queue_of_domain(&binding, domain),
            None => self.site.routing_domain(&binding, &recipient),
        };
        let envelope = Envelope {
            id: message.id,
            recipient,
            binding,
            domain,
            priority: message.priority,
            body: 0,
            contexts: None,
        };
        Copy { verdict, envelope, has_own_contexts: *before != *self.contexts }
    }

    /// set_binding alone, for a copy that is queued already.
    pub async fn rebind(&mut self, message: &mut Message) -> Option<Box<str>> {
        let recipient = message.recipient.clone()?;
        self.phase(Phase::SetBinding, "", message, &mut SessionRequests::default()).await;
        self.binding_of(message, &recipient, "")
    }

    /// The binding that policy chose: a member of its group, its binding, the preferred or the default one.
    /// None: there is no default (mail-flow.md §4).
    fn binding_of(&self, message: &Message, recipient: &Address, preferred: &str) -> Option<Box<str>> {
        let site = self.site;
        if let Some(member) = site.member_of(&message.binding_group, recipient, self.shard.world.chance()) {
            return Some(member);
        }
        // An unknown name changes nothing.
        for binding in [&message.binding, preferred] {
            if site.knows_binding(binding) {
                return Some(binding.into());
            }
        }
        site.default_binding().map(Into::into)
    }
}

/// What one copy chose is not the next one's.
fn clear_routing(message: &mut Message) {
    message.binding = Box::default();
    message.binding_group = Box::default();
    message.priority = false;
    message.code = None;
}

impl Split {
    fn new(parent: Content, recipients: usize) -> Self {
        Split {
            copies: Vec::with_capacity(recipients),
            refusals: Vec::with_capacity(recipients),
            octets: parent.len(),
            bodies: vec![parent],
            senders: Vec::new(),
            success: None,
            module: None,
            disconnect: false,
            cost: Duration::ZERO,
            dropped: Vec::new(),
        }
    }

    fn take(&mut self, copy: Copy, contexts: Contexts, message: &mut Message, sender: &Option<Address>) {
        let Copy { verdict, mut envelope, has_own_contexts } = copy;
        let disposition = verdict.disposition;
        self.module = verdict.module.or(self.module);
        self.cost = self.cost.saturating_add(disposition.tarpit);
        self.disconnect |= disposition.disconnect;
        let module = verdict.module;
        if let Some(reply) = disposition.discard {
            self.dropped.push(Dropped { contexts, reply, module });
            return self.refusals.push(None);
        }
        match disposition.reply.map(worded) {
            Some(reply) if !reply.is_success() => {
                self.dropped.push(Dropped { contexts, reply: reply.clone(), module });
                return self.refusals.push(Some(reply));
            }
            Some(reply) => self.success = Some(reply),
            None => {}
        }
        let Some(body) = self.body_of(std::mem::take(&mut message.content)) else {
            return self.refusals.push(Some(TOO_MUCH));
        };
        envelope.body = body;
        if *sender != message.sender {
            // A copy with a sender of its own is written for itself.
            self.octets += self.bodies[usize::from(body)].len();
            self.senders.push((self.copies.len(), message.sender.take()));
        }
        envelope.contexts = has_own_contexts.then_some(contexts);
        self.copies.push(envelope);
        self.refusals.push(None);
    }

    /// The number of a content; what is equal to everybody's or to the one before is kept once. None: it is
    /// too much.
    fn body_of(&mut self, content: Content) -> Option<u16> {
        if self.octets > EDITED_OCTETS {
            return None;
        }
        if !content.is_edited() {
            return Some(0);
        }
        let last = self.bodies.len() - 1;
        let known = [0, last].into_iter().find(|known| self.bodies[*known] == content);
        if let Some(known) = known {
            return u16::try_from(known).ok();
        }
        self.octets += content.len();
        let number = u16::try_from(last + 1).ok()?;
        self.bodies.push(content);
        Some(number)
    }

    /// What the client hears, and who is refused while others are taken.
    fn combine(&self) -> (Verdict, Option<Vec<(usize, Reply)>>) {
        let state = Some(SessionState::AsyncBodyResponse);
        let mut verdict = Verdict { module: self.module, state, ..Verdict::default() };
        verdict.disposition.tarpit = self.cost;
        verdict.disposition.disconnect = self.disconnect;
        match combine(&self.refusals) {
            Combined::Refused(reply) => {
                verdict.disposition.reply = Some(reply);
                (verdict, None)
            }
            Combined::Accepted { refused } => {
                let pair = |index: usize| Some((index, self.refusals[index].clone()?));
                (verdict, Some(refused.into_iter().filter_map(pair).collect()))
            }
        }
    }
}
