//! What is judged at each phase of a session, and with which contexts (spec policy.md §2).
//!
//! Law: one `Conversation` belongs to one session; the contexts live here, not in the SMTP machine.

use crate::Shard;
use crate::ask::{Asking, Verdict, ask_hook};
use crate::copies::Judged;
use crate::host::{End, PolicyHost};
use crate::settings::ListenerSettings;
use crate::tell::{Errands, Occasion, What};
use crate::trace;
use content::Content;
use logs::{Event, Rejection};
use mail::{Address, Contexts, MessageId, Phase, Reply, SessionState, Time};
use policy_api::{Client, Disposition, Hook, HookKind, Message, NewMessage, Origin, SessionRequests};
use smtp::limits;
use smtp::sasl::Exchange;
use smtp::server::replies::{BLACKHOLED, RECIPIENTS_PER_MESSAGE, RELAYING_DENIED, TRANSACTION_FAILED};
use smtp::server::{Draft, Facts, Judgement, Refusal, Session};
use std::collections::HashSet;
use std::net::SocketAddr;
use std::rc::Rc;
use world::World;

pub(crate) struct Conversation<W: World> {
    pub shard: Rc<Shard<W>>,
    pub settings: Rc<ListenerSettings>,
    pub client: Client,
    pub contexts: Contexts,
    /// Made when a module is asked for the first time.
    host: Option<Rc<PolicyHost<W>>>,
    messages: u32,
    recipients: u32,
    recipients_of_message: u32,
    /// AUTH under way.
    pub exchange: Option<Exchange>,
    /// What a module wants said of it.
    pub auth_reply: Option<Reply>,
    /// What earlier phases of this message have decided for it.
    begun: Begun,
    /// The session has, or had when it was looked at last.
    has_message: bool,
    /// Set between the judgement of the data and its commit.
    pub judged: Option<Judged>,
    /// What modules are being told of this session.
    errands: Rc<Errands>,
}

/// Decisions about a message before it has arrived.
#[derive(Default)]
struct Begun {
    routing_domain: Option<Box<str>>,
    outgoing: Vec<NewMessage>,
    /// Recipients that were accepted, and get nothing.
    discarded: HashSet<Address>,
}

impl<W: World> Conversation<W> {
    pub fn new(shard: &Rc<Shard<W>>, settings: Rc<ListenerSettings>, facts: &Facts) -> Self {
        let contexts = beginning(&settings, facts.peer);
        Conversation {
            shard: shard.clone(),
            settings,
            client: Client::new(facts.connection, facts.peer, facts.local),
            contexts,
            host: None,
            messages: 0,
            recipients: 0,
            recipients_of_message: 0,
            exchange: None,
            auth_reply: None,
            begun: Begun::default(),
            has_message: false,
            judged: None,
            errands: Rc::default(),
        }
    }

    /// Another client has just connected.
    pub fn begin_anew(&mut self, settings: Rc<ListenerSettings>, peer: Option<SocketAddr>) {
        self.contexts = beginning(&settings, peer);
        self.client.peer = peer;
        self.settings = settings;
        self.exchange = None;
        self.auth_reply = None;
        self.begun = Begun::default();
        self.judged = None;
    }

    /// What a newer generation has for this client; none if there is no newer one, or if that does not know the
    /// listener any more.
    pub fn newer_settings(&self) -> Option<Rc<ListenerSettings>> {
        let site = self.shard.site();
        if Rc::ptr_eq(&site, &self.settings.site) {
            return None;
        }
        site.has_listener(&self.settings.endpoint)
            .then(|| site.listener(&self.settings.endpoint, self.client.peer.map(|peer| peer.ip())))
    }

    /// Only between messages. The context of the connection stays, but whom we relay for is said anew.
    pub fn adopt(&mut self, settings: Rc<ListenerSettings>) {
        self.trust(&settings);
        // For the modules of the generation that goes, the session ends here.
        self.tell_end();
        self.settings = settings;
        self.host = None;
    }

    /// What was known of a message goes with it: RSET, a new greeting, its end (policy.md §6).
    pub fn follow_transaction(&mut self, session: &Session) {
        if session.has_message() == self.has_message {
            return;
        }
        self.has_message = session.has_message();
        if !self.has_message {
            self.contexts.message.clear();
            self.begun = Begun::default();
            self.judged = None;
        }
    }

    /// The client has gone in the middle of a transaction.
    pub fn tell_abort(&self, state: SessionState) {
        if self.settings.site.pipeline.has_hook(HookKind::SessionAbort) {
            self.tell(What::Abort { state });
        }
    }

    /// Nobody needs to wait for the modules that hear of it.
    pub fn tell_end(&self) -> Option<Rc<End<(), W>>> {
        let site = &self.settings.site;
        site.pipeline.has_hook(HookKind::SessionEnd).then(|| {
            let occasion = Occasion::of_session(&self.client, &self.contexts, What::End);
            self.shard.tell_end(site, self.errands.clone(), occasion)
        })
    }

    fn tell(&self, what: What) {
        let occasion = Occasion::of_session(&self.client, &self.contexts, what);
        self.shard.tell(&self.settings.site, Some(&self.errands), occasion);
    }

    /// Octets that are in policy's hands, and not in the session's.
    pub fn held_bytes(&self) -> usize {
        let seen = self.judged.as_ref().and_then(|judged| judged.seen.as_ref());
        seen.map_or(0, |seen| seen.bodies.iter().map(Content::len).sum())
    }

    /// Modules have seen the message that is to be committed.
    pub fn has_shown(&self) -> bool {
        self.judged.as_ref().is_some_and(|judged| judged.seen.is_some())
    }

    pub async fn judge(&mut self, phase: Phase, session: &mut Session, stream: &W::Stream) -> Judgement {
        let state = session.state();
        let counts = session.counts();
        self.client.unrecognized_commands = counts.unrecognized;
        self.client.bad_commands = counts.bad;
        let verdict = match phase {
            Phase::Connect => self.judge_connection(session, stream).await,
            Phase::Ehlo => {
                self.contexts.connection.set("ehlo_domain", session.helo().unwrap_or(""));
                self.contexts.connection.set("ehlo_string", session.ehlo_line().unwrap_or(""));
                self.judge_session(phase, session, stream).await
            }
            Phase::Mailfrom => self.judge_sender(session, stream).await,
            Phase::Rcptto => self.judge_recipient(session, stream).await,
            // Boxed, as the largest part of a session's task: idle sessions do not hold it.
            Phase::Data => Box::pin(self.judge_data(session.draft_mut(), stream)).await,
            _ => self.judge_session(phase, session, stream).await,
        };
        self.follow_pathway(session);
        self.settle(verdict, state)
    }

    /// The variable `pathway` says which options hold from here on (policy.md §6).
    pub fn follow_pathway(&mut self, session: &mut Session) {
        let Contexts { connection, message } = &self.contexts;
        let Some(wanted) = message.get("pathway").or(connection.get("pathway")) else { return };
        if *wanted == *self.settings.pathway {
            return;
        }
        let (wanted, peer) = (wanted.to_owned(), self.client.peer.map(|peer| peer.ip()));
        let site = self.settings.site.clone();
        let Some(settings) = site.on_pathway(&self.settings.endpoint, peer, &wanted) else {
            self.contexts.message.remove("pathway");
            self.contexts.connection.set("pathway", &self.settings.pathway);
            return self.shard.complain(&format!("policy: there is no pathway '{wanted}'"));
        };
        self.contexts.connection.set("pathway", &wanted);
        // What the pathway presets is set now; what both have in common may have been changed meanwhile.
        for (key, value) in settings.context.iter() {
            if self.settings.context.get(key) != Some(value) {
                self.contexts.connection.set(key, value);
            }
        }
        self.trust(&settings);
        session.follow(settings.session.clone());
        self.settings = settings;
    }

    /// Whom we relay for is said anew, unless he has proved who he is.
    fn trust(&mut self, settings: &ListenerSettings) {
        let peer = self.client.peer.map(|peer| peer.ip());
        let (was, is) = (self.settings.relay.trusts(peer), settings.relay.trusts(peer));
        if was != is && self.client.user.is_none() {
            self.contexts.connection.set("can_relay", if is { "true" } else { "false" });
        }
    }

    /// Somebody is to be asked at a phase: only then anything is made ready for it.
    fn asks(&self, phase: Phase) -> bool {
        self.settings.site.pipeline.has(phase)
    }

    pub fn host(&mut self) -> Rc<PolicyHost<W>> {
        let host = self.host.get_or_insert_with(|| PolicyHost::new(&self.shard, &self.settings.site));
        host.clone()
    }

    /// accept, then connect.
    async fn judge_connection(&mut self, session: &mut Session, stream: &W::Stream) -> Verdict {
        let accepted = self.judge_session(Phase::Accept, session, stream).await;
        if accepted.disposition.refuses() || accepted.disposition.disconnect {
            return accepted;
        }
        let mut connected = self.judge_session(Phase::Connect, session, stream).await;
        if connected.disposition.reply.is_none() {
            connected.disposition.reply = accepted.disposition.reply.clone();
        }
        connected.behind(&accepted.disposition)
    }

    /// A phase that is about the session, and not about a message.
    pub async fn judge_session(
        &mut self,
        phase: Phase,
        session: &mut Session,
        stream: &W::Stream,
    ) -> Verdict {
        if !self.asks(phase) {
            return Verdict::accepted();
        }
        let mut requests = SessionRequests::default();
        let host = self.host();
        let line = if phase == Phase::Ehlo { session.ehlo_line().unwrap_or("") } else { session.line() };
        let verdict = self.asking(&host, stream).bare(phase, line, &mut requests).await;
        requests.capabilities_added.iter().for_each(|keyword| session.add_extension(keyword));
        requests.capabilities_removed.iter().for_each(|keyword| session.remove_extension(keyword));
        verdict
    }

    async fn judge_sender(&mut self, session: &mut Session, stream: &W::Stream) -> Verdict {
        self.contexts.message.clear();
        self.judged = None;
        self.begun = Begun::default();
        self.recipients_of_message = 0;
        let sender = session.draft().sender.as_ref();
        set_address(&mut self.contexts.message, SENDER_KEYS, session.line(), sender);
        if !self.asks(Phase::Mailfrom) {
            return Verdict::accepted();
        }
        let mut message = Message { sender: sender.cloned(), ..Message::default() };
        let mut verdict = self.ask_message(Phase::Mailfrom, session.line(), &mut message, stream).await;
        bound(&mut message.recipients, 0, &mut verdict);
        session.draft_mut().recipients = message.recipients;
        verdict
    }

    async fn judge_recipient(&mut self, session: &mut Session, stream: &W::Stream) -> Verdict {
        let Some(recipient) = session.candidate() else { return Verdict::accepted() };
        self.recipients += 1;
        self.recipients_of_message += 1;
        self.contexts.connection.set("connection_rcpt_count", &self.recipients.to_string());
        self.contexts.connection.set("message_rcpt_count", &self.recipients_of_message.to_string());
        set_address(&mut self.contexts.message, RECIPIENT_KEYS, session.line(), Some(recipient));
        let domain = recipient.folded_domain();
        let sender_domain = session.draft().sender.as_ref().map(Address::folded_domain).unwrap_or_default();
        let can_relay = self.contexts.connection.is_true("can_relay");
        let permits = self.settings.relay.permits(&domain, &sender_domain, can_relay);
        if !self.may_relay(session, permits).await {
            return Verdict::refused(RELAYING_DENIED);
        }
        if self.settings.site.refuses_recipients_of(&domain) {
            return Verdict::refused(BLACKHOLED);
        }
        if !self.asks(Phase::Rcptto) {
            return Verdict::accepted();
        }
        let recipient = Some(recipient.clone());
        let draft = session.draft_mut();
        let before = draft.recipients.len();
        let mut message = Message {
            sender: draft.sender.clone(),
            recipient,
            recipients: std::mem::take(&mut draft.recipients),
            routing_domain: self.begun.routing_domain.take(),
            outgoing: std::mem::take(&mut self.begun.outgoing),
            ..Message::default()
        };
        let mut verdict = self.ask_message(Phase::Rcptto, session.line(), &mut message, stream).await;
        self.begun.routing_domain = message.routing_domain;
        self.begun.outgoing = message.outgoing;
        if verdict.disposition.discard.is_some() {
            self.begun.discarded.extend(session.candidate().cloned());
        }
        bound(&mut message.recipients, before, &mut verdict);
        session.draft_mut().recipients = message.recipients;
        verdict
    }

    /// What the configuration says of a recipient, or a module instead of it.
    async fn may_relay(&mut self, session: &Session, permits: bool) -> bool {
        let recipient =
            session.candidate().filter(|_| self.settings.site.pipeline.has_hook(HookKind::CanRelayTo));
        let Some(recipient) = recipient else { return permits };
        let host = self.host();
        let mut said = None;
        let (client, contexts) = (&self.client, &mut self.contexts);
        ask_hook(&host, &mut Hook::CanRelayTo { client, contexts, recipient, permits: &mut said }).await;
        said.unwrap_or(permits)
    }

    /// data, the list's phases and data_spool, then what each recipient goes through alone.
    async fn judge_data(&mut self, draft: &mut Draft, stream: &W::Stream) -> Verdict {
        self.messages += 1;
        self.contexts.connection.set("connection_message_count", &self.messages.to_string());
        if draft.eight_bit {
            self.contexts.message.set("#8bitmime", "true");
        }
        if !draft.facts.date {
            self.contexts.message.set("rfc2822_date_missing", "true");
        }
        let discarded = std::mem::take(&mut self.begun.discarded);
        draft.recipients.retain(|recipient| !discarded.contains(recipient));
        if draft.recipients.is_empty() {
            self.judged = Some(Judged::nobody());
            return Verdict::accepted();
        }
        if !self.settings.site.judges_messages() && self.begun.outgoing.is_empty() {
            return self.judge_unseen(draft).await;
        }
        let received = self.shard.world.now();
        let mut message = self.show(draft, received);
        let mut earlier = Disposition::default();
        let mut success = None;
        for (phase, state) in BATCH_PHASES {
            let verdict = self.ask_message(phase, "", &mut message, stream).await;
            let verdict = Verdict { state, ..verdict }.behind(&earlier);
            if verdict.ends() {
                self.judged = Some(Judged::nobody());
                return verdict;
            }
            earlier.disconnect = verdict.disposition.disconnect;
            earlier.tarpit = verdict.disposition.tarpit;
            success = verdict.disposition.reply.or(success);
            if message.recipients.is_empty() {
                // Everybody was removed: nothing is left to be refused.
                self.judged = Some(Judged::nobody());
                return Verdict::accepted().behind(&earlier);
            }
            if message.recipients.len() > limits::RECIPIENTS as usize {
                return Verdict::refused(RECIPIENTS_PER_MESSAGE);
            }
        }
        let (verdict, judged) = self.judge_copies(message, received, stream).await;
        self.judged = judged.map(|mut judged| {
            if let Some(seen) = &mut judged.seen {
                seen.reply = seen.reply.take().or(success);
            }
            judged
        });
        verdict.behind(&earlier)
    }

    async fn judge_copies(
        &mut self,
        message: Message,
        received: Time,
        stream: &W::Stream,
    ) -> (Verdict, Option<Judged>) {
        let host = self.host();
        let (verdict, mut judged) = self.asking(&host, stream).split(message, received).await;
        let dropped = judged.iter_mut().flat_map(|judged| judged.dropped.drain(..));
        for dropped in dropped.filter(|dropped| !dropped.reply.is_success()) {
            let ours = std::mem::replace(&mut self.contexts, dropped.contexts);
            self.log_rejection(&dropped.reply, SessionState::AsyncBodyResponse, dropped.module);
            self.contexts = ours;
        }
        (verdict, judged)
    }

    /// No module looks at messages: every recipient gets a copy on the default binding.
    async fn judge_unseen(&mut self, draft: &Draft) -> Verdict {
        let site = &self.settings.site;
        let Some(binding) = site.default_binding() else { return Verdict::refused(TRANSACTION_FAILED) };
        let mut copies = Vec::with_capacity(draft.recipients.len());
        for recipient in &draft.recipients {
            self.shard.world.breathe().await;
            copies.push(mail::Envelope {
                id: self.shard.next_id(),
                recipient: recipient.clone(),
                binding: binding.into(),
                domain: site.routing_domain(binding, recipient),
                priority: false,
                body: 0,
                contexts: None,
            });
        }
        self.judged = Some(Judged { copies, ..Judged::default() });
        Verdict::accepted()
    }

    /// The draft as policy sees it, with the trace fields in front that policy shall see.
    fn show(&mut self, draft: &mut Draft, received: Time) -> Message {
        let batch = self.shard.next_id();
        let received_fields = draft.facts.received;
        trace::write(draft, &self.trace(batch, received, false));
        Message {
            id: batch,
            batch,
            sender: draft.sender.take(),
            recipients: std::mem::take(&mut draft.recipients),
            content: Content::new(std::mem::take(&mut draft.body).freeze()),
            received_fields,
            eight_bit: draft.eight_bit,
            routing_domain: self.begun.routing_domain.take(),
            origin: Origin::Smtp,
            outgoing: std::mem::take(&mut self.begun.outgoing),
            ..Message::default()
        }
    }

    pub fn trace(&self, batch: MessageId, received: Time, return_path: bool) -> trace::Trace<'_> {
        trace::Trace {
            client: self.client.peer,
            helo: self.contexts.connection.get("ehlo_domain").unwrap_or(""),
            settings: &self.settings.trace,
            batch,
            received,
            return_path,
            user: self.client.user.as_deref(),
        }
    }

    async fn ask_message(
        &mut self,
        phase: Phase,
        line: &str,
        message: &mut Message,
        stream: &W::Stream,
    ) -> Verdict {
        if !self.asks(phase) {
            return Verdict::accepted();
        }
        let host = self.host();
        self.asking(&host, stream).phase(phase, line, message, &mut SessionRequests::default()).await
    }

    fn asking<'a>(&'a mut self, host: &'a Rc<PolicyHost<W>>, stream: &'a W::Stream) -> Asking<'a, W> {
        Asking {
            shard: &self.shard,
            site: &self.settings.site,
            client: &self.client,
            contexts: &mut self.contexts,
            host,
            stream: Some(stream),
        }
    }

    /// A refusal that the session decided by itself: a limit, an order, a syntax.
    pub fn refused(&self, refusal: &Refusal) {
        self.log_rejection(&refusal.reply, refusal.state, None);
    }

    pub fn log_rejection(&self, reply: &Reply, state: SessionState, module: Option<&'static str>) {
        self.shard.counters.rejections.add(1);
        self.shard.record(&Event::Rejection(Rejection {
            remote: self.client.peer,
            local: self.client.local,
            connection: self.client.id,
            pathway: self.contexts.connection.get("pathway").unwrap_or("default"),
            pathway_group: &self.settings.pathway_group,
            place: state.text(),
            module: module.unwrap_or(""),
            contexts: &self.contexts,
            reply,
        }));
        if self.settings.site.pipeline.has_hook(HookKind::LogRejection) {
            self.tell(What::Rejection { state, reply: reply.clone() });
        }
    }
}

/// Policy may add recipients up to the limit that holds for clients; of one too many, nobody is added to those
/// before.
fn bound(recipients: &mut Vec<Address>, before: usize, verdict: &mut Verdict) {
    if recipients.len() > limits::RECIPIENTS as usize {
        recipients.truncate(before);
        verdict.disposition.reply = Some(RECIPIENTS_PER_MESSAGE);
    }
}

/// The contexts of a connection that has just been made.
fn beginning(settings: &ListenerSettings, peer: Option<SocketAddr>) -> Contexts {
    let mut contexts = Contexts { connection: settings.context.clone(), ..Contexts::default() };
    if settings.relay.trusts(peer.map(|peer| peer.ip())) {
        contexts.connection.set("can_relay", "true");
    }
    contexts
}

/// The phases that all recipients go through together, and what the session is at in them; none: as it says.
const BATCH_PHASES: [(Phase, Option<SessionState>); 4] = [
    (Phase::Data, None),
    (Phase::RcpttoList, Some(SessionState::RcpttoListResponse)),
    (Phase::RcpttoListFinal, Some(SessionState::RcpttoListFinalResponse)),
    (Phase::DataSpool, Some(SessionState::AsyncBodyResponse)),
];

const SENDER_KEYS: [&str; 3] = ["mailfrom_string", "mailfrom_localpart", "mailfrom_domain"];
pub(crate) const RECIPIENT_KEYS: [&str; 3] = ["rcptto_string", "rcptto_localpart", "rcptto_domain"];

/// The whole command, and the parts of its address.
pub(crate) fn set_address(
    dictionary: &mut mail::Dictionary,
    keys: [&str; 3],
    line: &str,
    address: Option<&Address>,
) {
    let [local, domain] = address.map_or(["", ""], |address| [address.local(), address.domain()]);
    for (key, part) in keys.into_iter().zip([line, local, domain]) {
        dictionary.set(key, part);
    }
}
