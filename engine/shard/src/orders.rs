//! What operators order about messages that wait: fail, put off, try now, move. Messages under way with a
//! connection are left alone; they come back or end by themselves.
//!
//! Law: an order is carried out in lots, each of which leaves its queue before anything is awaited, so no
//! message is settled twice; what arrives after the order began is not meant.

use crate::parcel::{Kept, Parcel};
use crate::post::{End, Transfer};
use crate::race::join_all;
use crate::selection::{Selection, matches};
use crate::settle::{self, Attempt};
use crate::sweep::outbound_of;
use crate::{Shard, fetch, moves, rebind};
use bindings::{EntryInfo, QueueId, Which};
use console::{Filter, Record, record};
use mail::{Outcome, QueueName, Reply, Stage, Time};
use std::collections::HashMap;
use std::rc::Rc;
use world::World;

/// Messages that leave a queue together. They are settled side by side, so that one commit of the journal
/// serves the notices of all.
const LOT: usize = 64;
/// Chosen messages that one look through their queue takes out.
const CHOSEN_AT_ONCE: usize = 4096;
/// Messages that a dry run names.
const NAMED: usize = 25;

const PURGED: &str = "[internal] Message manually purged";
const DELAYED: &str = "451 4.4.1 [internal] manually delayed domain";

/// What is to be done.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    Fail {
        reply: Reply,
        /// Nobody is told, whatever `generate_bounces` says.
        is_quiet: bool,
    },
    /// Of active messages only.
    Delay { until: Time },
    /// To another domain of the same binding.
    Reroute { domain: Box<str> },
    /// To the queue that policy chooses now.
    Rebind,
}

impl Action {
    /// Fails with the operator's words, or with those of spec logs.md §12.
    pub fn fail(note: Option<String>, is_quiet: bool) -> Action {
        let reply = match note.filter(|note| !note.is_empty()) {
            Some(note) => reply_of_note(&note),
            None => Reply::fixed(554, (5, 7, 0), PURGED),
        };
        Action::Fail { reply, is_quiet }
    }

    fn which(&self) -> Which {
        if matches!(self, Action::Delay { .. }) { Which::Active } else { Which::All }
    }
}

/// A note that begins with a code of a permanent failure is the reply; another is its text.
fn reply_of_note(note: &str) -> Reply {
    let (code, text) = note.split_at_checked(3).unwrap_or(("", note));
    match code.parse() {
        Ok(code @ 500..=599) if text.starts_with(' ') => Reply::verbatim(code, text.trim_start()),
        _ => Reply::with(554, (5, 7, 0), format!("[internal] {note}")),
    }
}

/// What became of an order on one shard.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub messages: u64,
    /// Of a rebind: messages that policy was asked about.
    pub asked: u64,
    /// Of a dry run: the first messages.
    pub named: Vec<Record>,
}

impl Done {
    pub fn add(&mut self, other: Done) {
        self.messages += other.messages;
        self.asked += other.asked;
        self.named.extend(other.named);
        self.named.truncate(NAMED);
    }
}

/// Messages by name, and where a rebind takes them.
type Chosen = HashMap<(spool::Promise, u32, u16), Option<QueueName>>;

/// An order about the messages of queues.
pub(crate) struct Order<'a> {
    pub selection: Selection,
    pub filter: Option<&'a Filter>,
    pub action: Action,
    pub dry_run: bool,
}

impl Order<'_> {
    pub async fn carry_out<W: World>(&self, shard: &Rc<Shard<W>>) -> Done {
        let mut done = Done::default();
        for queue in self.selection.queues(shard).await {
            if shard.is_stopping() {
                break;
            }
            // It may have gone while we were at another.
            if !shard.schedule.borrow().exists(queue) || self.is_idle(shard, queue) {
                continue;
            }
            let looks_at_each = self.filter.is_some() || matches!(self.action, Action::Rebind);
            done.add(match (looks_at_each, self.dry_run) {
                (true, _) => self.chosen(shard, queue).await,
                (false, true) => self.named(shard, queue).await,
                (false, false) => self.lots(shard, queue).await,
            });
            shard.world.breathe().await;
        }
        shard.dispatch_bell.raise();
        done
    }

    /// Messages that a reroute would leave where they are.
    fn is_idle<W: World>(&self, shard: &Shard<W>, queue: QueueId) -> bool {
        let schedule = shard.schedule.borrow();
        matches!(&self.action, Action::Reroute { domain } if **domain == **schedule.names(queue).1)
    }

    fn waiting<W: World>(&self, shard: &Shard<W>, queue: QueueId) -> usize {
        let schedule = shard.schedule.borrow();
        let summary = schedule.summary(queue);
        let delayed = if self.action.which() == Which::Active { 0 } else { summary.delayed };
        summary.active + delayed
    }

    /// All messages of a queue, as many as there are now.
    async fn lots<W: World>(&self, shard: &Rc<Shard<W>>, queue: QueueId) -> Done {
        let mut left = self.waiting(shard, queue);
        let mut done = Done::default();
        while left > 0 && !shard.is_stopping() && shard.schedule.borrow().exists(queue) {
            let now = shard.world.now();
            let lot = shard.schedule.borrow_mut().take_out(queue, self.action.which(), left.min(LOT), now);
            if lot.is_empty() {
                break;
            }
            left -= lot.len();
            done.messages += lot.len() as u64;
            self.act(shard, queue, lot).await;
            shard.world.breathe().await;
        }
        done
    }

    /// Counts the messages of a queue and names the first.
    async fn named<W: World>(&self, shard: &Rc<Shard<W>>, queue: QueueId) -> Done {
        let messages = self.waiting(shard, queue);
        let parcels: Vec<Parcel> = {
            let schedule = shard.schedule.borrow();
            schedule.waiting(queue).take(messages.min(NAMED)).map(|(parcel, _, _)| parcel.clone()).collect()
        };
        let mut done = Done { messages: messages as u64, ..Done::default() };
        for parcel in parcels {
            if let Ok(content) = fetch::fetch(shard, &parcel).await {
                done.named.push(name(&content, parcel.copy));
            }
        }
        done
    }

    /// The messages of a queue that the filter, or a rebind, chooses. They stay in it until they are chosen.
    async fn chosen<W: World>(&self, shard: &Rc<Shard<W>>, queue: QueueId) -> Done {
        let site = shard.site();
        let here = name_of(shard, queue);
        let wanted = self.waiting(shard, queue);
        let parcels: Vec<Parcel> = shard
            .schedule
            .borrow()
            .waiting(queue)
            .take(wanted)
            .map(|(parcel, _, _)| parcel.clone())
            .collect();
        let mut done = Done::default();
        let mut chosen = Chosen::new();
        for parcel in parcels {
            shard.world.breathe().await;
            let Ok(content) = fetch::fetch(shard, &parcel).await else { continue };
            if self.filter.is_some_and(|filter| !matches(filter, &content, parcel.copy)) {
                continue;
            }
            let mut to = None;
            if matches!(self.action, Action::Rebind) {
                done.asked += 1;
                to = rebind::queue_for(shard, &site, &content, parcel.copy, &here).await;
                if to.as_ref().is_none_or(|to| *to == here) {
                    continue;
                }
            }
            if self.dry_run {
                done.messages += 1;
                done.named.extend((done.named.len() < NAMED).then(|| name(&content, parcel.copy)));
                continue;
            }
            chosen.insert(parcel.name(), to);
            if chosen.len() == CHOSEN_AT_ONCE {
                done.messages += self.extract(shard, queue, std::mem::take(&mut chosen)).await;
            }
        }
        done.messages += self.extract(shard, queue, chosen).await;
        done
    }

    async fn extract<W: World>(&self, shard: &Rc<Shard<W>>, queue: QueueId, mut chosen: Chosen) -> u64 {
        if chosen.is_empty() || !shard.schedule.borrow().exists(queue) {
            return 0;
        }
        let now = shard.world.now();
        let is_chosen = |parcel: &Parcel| chosen.contains_key(&parcel.name());
        let mut taken = shard.schedule.borrow_mut().extract(queue, is_chosen, now);
        let messages = taken.len() as u64;
        while !taken.is_empty() {
            let lot = taken.split_off(taken.len().saturating_sub(LOT));
            match self.action {
                Action::Rebind => {
                    let placed = lot.into_iter().map(|pair| {
                        let to = chosen.remove(&pair.0.name()).flatten();
                        (pair, to.unwrap_or_else(|| name_of(shard, queue)))
                    });
                    let placed = placed.collect();
                    relocate(shard, queue, placed).await;
                }
                _ => self.act(shard, queue, lot).await,
            }
            shard.world.breathe().await;
        }
        messages
    }

    /// Does it to messages that are in flight.
    pub async fn act<W: World>(&self, shard: &Rc<Shard<W>>, queue: QueueId, lot: Vec<(Parcel, EntryInfo)>) {
        match &self.action {
            Action::Fail { reply, is_quiet } => fail(shard, queue, lot, reply, *is_quiet).await,
            Action::Delay { until } => delay(shard, queue, lot, *until),
            Action::Reroute { domain } => {
                let to = QueueName { domain: domain.clone(), ..name_of(shard, queue) };
                relocate(shard, queue, lot.into_iter().map(|pair| (pair, to.clone())).collect()).await;
            }
            Action::Rebind => unreachable!("each message of a rebind has a queue of its own"),
        }
    }
}

pub(crate) async fn fail<W: World>(
    shard: &Rc<Shard<W>>,
    queue: QueueId,
    lot: Vec<(Parcel, EntryInfo)>,
    reply: &Reply,
    is_quiet: bool,
) {
    let outbound = outbound_of(shard, queue);
    let attempt = Attempt { is_quiet, ..Attempt::unconnected(queue) };
    let (outbound, attempt) = (&outbound, &attempt);
    let settle = |pair| {
        let outcome = Outcome::Refused { stage: Stage::NotConnected, reply: reply.clone() };
        settle::settle_fetched(shard, outbound, attempt, pair, outcome)
    };
    join_all(lot.into_iter().map(settle)).await;
}

fn delay<W: World>(shard: &Rc<Shard<W>>, queue: QueueId, lot: Vec<(Parcel, EntryInfo)>, until: Time) {
    let now = shard.world.now();
    for (mut parcel, info) in lot {
        let attempts = u32::from(info.attempts);
        let end = End::Deferred { until, attempts, reply: Some(DELAYED.into()), moved_to: None };
        settle::report(shard, &parcel, end);
        // As after a failed attempt: who waits needs no memory.
        parcel.content = None;
        shard.schedule.borrow_mut().postponed(queue, parcel, info, until, now);
    }
}

fn name_of<W: World>(shard: &Shard<W>, queue: QueueId) -> QueueName {
    let schedule = shard.schedule.borrow();
    let (binding, domain) = schedule.names(queue);
    QueueName { binding: (&**binding).into(), domain: (&**domain).into() }
}

/// Moves messages in flight, each to the queue beside it.
pub(crate) async fn relocate<W: World>(
    shard: &Rc<Shard<W>>,
    queue: QueueId,
    lot: Vec<((Parcel, EntryInfo), QueueName)>,
) {
    let transfer = |((parcel, info), to): ((Parcel, EntryInfo), QueueName)| Transfer {
        parcel,
        batch: info.batch,
        binding: to.binding,
        domain: to.domain,
        received: info.received,
        attempts: u32::from(info.attempts),
        next_attempt: info.next_attempt,
        priority: info.priority,
    };
    let count = lot.len() as u32;
    let transfers = lot.into_iter().map(transfer).collect();
    shard.schedule.borrow_mut().dropped(queue, count, shard.world.now());
    moves::moved(shard, transfers).await;
}

/// A message as a dry run names it.
fn name(content: &Kept, copy: u32) -> Record {
    let envelope = &content.envelopes[copy as usize];
    let sender = content.sender.as_ref().map_or("", |sender| sender.as_str());
    record! {
        id: envelope.id.to_string(),
        domain: envelope.domain.clone(),
        from: sender,
        to: envelope.recipient.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_the_reply_or_its_text() {
        for (note, said) in [
            (None, "554 5.7.0 [internal] Message manually purged"),
            (Some(""), "554 5.7.0 [internal] Message manually purged"),
            (Some("550 5.1.1 no such user"), "550 5.1.1 no such user"),
            (Some("no longer wanted"), "554 5.7.0 [internal] no longer wanted"),
            (Some("451 later"), "554 5.7.0 [internal] 451 later"),
            (Some("5"), "554 5.7.0 [internal] 5"),
            (Some("\u{fc}\u{fc}"), "554 5.7.0 [internal] \u{fc}\u{fc}"),
        ] {
            let Action::Fail { reply, .. } = Action::fail(note.map(str::to_owned), false) else { panic!() };
            assert_eq!(reply.to_string(), said);
        }
    }
}
