//! What a connection does next: another transaction of its queue, a wait for one, or its end.

use crate::connect::Connection;
use crate::deliver::{Delivery, tell_read};
use crate::parcel::{Kept, Parcel};
use crate::race::race;
use crate::sweep::settle_lot;
use crate::tenure::Load;
use crate::{Shard, credentials, fetch, settle};
use bindings::hosts::Hosts;
use bindings::{EntryInfo, QueueId, Take};
use mail::{Outcome, Stage, Time};
use smtp::client::{Credentials, Session, Transaction};
use std::cell::RefCell;
use std::collections::HashMap;
use std::io::ErrorKind;
use std::rc::Rc;
use world::{Signal, Stream, World};

/// A copy whose turn it is.
type Due = (Parcel, EntryInfo);

/// Connections that have nothing to send, by queue; and what is known of addresses.
#[derive(Default)]
pub(crate) struct Idle {
    waiting: RefCell<HashMap<QueueId, Vec<(u64, Signal)>>>,
    pub hosts: RefCell<Hosts>,
}

impl Idle {
    /// The shard stops: nobody waits any longer.
    pub fn call_all(&self) {
        self.waiting.borrow().values().flatten().for_each(|(_, signal)| signal.raise());
    }
}

/// Wakes one idle connection of the queue: there is mail again.
pub(crate) fn wake<W: World>(shard: &Shard<W>, queue: QueueId) {
    let woken = shard.idle.waiting.borrow_mut().get_mut(&queue).and_then(Vec::pop);
    shard.schedule.borrow_mut().woken(queue, shard.world.now());
    if let Some((_, signal)) = woken {
        signal.raise();
    }
}

impl<W: World> Delivery<W> {
    /// Starts the next transaction, waits for one, or ends the session.
    pub async fn next(
        &self,
        session: &mut Session,
        connection: &mut Connection<W::Stream>,
        idle_until: Time,
    ) -> Option<Load> {
        let shard = &self.shard;
        loop {
            let now = shard.world.now();
            if shard.is_stopping() {
                session.quit(now);
                return None;
            }
            // A peer that closed while we were idle must not cost a message its attempt.
            if connection.stream.has_unread() {
                let read = connection.stream.read(now).await;
                tell_read(session, read, now);
                return None;
            }
            let room = session.recipient_room().min(self.outbound.max_recipients_per_batch);
            let take = shard.schedule.borrow_mut().take(self.queue, now, room);
            shard.dispatch_bell.raise();
            match take {
                Take::Batch(parcels) => {
                    let content = match fetch::fetch(shard, &parcels[0].0).await {
                        Ok(content) => content,
                        Err(missing) => {
                            for pair in parcels {
                                settle::settle_without(shard, self.queue, pair, missing);
                            }
                            continue;
                        }
                    };
                    let credentials = shard.credentials(&self.outbound, &content, parcels[0].0.copy).await;
                    let now = shard.world.now();
                    if !session.can_act_as(credentials.as_deref()) {
                        shard.schedule.borrow_mut().returned(self.queue, parcels, now);
                        session.quit(now);
                        return None;
                    }
                    let parcels = self.of_one_login(&content, parcels, now);
                    session.start(transaction(&content, &parcels, credentials), now);
                    return Some(Load { content, parcels, started: now });
                }
                Take::Expired(parcels) => {
                    let reply = settle::reply_of(bindings::retry::NOT_ATTEMPTED);
                    let outcome = Outcome::of(Stage::Idle, reply);
                    settle_lot(shard, &self.outbound, &self.attempt(connection, 0), parcels, &outcome).await;
                }
                Take::Throttled { until } if until < idle_until => {
                    if !self.wait(session, connection, until, &Signal::default()).await {
                        return None;
                    }
                }
                Take::Empty if idle_until > now => {
                    if !self.idle(session, connection, idle_until).await {
                        return None;
                    }
                }
                Take::Empty => {
                    session.idled_out(now);
                    return None;
                }
                Take::Suspended | Take::Throttled { .. } => {
                    session.quit(now);
                    return None;
                }
            }
        }
    }

    /// The copies that go out as the first one does; the others come back for another connection.
    fn of_one_login(&self, content: &Kept, parcels: Vec<Due>, now: Time) -> Vec<Due> {
        let first = parcels[0].0.copy;
        let agrees = |due: &Due| credentials::agree(content, first, due.0.copy);
        let (parcels, others): (Vec<Due>, Vec<Due>) = parcels.into_iter().partition(agrees);
        if !others.is_empty() {
            self.shard.schedule.borrow_mut().returned(self.queue, others, now);
        }
        parcels
    }

    /// Waits to be woken for new mail. False: the session has been told something else.
    async fn idle(&self, session: &mut Session, connection: &mut Connection<W::Stream>, until: Time) -> bool {
        let shard = &self.shard;
        let signal = Signal::default();
        let rest = Rest::begin(shard, self.queue, &signal);
        let woken = self.wait(session, connection, until, &signal).await;
        let unasked = rest.end();
        if woken && unasked && !shard.is_stopping() {
            session.idled_out(shard.world.now());
            return false;
        }
        woken
    }

    /// Waits for the signal or the time, watching the peer. False: the peer said or did something.
    async fn wait(
        &self,
        session: &mut Session,
        connection: &mut Connection<W::Stream>,
        until: Time,
        signal: &Signal,
    ) -> bool {
        match race(connection.stream.read(until), signal).await {
            None => true,
            Some(Err(error)) if error.kind() == ErrorKind::TimedOut => true,
            Some(read) => {
                tell_read(session, read, self.shard.world.now());
                false
            }
        }
    }
}

/// A connection at rest, with its entry in the list of those that `wake` may choose. However the rest ends, the
/// schedule is told once: by whoever took the entry, or here.
struct Rest<'a, W: World> {
    shard: &'a Shard<W>,
    queue: QueueId,
    number: u64,
}

impl<'a, W: World> Rest<'a, W> {
    fn begin(shard: &'a Shard<W>, queue: QueueId, signal: &Signal) -> Self {
        let number = shard.world.chance();
        shard.schedule.borrow_mut().idle(queue, shard.world.now());
        shard.dispatch_bell.raise();
        shard.idle.waiting.borrow_mut().entry(queue).or_default().push((number, signal.clone()));
        Rest { shard, queue, number }
    }

    /// True if nobody had woken it.
    fn end(&self) -> bool {
        let mut waiting = self.shard.idle.waiting.borrow_mut();
        let Some(list) = waiting.get_mut(&self.queue) else { return false };
        let before = list.len();
        list.retain(|(known, _)| *known != self.number);
        let unasked = list.len() < before;
        if list.is_empty() {
            waiting.remove(&self.queue);
        }
        drop(waiting);
        if unasked {
            self.shard.schedule.borrow_mut().parted(self.queue, self.shard.world.now());
        }
        unasked
    }
}

impl<W: World> Drop for Rest<'_, W> {
    fn drop(&mut self) {
        self.end();
    }
}

fn transaction(content: &Kept, parcels: &[Due], credentials: Option<Rc<Credentials>>) -> Transaction {
    let envelope = |parcel: &Parcel| &content.envelopes[parcel.copy as usize];
    let body = usize::from(envelope(&parcels[0].0).body);
    Transaction {
        sender: content.sender.clone(),
        recipients: parcels.iter().map(|(parcel, _)| envelope(parcel).recipient.clone()).collect(),
        body: content.bodies[body].clone(),
        eight_bit: content.eight_bit,
        credentials,
    }
}
