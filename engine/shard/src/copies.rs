//! The phases that each recipient goes through alone: data_spool_each_rcpt, set_binding, final_validation.

use crate::ask::Verdict;
use crate::judge::{Conversation, RECIPIENT_KEYS, set_address};
use mail::{Address, Envelope, Phase, Reply, SessionState};
use policy_api::{Combined, Disposition, Host, Subject, combine};
use smtp::server::Draft;
use smtp::server::replies::TRANSACTION_FAILED;
use std::time::Duration;
use world::World;

/// What policy left of a transaction.
pub(crate) struct Judged {
    pub copies: Vec<Envelope>,
    /// Recipients refused while others are taken: the sender gets a notice.
    pub refused: Vec<(Address, Reply)>,
}

impl<W: World> Conversation<W> {
    pub async fn judge_copies(
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
}
