//! One outgoing connection, from the choice of an address to its close: asks the client session what it
//! wants, does it, tells it; takes messages from its queue as long as there are some.

use crate::outbound::Outbound;
use crate::parcel::{Kept, Parcel};
use crate::race::race;
use crate::resolve::{Resolution, resolve};
use crate::settle::{self, Attempt};
use crate::{Shard, fetch};
use bindings::hosts::{Choice, Hosts};
use bindings::{ConnectionPermit, EntryInfo, Held, QueueId, SourceChoice, Take, Which};
use mail::{MessageId, Outcome, Reply, Stage, Time};
use smtp::client::{Report, Session, Transaction, Want};
use std::cell::RefCell;
use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use world::{Dial, Signal, Stream, World};

/// Messages failed or deferred together between two looks at the sockets.
const SWEPT_AT_ONCE: usize = 64;

const BODY_MISSING: Reply = Reply::fixed(550, (5, 3, 0), "[internal] message body missing");
const BLACKHOLED: Reply = Reply::fixed(554, (5, 7, 0), "[internal] Blackholed");

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

/// Fails every message of a queue that a black hole takes.
pub(crate) async fn fail_all<W: World>(shard: Rc<Shard<W>>, queue: QueueId) {
    let outbound = outbound_of(&shard, queue);
    sweep(&shard, &outbound, queue, Which::All, &BLACKHOLED).await;
    shard.dispatch_bell.raise();
}

fn outbound_of<W: World>(shard: &Shard<W>, queue: QueueId) -> Rc<Outbound> {
    let schedule = shard.schedule.borrow();
    let (binding, domain) = schedule.names(queue);
    shard.site().outbound(binding, domain)
}

pub(crate) async fn deliver<W: World>(shard: Rc<Shard<W>>, queue: QueueId, permit: ConnectionPermit) {
    shard.deliveries.set(shard.deliveries.get() + 1);
    let outbound = outbound_of(&shard, queue);
    match resolve(&shard, &outbound).await {
        Resolution::Candidates(candidates) => {
            Delivery { shard: shard.clone(), queue, outbound, candidates }.run(permit).await;
        }
        Resolution::Failed(reply) => {
            sweep(&shard, &outbound, queue, Which::Active, &reply).await;
            let now = shard.world.now();
            shard.schedule.borrow_mut().connect_failed(permit, now, now);
        }
        Resolution::NotBefore(until) => {
            let now = shard.world.now();
            shard.schedule.borrow_mut().connect_failed(permit, until, now);
        }
    }
    shard.dispatch_bell.raise();
    shard.deliveries.set(shard.deliveries.get() - 1);
    shard.delivery_ended.raise();
}

/// What the messages of a queue have in common is settled in lots, until none is left.
async fn sweep<W: World>(
    shard: &Rc<Shard<W>>,
    outbound: &Outbound,
    queue: QueueId,
    which: Which,
    reply: &Reply,
) {
    loop {
        let now = shard.world.now();
        let lot = shard.schedule.borrow_mut().take_out(queue, which, SWEPT_AT_ONCE, now);
        if lot.is_empty() {
            return;
        }
        for (parcel, info) in lot {
            let outcome = Outcome::of(Stage::NotConnected, reply.clone());
            let attempt = Attempt::unconnected(queue);
            settle::settle_fetched(shard, outbound, &attempt, (parcel, info), outcome).await;
        }
        shard.world.breathe().await;
    }
}

struct Delivery<W: World> {
    shard: Rc<Shard<W>>,
    queue: QueueId,
    outbound: Rc<Outbound>,
    candidates: Vec<bindings::hosts::Candidate>,
}

/// A connection that was established.
struct Connection<S> {
    stream: S,
    id: MessageId,
    index: usize,
    address: SocketAddr,
    /// What it counts against at its host; given back with it.
    _held: Vec<Held>,
}

/// The messages of the transaction under way.
struct Load {
    content: Arc<Kept>,
    parcels: Vec<(Parcel, EntryInfo)>,
    started: Time,
}

impl<W: World> Delivery<W> {
    async fn run(&self, permit: ConnectionPermit) {
        match self.connect().await {
            Ok(connection) => {
                let now = self.shard.world.now();
                self.shard.schedule.borrow_mut().connected(self.queue, now);
                let address = connection.address;
                self.converse(connection).await;
                let now = self.shard.world.now();
                self.shard.idle.hosts.borrow_mut().closed(&self.outbound.binding, address, now);
                self.shard.schedule.borrow_mut().closed(permit, now);
            }
            Err(NotConnected::Unreachable(reply)) => {
                sweep(&self.shard, &self.outbound, self.queue, Which::Active, &reply).await;
                let now = self.shard.world.now();
                self.shard.schedule.borrow_mut().connect_failed(permit, now, now);
            }
            Err(NotConnected::NotBefore(until)) => {
                let now = self.shard.world.now();
                self.shard.schedule.borrow_mut().connect_failed(permit, until, now);
            }
        }
    }

    /// Tries one candidate after the other, best first.
    async fn connect(&self) -> Result<Connection<W::Stream>, NotConnected> {
        let (shard, binding) = (&self.shard, &self.outbound.binding);
        loop {
            let (now, chance) = (shard.world.now(), shard.world.chance());
            let choice = shard.idle.hosts.borrow().choose(
                binding,
                &self.outbound.source,
                &self.candidates,
                self.outbound.host_failure_retry,
                now,
                chance,
            );
            let (index, source, held) = match choice {
                Choice::Host { index, source, held } => (index, source, held),
                Choice::NoneUsable => return Err(NotConnected::Unreachable(dns::route::NO_VALID_HOSTS)),
                Choice::NotNow { until } => {
                    let all_failed = shard.idle.hosts.borrow().are_lost(binding, &self.candidates, 1);
                    return Err(match all_failed {
                        true => NotConnected::Unreachable(dns::route::NONE_REACHABLE),
                        false => NotConnected::NotBefore(until),
                    });
                }
            };
            let address = self.candidates[index].address;
            let from = match source {
                SourceChoice::Address(address) => Some(address),
                SourceChoice::Any | SourceChoice::None => None,
            };
            shard.idle.hosts.borrow_mut().connecting(binding, address, now);
            let dial = Dial { to: address, from, deadline: now + self.outbound.connect_timeout };
            let dialled = shard.world.dial(dial).await;
            let connected = shard.world.now();
            let mut hosts = shard.idle.hosts.borrow_mut();
            match dialled {
                Ok(stream) => {
                    shard.counters.outbound_connections.add(1);
                    hosts.connected(binding, address, connected.since(now), connected);
                    drop(hosts);
                    return Ok(Connection { stream, id: shard.next_id(), index, address, _held: held });
                }
                Err(_) => {
                    shard.counters.outbound_connection_failures.add(1);
                    hosts.failed(binding, address, connected);
                    hosts.closed(binding, address, connected);
                }
            }
        }
    }

    async fn converse(&self, mut connection: Connection<W::Stream>) {
        let world = &self.shard.world;
        let mut session = Session::new(self.outbound.client.clone(), world.now());
        let mut load: Option<Load> = None;
        let mut spoke = false;
        loop {
            match session.want() {
                Want::Read { deadline } => {
                    let read = connection.stream.read(deadline).await;
                    tell_read(&mut session, read, world.now());
                }
                Want::Write { deadline } => {
                    let output = session.take_output();
                    match connection.stream.write(output, deadline).await {
                        Ok(()) => session.wrote(world.now()),
                        Err(error) if error.kind() == ErrorKind::TimedOut => session.timed_out(world.now()),
                        Err(_) => session.lost(world.now()),
                    }
                }
                Want::Transaction { idle_until } => {
                    spoke = true;
                    load = self.next(&mut session, &mut connection, idle_until).await;
                }
                Want::Report => {
                    let report = session.take_report();
                    if let Some(load) = load.take() {
                        self.settle(&connection, load, report).await;
                    }
                }
                Want::Close => break,
            }
            world.breathe().await;
        }
        if session.failure().is_some() {
            self.penalise(&connection, &session, spoke).await;
        }
    }

    /// The peer failed us outside of any transaction. Before the first one its address is to blame, and
    /// the messages stay active for another (mail-flow.md §8.5).
    async fn penalise(&self, connection: &Connection<W::Stream>, session: &Session, spoke: bool) {
        let Some((stage, reply)) = session.failure() else { return };
        if spoke {
            return;
        }
        let now = self.shard.world.now();
        let mut hosts = self.shard.idle.hosts.borrow_mut();
        hosts.failed(&self.outbound.binding, connection.address, now);
        let all_failed = hosts.are_lost(&self.outbound.binding, &self.candidates, 1);
        drop(hosts);
        if !all_failed {
            return;
        }
        // Nobody is left to try: what the last one said is what the messages were told.
        let lot = self.shard.schedule.borrow_mut().take_out(self.queue, Which::Active, SWEPT_AT_ONCE, now);
        for (parcel, info) in lot {
            let attempt = self.attempt(connection, 0);
            let outcome = Outcome::Deferred { stage, reply: reply.clone() };
            settle::settle_fetched(&self.shard, &self.outbound, &attempt, (parcel, info), outcome).await;
        }
    }

    fn attempt(&self, connection: &Connection<W::Stream>, sent: u64) -> Attempt {
        Attempt {
            queue: self.queue,
            connection: connection.id,
            host: Some((self.candidates[connection.index].host.clone(), connection.address.ip())),
            sent,
        }
    }

    /// Starts the next transaction, waits for one, or ends the session.
    async fn next(
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
                    let Some(content) = fetch::fetch(shard, &parcels[0].0).await else {
                        self.lose(connection, parcels).await;
                        continue;
                    };
                    let now = shard.world.now();
                    session.start(transaction(&content, &parcels), now);
                    return Some(Load { content, parcels, started: now });
                }
                Take::Expired(parcels) => {
                    let reply = settle::reply_of(bindings::retry::NOT_ATTEMPTED);
                    for pair in parcels {
                        let outcome = Outcome::of(Stage::Idle, reply.clone());
                        let attempt = self.attempt(connection, 0);
                        settle::settle_fetched(shard, &self.outbound, &attempt, pair, outcome).await;
                    }
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

    /// Waits to be woken for new mail. False: the session has been told something else.
    async fn idle(&self, session: &mut Session, connection: &mut Connection<W::Stream>, until: Time) -> bool {
        let shard = &self.shard;
        let (signal, number) = (Signal::default(), shard.world.chance());
        shard.schedule.borrow_mut().idle(self.queue, shard.world.now());
        shard.dispatch_bell.raise();
        let entry = (number, signal.clone());
        shard.idle.waiting.borrow_mut().entry(self.queue).or_default().push(entry);
        let woken = self.wait(session, connection, until, &signal).await;
        // Whoever wakes us takes our entry; if it is still there nobody has told the schedule.
        let mut waiting = shard.idle.waiting.borrow_mut();
        let left = waiting.get_mut(&self.queue).is_some_and(|list| {
            let before = list.len();
            list.retain(|(known, _)| *known != number);
            list.len() < before
        });
        if waiting.get(&self.queue).is_some_and(Vec::is_empty) {
            waiting.remove(&self.queue);
        }
        drop(waiting);
        if left {
            shard.schedule.borrow_mut().woken(self.queue, shard.world.now());
        }
        if woken && left && !shard.is_stopping() {
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

    /// The content cannot be read back any more.
    async fn lose(&self, connection: &Connection<W::Stream>, parcels: Vec<(Parcel, EntryInfo)>) {
        for pair in parcels {
            let outcome = Outcome::of(Stage::Idle, BODY_MISSING);
            let attempt = self.attempt(connection, 0);
            settle::settle_lost(&self.shard, &attempt, pair, outcome);
        }
    }

    async fn settle(&self, connection: &Connection<W::Stream>, load: Load, report: Report) {
        let now = self.shard.world.now();
        let took = now.since(load.started);
        let attempt = self.attempt(connection, report.bytes_sent);
        let Load { content, parcels, .. } = load;
        if report.outcomes.iter().any(|outcome| matches!(outcome, Outcome::Delivered(_))) {
            let mut hosts = self.shard.idle.hosts.borrow_mut();
            hosts.delivered(&self.outbound.binding, connection.address, took, now);
        }
        for (pair, outcome) in parcels.into_iter().zip(report.outcomes) {
            settle::settle(&self.shard, &self.outbound, &attempt, &content, pair, outcome).await;
        }
    }
}

enum NotConnected {
    /// For every message that is due.
    Unreachable(Reply),
    NotBefore(Time),
}

fn tell_read<C: std::ops::Deref<Target = [u8]>>(session: &mut Session, read: std::io::Result<C>, now: Time) {
    match read {
        Ok(bytes) if bytes.is_empty() => session.ended(now),
        Ok(bytes) => session.read(&bytes, now),
        Err(error) if error.kind() == ErrorKind::TimedOut => session.timed_out(now),
        Err(_) => session.lost(now),
    }
}

fn transaction(content: &Kept, parcels: &[(Parcel, EntryInfo)]) -> Transaction {
    let envelope = |parcel: &Parcel| &content.envelopes[parcel.copy as usize];
    let body = usize::from(envelope(&parcels[0].0).body);
    Transaction {
        sender: content.sender.clone(),
        recipients: parcels.iter().map(|(parcel, _)| envelope(parcel).recipient.clone()).collect(),
        body: content.bodies[body].clone(),
        eight_bit: content.eight_bit,
    }
}
