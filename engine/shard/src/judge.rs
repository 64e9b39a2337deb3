//! What is judged at each phase of a session, and with which contexts (spec policy.md §2).
//!
//! Law: one `Conversation` belongs to one session; the contexts live here, not in the SMTP machine.

use crate::Shard;
use crate::ask::{SessionHost, Verdict};
use crate::copies::Judged;
use crate::settings::ListenerSettings;
use logs::{Event, Rejection};
use mail::{Address, Contexts, Phase, Reply, SessionState};
use policy_api::{Client, Host, Subject};
use smtp::server::replies::{BLACKHOLED, RELAYING_DENIED};
use smtp::server::{Draft, Facts, Judgement, Refusal, Session};
use std::rc::Rc;
use std::time::Duration;
use world::World;

pub(crate) struct Conversation<W: World> {
    pub shard: Rc<Shard<W>>,
    pub settings: Rc<ListenerSettings>,
    pub client: Client,
    pub contexts: Contexts,
    messages: u32,
    recipients: u32,
    recipients_of_message: u32,
    /// Set between the judgement of the data and its commit.
    pub judged: Option<Judged>,
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
        let peer = self.client.peer.map(|peer| peer.ip());
        let (was, is) = (self.settings.relay.trusts(peer), settings.relay.trusts(peer));
        if was != is {
            self.contexts.connection.set("can_relay", if is { "true" } else { "false" });
        }
        self.settings = settings;
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
            state,
            module: module.unwrap_or(""),
            contexts: &self.contexts,
            reply,
        }));
    }
}

const SENDER_KEYS: [&str; 3] = ["mailfrom_string", "mailfrom_localpart", "mailfrom_domain"];
pub(crate) const RECIPIENT_KEYS: [&str; 3] = ["rcptto_string", "rcptto_localpart", "rcptto_domain"];

pub(crate) fn set_address(dictionary: &mut mail::Dictionary, keys: [&str; 3], address: Option<&Address>) {
    let parts = address.map_or(["", "", ""], |address| [address.as_str(), address.local(), address.domain()]);
    for (key, part) in keys.into_iter().zip(parts) {
        dictionary.set(key, part);
    }
}
