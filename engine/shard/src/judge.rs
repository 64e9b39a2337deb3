//! Asks policy at each phase, and turns its answers into replies, envelopes and contexts.
//!
//! Law: one `Conversation` belongs to one session; the contexts live here, not in the SMTP machine.

use crate::Shard;
use crate::settings::ListenerSettings;
use crate::trace;
use bytes::Bytes;
use logs::{Event, Rejection};
use mail::{Address, Contexts, Envelope, MessageId, Phase, Protocol, Reception, Reply, SessionState, Time};
use policy_api::{Answer, Ask, Client, Combined, Disposition, Host, Pipeline, Subject, combine};
use smtp::server::replies::{BLACKHOLED, RELAYING_DENIED, TRANSACTION_FAILED};
use smtp::server::{Draft, Facts, Judgement, Refusal, Session};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;
use world::{Stream, World};

const REJECTED_BY_POLICY: &str = "5.7.0 [internal] rejected by policy";

/// Octets of a body that is copied once more rather than kept in the buffer it came in.
const SMALL_BODY: usize = 65_536;

pub(crate) struct Conversation<W: World> {
    shard: Rc<Shard<W>>,
    settings: Rc<ListenerSettings>,
    client: Client,
    contexts: Contexts,
    messages: u32,
    recipients: u32,
    recipients_of_message: u32,
    /// Set between the judgement of the data and its commit.
    judged: Option<Judged>,
}

/// What policy left of a transaction.
struct Judged {
    copies: Vec<Envelope>,
    /// Recipients refused while others are taken: the sender gets a notice.
    refused: Vec<(Address, Reply)>,
}

impl<W: World> Conversation<W> {
    pub fn new(shard: &Rc<Shard<W>>, settings: Rc<ListenerSettings>, facts: &Facts) -> Self {
        let mut contexts = Contexts { connection: settings.context.clone(), ..Contexts::default() };
        if settings.relay.trusts(facts.peer.map(|peer| peer.ip())) {
            contexts.connection.set("can_relay", "true");
        }
        let client = Client { id: facts.connection, peer: facts.peer, local: facts.local };
        Conversation {
            shard: shard.clone(),
            settings,
            client,
            contexts,
            messages: 0,
            recipients: 0,
            recipients_of_message: 0,
            judged: None,
        }
    }

    pub async fn judge(&mut self, phase: Phase, session: &mut Session, stream: &W::Stream) -> Judgement {
        let state = session.state();
        let shard = self.shard.clone();
        let host = SessionHost { shard: &shard, stream };
        let verdict = match phase {
            Phase::Ehlo => {
                self.contexts.connection.set("ehlo_domain", session.helo().unwrap_or(""));
                self.contexts.connection.set("ehlo_string", session.ehlo_line().unwrap_or(""));
                self.ask(phase, session.ehlo_line().unwrap_or(""), Subject::default(), &host).await
            }
            Phase::Mailfrom => self.judge_sender(session, &host).await,
            Phase::Rcptto => self.judge_recipient(session, &host).await,
            // Boxed, as the largest part of a session's task: idle sessions do not hold it.
            Phase::Data => Box::pin(self.judge_content(session.draft(), &host)).await,
            _ => self.ask(phase, "", Subject::default(), &host).await,
        };
        self.settle(verdict, state)
    }

    async fn judge_sender(&mut self, session: &Session, host: &dyn Host) -> Verdict {
        self.contexts.message.clear();
        self.judged = None;
        self.recipients_of_message = 0;
        let sender = session.draft().sender.as_ref();
        set_address(&mut self.contexts.message, SENDER_KEYS, sender);
        let subject = Subject { sender, ..Subject::default() };
        self.ask(Phase::Mailfrom, session.verb_argument(), subject, host).await
    }

    async fn judge_recipient(&mut self, session: &Session, host: &dyn Host) -> Verdict {
        let Some(recipient) = session.candidate() else { return Verdict::accepted() };
        let draft = session.draft();
        self.recipients += 1;
        self.recipients_of_message += 1;
        self.contexts.connection.set("connection_rcpt_count", &self.recipients.to_string());
        self.contexts.connection.set("message_rcpt_count", &self.recipients_of_message.to_string());
        set_address(&mut self.contexts.message, RECIPIENT_KEYS, Some(recipient));
        let domain = recipient.folded_domain();
        let sender_domain = draft.sender.as_ref().map(Address::folded_domain).unwrap_or_default();
        let can_relay = self.contexts.connection.is_true("can_relay");
        if !self.settings.relay.permits(&domain, &sender_domain, can_relay) {
            return Verdict::refused(RELAYING_DENIED);
        }
        if self.settings.site.refuses_recipients_of(&domain) {
            return Verdict::refused(BLACKHOLED);
        }
        let subject = Subject {
            sender: draft.sender.as_ref(),
            recipient: Some(recipient),
            recipients: &draft.recipients,
            ..Subject::default()
        };
        self.ask(Phase::Rcptto, session.verb_argument(), subject, host).await
    }

    /// data, data_spool, then per recipient data_spool_each_rcpt, set_binding and final_validation.
    async fn judge_content(&mut self, draft: &Draft, host: &dyn Host) -> Verdict {
        self.messages += 1;
        self.contexts.connection.set("connection_message_count", &self.messages.to_string());
        if draft.eight_bit {
            self.contexts.message.set("#8bitmime", "true");
        }
        if !draft.facts.date {
            self.contexts.message.set("rfc2822_date_missing", "true");
        }
        let content = draft.body.content();
        let mut subject = Subject {
            sender: draft.sender.as_ref(),
            recipients: &draft.recipients,
            content,
            received_fields: draft.facts.received,
            ..Subject::default()
        };
        let mut cost = Duration::ZERO;
        for phase in [Phase::Data, Phase::DataSpool] {
            let mut verdict = self.ask(phase, "", subject.reborrow(), host).await;
            cost += verdict.disposition.tarpit;
            verdict.disposition.tarpit = cost;
            if verdict.disposition.refuses() || verdict.disposition.discard.is_some() {
                self.judged = Some(Judged { copies: Vec::new(), refused: Vec::new() });
                return verdict;
            }
        }
        self.judge_copies(draft, subject, cost, host).await
    }

    async fn judge_copies(
        &mut self,
        draft: &Draft,
        subject: Subject<'_>,
        mut cost: Duration,
        host: &dyn Host,
    ) -> Verdict {
        let mut copies = Vec::with_capacity(draft.recipients.len());
        let mut refusals: Vec<Option<Reply>> = Vec::with_capacity(draft.recipients.len());
        let mut last = None;
        for recipient in &draft.recipients {
            self.shard.world.breathe().await;
            let (verdict, envelope) = self.judge_copy(recipient, &subject, host).await;
            cost += verdict.disposition.tarpit;
            last = verdict.module.or(last);
            if let Some(reason) = &verdict.disposition.discard {
                self.log_rejection(reason, SessionState::AsyncBodyResponse, verdict.module);
                refusals.push(None);
                continue;
            }
            if !verdict.disposition.refuses() {
                copies.push(envelope);
            }
            refusals.push(verdict.disposition.reply.filter(|reply| !reply.is_success()));
        }
        let state = Some(SessionState::AsyncBodyResponse);
        let mut verdict = Verdict { disposition: Disposition::default(), module: last, state };
        verdict.disposition.tarpit = cost;
        match combine(&refusals) {
            Combined::Refused(reply) => verdict.disposition.reply = Some(reply),
            Combined::Accepted { refused } => {
                let pair = |index: usize| Some((draft.recipients[index].clone(), refusals[index].clone()?));
                let refused = refused.into_iter().filter_map(pair).collect();
                self.judged = Some(Judged { copies, refused });
            }
        }
        verdict
    }

    async fn judge_copy(
        &mut self,
        recipient: &Address,
        subject: &Subject<'_>,
        host: &dyn Host,
    ) -> (Verdict, Envelope) {
        let before = self.settings.site.diverges().then(|| self.contexts.clone());
        let mut binding: Box<str> = "".into();
        set_address(&mut self.contexts.message, RECIPIENT_KEYS, Some(recipient));
        let mut subject = Subject { recipient: Some(recipient), binding: None, ..*subject };
        let mut each = self.ask(Phase::DataSpoolEachRcpt, "", subject.reborrow(), host).await;
        if !each.disposition.refuses() && each.disposition.discard.is_none() {
            let mut subject = subject.reborrow();
            subject.binding = Some(&mut binding);
            self.ask(Phase::SetBinding, "", subject.reborrow(), host).await;
            self.ask(Phase::FinalValidation, "", subject, host).await;
        }
        // An unknown name changes nothing (mail-flow.md §4).
        if !self.settings.site.knows_binding(&binding) {
            match self.settings.site.default_binding() {
                Some(default) => binding = default.into(),
                None => each.disposition.reply = each.disposition.reply.or(Some(TRANSACTION_FAILED)),
            }
        }
        let domain = self.settings.site.routing_domain(&binding, recipient);
        let changed = before.as_ref().is_some_and(|before| *before != self.contexts);
        let contexts = changed.then(|| self.contexts.clone());
        if let Some(before) = before {
            self.contexts = before;
        }
        let id = self.shard.next_id();
        let envelope = Envelope {
            id,
            recipient: recipient.clone(),
            binding,
            domain,
            priority: false,
            body: 0,
            contexts,
        };
        (each, envelope)
    }

    /// Asks the modules of one phase in their order.
    async fn ask(&mut self, phase: Phase, line: &str, mut subject: Subject<'_>, host: &dyn Host) -> Verdict {
        let settings = self.settings.clone();
        let pipeline: &Pipeline = &settings.site.pipeline;
        let mut disposition = Disposition::default();
        let mut turn = pipeline.turn(phase);
        while let Some(loaded) = turn.next(&self.contexts.connection) {
            let mut ask = Ask {
                phase,
                client: &self.client,
                line,
                contexts: &mut self.contexts,
                subject: subject.reborrow(),
                disposition: &mut disposition,
            };
            let verdict = match loaded.module.judge(&mut ask, host) {
                Answer::Now(verdict) => verdict,
                Answer::Later(answer) => answer.await,
            };
            turn.judged(verdict);
        }
        Verdict { disposition, module: turn.last(), state: None }
    }

    /// The verdict as the session understands it; refusals go to the reject log.
    fn settle(&mut self, verdict: Verdict, state: SessionState) -> Judgement {
        let Verdict { disposition, module, state: phase_state } = verdict;
        let state = phase_state.unwrap_or(state);
        let reply = disposition.reply.map(|reply| {
            if reply.text.is_empty() && !reply.is_success() {
                Reply::verbatim(reply.code, REJECTED_BY_POLICY)
            } else {
                reply
            }
        });
        let reason = reply.as_ref().filter(|reply| !reply.is_success()).or(disposition.discard.as_ref());
        if let Some(reason) = reason {
            self.log_rejection(reason, state, module);
        }
        // A discarded message is a success to its client.
        let reply = reply.filter(|reply| disposition.discard.is_none() || reply.is_success());
        Judgement { reply, disconnect: disposition.disconnect, pause: disposition.tarpit }
    }

    /// A refusal that the session decided by itself: a limit, an order, a syntax.
    pub fn refused(&self, refusal: &Refusal) {
        self.log_rejection(&refusal.reply, refusal.state, None);
    }

    fn log_rejection(&self, reply: &Reply, state: SessionState, module: Option<&'static str>) {
        self.shard.counters.rejections.add(1);
        self.shard.record(&Event::Rejection(Rejection {
            remote: self.client.peer,
            local: self.client.local,
            connection: self.client.id,
            pathway: self.contexts.connection.get("pathway").unwrap_or("default"),
            pathway_group: &self.settings.pathway_group,
            state,
            module: module.unwrap_or(""),
            contexts: &self.contexts,
            reply,
        }));
    }

    /// Durable, queued, then 250.
    pub async fn admit(&mut self, draft: Draft) -> Reply {
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

/// A phase's disposition, and the module that ran last.
struct Verdict {
    disposition: Disposition,
    module: Option<&'static str>,
    /// Where the conversation stood, if the phase knows it better than the session.
    state: Option<SessionState>,
}

impl Verdict {
    fn accepted() -> Self {
        Verdict { disposition: Disposition::default(), module: None, state: None }
    }

    fn refused(reply: Reply) -> Self {
        let disposition = Disposition { reply: Some(reply), ..Disposition::default() };
        Verdict { disposition, module: None, state: None }
    }
}

const SENDER_KEYS: [&str; 3] = ["mailfrom_string", "mailfrom_localpart", "mailfrom_domain"];
const RECIPIENT_KEYS: [&str; 3] = ["rcptto_string", "rcptto_localpart", "rcptto_domain"];

fn set_address(dictionary: &mut mail::Dictionary, keys: [&str; 3], address: Option<&Address>) {
    let parts = address.map_or(["", "", ""], |address| [address.as_str(), address.local(), address.domain()]);
    for (key, part) in keys.into_iter().zip(parts) {
        dictionary.set(key, part);
    }
}

/// The engine as modules see it.
struct SessionHost<'a, W: World> {
    shard: &'a Shard<W>,
    stream: &'a W::Stream,
}

impl<W: World> Host for SessionHost<'_, W> {
    fn now(&self) -> Time {
        self.shard.world.now()
    }

    fn pause<'a>(&'a self, delay: Duration) -> Pin<Box<dyn Future<Output = ()> + 'a>> {
        Box::pin(self.shard.world.sleep_until(self.now() + delay))
    }

    fn client_has_spoken(&self) -> bool {
        self.stream.has_unread()
    }

    fn report(&self, text: &str) {
        self.shard.record(&Event::Panic(text));
    }
}
