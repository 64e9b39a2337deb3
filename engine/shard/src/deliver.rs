//! One outgoing connection, from the choice of an address to its close: asks the client session what it
//! wants, does it, tells it; takes messages from its queue as long as there are some.

use crate::outbound::Outbound;
use crate::parcel::{Kept, Parcel};
use crate::race::race;
use crate::resolve::{Resolution, resolve};
use crate::settle::{self, Attempt};
use crate::{Shard, fetch};
use bindings::hosts::{CANDIDATES_AT_MOST, Choice, Hosts};
use bindings::schedule::OUT_OF_REACH;
use bindings::{ConnectionPermit, Contact, EntryInfo, Held, QueueId, SourceChoice, Take, Which};
use mail::{MessageId, Outcome, Reply, Stage, Time};
use smtp::client::{Report, Session, Transaction, Want};
use std::cell::RefCell;
use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use world::{Dial, Signal, Stream, World};

/// Messages failed or deferred together between two looks at the sockets.
pub(crate) const SWEPT_AT_ONCE: usize = 64;

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

/// Fails messages of a queue that a black hole takes.
pub(crate) async fn blackhole<W: World>(shard: Rc<Shard<W>>, queue: QueueId, lot: Vec<(Parcel, EntryInfo)>) {
    let outbound = outbound_of(&shard, queue);
    let outcome = Outcome::of(Stage::NotConnected, BLACKHOLED);
    settle_lot(&shard, &outbound, &Attempt::unconnected(queue), lot, &outcome).await;
}

fn outbound_of<W: World>(shard: &Shard<W>, queue: QueueId) -> Rc<Outbound> {
    let schedule = shard.schedule.borrow();
    let (binding, domain) = schedule.names(queue);
    shard.site().outbound(binding, domain)
}

pub(crate) async fn deliver<W: World>(shard: Rc<Shard<W>>, queue: QueueId, permit: ConnectionPermit) {
    let outbound = outbound_of(&shard, queue);
    let mut tenure = Tenure::begin(&shard, queue, permit);
    match resolve(&shard, &outbound).await {
        Resolution::Candidates(mut candidates) => {
            // An address that we cannot or will not try never fails, and would be hoped for without end.
            candidates.retain(|host| outbound.source.towards(host.address.ip()) != SourceChoice::None);
            candidates.truncate(CANDIDATES_AT_MOST);
            Delivery { shard: shard.clone(), queue, outbound, candidates }.run(&mut tenure).await;
        }
        Resolution::Failed(reply) => {
            let outcome = Outcome::of(Stage::NotConnected, reply);
            sweep(&shard, &outbound, &Attempt::unconnected(queue), &outcome).await;
            tenure.fail(shard.world.now());
        }
        Resolution::NotBefore(until) => {
            if tenure.fail(until) == Contact::Lost {
                out_of_reach(&shard, &outbound, queue).await;
            }
        }
    }
}

/// A connection's place in the schedule and among the deliveries. However the task ends, a panic included,
/// everything is given back.
struct Tenure<W: World> {
    shard: Rc<Shard<W>>,
    queue: QueueId,
    permit: Option<ConnectionPermit>,
    /// The address that is being tried, or is connected.
    address: Option<(Rc<str>, SocketAddr)>,
    /// The transaction under way.
    load: Option<Load>,
}

impl<W: World> Tenure<W> {
    fn begin(shard: &Rc<Shard<W>>, queue: QueueId, permit: ConnectionPermit) -> Self {
        shard.deliveries.set(shard.deliveries.get() + 1);
        Tenure { shard: shard.clone(), queue, permit: Some(permit), address: None, load: None }
    }

    /// No connection came about; the queue connects again from `again` on.
    fn fail(&mut self, again: Time) -> Contact {
        let now = self.shard.world.now();
        match self.permit.take() {
            Some(permit) => self.shard.schedule.borrow_mut().connect_failed(permit, again, now),
            None => Contact::Hoped,
        }
    }

    /// The address is not tried or used any longer.
    fn leave_address(&mut self) {
        if let Some((binding, address)) = self.address.take() {
            self.shard.idle.hosts.borrow_mut().closed(&binding, address, self.shard.world.now());
        }
    }
}

/// A message that was under way when its task broke is left alone for this long.
const AFTER_A_PANIC: Duration = Duration::from_secs(3600);

impl<W: World> Drop for Tenure<W> {
    fn drop(&mut self) {
        let now = self.shard.world.now();
        self.leave_address();
        let mut schedule = self.shard.schedule.borrow_mut();
        for (parcel, info) in self.load.take().into_iter().flat_map(|load| load.parcels) {
            schedule.requeue(self.queue, parcel, info, now + AFTER_A_PANIC, now);
        }
        if let Some(permit) = self.permit.take() {
            schedule.closed(permit, now);
        }
        drop(schedule);
        self.shard.dispatch_bell.raise();
        self.shard.deliveries.set(self.shard.deliveries.get() - 1);
        self.shard.delivery_ended.raise();
    }
}

/// Nobody was reached for long: everything that is due waits (mail-flow.md §9.6).
async fn out_of_reach<W: World>(shard: &Rc<Shard<W>>, outbound: &Outbound, queue: QueueId) {
    let outcome = Outcome::of(Stage::NotConnected, settle::reply_of(OUT_OF_REACH));
    sweep(shard, outbound, &Attempt::unconnected(queue), &outcome).await;
}

/// What the active messages of a queue have in common is settled in lots, until none is left.
async fn sweep<W: World>(shard: &Rc<Shard<W>>, outbound: &Outbound, attempt: &Attempt, outcome: &Outcome) {
    while !shard.is_stopping() {
        let now = shard.world.now();
        let take_out = |schedule: &mut bindings::Schedule<Parcel>| {
            schedule.take_out(attempt.queue, Which::Active, SWEPT_AT_ONCE, now)
        };
        let lot = take_out(&mut shard.schedule.borrow_mut());
        if lot.is_empty() {
            return;
        }
        settle_lot(shard, outbound, attempt, lot, outcome).await;
    }
}

async fn settle_lot<W: World>(
    shard: &Rc<Shard<W>>,
    outbound: &Outbound,
    attempt: &Attempt,
    lot: Vec<(Parcel, EntryInfo)>,
    outcome: &Outcome,
) {
    for pair in lot {
        settle::settle_fetched(shard, outbound, attempt, pair, outcome.clone()).await;
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
    async fn run(&self, tenure: &mut Tenure<W>) {
        match self.connect(tenure).await {
            Ok(connection) => {
                let now = self.shard.world.now();
                self.shard.schedule.borrow_mut().connected(self.queue, now);
                self.converse(connection, tenure).await;
            }
            Err(NotConnected::Unreachable(reply)) => {
                let outcome = Outcome::of(Stage::NotConnected, reply);
                sweep(&self.shard, &self.outbound, &Attempt::unconnected(self.queue), &outcome).await;
                tenure.fail(self.shard.world.now());
            }
            Err(NotConnected::NotBefore(until)) => {
                if tenure.fail(until) == Contact::Lost {
                    out_of_reach(&self.shard, &self.outbound, self.queue).await;
                }
            }
        }
    }

    /// Tries one candidate after the other, best first, each once at most.
    async fn connect(&self, tenure: &mut Tenure<W>) -> Result<Connection<W::Stream>, NotConnected> {
        let (shard, binding) = (&self.shard, &self.outbound.binding);
        for _ in 0..=self.candidates.len() {
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
            tenure.address = Some((binding.clone(), address));
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
                    drop(hosts);
                    tenure.leave_address();
                }
            }
        }
        Err(NotConnected::Unreachable(dns::route::NONE_REACHABLE))
    }

    async fn converse(&self, mut connection: Connection<W::Stream>, tenure: &mut Tenure<W>) {
        let world = &self.shard.world;
        let mut session = Session::new(self.outbound.client.clone(), world.now());
        // Whether the peer has ever been given something to do.
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
                    tenure.load = self.next(&mut session, &mut connection, idle_until).await;
                    spoke |= tenure.load.is_some();
                }
                Want::Report => {
                    let report = session.take_report();
                    if let Some(load) = tenure.load.take() {
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
        if !self.blame(connection.address, now) {
            return;
        }
        // Nobody is left to try: what the last one said is what the messages were told.
        let outcome = Outcome::Deferred { stage, reply };
        sweep(&self.shard, &self.outbound, &self.attempt(connection, 0), &outcome).await;
    }

    /// Notes that the peer failed us; true if every candidate has by now.
    fn blame(&self, address: SocketAddr, now: Time) -> bool {
        let mut hosts = self.shard.idle.hosts.borrow_mut();
        hosts.failed(&self.outbound.binding, address, now);
        hosts.are_lost(&self.outbound.binding, &self.candidates, 1)
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
                    let content = match fetch::fetch(shard, &parcels[0].0).await {
                        Ok(content) => content,
                        Err(missing) => {
                            for pair in parcels {
                                settle::settle_without(shard, self.queue, pair, missing);
                            }
                            continue;
                        }
                    };
                    let now = shard.world.now();
                    session.start(transaction(&content, &parcels), now);
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
            shard.schedule.borrow_mut().parted(self.queue, shard.world.now());
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
